// The maps of other classes and methods, where they are at hand.
import { draw } from "./draw.js";
import { spread } from "./model.js";
import { shelf } from "./scale.js";
import { bytes, floats } from "../shared/bytes.js";

export function choose(cam, one) {
  const there = show(cam, one);
  clearTimeout(cam.late);
  cam.late = setTimeout(() => cam.trigger("choice", cam.shown), there ? 120 : 0);
}

/** Draw the map of a class and method if it is at hand; whether it is. */
export function show(cam, one) {
  const raw = found(cam, one);
  cam.shown = { target: one.target, method: one.method };
  if (raw) {
    cam.pending = cam.shown;
    cam.drawn = `${one.target} ${one.method}`;
    Object.assign(cam.panels[0], {
      raw, lines: null, own: spread(raw, ...cam.data.rawShape, ...cam.data.shape),
      reach: raw.reduce((top, value) => Math.max(top, value), 0), caption: `Heat map of ${cam.data.against ? "against " : ""}${one.title}`,
    });
    clearTimeout(cam.patience);
    cam.patience = setTimeout(() => (cam.pending = null), 5000); // Python did not follow: believe it again
  }
  draw(cam);
  return raw != null;
}

/** The raw map of a class and method, if it lies on the shelf: by itself, or among those of all classes. */
function found(cam, { target, method }) {
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
export function heardFrom(list, cam) {
  let acted = -Infinity;
  const act = (event) => { if (event.key === "Enter" || event.target.closest?.("[role=option]")) acted = performance.now(); };
  const changed = new MutationObserver(() => {
    const said = list.querySelector("input")?.value, one = cam.data.methods.find(({ title }) => title === said);
    if (one && one.method !== cam.shown.method && performance.now() - acted < HAND && found(cam, one)) show(cam, one);
  });
  for (const event of ["click", "keydown"]) addEventListener(event, act, true);
  changed.observe(list, { subtree: true, attributeFilter: ["value", "aria-expanded"] });
  return () => {
    changed.disconnect();
    for (const event of ["click", "keydown"]) removeEventListener(event, act, true);
  };
}
