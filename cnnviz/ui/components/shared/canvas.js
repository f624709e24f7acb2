// Pictures on a canvas: a small one to be enlarged, and a canvas as sharp as the screen.
import { level } from "./colour.js";

/** A small picture to be enlarged without smoothing; painted from a map through a palette. */
export class Tile {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
  }
  size(width, height) {
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = this.context.createImageData(width, height);
      this.words = new Uint32Array(this.image.data.buffer);
    }
    return this.words;
  }
  done() {
    this.context.putImageData(this.image, 0, 0);
    return this.canvas;
  }
  paint(map, width, height, colours, look, peak) {
    const words = this.size(width, height);
    for (let i = 0; i < words.length; i++) words[i] = colours[level(map[i], look, peak)];
    return this.done();
  }
}

/** Make a canvas as sharp as the screen; gives its context in CSS pixels and its side lengths. */
export function sharp(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return context;
}
