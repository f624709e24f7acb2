// From numbers to colours: palettes of 256, and which of the 256 a value gets.
import { bytes } from "./bytes.js";

/** A table of 256 colours as Uint32 for one-step painting. */
export function palette(text) {
  const rgb = bytes(text), out = new Uint32Array(256);
  for (let i = 0; i < 256; i++) out[i] = 0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i];
  return out;
}
export const GRAYS = Uint32Array.from({ length: 256 }, (_, i) => 0xff000000 | (i << 16) | (i << 8) | i);
export const css = (colour) => `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
const light = (colour, shift) => (((colour >> shift) & 255) / 255) ** 2.2;
/** Black or white, whichever is read better on a colour: at 4.5:1 and more on each. */
export const ink = (colour) =>
  0.2126 * light(colour, 0) + 0.7152 * light(colour, 8) + 0.0722 * light(colour, 16) > 0.18 ? "#000" : "#fff";

/** Level 0..255 of a value: "signed" has zero in the middle, "magnitude" at black, "picture" is the value itself. */
export function level(value, look, peak) {
  const at = look === "picture" ? value : look === "magnitude" ? (Math.abs(value) * 255) / peak : 127.5 + (value * 127.5) / peak;
  return at <= 0 ? 0 : at >= 255 ? 255 : Math.round(at);
}
export function peakOf(map) {
  let peak = 0;
  for (let i = 0; i < map.length; i++) {
    const size = map[i] < 0 ? -map[i] : map[i];
    if (size > peak) peak = size;
  }
  return peak || 1;
}
