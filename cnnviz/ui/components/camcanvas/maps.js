// The maps of other classes, methods and layers, where they are at hand.
import { draw } from "./draw.js";
import { kept } from "./kept.js";
import { named } from "./look.js";
import { spread } from "./model.js";
import { fill } from "./panel.js";
import { shelf } from "./scale.js";
import { bytes, floats } from "../shared/bytes.js";

/** A button's `target` or `method` is chosen, and what it does not name stays; Python hears what was chosen alone. */
export function choose(cam, { title, ...part }) {
  const there = show(cam, part, title);
  cam.chosen = { ...cam.chosen, ...part };
  clearTimeout(cam.late);
  cam.late = setTimeout(() => {
    cam.trigger("choice", cam.chosen);
    cam.chosen = null;
  }, there ? 120 : 0);
}

/** Draw the map of a class and method, of which `part` is another one, if it is at hand; whether it is. */
export function show(cam, part, title) {
  const one = { ...cam.shown, ...part }, raw = found(cam, one);
  const label = cam.data.classes.find(({ target }) => target === one.target)?.title ?? title;
  cam.shown = one;
  cam.pending = raw && { target: one.target, method: one.method };
  if (raw) {
    cam.drawn = named(one);
    Object.assign(cam.panels[0], {
      raw, lines: null, own: spread(raw, ...cam.data.rawShape, ...cam.data.shape),
      reach: raw.reduce((top, value) => Math.max(top, value), 0), caption: `Heat map of ${cam.data.against ? "against " : ""}${label}`,
    });
    wait(cam);
  }
  draw(cam);
  return raw != null;
}

/** Wait for Python to follow; where it does not, believe it again. */
function wait(cam) {
  clearTimeout(cam.patience);
  cam.patience = setTimeout(() => {
    cam.pending = null;
    if (cam.panels[0].data !== cam.data && cam.element.isConnected) cam.again();
  }, 5000);
}

/** The raw map of a class and method, if it lies on the shelf: by itself, or among those of all classes. */
function found(cam, { target, method, layer }) {
  if (layer !== cam.data.layer) return null;
  const { subject, rawShape: [rows, columns] } = cam.data, maps = shelf(cam, "maps"), all = shelf(cam, "all");
  const text = maps?.subject === subject && maps.maps[`${target} ${method}`];
  if (text) return floats(text);
  if (all?.subject !== subject || all.method !== method) return null;
  if (cam.every?.from !== all) cam.every = { from: all, numbers: new Int16Array(bytes(all.numbers).buffer), sizes: floats(all.sizes) };
  const { numbers, sizes } = cam.every, n = rows * columns;
  return target < sizes.length ? Float32Array.from(numbers.subarray(target * n, (target + 1) * n), (v) => v * sizes[target]) : null;
}

const HAND = 400; // ms between a hand's choice in a list and what the list says then

/** A map at hand is shown as soon as its method is chosen in the page's list, which is Streamlit's own: Python follows. */
export function ofMethod(cam, said, byHand) {
  const one = cam.data.methods.find(({ title }) => title === said);
  if (!one || one.method === cam.shown.method || !byHand) return;
  if (found(cam, { ...cam.shown, method: one.method })) show(cam, { method: one.method });
}

/** And so is one of another layer that was there before. */
export function ofLayer(cam, said, byHand) {
  if (said === cam.shown.layer) return;
  if (cam.pending?.layer) cam.pending = null;
  const map = byHand && kept(cam, said);
  if (!map) return;
  const { target, method, layer, question } = map;
  cam.pending = { target, method, layer, question };
  cam.shown = { target, method, layer };
  cam.drawn = named(map);
  fill(cam.panels[0], map);
  wait(cam);
  draw(cam);
}

/** Tell `hear` what one of the page's lists says, and whether a hand has chosen it, as often as it says anything else. */
export function heardFrom(list, hear) {
  let acted = -Infinity;
  const act = (event) => { if (event.key === "Enter" || event.target.closest?.("[role=option]")) acted = performance.now(); };
  const changed = new MutationObserver(() => hear(list.querySelector("input")?.value, performance.now() - acted < HAND));
  for (const event of ["click", "keydown"]) addEventListener(event, act, true);
  changed.observe(list, { subtree: true, attributeFilter: ["value", "aria-expanded"] });
  return () => {
    changed.disconnect();
    for (const event of ["click", "keydown"]) removeEventListener(event, act, true);
  };
}
