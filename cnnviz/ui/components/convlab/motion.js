// The window on its way over the picture: to a place, or by itself.
import { tell } from "./change.js";
import { request } from "./view.js";
import { calm } from "../shared/theme.js";

export function go(lab, position, filling = lab.filling) {
  lab.position = Math.min(Math.max(0, position), lab.out.map.length - 1);
  lab.filling = filling;
  request(lab);
}

export const rate = (lab) => Math.max(1, (lab.out.map.length / 3) ** (lab.speed / 100)); // positions a second

export function play(lab) {
  if (lab.playing) return stop(lab), tell(lab);
  lab.playing = true;
  if (lab.position >= lab.out.map.length - 1) lab.position = 0;
  lab.filling = true;
  let last = performance.now(), owed = 0;
  showPlay(lab);
  const tick = (now) => {
    if (!lab.playing) return;
    const slow = calm(); // no gliding: a whole row at a time, twice a second
    owed += ((now - last) / 1000) * (slow ? 2 * lab.out.width : rate(lab));
    last = now;
    const steps = slow ? (owed >= lab.out.width ? lab.out.width : 0) : Math.floor(owed);
    owed -= steps;
    if (steps) go(lab, lab.position + steps, true);
    if (lab.position >= lab.out.map.length - 1) return stop(lab), tell(lab);
    lab.frame = requestAnimationFrame(tick);
  };
  lab.frame = requestAnimationFrame(tick);
}

export function stop(lab) {
  lab.playing = false;
  cancelAnimationFrame(lab.frame);
  showPlay(lab);
  if (lab.out) request(lab);
}

function showPlay(lab) {
  lab.parts.play.textContent = lab.playing ? "❚❚" : "▶";
  lab.parts.play.setAttribute("aria-label", lab.playing ? "Pause" : "Play");
}
