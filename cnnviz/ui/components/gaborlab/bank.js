// The filter bank: filters down, pictures across, one colour scale per filter.
import { Fourier } from "./fft.js";
import { analysed, directions, gaborKernel, gaborResponse, workspace } from "./model.js";
import { directionColour, wheel } from "./wheel.js";
import { bytes } from "../shared/bytes.js";
import { Tile } from "../shared/canvas.js";
import { GRAYS, palette, peakOf } from "../shared/colour.js";
import { make, place } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { pinnable } from "../shared/pin.js";
import { theme } from "../shared/theme.js";

const BANKS = new WeakMap();

export default function (args) {
  return mounted(BANKS, args, buildBank, updateBank);
}

function buildBank(root) {
  const element = make("div", { class: "lab bank" });
  const lab = { element, told: make("p", { class: "say", "aria-live": "polite" }), table: make("div", { class: "grid-bank" }) };
  element.append(lab.table, lab.told);
  root.append(element);
  return lab;
}

function updateBank(lab, data) {
  lab.element.classList.toggle("big", Boolean(data.big));
  lab.theme = theme(lab.element);
  const luts = { weight: palette(data.luts.weight), heat: palette(data.luts.heat), direction: palette(data.luts.direction) };
  const key = JSON.stringify([data.stamp, data.filters, data.directions]);
  if (lab.key === key) return;
  lab.key = key;
  const fourier = new Fourier(data.side), work = workspace(data.side), n = data.side;
  const pictures = data.pictures.map(({ name, pixels }) => {
    const values = bytes(pixels);
    return { name, values, analysed: analysed(values, fourier) };
  });
  lab.table.style.setProperty("--n", pictures.length);
  lab.table.style.setProperty("--columns", data.filters.length + 2);
  lab.told.textContent = "Point at a map to read it; choose a kernel to load it into the lab.";
  const head = pictures.map(({ name, values }) => {
    const tile = new Tile(), words = tile.size(n, n);
    values.forEach((v, i) => (words[i] = GRAYS[v]));
    return labelled(tile.done(), `${name}, ${n} by ${n}`, name);
  });
  lab.table.replaceChildren(make("span", {}), ...head);
  const rows = [...data.filters];
  const next = () => { // one filter at a time: the page stays alive
    if (!lab.element.isConnected || lab.key !== key) return;
    const g = rows.shift();
    if (!g) return drawDirections(lab, data, pictures, fourier, work, luts.direction);
    const maps = pictures.map((p) => gaborResponse(p.analysed, g, fourier, work, new Float64Array(n * n)));
    const most = Math.max(...maps.map(peakOf)), words = `f ${g.frequency}, θ ${g.theta}°, σ ${g.sigma}`;
    lab.table.append(
      make("button", { type: "button", class: "kernel", title: "Load this filter into the lab", "aria-label": `Load ${words} into the lab`, onclick: () => lab.trigger("chosen", g) },
        kernelTile(g, luts.weight), make("span", {}, ...words.split(", ").map((word) => make("span", {}, word)))),
      ...maps.map((map, i) => {
        const tile = new Tile(), canvas = tile.paint(map, n, n, luts.heat, "magnitude", most);
        return readable(lab, canvas, n, `${pictures[i].name}, ${words}`, (at) => map[at].toFixed(4), `0 to ${most.toFixed(3)}`, i === maps.length - 1);
      }));
    lab.element.dataset.rows = data.filters.length - rows.length;
    setTimeout(next);
  };
  next();
}

/** The last row: which direction dominates where, from eight turns of one filter. */
function drawDirections(lab, data, pictures, fourier, work, colours) {
  const n = data.side, g = data.directions, found = pictures.map((p) => directions(p.analysed, g, fourier, work));
  const most = Math.max(...found.map(({ strength }) => peakOf(strength))) || 1; // one scale, as in every column
  const key = make("canvas", { width: 60, height: 60, role: "img", "aria-label": "Hue of each angle", title: "Hue is orientation, brightness its strength" });
  wheel(key.getContext("2d"), 60, colours);
  lab.table.append(make("span", { class: "kernel" }, key, make("span", {}, ...["Angle", `f ${g.frequency}`, `σ ${g.sigma}`].map((word) => make("span", {}, word)))), ...pictures.map((p, at) => {
    const { angle, strength } = found[at], tile = new Tile(), words = tile.size(n, n);
    for (let i = 0; i < words.length; i++) words[i] = directionColour(colours, angle[i], Math.min(1, strength[i] / most));
    return readable(lab, tile.done(), n, `${p.name}, dominant orientation`, (i) => `${angle[i].toFixed(1)}°, strength ${strength[i].toFixed(4)}`, `0 to ${most.toFixed(3)}`, at === pictures.length - 1);
  }));
  lab.element.dataset.done = "true";
}

function kernelTile(g, colours) {
  const kernel = gaborKernel(g), tile = new Tile(), canvas = tile.paint(kernel.re, kernel.wide, kernel.tall, colours, "signed", peakOf(kernel.re));
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

function labelled(canvas, label, caption) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return make("figure", {}, canvas, caption && make("figcaption", {}, caption));
}

/** A map that says the number under the pointer, or under the arrow keys. */
function readable(lab, canvas, n, name, value, range, captioned) {
  const figure = labelled(canvas, `${name}: ${range}. Arrow keys read it, Enter pins.`, captioned ? range.replace("0 to ", "0–") : "");
  canvas.tabIndex = 0;
  let at = [n >> 1, n >> 1];
  const say = () => (lab.told.textContent = `${name}, row ${at[1]}, column ${at[0]}: ${value(at[1] * n + at[0])}`);
  const point = (event) => {
    at = place(event, canvas).map((v) => Math.min(Math.max(Math.floor(v * n), 0), n - 1));
    say();
  };
  pinnable({}, [canvas], (_, event) => point(event), () => {});
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    at = at.map((v, i) => Math.min(Math.max(v + step[i], 0), n - 1));
    event.preventDefault();
    say();
  });
  return figure;
}
