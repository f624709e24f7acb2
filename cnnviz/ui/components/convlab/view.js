// How the lab looks: its parts, and what one frame draws.
import { scaleOf, walk } from "./model.js";
import { drawInput, drawOutput, fit, measure } from "./pictures.js";
import { fillSum } from "./sum.js";
import { make } from "../shared/element.js";
import { shown } from "../shared/number.js";

export const TEMPLATE = `
<div class="body">
<div class="kernels" role="group" aria-label="Kernels"></div>
<div class="learned" hidden></div>
<p class="say" aria-live="polite"></p>
<div class="top">
  <select class="named" aria-label="Choose a kernel"></select>
  <div class="pick stages" role="radiogroup" aria-label="Step of the layer"></div>
  <div class="pick flips" role="radiogroup" aria-label="Whether the kernel is rotated first"></div>
  <div class="pick colours" role="radiogroup" aria-label="Channels"></div>
  <button type="button" class="rare" aria-expanded="false">Display and edit</button>
</div>
<div class="extra" hidden>
  <div class="pick looks" role="radiogroup" aria-label="How the output is shown"></div>
  <div class="pick units" role="radiogroup" aria-label="Scale of the pixel values"></div>
  <label class="pace gain"><span>Contrast</span><input type="range" min="0" max="4" step="0.25" aria-label="Contrast"></label>
  <div class="acts turns" role="group" aria-label="Edit the kernel"></div>
</div>
<div class="pictures">
  <figure><figcaption class="in-name"></figcaption>
    <canvas class="in" tabindex="0" role="img"></canvas></figure>
  <figure><figcaption class="out-name"></figcaption>
    <canvas class="out" tabindex="0" role="img"></canvas></figure>
  <div class="transport" role="group" aria-label="Slide the window">
  <button type="button" class="back" aria-label="One step back" title="One step back (Left)">❚◀</button>
  <button type="button" class="play" aria-label="Play" title="Play or pause (Space)">▶</button>
  <button type="button" class="step" aria-label="One step forward" title="One step forward (Right)">▶❚</button>
  <button type="button" class="pin" aria-pressed="false" title="Pin the window: a click on an image, or Enter; again or Escape releases it">Pin</button>
  <input type="range" class="scrub" min="0" step="1" aria-label="Position of the window">
  <label class="pace"><span>Speed</span><input type="range" class="speed" min="0" max="100" step="1" aria-label="Speed"></label>
  </div>
  <div class="settings"></div>
  <div class="sum" role="group" aria-label="Patch times kernel, cell by cell"></div>
  <details class="filters"></details>
</div>
<p class="told" role="status"></p>
</div>`;

export function request(lab) {
  if (lab.asked) return;
  lab.asked = true;
  requestAnimationFrame(() => {
    lab.asked = false;
    if (lab.element.isConnected) paint(lab);
  });
}

function paint(lab) {
  if (lab.refit) (lab.refit = false), fillSum(lab), fit(lab);
  measure(lab);
  drawInput(lab);
  drawOutput(lab);
  fillSum(lab);
  const { parts, s } = lab, n = lab.out.map.length, w = walk(lab);
  parts.scrub.max = n - 1;
  parts.scrub.value = lab.position;
  const row = Math.floor(lab.position / lab.out.width) + 1, column = (lab.position % lab.out.width) + 1;
  parts["in-name"].textContent = s.stage === "conv"
    ? `${lab.input.name}, ${lab.input.width} × ${lab.input.height}${s.padding ? `, padded ${w.width} × ${w.height}` : ""}`
    : `${s.stage === "relu" ? "Convolution" : "After ReLU"}, ${w.width} × ${w.height}`;
  const [low, high] = [lab.out.map.reduce((a, b) => Math.min(a, b), Infinity), lab.out.map.reduce((a, b) => Math.max(a, b), -Infinity)];
  parts["out-name"].replaceChildren(
    make("span", {}, `Output, ${lab.out.width} × ${lab.out.height}`), make("span", {}, `, from ${shown(low * scaleOf(lab))} to ${shown(high * scaleOf(lab))}`));
  const here = `row ${row}, column ${column}`;
  parts.scrub.setAttribute("aria-valuetext", here);
  parts.in.setAttribute("aria-label", `${parts["in-name"].textContent}. Window for output ${here}. Arrow keys move it, Space plays, Enter pins.`);
  parts.out.setAttribute("aria-label", `${parts["out-name"].textContent}. At ${here}: ${lab.total.textContent}. Arrow keys move, Space plays, Enter pins.`);
  if (!lab.playing) parts.told.textContent = `Output ${here}: ${lab.total.textContent}`;
  lab.element.dataset.draws = ++lab.draws;
}
