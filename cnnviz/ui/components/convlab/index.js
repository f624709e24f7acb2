// The convolution lab: any kernel on any picture, computed here at every move; Python hears of it on release.
import { rethink, tell } from "./change.js";
import { showLearned } from "./chips.js";
import { showControls } from "./controls.js";
import { wire } from "./hands.js";
import { copied } from "./kernel.js";
import { stop } from "./motion.js";
import { TEMPLATE, request } from "./view.js";
import { bytes } from "../shared/bytes.js";
import { Tile } from "../shared/canvas.js";
import { palette } from "../shared/colour.js";
import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { watched } from "../shared/room.js";
import { theme } from "../shared/theme.js";

const LABS = new WeakMap();

export default function (args) {
  return mounted(LABS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab conv" });
  element.innerHTML = TEMPLATE; // a constant
  root.append(element);
  const parts = Object.fromEntries([...element.querySelectorAll("[class]")].map((e) => [e.classList[e.classList.length - 1], e]));
  const lab = { element, parts, tiles: { in: new Tile(), out: new Tile() }, draws: 0, speed: 40, tall: 300, channel: 0, show: showControls };
  const redraw = () => lab.out && ((lab.refit = true), request(lab)), size = watched(element, redraw);
  document.fonts.addEventListener("loadingdone", redraw); // another font, other widths of numbers
  lab.watch = { disconnect: () => {
    size.disconnect();
    document.fonts.removeEventListener("loadingdone", redraw);
  } };
  wire(lab);
  return lab;
}

function update(lab, data) {
  lab.theme = theme(lab.element);
  lab.luts = { activation: palette(data.luts.activation), weight: palette(data.luts.weight) };
  lab.presets = data.presets;
  lab.element.classList.toggle("big", Boolean(data.big));
  (data.big ? lab.parts.settings : lab.parts.pictures).before(lab.parts.extra); // on a stage the arithmetic keeps its height
  const fresh = lab.stamp !== data.start.stamp;
  if (lab.input?.stamp !== data.stamp) {
    const all = bytes(data.pixels), n = data.width * data.height;
    const planes = Array.from({ length: all.length / n }, (_, c) => all.subarray(c * n, (c + 1) * n));
    lab.input = { stamp: data.stamp, name: data.name, width: data.width, height: data.height, planes };
    lab.padKey = null;
    if (!fresh) stop(lab), (lab.position = 0), (lab.grid = null), (lab.retell = true);
  }
  if (fresh) {
    lab.stamp = data.start.stamp;
    stop(lab);
    lab.pin(false);
    adopt(lab, data.start);
  }
  const learned = JSON.stringify([data.learned_from, data.learned?.length]);
  if (lab.learnedKey !== learned) (lab.learnedKey = learned), showLearned(lab, data.learned ?? [], data.learned_from);
  rethink(lab);
  if (lab.retell) (lab.retell = false), tell(lab); // another picture may have changed what is legal
}

function adopt(lab, start) {
  lab.s = {
    filters: start.filters.map((f) => ({ name: f.name, weights: copied(f.weights), bias: f.bias ?? 0 })),
    selected: start.selected ?? 0, stride: start.stride ?? 1, padding: start.padding ?? 0, mode: start.mode ?? "zero",
    dilation: start.dilation ?? 1, stage: start.stage ?? "conv", look: start.look ?? "signed", gain: start.gain ?? 0, colour: start.colour ?? false,
    poolKind: start.pool_kind ?? "max", poolSize: start.pool_size ?? 2, poolStride: start.pool_stride ?? 0, unit: start.unit ?? 255,
    flip: start.flip ?? false,
  };
  lab.position = start.position ?? 0;
  lab.grid = null; // which is of this state, and not of the last one
  lab.filling = false;
}
