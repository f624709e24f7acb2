// The receptive-field builder: stack layers, see on the photo what one unit can see, and what it does see.
import { MOST_LAYERS, fields, legalised, profile } from "./receptive.js";
import { afterwards } from "../shared/afterwards.js";
import { bytes } from "../shared/bytes.js";
import { Tile, sharp } from "../shared/canvas.js";
import { palette } from "../shared/colour.js";
import { make, place } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { pinnable } from "../shared/pin.js";
import { room, watched } from "../shared/room.js";
import { theme } from "../shared/theme.js";

const FIELDS = new WeakMap();
const KINDS = [["conv", "Convolution"], ["max", "Max pool"], ["average", "Average pool"]];

export default function (args) {
  return mounted(FIELDS, args, buildField, updateField);
}

function buildField(root) {
  const element = make("div", { class: "lab field" });
  element.innerHTML = `<div class="kernels" role="group" aria-label="Stacks"></div><div class="two">
    <figure><figcaption class="name"></figcaption><canvas class="photo" tabindex="0" role="img"></canvas></figure>
    <div><div class="wide" tabindex="0" role="region" aria-label="Layers of the stack"><table><thead><tr><th></th><th>Layer</th><th>Receptive field</th><th>Output</th><th>Total stride</th><th>Kernel</th><th>Stride</th><th>Padding</th><th>Dilation</th><th></th></tr></thead><tbody></tbody></table></div>
    <div class="acts"><button type="button" class="add">Add a layer</button></div>
    <label class="check"><input type="checkbox" class="effective" checked> How much each pixel counts (effective field)</label>
    <p class="say" aria-live="polite"></p></div></div>`; // a constant
  root.append(element);
  const part = (name) => element.querySelector(name);
  const lab = {
    element, tile: new Tile(), heat: new Tile(), at: [0.5, 0.5],
    parts: { canvas: part("canvas"), body: part("tbody"), name: part(".name"), say: part(".say"), stacks: part(".kernels"), add: part(".add"), effective: part(".effective"), two: part(".two") },
  };
  const { canvas, add, effective } = lab.parts;
  const follow = (_, event) => {
    lab.at = place(event, canvas).map((v) => Math.min(Math.max(v, 0), 1));
    later(lab);
  };
  pinnable(lab, [canvas], follow, () => (later(lab), tell(lab)));
  canvas.addEventListener("pointerleave", () => tell(lab));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    const n = lab.rows.at(-1).map || 1;
    lab.at = lab.at.map((v, i) => Math.min(Math.max(v + step[i] / n, 0), 0.999));
    event.preventDefault();
    later(lab);
    tell(lab);
  });
  add.addEventListener("click", () => edit(lab, () => lab.layers.push({ kind: "conv", kernel: 3, stride: 1, padding: 1, dilation: 1 })));
  effective.addEventListener("change", () => (later(lab), tell(lab)));
  lab.watch = watched(element, () => lab.rows && later(lab));
  return lab;
}

function updateField(lab, data) {
  lab.theme = theme(lab.element);
  lab.colours = palette(data.luts.heat);
  lab.element.classList.toggle("big", Boolean(data.big));
  if (lab.photoStamp !== data.stamp) {
    lab.photoStamp = data.stamp;
    lab.side = data.side;
    const rgb = bytes(data.pixels), words = lab.tile.size(data.side, data.side);
    for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i];
    lab.tile.done();
  }
  if (lab.stamp !== data.start.stamp) {
    lab.stamp = data.start.stamp;
    lab.layers = data.start.layers.map((layer) => ({ ...layer }));
  }
  lab.parts.stacks.replaceChildren(...data.stacks.map((stack) =>
    make("button", { type: "button", class: "chip", title: stack.sentence, onclick: () => edit(lab, () => (lab.layers = stack.layers.map((layer) => ({ ...layer })))) }, stack.title)));
  edit(lab, () => {}, false);
}

/** Change the stack and keep it legal. */
function edit(lab, change, report = true) {
  change();
  lab.layers = legalised(lab.side, lab.layers);
  lab.rows = fields(lab.side, lab.layers);
  table(lab);
  later(lab);
  if (!report) return;
  afterwards(lab.element, () => lab.send("layers", lab.layers));
}

/** The unit that is shown, for who takes the picture away: said once it stays. */
function tell(lab) {
  const shown = { at: lab.at, effective: lab.parts.effective.checked }, words = JSON.stringify(shown);
  if (words === lab.shown) return;
  lab.shown = words;
  afterwards(lab.parts.canvas, () => lab.send("shown", shown));
}

function table(lab) {
  const focus = lab.element.getRootNode().activeElement?.getAttribute?.("aria-label");
  lab.parts.body.replaceChildren(...lab.layers.map((layer, i) => {
    const row = lab.rows[i + 1], map = lab.rows[i].map;
    const number = (title, name, low, high) => {
      const input = make("input", { type: "number", min: low, max: Math.max(low, high), step: 1, disabled: high <= low, "aria-label": `${title} of layer ${i + 1}` });
      input.value = layer[name];
      input.addEventListener("change", () => edit(lab, () => (layer[name] = Math.min(Math.max(Math.round(Number(input.value)) || low, low), Math.max(low, high)))));
      return make("td", {}, input);
    };
    const kind = make("select", { "aria-label": `Kind of layer ${i + 1}` }, ...KINDS.map(([value, text]) => make("option", { value }, text)));
    kind.value = layer.kind;
    kind.addEventListener("change", () => edit(lab, () => (layer.kind = kind.value)));
    const most = Math.min(11, map + 2 * layer.padding);
    return make("tr", {},
      make("td", {}, make("i", { style: `background:${hue(i, lab.layers.length)}` })), make("td", {}, kind),
      make("td", { class: "n" }, `${row.field} px`), make("td", { class: "n" }, String(row.map)), make("td", { class: "n" }, String(row.jump)),
      number("Kernel", "kernel", 1, Math.floor((most - 1) / layer.dilation) + 1), number("Stride", "stride", 1, 4),
      number("Padding", "padding", 0, layer.kind === "conv" ? 8 : Math.floor(layer.kernel / 2)),
      number("Dilation", "dilation", 1, layer.kind === "conv" ? Math.min(8, Math.floor((map + 2 * layer.padding - 1) / Math.max(1, layer.kernel - 1))) : 1),
      make("td", {}, make("button", { type: "button", "aria-label": `Remove layer ${i + 1}`, onclick: () => edit(lab, () => lab.layers.splice(i, 1)) }, "×")));
  }));
  lab.parts.add.disabled = lab.layers.length >= MOST_LAYERS;
  if (focus) [...lab.parts.body.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === focus)?.focus();
}

const hue = (i, n) => `hsl(${210 - (190 * i) / Math.max(1, n - 1)} 75% 55%)`;

function later(lab) {
  if (lab.asked) return;
  lab.asked = true;
  requestAnimationFrame(() => {
    lab.asked = false;
    if (lab.element.isConnected) drawField(lab);
  });
}

function drawField(lab) {
  const { canvas, name, say, effective, two } = lab.parts, wide = two.clientWidth || 360, big = lab.element.classList.contains("big");
  const side = wide <= 820 ? Math.min(wide, 440) : Math.min(wide * 0.47, room(canvas, big ? 16 : 90));
  two.style.gridTemplateColumns = wide <= 820 ? "" : `${side}px minmax(0, 1fr)`;
  canvas.style.width = canvas.style.height = `${side}px`;
  const context = sharp(canvas, side, side), scale = side / lab.side;
  context.imageSmoothingEnabled = true;
  context.drawImage(lab.tile.canvas, 0, 0, side, side);
  const last = lab.rows.at(-1), unit = lab.at.map((v) => Math.min(last.map - 1, Math.floor(v * last.map)));
  const middle = unit.map((u) => last.middle + u * last.jump);
  const far = (last.field * scale) / 2, [cx, cy] = middle.map((m) => (m + 0.5) * scale);
  context.fillStyle = "rgb(16 18 21 / .5)";
  context.beginPath();
  context.rect(0, 0, side, side);
  context.rect(cx - far, cy - far, 2 * far, 2 * far);
  context.fill("evenodd");
  if (effective.checked && lab.layers.length) {
    const line = profile(lab.layers), n = line.length, words = lab.heat.size(n, n);
    for (let y = 0, i = 0; y < n; y++)
      for (let x = 0; x < n; x++, i++) {
        const v = Math.round(255 * line[x] * line[y]);
        words[i] = (lab.colours[v] & 0x00ffffff) | (Math.round(v * 0.8) << 24);
      }
    const left = middle.map((m) => (m - (n - 1) / 2) * scale);
    context.drawImage(lab.heat.done(), left[0], left[1], n * scale, n * scale);
  }
  lab.rows.slice(1).forEach((row, i) => {
    const from = middle.map((m) => (m - (row.field - 1) / 2) * scale);
    context.lineWidth = i === lab.layers.length - 1 ? 3.5 : 2;
    context.strokeStyle = "rgb(0 0 0 / .5)";
    context.strokeRect(from[0], from[1], row.field * scale, row.field * scale);
    context.lineWidth -= 1;
    context.strokeStyle = hue(i, lab.layers.length);
    context.strokeRect(from[0], from[1], row.field * scale, row.field * scale);
  });
  name.textContent = `${lab.side} × ${lab.side} photo, unit ${unit[1] + 1}, ${unit[0] + 1} of a ${last.map} × ${last.map} map`;
  const cut = last.field > lab.side ? " It is larger than the photo: it reaches past the edges at every unit." : "";
  const line = profile(lab.layers), half = line.filter((v) => v >= 0.5).length;
  say.textContent = `Receptive field of one unit: ${last.field} × ${last.field} pixels; the middle ${half} × ${half} count at least half as much as the centre. Total stride: ${last.jump} pixel${last.jump > 1 ? "s" : ""} from one unit to the next.${cut}`;
  canvas.setAttribute("aria-label", `${name.textContent}. ${say.textContent} Arrow keys choose another unit, Enter pins it.`);
  lab.element.dataset.draws = Number(lab.element.dataset.draws ?? 0) + 1;
}
