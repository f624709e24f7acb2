// Kernels to choose from: the named ones, those a net learned, and the filters of the layer being built.
import { changed } from "./change.js";
import { copied, gathered, resized, spread } from "./kernel.js";
import { filterOf, sizeOf } from "./model.js";
import { stop } from "./motion.js";
import { tint } from "./pictures.js";
import { Tile } from "../shared/canvas.js";
import { level, peakOf } from "../shared/colour.js";
import { make } from "../shared/element.js";

const MOST_FILTERS = 6;

/** A kernel as a small picture in the colours of weights. */
function stamp(lab, weights, side) {
  const k = weights[0].length, canvas = make("canvas", { width: k, height: k, style: `width:${side}px;height:${side}px`, "aria-hidden": "true" });
  const context = canvas.getContext("2d"), image = context.createImageData(k, k), words = new Uint32Array(image.data.buffer);
  const flat = weights.map((plane) => plane.flat()), peak = peakOf(flat.flat());
  for (let i = 0; i < k * k; i++)
    words[i] = weights.length === 3 && String(flat[0]) !== String(flat[1])
      ? 0xff000000 | (level(flat[2][i], "signed", peak) << 16) | (level(flat[1][i], "signed", peak) << 8) | level(flat[0][i], "signed", peak)
      : lab.luts.weight[level(flat[0][i], "signed", peak)];
  context.putImageData(image, 0, 0);
  return canvas;
}

export function showKernels(lab) {
  const { parts } = lab, name = filterOf(lab).name, key = [lab.theme.dark, lab.presets.length, lab.learned?.length].join();
  if (lab.chipKey !== key) {
    lab.chipKey = key;
    const chips = lab.presets.map((preset) =>
      make("button", { type: "button", class: "chip", "data-name": preset.title, title: preset.sentence, onclick: () => choose(lab, preset) },
        stamp(lab, [preset.weights], 18), preset.title));
    if (lab.learned?.length) {
      const open = make("button", { type: "button", class: "chip", "aria-expanded": String(!parts.learned.hidden), onclick: () => {
        parts.learned.hidden = !parts.learned.hidden;
        open.setAttribute("aria-expanded", String(!parts.learned.hidden));
      } }, `Learned (${lab.learned.length})`);
      chips.push(open);
    }
    parts.kernels.replaceChildren(...chips);
    parts.named.replaceChildren(make("option", { value: "", hidden: true }, "Your own kernel"),
      ...lab.presets.map((preset) => make("option", { value: preset.title }, preset.title)));
    lab.choose = (title) => choose(lab, lab.presets.find((preset) => preset.title === title));
  }
  parts.named.value = lab.presets.some((p) => p.title === name) ? name : "";
  for (const chip of parts.kernels.children) chip.setAttribute("aria-pressed", String(chip.dataset.name === name));
  const preset = lab.presets.find((p) => p.title === name);
  parts.say.textContent = preset ? `${preset.title}. ${preset.sentence}`
    : name.startsWith("Learned") ? `${name}, with its trained weights.`
    : "Your own kernel. Type a number, use the arrow keys, or drag a cell sideways.";
}

function choose(lab, preset) {
  changed(lab, (s) => {
    const k = preset.weights.length;
    for (const f of s.filters) if (f.weights[0].length !== k) f.weights = f.weights.map((plane) => resized(plane, k));
    Object.assign(filterOf(lab), { name: preset.title, weights: spread(preset.weights, s.colour ? 3 : 1) });
    s.look = preset.shows;
  });
}

export function showLearned(lab, learned, from) {
  lab.learned = learned;
  const tiles = learned.map((weights, i) =>
    make("button", { type: "button", class: "tile", "aria-label": `Learned kernel ${i}`, title: `Kernel ${i}`, onclick: () =>
      changed(lab, (s) => {
        const k = weights[0].length;
        if (weights.length === 3 && lab.input.planes.length > 1) s.colour = true;
        for (const f of s.filters) f.weights = f.weights.map((plane) => resized(plane, k));
        Object.assign(filterOf(lab), { name: `Learned kernel ${i} of ${from}`, weights: copied(s.colour || weights.length === 1 ? weights : [gathered(weights)]) });
        (s.look = "signed"), (s.gain = 0);
      }) }, stamp(lab, weights, 34)));
  lab.parts.learned.replaceChildren(make("p", {}, `First-layer kernels of ${from}`), make("div", { class: "tiles" }, ...tiles));
}

/** The layer's filters, each with its map: choose one to look inside. */
export function showFilters(lab) {
  const { s, parts } = lab;
  const cards = s.filters.map((filter, f) => {
    const { map, width, height } = lab.maps[f], tile = new Tile();
    const canvas = tile.paint(map, width, height, tint(lab), s.look, peakOf(map) / 2 ** s.gain);
    canvas.setAttribute("aria-hidden", "true");
    const card = make("button", { type: "button", class: "card", "aria-pressed": String(f === s.selected), "aria-label": `Filter ${f + 1}, ${filter.name}`,
      onclick: () => changed(lab, (now) => (now.selected = f)) },
      canvas, make("span", {}, stamp(lab, filter.weights, 18), `${f + 1}`));
    return card;
  });
  const more = make("button", { type: "button", class: "more", disabled: s.filters.length >= MOST_FILTERS, onclick: () => {
    stop(lab);
    changed(lab, (now) => {
      const next = lab.presets[(lab.presets.findIndex((p) => p.title === filterOf(lab).name) + 1) % lab.presets.length];
      const k = sizeOf(lab);
      now.filters.push({ name: next.title, weights: spread(resized(next.weights, k), now.colour ? 3 : 1), bias: 0 });
      now.selected = now.filters.length - 1;
    });
  } }, "Add a filter");
  const fewer = make("button", { type: "button", class: "more", disabled: s.filters.length < 2, onclick: () => {
    stop(lab);
    lab.maps = null;
    changed(lab, (now) => now.filters.splice(now.selected, 1));
  } }, "Remove it");
  const count = s.filters.length, k = sizeOf(lab), channels = filterOf(lab).weights.length;
  if (lab.filterCount !== count) (lab.filterCount = count), (parts.filters.open = count > 1);
  parts.filters.replaceChildren(
    make("summary", { class: "layer" }, `One layer: ${count} filter${count > 1 ? "s" : ""} of ${channels} × ${k} × ${k}, ${count * (channels * k * k + 1)} weights with the bias${count > 1 ? "es" : ""}`),
    make("div", { class: "cards", role: "group", "aria-label": "Filters of this layer" }, ...cards, make("div", { class: "acts" }, more, fewer)));
}
