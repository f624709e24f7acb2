// What is painted on the canvases: the photo, the heat over it, contours, boxes, and what was wiped away.
import { gripped, wanted } from "./crop.js";
import { controls } from "./look.js";
import { contour, onPhoto, otsu, pieces, shades } from "./model.js";
import { frame } from "./panel.js";
import { scaled, told } from "./scale.js";
import { placed, put } from "../shared/element.js";
import { sharp } from "../shared/canvas.js";
import { calm } from "../shared/theme.js";

const FADED = "rgb(128 128 128 / .55)";
const AROUND = 468; // px of a window that the title, the controls and the downloads around a picture take
const STAGE = 292; // the same in presenter mode
export const GAP = 12; // px between two pictures

/** How high a picture may be: what stands around it stays in the window with it. */
function tallest(cam) {
  const narrow = cam.wide < 560;
  return Math.max(200, narrow ? innerHeight * 0.6 : innerHeight - (cam.data.big ? STAGE : AROUND));
}

/** How wide each of some pictures side by side may be, in whole pixels; `all` need not be whole. */
export const room = (all, count) => Math.floor((all - GAP * (count - 1)) / count);

export function draw(cam) {
  if (cam.panels.some((one) => one.waits)) return;
  scaled(cam);
  cam.wide ??= cam.element.getBoundingClientRect().width; // asked once, as the browser lays out the page to answer
  const beside = cam.panels.length > 1 && cam.wide >= 560, wide = room(cam.wide, beside ? 2 : 1);
  const most = tallest(cam) / (beside || cam.panels.length === 1 ? 1 : 1.6);
  for (const one of cam.panels) paint(cam, one, wide, most);
  controls(cam);
  blink(cam);
  placed(cam.element);
  cam.element.dataset.drawn = `${cam.drawn} ${cam.look.opacity}`; // for who measures
}

function paint(cam, one, wide, most) {
  const { look } = cam, { data } = one, [down, across] = data.shape;
  const ratio = look.view === "seen" ? down / across : data.size[1] / data.size[0];
  const width = Math.max(120, Math.floor(Math.min(wide, most / ratio))), height = Math.round(width * ratio);
  one.canvas.style.width = `${width}px`;
  one.canvas.style.height = `${height}px`;
  const context = sharp(one.canvas, width, height), image = one.images[look.view];
  const { whole, part: [x, y, w, h] } = frame({ view: look.view, box: data.box, width, height, zoom: cam.zoom });
  one.at = [x, y, w, h];
  context.imageSmoothingEnabled = true;
  if (image) context.drawImage(image, ...whole);
  const { part } = frame({ view: look.view, box: wanted(cam, one), width, height, zoom: cam.zoom });
  if (look.view === "photo" && (w < whole[2] - 1 || h < whole[3] - 1)) fade(context, whole, part);
  if (look.mode !== "blink" || cam.blinkOn) warm(cam, one, context, x, y, w, h);
  if (look.contours) outline(one, context, x, y, w, h);
  const strokes = data.stamp === cam.photoStamp ? [...cam.strokes, ...(cam.stroke ? [cam.stroke] : [])] : [];
  smear(strokes, context, x, y, w, h); // over the heat: there is none where nothing is
  one.found = look.boxes ? pieces(onPhoto(one.heat, down, across, data.padding), down, across, Math.max(1, Math.round((look.threshold || otsu(one.heat) / 255) * 255)), 0.005) : [];
  boxes(one, context, x, y, w, h);
  if (look.mode === "split") {
    context.fillStyle = "#fff";
    context.fillRect(x + look.split * w - 1, y, 2, h);
  }
  const [u, v] = cam.cursor;
  if (cam.brush.checked && cam.ring) ring(context, x + u * w, y + v * h, Number(cam.radius.value) * Math.min(w, h));
  else if (cam.panels.length > 1 && cam.hover) ring(context, x + cam.hover[0] * w, y + cam.hover[1] * h, 7);
  put(one.canvas, { ariaLabel: told(cam, one) });
  gripped(cam, one, part);
}

/** A veil over what is not the network's input. */
function fade(context, whole, part) {
  context.save();
  context.beginPath();
  context.rect(...whole);
  context.rect(...part);
  context.fillStyle = FADED;
  context.fill("evenodd");
  context.restore();
}

/** A circle that is seen on light and on dark. */
function ring(context, x, y, radius) {
  for (const [colour, width] of [["rgb(0 0 0 / .6)", 3.5], ["#fff", 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.stroke();
  }
}

/** The heat in its colours, as opaque as asked, none below the threshold. */
function warm(cam, one, context, x, y, w, h) {
  const { look } = cam, [down, across] = one.data.shape;
  if (!cam.luts) return;
  shades(one.heat, cam.luts[look.colours], look, one.tile.size(across, down));
  context.save();
  if (look.mode === "split") {
    context.beginPath();
    context.rect(x + look.split * w, y, w, h);
    context.clip();
  }
  context.drawImage(one.tile.done(), x, y, w, h);
  context.restore();
}

function outline(one, context, x, y, w, h) {
  const [down, across] = one.data.shape;
  one.lines ??= [0.25, 0.5, 0.75].map((level) => contour(one.heat, down, across, level * 255));
  context.lineWidth = 1.5;
  one.lines.forEach((lines, i) => {
    context.strokeStyle = ["rgb(255 255 255 / .55)", "rgb(255 255 255 / .8)", "#fff"][i];
    context.beginPath();
    for (const [a, b, c, d] of lines) { context.moveTo(x + a * w, y + b * h); context.lineTo(x + c * w, y + d * h); }
    context.stroke();
  });
}

function boxes(one, context, x, y, w, h) {
  const [down, across] = one.data.shape;
  context.lineWidth = 2;
  one.found.forEach((box, i) => {
    context.strokeStyle = i ? "rgb(255 255 255 / .7)" : "#ffb02e";
    context.strokeRect(x + (box.left / across) * w, y + (box.top / down) * h, ((box.right - box.left) / across) * w, ((box.low - box.top) / down) * h);
  });
}

/** What is wiped away, as a grey veil. */
function smear(strokes, context, x, y, w, h) {
  if (!strokes.length) return;
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
  context.strokeStyle = context.fillStyle = "rgb(124 116 104)";
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.lineWidth = 2 * stroke[0][2] * Math.min(w, h);
    context.beginPath();
    context.moveTo(x + stroke[0][0] * w, y + stroke[0][1] * h);
    for (const [a, b] of stroke) context.lineTo(x + a * w + 0.01, y + b * h);
    context.stroke();
  }
  context.restore();
}

/** In blink mode, the heat comes and goes. */
function blink(cam) {
  const wanted = cam.look.mode === "blink" && !calm();
  if (wanted && !cam.ticking) {
    cam.ticking = true;
    const tick = () => {
      if (cam.look.mode !== "blink" || !cam.element.isConnected) { cam.ticking = false; cam.blinkOn = true; return; }
      cam.blinkOn = !cam.blinkOn;
      draw(cam);
      setTimeout(tick, 700);
    };
    setTimeout(tick, 700);
  }
}
