// What both labs share: bytes, colours, numbers, canvases. Joined in front of each component's own file.

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A number as it is printed everywhere: whole numbers whole, others with three significant places or more. */
function shown(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const rounded = Math.round(value * 1e6) / 1e6;
  const text = Number.isInteger(rounded) ? String(Math.abs(rounded)) : size.toFixed(size >= 100 ? 1 : size >= 1 ? 2 : 3);
  return (value < 0 && Number(text) !== 0 ? "−" : "") + text;
}

/** A number in so many characters: fewer places, then a power of ten; the shortest there is where none is so short. */
function brief(value, room) {
  const whole = shown(value), size = Math.abs(value);
  if (whole.length <= room || !Number.isFinite(value)) return whole;
  const minus = value < 0 ? "−" : "";
  const power = (places) => size.toExponential(places).replace("e+", "e").replace("-", "−");
  const ways = [size.toFixed(1), ...(size >= 1 ? [size.toFixed(0)] : []), power(1), power(0)].filter(Number).map((text) => minus + text);
  return ways.find((text) => text.length <= room) ?? ways.reduce((a, b) => (b.length < a.length ? b : a));
}

/** A table of 256 colours as Uint32 for one-step painting. */
function palette(text) {
  const rgb = bytes(text), out = new Uint32Array(256);
  for (let i = 0; i < 256; i++) out[i] = 0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i];
  return out;
}
const GRAYS = Uint32Array.from({ length: 256 }, (_, i) => 0xff000000 | (i << 16) | (i << 8) | i);
const css = (colour) => `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
const ink = (colour) =>
  0.299 * (colour & 255) + 0.587 * ((colour >> 8) & 255) + 0.114 * ((colour >> 16) & 255) > 140 ? "#16181b" : "#f6f6f2";

/** Level 0..255 of a value: "signed" has zero in the middle, "magnitude" at black, "picture" is the value itself. */
function level(value, look, peak) {
  const at = look === "picture" ? value : look === "magnitude" ? (Math.abs(value) * 255) / peak : 127.5 + (value * 127.5) / peak;
  return at <= 0 ? 0 : at >= 255 ? 255 : Math.round(at);
}
function peakOf(map) {
  let peak = 0;
  for (let i = 0; i < map.length; i++) {
    const size = map[i] < 0 ? -map[i] : map[i];
    if (size > peak) peak = size;
  }
  return peak || 1;
}

/** A small picture to be enlarged without smoothing; painted from a map through a palette. */
class Tile {
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
function sharp(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return context;
}

/** An element with attributes and children; text only ever as text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Native ranges and lists follow the theme through color-scheme, told from the background. */
function theme(element) {
  const style = getComputedStyle(element);
  const probe = make("span", { style: "display:none;color:var(--st-background-color)" });
  element.append(probe);
  const [r, g, b] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  probe.remove();
  const dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
  element.style.colorScheme = dark ? "dark" : "light";
  return {
    dark,
    line: style.getPropertyValue("--st-border-color").trim() || (dark ? "#363a40" : "#d9d9d3"),
    text: style.getPropertyValue("--st-text-color").trim() || (dark ? "#e4e4e0" : "#22262b"),
    back: style.getPropertyValue("--st-secondary-background-color").trim() || (dark ? "#212429" : "#f0f0ec"),
    window: dark ? "#ffa94d" : "#d67812",
  };
}

/** Where a pointer is on an element, 0..1 each way. */
function place(event, element) {
  const box = element.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** One instance per mount: `build` once, `update` at every call, clean-up only by the newest call. */
function mounted(instances, args, build, update) {
  const { parentElement: root } = args;
  let lab = instances.get(root);
  if (!lab) instances.set(root, (lab = build(root)));
  lab.send = args.setStateValue;
  lab.trigger = args.setTriggerValue;
  const call = (lab.call = (lab.call ?? 0) + 1);
  update(lab, args.data);
  return () => {
    if (call !== lab.call) return;
    cancelAnimationFrame(lab.frame);
    clearTimeout(lab.timer);
    lab.watch?.disconnect();
    lab.element.remove();
    instances.delete(root);
  };
}
