// The images of a map as numbers: where each lies, its class, what it is predicted as; which one is meant, which are inside.
import { bytes, floats } from "../shared/bytes.js";
import { across, down } from "./view.js";

export const NONE = 65535; // the class of what has no prediction
const REACH = 9; // px from a dot at which it is still meant

const words = (text) => new Uint16Array(bytes(text).buffer);

/** The file that Python made ready, as typed arrays. */
export function read(file) {
  const xs = floats(file.x), ys = floats(file.y), labels = words(file.labels);
  const predicted = file.predicted ? words(file.predicted) : null;
  const counts = new Array(file.classes.length).fill(0);
  for (const label of labels) counts[label] += 1;
  const wrong = file.judged ? bytes(file.wrong) : new Uint8Array(labels.length);
  return {
    ...file, xs, ys, labels, predicted, counts, wrong, count: xs.length, files: file.files.split("\n"),
    wrongs: wrong.reduce((sum, one) => sum + one, 0), probabilities: file.probabilities ? bytes(file.probabilities) : null,
  };
}

/** The image at a point of the canvas: the thumbnail there, else the nearest dot; -1 where there is none. */
export function at(points, view, [width, height], px, py, thumbs, tile, lit) {
  let found = -1, best = REACH * REACH, standing = false;
  for (let i = 0; i < points.count; i++) {
    if (!lit(i)) continue;
    const x = across(view, width, points.xs[i]) - px, y = down(view, height, points.ys[i]) - py;
    const inside = i < thumbs && 2 * Math.max(Math.abs(x), Math.abs(y)) <= tile;
    if (standing && !inside) continue;
    const far = x * x + y * y;
    if (inside && !standing) [standing, best] = [true, Infinity];
    if (far < best) [found, best] = [i, far];
  }
  return found;
}

/** The image nearest to a place of the plane; -1 where there is none. */
export function nearest(points, x, y, lit) {
  let found = -1, best = Infinity;
  for (let i = 0; i < points.count; i++) {
    const far = (points.xs[i] - x) ** 2 + (points.ys[i] - y) ** 2;
    if (far < best && lit(i)) [found, best] = [i, far];
  }
  return found;
}

/** The images inside a loop of places [[x, y], ...] of the plane, by the even-odd rule. */
export function inside(points, loop, lit) {
  const [left, top, right, bottom] = loop.reduce(([l, t, r, b], [x, y]) => [Math.min(l, x), Math.min(t, y), Math.max(r, x), Math.max(b, y)], [Infinity, Infinity, -Infinity, -Infinity]);
  const found = [];
  for (let i = 0; i < points.count; i++) {
    const x = points.xs[i], y = points.ys[i];
    if (x < left || x > right || y < top || y > bottom || !lit(i)) continue;
    let odd = false;
    for (let a = 0, b = loop.length - 1; a < loop.length; b = a++) {
      const [ax, ay] = loop[a], [bx, by] = loop[b];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
    }
    if (odd) found.push(i);
  }
  return found;
}

/** How many of some images each class has, [[class, images], ...], the most first. */
export function counted(points, some) {
  const counts = new Map();
  for (const i of some) counts.set(points.labels[i], (counts.get(points.labels[i]) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Some images as comma-separated values: file, class. */
export function asCsv(points, some) {
  const rows = some.map((i) => `${cell(points.files[i])},${cell(points.classes[points.labels[i]])}`);
  return ["file,class", ...rows, ""].join("\r\n");
}

/** An image in words: its file, its class, and what it is predicted as. */
export function told(points, i) {
  const parts = [points.files[i], points.classes[points.labels[i]]];
  const called = points.predicted?.[i] ?? NONE;
  if (called !== NONE) {
    const share = points.probabilities ? `, ${percent(points.probabilities[i])}` : "";
    parts.push(`predicted ${points.called[called]}${share}${points.wrong[i] ? ", wrong" : ""}`);
  }
  return parts;
}

const percent = (level) => (level < 2 ? "< 1%" : level > 253 ? "> 99%" : `${Math.round((100 * level) / 255)}%`);
