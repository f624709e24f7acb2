// Hands on the canvases: brush, split, blink, zoom, crop, what lies under the pointer; what one does holds for both.
import { handle } from "./crop.js";
import { draw } from "./draw.js";
import { read, tell } from "./look.js";

const MOST = 8; // times

/** Zoom by a factor around a place of what the network is given (shares of its width and height). */
export function zoomed(cam, factor, at = cam.zoom.at) {
  const times = Math.min(MOST, Math.max(1, cam.zoom.times * factor));
  cam.zoom = { times, at: times === 1 ? [0.5, 0.5] : at };
  draw(cam);
}

export function hands(cam, one) {
  const { canvas } = one;
  handle(cam, one, draw);
  const spot = (event) => {
    const box = canvas.getBoundingClientRect(), [x, y, w, h] = one.at;
    return [(event.clientX - box.left - x) / w, (event.clientY - box.top - y) / h];
  };
  const inside = ([u, v]) => u >= 0 && u < 1 && v >= 0 && v < 1;
  const dab = ([u, v]) => [Math.round(u * 1e3) / 1e3, Math.round(v * 1e3) / 1e3, Number(cam.radius.value)];
  const brushed = () => cam.brush.checked && one.data.stamp === cam.photoStamp;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (brushed() && inside(spot(event))) cam.stroke = [dab(spot(event))];
    else if (cam.look.mode === "split") cam.look.split = Math.min(1, Math.max(0, spot(event)[0]));
    else if (cam.zoom.times > 1) cam.held = spot(event);
    else if (cam.look.mode === "blink") cam.blinkOn = !cam.blinkOn;
    else one.slide.begin(event);
    draw(cam);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (cam.slide) { cam.hover = null; one.slide.move(event); return; }
    const at = spot(event);
    cam.hover = inside(at) ? at : null;
    if (inside(at)) cam.cursor = at;
    cam.ring = inside(at);
    if (cam.stroke) {
      const last = cam.stroke[cam.stroke.length - 1];
      if (Math.hypot(at[0] - last[0], at[1] - last[1]) > 0.01 && cam.stroke.length < 400) cam.stroke.push(dab([Math.min(1.5, Math.max(-0.5, at[0])), Math.min(1.5, Math.max(-0.5, at[1]))]));
    } else if (event.buttons && cam.held) cam.zoom.at = cam.zoom.at.map((n, i) => Math.min(1, Math.max(0, n + cam.held[i] - at[i])));
    else if (event.buttons && cam.look.mode === "split" && !cam.brush.checked) cam.look.split = Math.min(1, Math.max(0, at[0]));
    else if (!cam.brush.checked && cam.panels.length === 1) { read(cam); return; }
    draw(cam);
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    zoomed(cam, event.deltaY < 0 ? 1.25 : 0.8, spot(event).map((n) => Math.min(1, Math.max(0, n))));
  }, { passive: false });
  const finish = () => {
    cam.held = null;
    one.slide.end();
    if (!cam.stroke) return cam.look.mode === "split" && tell(cam, 300);
    cam.strokes = [...cam.strokes, cam.stroke];
    cam.stroke = null;
    draw(cam);
    tell(cam, 0);
  };
  canvas.addEventListener("pointerup", finish);
  canvas.addEventListener("pointercancel", finish);
  canvas.addEventListener("pointerleave", () => { cam.hover = null; cam.ring = false; draw(cam); });
  canvas.addEventListener("blur", () => { cam.ring = false; draw(cam); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const factor = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 1 / MOST }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && event.shiftKey) {
      if (!one.slide.step((step[0] + step[1]) * 0.02)) return;
    } else if (step) {
      if (cam.look.mode === "split" && !cam.brush.checked) cam.look.split = Math.min(1, Math.max(0, cam.look.split + step[0] * 0.02));
      if (cam.look.mode === "split") tell(cam, 600);
      cam.cursor = [0, 1].map((i) => Math.min(0.999, Math.max(0, cam.cursor[i] + step[i] * 0.02)));
      cam.hover = cam.cursor;
      cam.ring = true;
    } else if (factor) {
      cam.zoom = { times: Math.min(MOST, Math.max(1, cam.zoom.times * factor)), at: cam.cursor };
    } else if (event.key === " " || event.key === "Enter") {
      if (brushed()) { cam.stroke = [dab(cam.cursor)]; finish(); }
      else if (cam.look.mode === "blink") cam.blinkOn = !cam.blinkOn;
      else return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    draw(cam);
  });
}
