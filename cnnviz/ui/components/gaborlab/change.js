// What follows a change: the picture's answer at the next frame; Python hears of it on release.
import { analysed, directions, gaborResponse, gaborSpectrum } from "./model.js";
import { drawGabor } from "./view.js";
import { afterwards } from "../shared/afterwards.js";
import { peakOf } from "../shared/colour.js";

/** Take new values, compute, and redraw at the next frame. */
export function turn(lab, values) {
  Object.assign(lab.g, values);
  for (const [name, { range }] of Object.entries(lab.ranges)) lab.g[name] = Math.min(Math.max(lab.g[name], range.min), range.max);
  lab.stale = true;
  ask(lab);
}

export function ask(lab) {
  if (lab.asked) return;
  lab.asked = true;
  requestAnimationFrame(() => {
    lab.asked = false;
    if (!lab.element.isConnected) return;
    if (lab.stale) respond(lab);
    lab.stale = false;
    drawGabor(lab);
  });
}

/** The answer of the picture to the filter, at most once a frame. */
function respond(lab) {
  const picture = lab.pictures[lab.picture];
  picture.analysed ??= analysed(picture.pixels, lab.fourier);
  lab.answer ??= new Float64Array(lab.fourier.n ** 2);
  if (lab.answer.length !== lab.fourier.n ** 2) lab.answer = new Float64Array(lab.fourier.n ** 2);
  lab.map = null;
  if (lab.view === "directions") {
    lab.map = directions(picture.analysed, lab.g, lab.fourier, lab.work);
    gaborSpectrum(lab.g, lab.fourier, lab.work.spectrum);
  } else gaborResponse(picture.analysed, lab.g, lab.fourier, lab.work, lab.answer);
  const shownMap = lab.map ? lab.map.strength : lab.answer;
  lab.most = peakOf(shownMap);
  if (!lab.parts.hold.checked || !lab.scale) lab.scale = lab.most;
}

export function tell(lab) {
  afterwards(lab.element, () => lab.send("view", { ...lab.g, picture: lab.picture, view: lab.view, locked: lab.parts.hold.checked ? lab.scale : 0, stamp: lab.stamp }));
}
