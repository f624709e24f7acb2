// What is painted on the canvas: the photo, the heat over it, contours, boxes, and what was wiped away.
import { controls } from "./look.js";
import { contour, otsu, pieces, shades } from "./model.js";
import { scaled } from "./scale.js";
import { sharp } from "../shared/canvas.js";
import { calm } from "../shared/theme.js";

const FADED = "rgb(128 128 128 / .55)";

/** Where the net's pixels lie on the canvas, in CSS pixels. */
function frame(cam, width, height) {
  if (cam.look.view === "seen") return [0, 0, width, height];
  const [left, top, across, down] = cam.data.box;
  return [left * width, top * height, across * width, down * height];
}

export function draw(cam) {
  const { data, look } = cam;
  scaled(cam);
  const [down, across] = data.shape;
  const ratio = look.view === "seen" ? down / across : data.size[1] / data.size[0];
  const most = Math.min(cam.element.clientWidth, look.view === "seen" ? 560 / ratio : 640 / ratio);
  const width = Math.max(120, Math.floor(most)), height = Math.round(width * ratio);
  cam.canvas.style.width = `${width}px`;
  cam.canvas.style.height = `${height}px`;
  const context = sharp(cam.canvas, width, height), image = cam.images[look.view];
  const [x, y, w, h] = frame(cam, width, height);
  cam.at = [x, y, w, h, width, height];
  context.imageSmoothingEnabled = true;
  if (image) context.drawImage(image, 0, 0, width, height);
  if (look.view === "photo" && (w < width - 1 || h < height - 1)) {
    context.save();
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(x, y, w, h);
    context.fillStyle = FADED;
    context.fill("evenodd");
    context.restore();
  }
  if (look.mode !== "blink" || cam.blinkOn) warm(cam, context, x, y, w, h);
  if (look.contours) outline(cam, context, x, y, w, h);
  if (cam.strokes.length || cam.stroke) smear(cam, context, x, y, w, h); // over the heat: there is none where nothing is
  cam.found = look.boxes ? pieces(cam.heat, down, across, Math.max(1, Math.round((look.threshold || otsu(cam.heat) / 255) * 255)), 0.005) : [];
  boxes(cam, context, x, y, w, h);
  if (look.mode === "split") {
    context.fillStyle = "#fff";
    context.fillRect(x + look.split * w - 1, y, 2, h);
  }
  if (cam.brush.checked && cam.ring) {
    const r = Number(cam.radius.value) * Math.min(w, h);
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(x + cam.cursor[0] * w, y + cam.cursor[1] * h, r, 0, 7);
    context.stroke();
  }
  controls(cam);
  blink(cam);
  cam.canvas.setAttribute("aria-label", cam.caption);
  cam.element.dataset.drawn = `${cam.drawn} ${look.opacity}`; // for who measures
}

/** The heat, its colours as opaque as asked, none below the threshold. */
function warm(cam, context, x, y, w, h) {
  const { look, heat, data: { shape: [down, across] } } = cam;
  if (!cam.luts) return;
  shades(heat, cam.luts[look.colours], look, cam.tile.size(across, down));
  context.save();
  if (look.mode === "split") {
    context.beginPath();
    context.rect(x + look.split * w, y, w, h);
    context.clip();
  }
  context.drawImage(cam.tile.done(), x, y, w, h);
  context.restore();
}

function outline(cam, context, x, y, w, h) {
  const [down, across] = cam.data.shape;
  cam.lines ??= [0.25, 0.5, 0.75].map((level) => contour(cam.heat, down, across, level * 255));
  context.lineWidth = 1.5;
  cam.lines.forEach((lines, i) => {
    context.strokeStyle = ["rgb(255 255 255 / .55)", "rgb(255 255 255 / .8)", "#fff"][i];
    context.beginPath();
    for (const [a, b, c, d] of lines) { context.moveTo(x + a * w, y + b * h); context.lineTo(x + c * w, y + d * h); }
    context.stroke();
  });
}

function boxes(cam, context, x, y, w, h) {
  const [down, across] = cam.data.shape;
  context.lineWidth = 2;
  cam.found.forEach((one, i) => {
    context.strokeStyle = i ? "rgb(255 255 255 / .7)" : "#ffb02e";
    context.strokeRect(x + (one.left / across) * w, y + (one.top / down) * h, ((one.right - one.left) / across) * w, ((one.low - one.top) / down) * h);
  });
}

/** What is wiped away, as a grey veil. */
function smear(cam, context, x, y, w, h) {
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
  context.strokeStyle = context.fillStyle = "rgb(124 116 104)";
  context.lineCap = context.lineJoin = "round";
  for (const stroke of [...cam.strokes, ...(cam.stroke ? [cam.stroke] : [])]) {
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
