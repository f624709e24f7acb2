// Pointer, wheel and keys: to move and to zoom, to point at an image and to open it, to draw a loop around some.
import { draw, thumbsOf, tileOf } from "./draw.js";
import { point, select } from "./choice.js";
import { at, inside, nearest } from "./points.js";
import { limits, panned, under, whole, zoomed } from "./view.js";

const STILL = 5; // px that a hand may move for a press to be a click
const STEP = 1.5; // of a key or a button
const MOVES = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Show everything. */
export function reset(map, still = false) {
  map.target = whole(map.corners, ...map.size);
  if (still) map.view = map.target;
  map.whole = map.target;
  draw(map);
}

/** Zoom by a factor, at a point of the canvas or at its middle; at once where a hand holds it. */
export function zoom(map, factor, place = map.size.map((side) => side / 2), still = false) {
  map.target = zoomed(map.target, map.size, factor, place, limits(map.whole.scale, map.base, map.points));
  if (still) map.view = map.target;
  draw(map);
}

export function pan(map, right, below, still = false) {
  map.target = panned(map.target, right, below, map.corners);
  if (still) map.view = map.target;
  draw(map);
}

const lit = (map) => (i) => map.look[i] === 2;

/** Everything that can be seen now and is lit. */
export function inView(map) {
  const [left, top] = under(map.target, map.size, 0, 0), [right, bottom] = under(map.target, map.size, ...map.size);
  return inside(map.points, [[left, top], [right, top], [right, bottom], [left, bottom]], lit(map));
}

export function hands(map) {
  const { canvas, stage } = map, held = new Map(); // pointers that are down
  let began = null, far = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const found = ([x, y]) => at(map.points, map.view, map.size, x, y, thumbsOf(map), tileOf(map), lit(map));
  const ready = (listener) => (event) => map.points && listener(event);

  canvas.addEventListener("pointerdown", ready((event) => {
    if (event.button) return;
    held.set(event.pointerId, place(event));
    canvas.setPointerCapture(event.pointerId);
    far = held.size > 1 ? Infinity : 0;
    began = place(event);
    map.target = map.view; // a hand stops what glides
    map.loop = held.size === 1 && (event.shiftKey || map.selecting) ? [under(map.view, map.size, ...began)] : null;
  }));
  canvas.addEventListener("pointermove", ready((event) => {
    const now = place(event), last = held.get(event.pointerId);
    if (!last) return event.pointerType === "mouse" && point(map, found(now));
    held.set(event.pointerId, now);
    far = Math.max(far, Math.hypot(now[0] - began[0], now[1] - began[1]));
    if (map.loop) {
      map.loop.push(under(map.view, map.size, ...now));
      draw(map);
    } else if (held.size === 2) pinch(event.pointerId, last, now);
    else if (far > STILL) pan(map, now[0] - last[0], now[1] - last[1], true);
  }));
  /** Two fingers: what was under each of them stays there, as far as moving and zooming can. */
  const pinch = (id, last, now) => {
    const [, other] = [...held].find(([one]) => one !== id);
    const before = Math.hypot(last[0] - other[0], last[1] - other[1]), after = Math.hypot(now[0] - other[0], now[1] - other[1]);
    const middle = (point) => [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2], [from, to] = [middle(last), middle(now)];
    map.target = panned(map.target, to[0] - from[0], to[1] - from[1], map.corners);
    zoom(map, after / Math.max(1, before), to, true);
  };
  const lifted = ready((event) => {
    if (!held.delete(event.pointerId)) return;
    const loop = map.loop;
    map.loop = null;
    if (loop && event.type === "pointerup") return far > STILL ? select(map, inside(map.points, loop, lit(map))) : clicked(event);
    if (far <= STILL && event.type === "pointerup") clicked(event);
    draw(map);
  });
  const clicked = (event) => {
    const i = found(place(event));
    if (i >= 0) map.open(i);
  };
  canvas.addEventListener("pointerup", lifted);
  canvas.addEventListener("pointercancel", lifted);
  canvas.addEventListener("pointerleave", ready((event) => event.pointerType === "mouse" && !held.size && point(map, -1)));
  canvas.addEventListener("wheel", ready((event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 33 : 1, rate = event.ctrlKey ? 0.01 : 0.0022; // a pinch on a touch pad comes with ctrl
    zoom(map, Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) * rate), place(event));
  }), { passive: false });
  stage.addEventListener("keydown", ready((event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }));
  const key = (event) => {
    const by = (event.shiftKey ? 0.5 : 0.15) * Math.min(...map.size), move = MOVES[event.key];
    if (move) pan(map, move[0] * by, move[1] * by);
    else if (event.key === "+" || event.key === "=") zoom(map, STEP);
    else if (event.key === "-" || event.key === "−") zoom(map, 1 / STEP);
    else if (event.key === "0" || event.key === "Home") reset(map);
    else if ((event.key === "Enter" || event.key === " ") && map.pointed >= 0) map.open(map.pointed);
    else if (event.key === "Escape" && (map.loop || map.chosen)) map.loop ? (map.loop = null) : select(map, null);
    else return false;
    if (event.key !== "Escape") point(map, nearest(map.points, map.target.x, map.target.y, lit(map)));
    draw(map);
    return true;
  };
  stage.addEventListener("focus", ready(() => stage.matches(":focus-visible") && point(map, nearest(map.points, map.target.x, map.target.y, lit(map)))));
  stage.addEventListener("blur", () => point(map, -1));
}
