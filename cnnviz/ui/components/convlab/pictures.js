// The two pictures: input and output, with the window on each.
import { numbers, walk } from "./model.js";
import { sharp } from "../shared/canvas.js";
import { GRAYS } from "../shared/colour.js";
import { room } from "../shared/room.js";

const FOOT = 110; // px under the lab: gaps and a row of downloads

/** The left picture: image with its border, or the previous map; and the window on it. */
export function drawInput(lab) {
  const { canvas, colours } = { canvas: lab.parts.in, colours: lab.theme }, w = walk(lab), { s } = lab;
  const scale = lab.scale, context = sharp(canvas, w.width * scale, w.height * scale);
  context.drawImage(inputTile(lab, w), 0, 0, w.width * scale, w.height * scale);
  if (s.stage === "conv" && s.padding) {
    const p = s.padding * scale, W = w.width * scale, H = w.height * scale;
    context.fillStyle = lab.theme.dark ? "rgb(118 126 138 / .5)" : "rgb(200 205 214 / .55)";
    for (const box of [[0, 0, W, p], [0, H - p, W, p], [0, p, p, H - 2 * p], [W - p, p, p, H - 2 * p]]) context.fillRect(...box);
    context.strokeStyle = colours.line;
    context.strokeRect(p, p, W - 2 * p, H - 2 * p);
  }
  rule(context, w.width, w.height, scale, lab.theme.dark);
  const n = numbers(lab, lab.position);
  const y = n.row * w.stride * scale, x = n.column * w.stride * scale, side = w.span * scale;
  if (w.dilation > 1 && w.dilation * scale >= 4) {
    context.fillStyle = colours.window + "66";
    for (let i = 0; i < w.side; i++)
      for (let j = 0; j < w.side; j++) context.fillRect(x + j * w.dilation * scale, y + i * w.dilation * scale, scale, scale);
  }
  frame(context, x, y, side, colours.window);
}

function inputTile(lab, w) {
  const { s } = lab;
  if (s.stage !== "conv")
    return lab.tiles.in.paint((s.stage === "relu" ? lab.maps[s.selected] : lab.relu).map, w.width, w.height, tint(lab), s.look, lab.peak);
  const key = lab.padKey;
  if (lab.tiles.inKey !== key) {
    const words = lab.tiles.in.size(w.width, w.height), [a, b, c] = lab.padded;
    for (let i = 0; i < words.length; i++)
      words[i] = 0xff000000 | ((c ?? a)[i] << 16) | ((b ?? a)[i] << 8) | a[i];
    lab.tiles.in.done();
    lab.tiles.inKey = key;
  }
  return lab.tiles.in.canvas;
}

export const tint = (lab) => (lab.s.look === "signed" ? lab.luts.activation : GRAYS);

/** The right picture: as far as the window has come, and the cell it is filling. */
export function drawOutput(lab) {
  const { map, width, height } = lab.out, scale = lab.outScale;
  const context = sharp(lab.parts.out, width * scale, height * scale);
  context.drawImage(lab.tiles.out.paint(map, width, height, tint(lab), lab.s.look, lab.peak), 0, 0, width * scale, height * scale);
  const row = Math.floor(lab.position / width), column = lab.position % width;
  if (lab.filling) {
    context.fillStyle = lab.theme.back;
    context.fillRect((column + 1) * scale, row * scale, (width - column - 1) * scale, scale);
    context.fillRect(0, (row + 1) * scale, width * scale, (height - row - 1) * scale);
  }
  rule(context, width, height, scale, lab.theme.dark);
  frame(context, column * scale, row * scale, scale, lab.theme.window);
}

/** Lines between pixels, where they are large enough to be seen as squares. */
function rule(context, width, height, scale, dark) {
  if (scale < 7) return;
  context.beginPath();
  for (let x = 1; x < width; x++) context.moveTo(x * scale, 0), context.lineTo(x * scale, height * scale);
  for (let y = 1; y < height; y++) context.moveTo(0, y * scale), context.lineTo(width * scale, y * scale);
  context.strokeStyle = dark ? "rgb(128 134 142 / .28)" : "rgb(110 116 124 / .28)";
  context.lineWidth = 0.5;
  context.stroke();
}

/** A window's frame, never too small to be found, with a dark line around it for bright pictures. */
function frame(context, x, y, side, colour) {
  const grow = Math.max(0, (9 - side) / 2);
  context.lineWidth = 3.5;
  context.strokeStyle = "rgb(0 0 0 / .55)";
  context.strokeRect(x - grow, y - grow, side + 2 * grow, side + 2 * grow);
  context.lineWidth = 2;
  context.strokeStyle = colour;
  context.strokeRect(x - grow, y - grow, side + 2 * grow, side + 2 * grow);
}

/** The height for the pictures that leaves what belongs to them in the window: steps, settings, numbers, downloads. */
export function fit(lab) {
  const { element, parts } = lab, left = (part) => part.getBoundingClientRect().left, tall = (part) => part.offsetHeight;
  const below = left(parts.sum) > left(parts.out) + 8 ? 0 : tall(parts.sum);
  const extra = parts.pictures.contains(parts.extra) ? tall(parts.extra) : 0, big = element.classList.contains("big");
  const foot = big ? 24 + (tall(parts.filters) && 28) + (extra && 16) : FOOT;
  lab.tall = room(parts.in, tall(parts.transport) + extra + tall(parts.settings) + below + tall(parts.filters) + foot, big ? 180 : 220);
}

/** One size of pixel for both pictures where they fit, so that a smaller map looks smaller. */
export function measure(lab) {
  const w = walk(lab), boxes = [lab.parts.in, lab.parts.out].map((c) => c.parentElement.clientWidth || 300);
  const { tall } = lab;
  lab.scale = Math.min(boxes[0] / w.width, tall / w.height);
  const most = Math.min(boxes[1] / lab.out.width, tall / lab.out.height);
  lab.outScale = Math.min(most, Math.max(lab.scale, most * 0.45));
  for (const [canvas, width, height, scale] of [
    [lab.parts.in, w.width, w.height, lab.scale],
    [lab.parts.out, lab.out.width, lab.out.height, lab.outScale],
  ]) {
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
  }
}
