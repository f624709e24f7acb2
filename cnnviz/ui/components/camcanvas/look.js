// How the heat lies over the photo: what the controls show, what is said, and what Python hears of it.
import { movable } from "./crop.js";
import { bar, shelf, told } from "./scale.js";
import { put } from "../shared/element.js";
import { signed } from "../shared/number.js";

/** Whether a choice is of the class and method of `b`, and, where it names one, of its layer. */
export const same = (a, b) => a != null && a.target === b.target && a.method === b.method && (a.layer == null || a.layer === b.layer);

/** A choice in a word, for who measures. */
export const named = ({ target, method, layer }) => `${target} ${method} ${layer}`;

/** Tell Python, once the hand rests. */
export function tell(cam, later) {
  clearTimeout(cam.timer);
  cam.timer = setTimeout(() => cam.send("look", { ...cam.look, strokes: cam.strokes, photo: cam.photoStamp, stamp: cam.stamp }), later);
}

/** Whether a hand on the picture moves the crop. */
const slides = (cam, one) => cam.look.mode === "overlay" && movable(cam, one) >= 0;

export function controls(cam) {
  const { look } = cam;
  for (const name of ["opacity", "threshold"]) {
    const [input, output] = cam[`${name}Range`];
    if (Number(input.value) !== look[name]) input.value = look[name];
    put(output, { textContent: String(Math.round(look[name] * 100)) });
  }
  for (const name of ["contours", "boxes", "shared", "uniform"]) cam[`${name}Check`].checked = look[name];
  cam.modes[look.mode].checked = cam.views[look.view].checked = true;
  cam.colours.value = look.colours;
  const answer = shelf(cam, "erased"), words = erased(cam.strokes, answer);
  cam.offer(offered(cam, answer));
  for (const chip of cam.chips.querySelectorAll("button")) {
    put(chip, { ariaPressed: String(String(cam.shown[chip.parentElement.dataset.kind]) === chip.dataset.of) });
  }
  const two = cam.panels.length > 1;
  put(cam.sharedCheck, { disabled: two || (!cam.all && !look.shared) });
  for (const one of cam.panels) {
    put(one.title, { textContent: two ? one.data.title : "" });
    one.canvas.style.cursor = look.mode === "split" && !cam.brush.checked ? "ew-resize" : (cam.zoom.times > 1 || slides(cam, one)) && !cam.brush.checked ? "grab" : "crosshair";
    one.canvas.style.touchAction = cam.brush.checked || look.mode === "split" || cam.zoom.times > 1 ? "none" : "pan-y"; // a finger scrolls the page
    bar(cam, one);
  }
  for (const button of [cam.undo, cam.clear]) put(button, { disabled: !cam.strokes.length });
  put(cam.brushing, { hidden: !cam.brush.checked && !cam.strokes.length });
  put(cam.smaller, { disabled: cam.zoom.times === 1 });
  put(cam.erased, { hidden: !words, textContent: words });
  read(cam);
}

/** Whether Python's answer is the one without what these strokes erase. */
const answers = (given, strokes) => String(given?.of) === String([strokes.length, ...strokes.at(-1).at(-1)]);

/** The prediction without what is erased, in words, once Python has given it for these strokes. */
export function erased(strokes, given) {
  if (!strokes.length) return "";
  return answers(given, strokes) ? given.words : "Predicting without what is erased …";
}

/** The classes that have a button: of the last prediction, which is that of the whole photo until another is given. */
export function offered(cam, given) {
  if (!cam.strokes.length) cam.predicted = null;
  else if (answers(given, cam.strokes)) cam.predicted = given.classes;
  return cam.predicted?.length ? cam.predicted : cam.data.classes;
}

/** What lies under the pointer, and the boxes in the photo's own pixels. */
export function read(cam) {
  const { hover, panels } = cam, two = panels.length > 1;
  const named = (one, words) => (two ? `${one.data.title}: ${words}` : words);
  let words = panels.map((one) => told(cam, one)).join(" ");
  if (cam.slide || cam.cropTimer) words = `Crop: ${panels[0].grip.ariaValueText}`;
  else if (hover) words = panels.map((one) => named(one, under(one, hover))).join(" · ");
  else if (cam.look.boxes) words = panels.map((one) => named(one, listed(one))).join(" · ");
  put(cam.say, { textContent: words });
}

/** The numbers of a map at a place. */
function under({ data, heat, raw }, [u, v]) {
  const [down, across] = data.shape, [rows, columns] = data.rawShape;
  const value = `${Math.round((heat[Math.floor(v * down) * across + Math.floor(u * across)] / 255) * 100)}% of the maximum`;
  if (!raw) return `Heat ${value}`;
  const y = Math.floor(v * rows), x = Math.floor(u * columns);
  return signed(`Heat ${value}, raw map at (${y}, ${x}): ${raw[y * columns + x].toPrecision(4)}`);
}

function listed({ data, found }) {
  const [down, across] = data.shape, [left, top, w, h] = data.box, [width, height] = data.size;
  const words = found.slice(0, 3).map((b, i) => {
    const x = Math.round((left + (b.left / across) * w) * width), y = Math.round((top + (b.top / down) * h) * height);
    return `region ${i + 1} at (${x}, ${y}), ${Math.round(((b.right - b.left) / across) * w * width)} × ${Math.round(((b.low - b.top) / down) * h * height)} px, mean heat ${Math.round((b.sum / b.area / 255) * 100)}% of the maximum`;
  });
  return words.length ? words.join("; ") : "No region is above the threshold";
}
