// The part of the photo that is the network's input, moved by hand along the photo's longer side.
import { make, put } from "../shared/element.js";

const LATER = 400; // ms after the last key
const INSET = 18; // px from the edge of the part to the middle of its handle

/** Along which side of the photo it can be moved: 0 across, 1 down, -1 not at all, as where it is the whole photo. */
export function axis({ size: [width, height], box }) {
  const along = width >= height ? 0 : 1;
  return box[along + 2] < 1 - 1e-6 ? along : -1;
}

/** Where a part [left, top, width, height] (shares of the photo) lies on its way, 0..1. */
export const place = (box, along) => box[along] / (1 - box[along + 2]);

/** The part at another place of its way. */
export function moved(box, along, at) {
  const part = [...box];
  part[along] = at * (1 - box[along + 2]);
  return part;
}

/** The place after a move by a share of the photo, in hundredths as on the slider beside the photo. */
export function shifted(box, along, at, by) {
  const wanted = at + by / (1 - box[along + 2]);
  return Math.round(Math.min(1, Math.max(0, wanted)) * 100) / 100;
}

/** Along which side a hand can move it as the picture is shown now; -1: not at all. */
export const movable = (cam, one) => (cam.look.view === "photo" && cam.zoom.times === 1 ? axis(one.data) : -1);

/** The part that will be the input: where the hand has it, until the network has been run on it. */
export function wanted(cam, one) {
  const along = axis(one.data);
  return cam.crop && along >= 0 ? moved(one.data.box, along, cam.crop.at) : one.data.box;
}

/** How far along it is, 0..1: where the hand has it, where Python was told to have it, or where it lies. */
const now = (cam, one, along) => cam.crop?.at ?? one.data.crop ?? place(one.data.box, along);

/** The handle on the picture moves the crop, and so does the canvas by `one.slide`. */
export function handle(cam, one, draw) {
  const { grip, canvas } = one;
  const spot = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const set = (to) => {
    cam.crop = { was: cam.data.crop, box: cam.data.box, ...cam.crop, at: to };
    draw(cam);
  };
  const send = () => {
    cam.cropTimer = null;
    cam.trigger("crop", cam.crop.at);
    draw(cam);
  };
  one.slide = {
    begin(event) {
      const along = movable(cam, one);
      if (along >= 0) cam.slide = { along, from: spot(event)[along], at: now(cam, one, along) };
      return along >= 0;
    },
    move(event) {
      const { along, from, at: begun } = cam.slide;
      set(shifted(one.data.box, along, begun, spot(event)[along] - from));
    },
    end() {
      const held = cam.slide;
      cam.slide = null;
      if (held && cam.crop && cam.crop.at !== held.at) send();
    },
    /** By a key: `step` of the way, or to one of its ends. */
    step(step, end = null) {
      const along = movable(cam, one);
      if (along < 0) return false;
      set(end ?? Math.round(Math.min(1, Math.max(0, now(cam, one, along) + step)) * 100) / 100);
      clearTimeout(cam.cropTimer);
      cam.cropTimer = setTimeout(send, LATER);
      return true;
    },
  };
  grip.addEventListener("pointerdown", (event) => { grip.setPointerCapture(event.pointerId); one.slide.begin(event); });
  grip.addEventListener("pointermove", (event) => { if (cam.slide) one.slide.move(event); });
  for (const over of ["pointerup", "pointercancel"]) grip.addEventListener(over, one.slide.end);
  grip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.02, ArrowUp: -0.02, ArrowRight: 0.02, ArrowDown: 0.02, PageUp: -0.1, PageDown: 0.1 }[event.key];
    const end = { Home: 0, End: 1 }[event.key];
    if (step === undefined && end === undefined) return;
    one.slide.step(step, end);
    event.preventDefault();
    event.stopPropagation();
  });
}

/** The handle, a slider on the picture itself. */
export const grip = () => make("div", { class: "camgrip", role: "slider", tabindex: 0, "aria-label": "Crop", title: "Move the crop: drag, or Shift and arrow keys", "aria-valuemin": 0, "aria-valuemax": 100 }, make("span", {}));

/** The handle at the edge of the part, where it can be moved. */
export function gripped(cam, one, [x, y, w, h]) {
  const along = movable(cam, one), { grip } = one;
  put(grip, { hidden: along < 0 });
  put(grip.firstChild, { textContent: ["", "↔", "↕"][along + 1] });
  if (along < 0) return;
  const percent = Math.round(now(cam, one, along) * 100);
  put(grip, {
    ariaOrientation: along ? "vertical" : "horizontal", ariaValueNow: String(percent),
    ariaValueText: `${percent}% of the way to the ${along ? "bottom" : "right"}`,
  });
  grip.style.left = `${along ? x + w - INSET : x + w / 2}px`;
  grip.style.top = `${along ? y + h / 2 : y + h - INSET}px`;
}

/** After news from Python: what the hand has asked for is there, or something else was asked for since. */
export function arrived(cam, data) {
  if (!cam.crop || cam.slide || cam.cropTimer) return;
  const { box, was, at: asked } = cam.crop;
  if (box.some((number, i) => number !== data.box[i]) || ![was, asked].includes(data.crop)) cam.crop = null;
}
