// What part of the plane is seen: its middle (x, y), 0..1, and how many px a side of the plane is long.

const ROOM = 0.06; // of the canvas, left around the images where all are seen
const CLOSER = 1.5; // how far one can go on after every image has room

/** The view of everything between two corners of the plane on a canvas. */
export function whole([left, top, right, bottom], width, height) {
  const across = Math.max(right - left, 1e-6), down = Math.max(bottom - top, 1e-6);
  const scale = (1 - 2 * ROOM) * Math.min(width / across, height / down);
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale };
}

/** The corners of the plane that the images lie between. */
export function corners(xs, ys) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < xs.length; i++) {
    left = Math.min(left, xs[i]);
    right = Math.max(right, xs[i]);
    top = Math.min(top, ys[i]);
    bottom = Math.max(bottom, ys[i]);
  }
  return xs.length ? [left, top, right, bottom] : [0, 0, 1, 1];
}

export const across = (view, width, x) => (x - view.x) * view.scale + width / 2;
export const down = (view, height, y) => (y - view.y) * view.scale + height / 2;

/** The place of the plane under a point of the canvas. */
export function under(view, [width, height], px, py) {
  return [view.x + (px - width / 2) / view.scale, view.y + (py - height / 2) / view.scale];
}

/** The view moved by so many px, its middle kept among the images. */
export function panned(view, right, below, [left, top, end, bottom]) {
  const x = view.x - right / view.scale, y = view.y - below / view.scale;
  return { ...view, x: Math.min(end, Math.max(left, x)), y: Math.min(bottom, Math.max(top, y)) };
}

/** The view enlarged by a factor within limits, with the same place under a point of the canvas as before. */
export function zoomed(view, size, factor, [px, py], [least, most]) {
  const scale = Math.min(most, Math.max(least, view.scale * factor)), [x, y] = under(view, size, px, py);
  return { x: x - (px - size[0] / 2) / scale, y: y - (py - size[1] / 2) / scale, scale };
}

/** A view on the way to another one, a share of the way nearer; the other itself where that is hardly to be seen. */
export function towards(view, target, share, [width]) {
  const scale = view.scale * (target.scale / view.scale) ** share;
  // The middle moves as 1 / scale does: what both views have at one point of the canvas stays there.
  const part = Math.abs(target.scale / view.scale - 1) < 1e-6 ? share : (1 / view.scale - 1 / scale) / (1 / view.scale - 1 / target.scale);
  const next = { x: view.x + (target.x - view.x) * part, y: view.y + (target.y - view.y) * part, scale };
  const off = Math.max(Math.abs(next.x - target.x), Math.abs(next.y - target.y)) * scale;
  return off < 0.3 && Math.abs(next.scale / target.scale - 1) * width < 0.6 ? target : next;
}

/** How far one can zoom: from half of what shows all to where the last images have room. */
export function limits(whole, tile, { first, step, ends, count }) {
  const last = ends.findIndex((shown) => shown >= 0.998 * count);
  const room = tile / (first * step ** Math.max(0, last));
  return [whole / 2, Math.max(CLOSER * room, 8 * whole)];
}

/** The level of detail whose thumbnails, of `tile` px, have room; -1 where none has. */
export function levelOf(scale, tile, { first, step, ends }) {
  const level = Math.floor(Math.log((first * scale) / tile) / -Math.log(step) + 1e-9);
  return Math.max(-1, Math.min(ends.length - 1, level));
}
