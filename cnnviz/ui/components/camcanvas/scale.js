// What a colour of the heat stands for: the map's own scale, or one for both maps, or for all classes.
import { make, put } from "../shared/element.js";

/** What lies on the page's shelf for this canvas; it may come before or after the canvas itself. */
export const shelf = (cam, name) => globalThis.cnnvizShelf?.get(`${cam.data.name} ${name}`);

/** A row for the colours with their numbers. */
export function scaleRow() {
  const line = make("i", {}), top = make("span", {}), words = make("small", {});
  return { line, top, words, row: make("div", { class: "camscale", role: "img" }, make("span", {}, "≤ 0"), line, top, words) };
}

/** The largest raw value that a colour stands for, by the scale asked for; 0: each map's own. */
export function common(reaches, { pair, shared, all }) {
  if (reaches.length > 1) return pair ? Math.max(...reaches) : 0;
  return shared && all > 0 ? Math.max(all, ...reaches) : 0;
}

/** The heat of every map on the scale asked for. */
export function scaled(cam) {
  const maps = shelf(cam, "maps");
  cam.all = (maps?.subject === cam.data.subject && maps.common?.[cam.shown.method]) || 0;
  cam.common = common(cam.panels.map((one) => one.reach), { pair: cam.data.pair, shared: cam.look.shared, all: cam.all });
  for (const one of cam.panels) {
    const factor = cam.common > one.reach ? one.reach / cam.common : 1;
    if (one.scaledOf === one.own && one.factor === factor) continue;
    Object.assign(one, { scaledOf: one.own, factor, lines: null });
    one.heat = factor === 1 ? one.own : Uint8Array.from(one.own, (value) => Math.round(value * factor));
  }
}

const HOT = /\d+%( of it is above half of )the maximum\.$/;

/** What a map shows, in words, on the scale that it is drawn on; of two, Python's words are on theirs. */
export function told(cam, one) {
  if (!cam.common || cam.panels.length > 1) return one.caption;
  if (one.hotOf !== one.heat) Object.assign(one, { hotOf: one.heat, hot: onScale(one.heat, one.data.shape, one.data.padding) });
  return one.caption.replace(HOT, `${one.hot}%$1${cam.common.toPrecision(3)}, the maximum of one scale for all classes.`);
}

/** How many of a hundred pixels of the photo, without its border, have heat (0..255) above the half. */
export function onScale(heat, [height, width], [left, top, right, bottom]) {
  let hot = 0;
  for (let y = top; y < height - bottom; y++) for (let x = left; x < width - right; x++) hot += heat[y * width + x] >= 127.5;
  return Math.round((100 * hot) / ((height - top - bottom) * (width - left - right)));
}

/** The colours beside their numbers, and what they are scaled to. */
export function bar(cam, one) {
  const { look } = cam, { row, line, top, words } = one.scale, most = cam.common || one.reach;
  put(top, { textContent: most > 0 ? most.toPrecision(3) : "nothing above 0" });
  const wide = cam.panels.length > 1 ? "one scale for both" : "one scale for all classes";
  put(words, { textContent: cam.common ? wide : "scaled to this map’s own maximum" });
  put(row, { ariaLabel: `Colour scale from 0 to ${top.textContent}, ${words.textContent}` });
  if (!cam.luts || one.coloured === look.colours) return;
  one.coloured = look.colours;
  const stops = Array.from({ length: 18 }, (_, i) => cam.luts[look.colours][i * 15]).map((c) => `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`);
  line.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
}
