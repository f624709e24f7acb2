// The settings beside the pictures; each list and slider offers only what today's picture and kernel allow.
import { changed } from "./change.js";
import { showFilters, showKernels } from "./chips.js";
import { resized } from "./kernel.js";
import { filterOf, limits, sizeOf } from "./model.js";
import { stop } from "./motion.js";
import { extent, mostPadding } from "./signal.js";
import { make } from "../shared/element.js";

const SIZES = [1, 2, 3, 4, 5, 6, 7];
const STAGES = [["conv", "Convolution"], ["relu", "ReLU"], ["pool", "Pooling"]];
const LOOKS = [["signed", "Signed"], ["magnitude", "Magnitude"], ["picture", "As image"]];
const UNITS = [["255", "Pixels 0–255"], ["1", "0–1"]];
const FLIPS = [["as-is", "Cross-correlation"], ["rotated", "True convolution"]];
const MODES = [["zero", "zero"], ["reflect", "reflect"], ["replicate", "replicate"], ["wrap", "wrap around"]];

/** A row of radio buttons; arrow keys and Tab as the browser gives them. It outlives the state: `choose` asks for today's. */
function radios(box, choices, chosen, choose, allowed = () => true) {
  const name = box.className;
  if (!box.childElementCount)
    for (const [value, title] of choices) {
      const input = make("input", { type: "radio", name, value });
      input.addEventListener("change", () => choose(value));
      box.append(make("label", {}, input, make("span", {}, title)));
    }
  for (const input of box.querySelectorAll("input")) {
    input.checked = input.value === chosen;
    input.disabled = !allowed(input.value);
  }
}

export function showControls(lab) {
  const { s, parts, input } = lab, most = limits(lab), k = sizeOf(lab);
  showKernels(lab);
  radios(parts.stages, STAGES, s.stage, (v) => (stop(lab), (lab.filling = false), changed(lab, (now) => (now.stage = v))));
  radios(parts.flips, FLIPS, s.flip ? "rotated" : "as-is", (v) => changed(lab, (now) => (now.flip = v === "rotated")));
  parts.flips.title = "Deep learning calls cross-correlation convolution: the kernel slides as it is. True convolution rotates it by 180° first.";
  radios(parts.colours, [["gray", "Gray"], ["rgb", "RGB"]], s.colour ? "rgb" : "gray", (v) => changed(lab, (now) => (now.colour = v === "rgb")));
  parts.colours.hidden = input.planes.length < 2;
  radios(parts.looks, LOOKS, s.look, (v) => changed(lab, (now) => (now.look = v)));
  radios(parts.units, UNITS, String(s.unit), (v) => changed(lab, (now) => (now.unit = Number(v))));
  parts.gain.hidden = s.look === "picture";
  parts.gain.querySelector("input").value = s.gain;
  const slide = (title, value, low, high, set) => {
    const range = make("input", { type: "range", min: low, max: Math.max(low, high), step: 1, "aria-label": title, disabled: high <= low });
    range.value = value;
    range.addEventListener("input", () => (changed(lab, (now) => set(now, Number(range.value)), false), (range.nextElementSibling.textContent = range.value), formula(lab)));
    range.addEventListener("change", () => changed(lab, (now) => set(now, Number(range.value))));
    return make("label", { class: "setting" }, make("span", {}, title), range, make("output", {}, String(value)));
  };
  const pick = (title, value, choices, set) => {
    const list = make("select", { "aria-label": title }, ...choices.map(([v, text, off]) => make("option", { value: v, disabled: off }, text)));
    list.value = value;
    list.addEventListener("change", () => changed(lab, (now) => set(now, list.value)));
    return make("label", { class: "setting" }, make("span", {}, title), list);
  };
  const act = (title, turn) =>
    make("button", { type: "button", onclick: () => changed(lab, () => {
      const f = filterOf(lab);
      (f.weights = f.weights.map(turn)), (f.name = "Your own kernel");
    }) }, title);
  const focus = lab.element.getRootNode().activeElement?.getAttribute?.("aria-label");
  const side = Math.min(input.width, input.height) + 2 * s.padding;
  const modes = MODES.map(([v, text]) => [v, text, s.padding > mostPadding(Math.min(input.width, input.height), v)]);
  parts.settings.replaceChildren(
    ...(s.stage === "pool"
      ? [pick("Pooling", s.poolKind, [["max", "Max"], ["average", "Average"]], (now, v) => (now.poolKind = v)),
         slide("Kernel size", s.poolSize, 1, most.pool, (now, v) => (now.poolSize = v)),
         slide("Stride", s.poolStride || s.poolSize, 1, most.pool, (now, v) => (now.poolStride = v === now.poolSize ? 0 : v))]
      : [pick("Kernel size", k, (SIZES.includes(k) ? SIZES : [...SIZES, k]).map((n) => [n, `${n} × ${n}`, extent(n, s.dilation) > side]), (now, v) =>
           now.filters.forEach((f) => (f.weights = f.weights.map((plane) => resized(plane, Number(v)))))),
         slide("Stride", s.stride, 1, most.stride, (now, v) => (now.stride = v)),
         slide("Padding", s.padding, 0, most.padding, (now, v) => (now.padding = v)),
         pick("Padding mode", s.mode, modes, (now, v) => (now.mode = v)),
         slide("Dilation", s.dilation, 1, most.dilation, (now, v) => (now.dilation = v))]),
    make("p", { class: "formula" }));
  parts.turns.hidden = s.stage !== "conv";
  parts.turns.replaceChildren(
    act("Rotate 90°", (p) => p.map((row, i) => row.map((_, j) => p[p.length - 1 - j][i]))),
    act("Flip", (p) => p.map((row) => [...row].reverse())),
    act("Negate", (p) => p.map((row) => row.map((w) => (w ? -w : 0)))),
    act("Clear", (p) => p.map((row) => row.map(() => 0))));
  formula(lab);
  if (focus) [...parts.settings.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === focus)?.focus();
  showFilters(lab);
}

/** The output-size formula with today's numbers. */
function formula(lab) {
  const { s, input, parts } = lab, k = sizeOf(lab), text = parts.settings.querySelector(".formula");
  const map = lab.maps[s.selected];
  const side = (n) => `⌊(${n} + 2·${s.padding} − ${s.dilation}·(${k} − 1) − 1) / ${s.stride}⌋ + 1`;
  const word = lab.element.classList.contains("big") ? "Output" : "Output size"; // for a hall, one line
  const named = (size, { width, height }) => width === height ? [`${word} = ${size(width)} = ${lab.out.width}`]
    : [`Output width = ${size(width)} = ${lab.out.width}`, `Output height = ${size(height)} = ${lab.out.height}`];
  text.title = s.stage === "pool" ? "⌊(input − kernel) / stride⌋ + 1" : "⌊(input + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1";
  const lines = s.stage === "pool"
    ? named((n) => `⌊(${n} − ${s.poolSize}) / ${s.poolStride || s.poolSize}⌋ + 1`, map)
    : s.stage === "relu" ? [`Output size = input size = ${map.width} × ${map.height}`]
    : named(side, input);
  text.replaceChildren(...lines.map((line) => make("span", {}, line)));
}
