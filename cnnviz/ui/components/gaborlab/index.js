// The Gabor lab: a sine wave under a Gaussian; kernel, spectrum and response follow every move.
import { ask, tell, turn } from "./change.js";
import { Fourier } from "./fft.js";
import { hands } from "./hands.js";
import { KNOBS } from "./knobs.js";
import { workspace } from "./model.js";
import { TEMPLATE } from "./view.js";
import { bytes } from "../shared/bytes.js";
import { Tile } from "../shared/canvas.js";
import { palette } from "../shared/colour.js";
import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { watched } from "../shared/room.js";
import { theme } from "../shared/theme.js";

const LABS = new WeakMap();

export default function (args) {
  return mounted(LABS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab gabor" });
  element.innerHTML = TEMPLATE; // a constant
  root.append(element);
  const parts = Object.fromEntries([...element.querySelectorAll("[class]")].map((e) => [e.classList[e.classList.length - 1], e]));
  const lab = { element, parts, ranges: {}, at: [0.5, 0.5], draws: 0, tiles: {} };
  for (const name of ["photo", "real", "imaginary", "spectrum", "answer", "learned", "hand", "rest"]) lab.tiles[name] = new Tile();
  for (const [name, title, low, high, step, words] of KNOBS) {
    const range = make("input", { type: "range", min: low, max: high, step, "aria-label": title, "data-knob": name });
    const output = make("output", {});
    range.addEventListener("input", () => turn(lab, { [name]: Number(range.value) }));
    range.addEventListener("change", () => tell(lab));
    parts.knobs.append(make("label", { class: "knob" }, make("span", {}, title), range, output));
    lab.ranges[name] = { range, output, words };
  }
  hands(lab);
  lab.watch = watched(element, () => lab.answer && ((lab.refit = true), ask(lab)));
  return lab;
}

function update(lab, data) {
  lab.theme = theme(lab.element);
  lab.luts = { weight: palette(data.luts.weight), heat: palette(data.luts.heat), direction: palette(data.luts.direction) };
  lab.element.classList.toggle("big", Boolean(data.big));
  if (lab.pictureStamp !== data.stamp) {
    lab.pictureStamp = data.stamp;
    lab.fourier = lab.fourier?.n === data.side ? lab.fourier : new Fourier(data.side);
    lab.work = workspace(data.side);
    lab.pictures = data.pictures.map(({ name, pixels }) => ({ name, pixels: bytes(pixels) }));
    lab.parts.photos.replaceChildren();
    lab.scale = null;
  }
  if (lab.stamp !== data.start.stamp) {
    lab.stamp = data.start.stamp;
    const { frequency, theta, sigma, gamma, phase } = data.start;
    lab.g = { frequency, theta, sigma, gamma, phase };
    for (const [name, , low, high] of KNOBS) { // what Python holds may lie beyond where hands usually go
      const { range } = lab.ranges[name];
      [range.min, range.max] = [Math.min(low, lab.g[name]), Math.max(high, lab.g[name])];
    }
    lab.picture = data.start.picture ?? 0;
    lab.view = data.start.view ?? "response";
  }
  lab.picture = Math.min(lab.picture, lab.pictures.length - 1);
  lab.target = data.target ? { ...data.target, k: data.target.plane.length, plane: data.target.plane.flat() } : null;
  choices(lab);
  lab.refit = true;
  turn(lab, {});
}

function choices(lab) {
  const choose = (field) => (value) => {
    lab[field] = field === "picture" ? Number(value) : value;
    lab.scale = null;
    turn(lab, {});
    choices(lab);
    tell(lab);
  };
  radioRow(lab.parts.photos, lab.pictures.map(({ name }, i) => [String(i), name]), String(lab.picture), choose("picture"));
  radioRow(lab.parts.views, [["response", "Response"], ["directions", "Orientations"]], lab.view, choose("view"));
}

function radioRow(box, list, chosen, choose) {
  if (!box.childElementCount)
    for (const [value, title] of list) {
      const input = make("input", { type: "radio", name: box.className, value });
      input.addEventListener("change", () => choose(value));
      box.append(make("label", {}, input, make("span", {}, title)));
    }
  for (const input of box.querySelectorAll("input")) input.checked = input.value === chosen;
}
