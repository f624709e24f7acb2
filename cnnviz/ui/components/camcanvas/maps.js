// The maps of other classes and methods, where they are at hand.
import { draw } from "./draw.js";
import { spread } from "./model.js";
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
  if (raw) {
    cam.pending = one;
    cam.drawn = `${one.target} ${one.method}`;
    Object.assign(cam.panels[0], {
      raw, lines: null, own: spread(raw, ...cam.data.rawShape, ...cam.data.shape),
      reach: raw.reduce((top, value) => Math.max(top, value), 0), caption: `Heat map of ${cam.data.against ? "against " : ""}${label}`,
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
    if (!one || one.method === cam.shown.method || performance.now() - acted >= HAND) return;
    if (found(cam, { ...cam.shown, method: one.method })) show(cam, { method: one.method });
  });
  for (const event of ["click", "keydown"]) addEventListener(event, act, true);
  changed.observe(list, { subtree: true, attributeFilter: ["value", "aria-expanded"] });
  return () => {
    changed.disconnect();
    for (const event of ["click", "keydown"]) removeEventListener(event, act, true);
  };
}
