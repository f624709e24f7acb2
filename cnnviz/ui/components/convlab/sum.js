// The arithmetic between the pictures: patch times kernel, cell by cell.
import { filterOf, numbers, scaleOf, walk } from "./model.js";
import { tint } from "./pictures.js";
import { GRAYS, css, ink, level, peakOf } from "../shared/colour.js";
import { make } from "../shared/element.js";
import { brief, shown } from "../shared/number.js";
import { ruler } from "../shared/text.js";

const CHANNELS = ["R", "G", "B"];
const SMALLEST = 9.2, STAGE = 24; // px: print that can still be read, from nearby and in a lecture hall
const FULL = 0.82, STAGE_FULL = 0.94; // of a cell's width that its number takes at most, there too

/** The grids of the arithmetic; built when their shape changes, filled at every step. Of a large kernel for colour, one channel. */
function buildSum(lab) {
  const { s, parts } = lab, k = walk(lab).side, channels = s.stage === "conv" ? filterOf(lab).weights.length : 1;
  const one = channels > 1 && k > 3, big = lab.element.classList.contains("big");
  const key = [s.stage, k, channels, s.flip, one && lab.channel, big].join();
  if (lab.sumKey === key) return;
  lab.sumKey = key;
  lab.grids = [];
  const plain = k > 7;
  const grid = (label, cells) =>
    make("div", { class: `grid${plain ? " tiny" : ""}`, style: `--k:${k}`, role: "group", "aria-label": label }, ...cells);
  const cells = () => Array.from({ length: k * k }, () => make("span", { class: "cell" }));
  const titled = (title, content) => make("div", { class: "term" }, make("span", { class: "title" }, title), content);
  const rows = (one ? [lab.channel] : Array.from({ length: channels }, (_, c) => c)).map((c) => {
    const patch = cells(), products = cells();
    const kernel = s.stage !== "conv" ? [] : Array.from({ length: k * k }, (_, i) =>
      make("input", {
        class: "cell weight", type: "text", inputmode: "decimal", autocomplete: "off", "data-channel": c, "data-cell": i, disabled: plain,
        "aria-label": `Kernel${channels > 1 ? ` ${CHANNELS[c]}` : ""}, row ${Math.floor(i / k) + 1}, column ${(i % k) + 1}`,
      }));
    const sum = make("output", { class: "part" });
    lab.grids.push({ channel: c, patch, kernel, products, sum });
    const name = channels > 1 ? `${CHANNELS[c]} ` : "";
    const led = (text, content) => make("div", { class: "led" }, sign(text), content); // a sign never stands alone at a line's end
    const line = s.stage === "conv"
      ? [titled(`${name}patch`, grid("Patch", patch)), led("×", titled(`${name}kernel${s.flip ? ", rotated 180°" : channels > 1 || plain || big ? "" : ": type or drag"}`, grid("Kernel", kernel))),
         led("=", titled(`${name}products`, grid("Products", products))), ...(channels > 1 && !one ? [led("Σ", sum)] : [])]
      : [titled(s.stage === "relu" ? "value" : "patch", grid("Patch", patch))];
    return make("div", { class: `row${k > 4 && !plain ? " large" : ""}` }, ...line);
  });
  parts.pictures.classList.toggle("square", s.stage === "conv" && (one || (channels === 1 && k > (big ? 3 : 5))));
  parts.sum.classList.toggle("many", channels > 1 && !one);
  lab.total = make("output", { class: "total" });
  lab.lead = make("span", { class: "lead" });
  lab.bias = s.stage === "conv" ? make("input", { class: "bias", type: "text", inputmode: "decimal", "aria-label": "Bias", title: "Bias" }) : null;
  lab.picker ??= picker();
  const focus = lab.element.getRootNode().activeElement;
  parts.sum.replaceChildren(
    ...(one ? [lab.picker] : []),
    make("div", { class: "rows" }, ...rows),
    make("div", { class: "result" }, lab.lead, lab.bias && lab.bias, make("span", { class: "led" }, sign("="), lab.total)));
  if (lab.picker.contains(focus)) focus.focus();
}

/** The sums of all channels, to choose the one whose numbers are written out. */
function picker() {
  const box = make("div", { class: "pick channels", role: "radiogroup", "aria-label": "Channel written out" });
  CHANNELS.forEach((name, c) => box.append(make("label", {},
    make("input", { type: "radio", name: "channel", value: String(c), "aria-label": `Channel ${name}` }),
    make("span", {}, `Σ${name} `, make("output", {})))));
  box.querySelector("input").checked = true;
  return box;
}

const sign = (text) => make("span", { class: "sign", "aria-hidden": "true" }, text);

const plus = (terms) => terms.join(" + ").replaceAll("+ −", "− ");

/** What pooling does with the numbers under its window, written out where there are few. */
function pooling(s, values, told) {
  const terms = values.length > 9 ? null : values.map(told);
  if (s.poolKind === "max") return `max(${terms?.join(", ") ?? `${values.length} values`})`;
  return terms ? `(${plus(terms)}) / ${values.length}` : `mean of ${values.length} values`;
}

export function fillSum(lab) {
  buildSum(lab);
  const n = numbers(lab, lab.position), { s } = lab, scale = scaleOf(lab), told = (value) => shown(value * scale);
  const widest = lab.s.stage === "conv" ? peakOf(filterOf(lab).weights.flat(2)) : 1;
  const [smallest, full] = lab.element.classList.contains("big") ? [STAGE, STAGE_FULL] : [SMALLEST, FULL];
  const ems = ruler(getComputedStyle(lab.element).fontFamily), room = full * lab.grids[0].patch[0].clientWidth;
  const fits = (text) => ems(text) * smallest <= room;
  const sized = (cell, text) => cell.style.setProperty("--fit", full / ems(text));
  const put = (cell, value, colour) => {
    const text = brief(value, fits);
    if (cell.textContent !== text) (cell.textContent = text), (cell.title = text === shown(value) ? "" : shown(value));
    sized(cell, text);
    cell.style.background = css(colour);
    cell.style.color = ink(colour);
  };
  const focus = lab.element.getRootNode().activeElement;
  for (const grids of lab.grids) {
    const channel = n.channels[grids.channel], strongest = peakOf(channel.products);
    channel.values.forEach((value, i) => {
      const colour = s.stage === "conv" ? GRAYS[level(value, "picture")] : tint(lab)[level(value, s.look, lab.peak)];
      put(grids.patch[i], value * scale, colour);
      if (s.stage !== "conv") return;
      put(grids.products[i], channel.products[i] * scale, lab.luts.activation[level(channel.products[i], "signed", strongest)]);
      const cell = grids.kernel[i], tone = lab.luts.weight[level(channel.weights[i], "signed", widest)];
      if (cell !== focus) (cell.value = brief(channel.weights[i], fits)), sized(cell, cell.value);
      cell.style.background = css(tone);
      cell.style.color = ink(tone);
    });
    grids.sum.textContent = told(channel.sum);
  }
  n.channels.forEach((channel, c) => (lab.picker.querySelectorAll("output")[c].textContent = told(channel.sum)));
  lab.lead.replaceChildren(
    ...(s.stage === "relu" ? [`max(0, ${told(n.channels[0].values[0])})`] : s.stage === "pool" ? [pooling(s, n.channels[0].values, told)]
    : [make("span", {}, `${n.channels.length > 1 ? CHANNELS.map((c) => `Σ${c}`).join(" + ") : "Σ products"} + bias `), `= ${plus(n.channels.map((c) => told(c.sum)))} +`]));
  if (lab.bias && lab.bias !== focus) lab.bias.value = told(n.bias);
  const colour = tint(lab)[level(n.total, s.look, lab.peak)];
  lab.total.textContent = told(n.total);
  lab.total.style.background = css(colour);
  lab.total.style.color = ink(colour);
}
