// How the Gabor lab looks: its parts, and what one frame draws.
import { KNOBS } from "./knobs.js";
import { aliased, gaborKernel, matched, radians } from "./model.js";
import { directionColour, wheel } from "./wheel.js";
import { sharp } from "../shared/canvas.js";
import { GRAYS, level, peakOf } from "../shared/colour.js";
import { make } from "../shared/element.js";
import { shown } from "../shared/number.js";
import { room } from "../shared/room.js";

const NARROW = 640, GAP = 18, ASIDE = 262; // px, as in the sheet

export const TEMPLATE = `
<div class="top"><div class="pick photos" role="radiogroup" aria-label="Image"></div><div class="pick views" role="radiogroup" aria-label="What is shown"></div>
<label class="check"><input type="checkbox" class="hold"> Lock the colour scale</label></div>
<div class="panels">
  <figure><figcaption class="photo-name"></figcaption><canvas class="photo" tabindex="0" role="img"></canvas></figure>
  <div class="middle">
    <figure><figcaption>Real part</figcaption><canvas class="real" role="img"></canvas></figure>
    <figure><figcaption>Imaginary part</figcaption><canvas class="imaginary" role="img"></canvas></figure>
    <figure><figcaption>Spectrum<span class="drag">, drag the spot</span></figcaption><canvas class="spectrum" tabindex="0" role="img"></canvas></figure>
  </div>
  <figure><figcaption class="answer-name"></figcaption><canvas class="answer" tabindex="0" role="img"></canvas></figure>
</div>
<p class="say" aria-live="off"></p>
<div class="match" hidden></div>
<div class="knobs"></div>
<p class="alias" role="status"></p>`;

/** Draw a tile as large as its canvas, smooth only where it is a photo. */
function show(canvas, tile, side) {
  canvas.style.width = canvas.style.height = `${side}px`;
  const context = sharp(canvas, side, side);
  context.drawImage(tile, 0, 0, side, side);
  return context;
}

/** The sides of the large and the small pictures, in px, so that what belongs to them stays in the window. */
function fit({ element, parts }) {
  const { panels, photo, real } = parts, big = element.classList.contains("big");
  panels.style.gridTemplateColumns = "";
  if (element.clientWidth <= NARROW) return { wide: photo.parentElement.clientWidth, small: real.parentElement.clientWidth };
  const beside = big && getComputedStyle(element).display === "grid"; // on a stage, what is set stands beside the pictures
  const rest = beside ? 16 : element.getBoundingClientRect().bottom - panels.getBoundingClientRect().bottom + (big ? 16 : 72);
  const high = room(photo, rest), caption = photo.previousElementSibling.offsetHeight + 8;
  const width = beside ? element.clientWidth - ASIDE : panels.clientWidth;
  const least = big ? 176 : 104, across = (middle) => Math.floor((width - middle - 2 * GAP) / 2);
  const wide = Math.min(high, across(Math.max(least, (high - 2 * caption) / 3)));
  const small = Math.floor((wide - 2 * caption - 6) / 3), middle = Math.max(least, small);
  panels.style.gridTemplateColumns = `${wide}px ${middle}px ${wide}px`;
  return { wide, small };
}

export function drawGabor(lab) {
  const { parts, g, fourier, tiles } = lab, { n } = fourier, picture = lab.pictures[lab.picture];
  if (lab.refit) (lab.refit = false), drawMatch(lab), (lab.sides = fit(lab));
  const { wide, small } = lab.sides;
  const kernel = gaborKernel(g), side = Math.max(kernel.wide, kernel.tall), most = Math.max(peakOf(kernel.re), peakOf(kernel.im));

  const words = tiles.photo.size(n, n);
  for (let i = 0; i < words.length; i++) words[i] = GRAYS[picture.pixels[i]];
  const photo = show(parts.photo, tiles.photo.done(), wide), scale = wide / n;
  const column = Math.floor(lab.at[0] * n), row = Math.floor(lab.at[1] * n);
  drawSpot(photo, (column + 0.5) * scale, (row + 0.5) * scale, g, scale, lab.theme.window);

  for (const [name, values] of [["real", kernel.re], ["imaginary", kernel.im]]) {
    const square = tiles[name].size(side, side), zero = lab.luts.weight[128];
    square.fill(zero);
    const top = (side - kernel.tall) >> 1, left = (side - kernel.wide) >> 1;
    for (let y = 0, i = 0; y < kernel.tall; y++)
      for (let x = 0; x < kernel.wide; x++, i++) square[(y + top) * side + x + left] = lab.luts.weight[level(values[i], "signed", most)];
    show(parts[name], tiles[name].done(), small);
    parts[name].setAttribute("aria-label", `${name} part of the kernel, ${kernel.wide} × ${kernel.tall} pixels`);
  }

  drawSpectrum(lab, small);
  drawAnswer(lab, wide, column, row);
  drawMatch(lab);
  for (const [name, , , , , words2] of KNOBS) {
    const { range, output } = lab.ranges[name];
    range.value = g[name];
    output.textContent = words2(g[name]);
    range.setAttribute("aria-valuetext", output.textContent);
    output.dataset.short = output.textContent.split(",")[0];
  }
  const said = aliasing(g);
  if (parts.alias.textContent !== said) parts.alias.textContent = said;
  parts["photo-name"].textContent = `${picture.name}, ${n} × ${n}`;
  parts.photo.setAttribute("aria-label", `${picture.name}, ${n} by ${n} pixels, gray. Arrow keys move the point that is read, Enter pins it.`);
  lab.element.dataset.draws = ++lab.draws;
}

/** What the grid of pixels does to a filter too fast or too narrow for it. */
function aliasing(g) {
  const slow = aliased(g), words = [];
  if (slow.fast) words.push(slow.frequency < 0.005
    ? "Aliasing: beyond 0.5 cycles/px along x or y (Nyquist). At whole pixels this wave is constant."
    : `Aliasing: beyond 0.5 cycles/px along x or y (Nyquist). At whole pixels this wave is one of ${slow.frequency.toFixed(3)} cycles/px at ${Math.round(slow.theta) % 180}°.`);
  if (Math.min(g.sigma, g.sigma / g.gamma) < 0.5) words.push("Sigma below 0.5 px: the Gaussian is narrower than one pixel, so the kernel is nearly a single weight.");
  return words.join(" ");
}

/** The filter's footprint: the bell at two deviations, and one wave's direction. */
function drawSpot(context, x, y, g, scale, colour) {
  for (const [width, stroke] of [[3.5, "rgb(0 0 0 / .5)"], [1.8, colour]]) {
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.beginPath();
    context.ellipse(x, y, Math.max(3, 2 * g.sigma * scale), Math.max(3, ((2 * g.sigma) / g.gamma) * scale), radians(g.theta), 0, 2 * Math.PI);
    context.moveTo(x, y);
    context.lineTo(x + Math.cos(radians(g.theta)) * (2 * g.sigma * scale + 8), y + Math.sin(radians(g.theta)) * (2 * g.sigma * scale + 8));
    context.stroke();
  }
}

/** Frequencies from −0.5 to 0.5 each way, zero in the middle; the filter is one soft spot. */
function drawSpectrum(lab, side) {
  const { n } = lab.fourier, { spectrum } = lab.work, half = n / 2, words = lab.tiles.spectrum.size(n, n), most = peakOf(spectrum);
  for (let y = 0, i = 0; y < n; y++)
    for (let x = 0; x < n; x++, i++)
      words[i] = lab.luts.heat[level(spectrum[((x + half) % n) * n + ((y + half) % n)], "magnitude", most)];
  const context = show(lab.parts.spectrum, lab.tiles.spectrum.done(), side);
  context.strokeStyle = "rgb(255 255 255 / .35)";
  context.lineWidth = 0.75;
  context.beginPath();
  context.moveTo(side / 2, 0), context.lineTo(side / 2, side), context.moveTo(0, side / 2), context.lineTo(side, side / 2);
  context.stroke();
  lab.parts.spectrum.setAttribute("aria-label",
    `Spectrum of the filter: a spot at frequency ${lab.g.frequency.toFixed(3)}, orientation ${Math.round(lab.g.theta)} degrees. Arrow keys move it.`);
}

function drawAnswer(lab, side, column, row) {
  const { parts, fourier, tiles } = lab, { n } = fourier, words = tiles.answer.size(n, n), at = row * n + column;
  if (lab.map) {
    for (let i = 0; i < words.length; i++) words[i] = directionColour(lab.luts.direction, lab.map.angle[i], Math.min(1, lab.map.strength[i] / lab.scale));
  } else for (let i = 0; i < words.length; i++) words[i] = lab.luts.heat[level(lab.answer[i], "magnitude", lab.scale)];
  const context = show(parts.answer, tiles.answer.done(), side), scale = side / n;
  for (const [width, stroke] of [[3.5, "rgb(0 0 0 / .55)"], [1.8, lab.theme.window]]) {
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.strokeRect(column * scale - 4, row * scale - 4, scale + 8, scale + 8);
  }
  if (lab.map) wheel(context, side, lab.luts.direction);
  const value = lab.map ? `${lab.map.angle[at].toFixed(1)}°, strength ${shown(lab.map.strength[at])}` : lab.answer[at].toFixed(4);
  parts["answer-name"].textContent = lab.map ? "Dominant orientation, brighter is stronger" : `Response magnitude, 0 to ${lab.most.toFixed(3)}`;
  parts.say.replaceChildren(`Row ${row}, column ${column}: ${lab.map ? "" : "√(real² + imaginary²) = "}`, make("b", {}, value));
  parts.answer.setAttribute("aria-label", `${parts["answer-name"].textContent}. ${parts.say.textContent}. Arrow keys move the point, Enter pins it.`);
}

/** A learned filter beside the Gabor in hand: what is left between them, and R². */
function drawMatch(lab) {
  const { parts, target, tiles } = lab;
  parts.match.hidden = !target;
  if (!target) return;
  const { k, plane } = target, { r2, values } = matched(target, lab.g), most = peakOf(plane);
  if (!parts.match.childElementCount) {
    const box = (title, name) => make("figure", {}, make("figcaption", {}, title), make("canvas", { class: name, role: "img", "aria-label": title }));
    parts.match.append(box("Learned", "m-learned"), box("Your Gabor", "m-hand"), box("Residual", "m-rest"), make("div", { class: "r2" }, make("span", {}), make("output", {})));
  }
  const draw = (name, tile, map) => show(parts.match.querySelector(name), tile.paint(map, k, k, lab.luts.weight, "signed", most), 96);
  draw(".m-learned", tiles.learned, plane);
  draw(".m-hand", tiles.hand, values);
  draw(".m-rest", tiles.rest, plane.map((v, i) => v - values[i]));
  parts.match.querySelector(".r2 span").textContent = target.name;
  parts.match.querySelector(".r2 output").textContent = `R² ${r2.toFixed(3).replace("-", "−")}`;
}
