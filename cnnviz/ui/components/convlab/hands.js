// Hands on the pictures and the transport: pointer, keys, play.
import { wireCells } from "./cells.js";
import { changed, tell } from "./change.js";
import { walk } from "./model.js";
import { go, play, rate, stop } from "./motion.js";
import { request } from "./view.js";
import { place } from "../shared/element.js";
import { pinnable } from "../shared/pin.js";

export function wire(lab) {
  const { parts } = lab;
  parts.play.addEventListener("click", () => play(lab));
  parts.back.addEventListener("click", () => (stop(lab), go(lab, lab.position - 1, true), tell(lab)));
  parts.step.addEventListener("click", () => (stop(lab), go(lab, lab.position + 1, true), tell(lab)));
  parts.scrub.addEventListener("input", () => (stop(lab), go(lab, Number(parts.scrub.value), true)));
  parts.scrub.addEventListener("change", () => tell(lab));
  parts.speed.value = lab.speed;
  parts.speed.addEventListener("input", () => {
    lab.speed = Number(parts.speed.value);
    parts.speed.setAttribute("aria-valuetext", `${Math.round(rate(lab))} positions a second`);
  });
  const gain = parts.gain.querySelector("input");
  gain.addEventListener("input", () => changed(lab, (s) => (s.gain = Number(gain.value)), false));
  gain.addEventListener("change", () => changed(lab, (s) => (s.gain = Number(gain.value))));
  parts.rare.addEventListener("click", () => {
    parts.extra.hidden = !parts.extra.hidden;
    parts.rare.setAttribute("aria-expanded", String(!parts.extra.hidden));
    parts.rare.textContent = !parts.extra.hidden && lab.element.classList.contains("big") ? "Close" : "Display and edit";
    lab.refit = true;
    request(lab);
  });
  parts.filters.addEventListener("toggle", () => ((lab.refit = true), request(lab)));
  parts.sum.addEventListener("change", ({ target }) => {
    if (target.name !== "channel") return;
    lab.channel = Number(target.value);
    request(lab);
  });
  parts.named.addEventListener("change", () => lab.choose(parts.named.value));
  const canvases = [parts.in, parts.out];
  const follow = (canvas, event) => {
    if (event.type === "pointerdown") stop(lab), tell(lab);
    if (!lab.playing) go(lab, under(lab, canvas, event), false);
  };
  pinnable(lab, canvases, follow, () => {
    parts.pin.setAttribute("aria-pressed", String(lab.pinned));
    request(lab);
  });
  parts.pin.addEventListener("click", () => lab.pin(!lab.pinned));
  for (const canvas of canvases) canvas.addEventListener("keydown", (event) => key(lab, event));
  lab.element.addEventListener("keydown", (event) => event.key === "Escape" && !event.target.matches("input") && lab.pin(false));
  wireCells(lab);
}

/** The output position that a pointer on either picture means. */
function under(lab, canvas, event) {
  const w = walk(lab), [x, y] = place(event, canvas), { width, height } = lab.out;
  const at = (share, across, out) =>
    canvas === lab.parts.out ? Math.floor(share * out) : Math.round((share * across - w.span / 2) / w.stride);
  const clamp = (v, n) => Math.min(Math.max(0, v), n - 1);
  return clamp(at(y, w.height, height), height) * width + clamp(at(x, w.width, width), width);
}

function key(lab, event) {
  const { width, map } = lab.out, row = lab.position - (lab.position % width), far = event.shiftKey ? 10 : 1;
  const move = {
    ArrowLeft: -far, ArrowRight: far, ArrowUp: -width * far, ArrowDown: width * far,
    Home: row - lab.position, End: row + width - 1 - lab.position, PageUp: -width * 10, PageDown: width * 10,
  }[event.key];
  if (event.key === " ") play(lab);
  else if (move === undefined) return;
  else if (lab.position + move >= 0 && lab.position + move < map.length) stop(lab), go(lab, lab.position + move, lab.filling), tell(lab);
  event.preventDefault();
}
