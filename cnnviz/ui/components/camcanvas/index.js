// The photo under its heat. Everything but the answer to an erased photo is drawn here, at once.
import { draw } from "./draw.js";
import { hands } from "./hands.js";
import { same, tell } from "./look.js";
import { choose, show } from "./maps.js";
import { otsu } from "./model.js";
import { shelf } from "./scale.js";
import { bytes, floats } from "../shared/bytes.js";
import { Tile } from "../shared/canvas.js";
import { palette } from "../shared/colour.js";
import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { theme } from "../shared/theme.js";

const CANVASES = new WeakMap();
const MODES = [["overlay", "Overlay"], ["split", "Split"], ["blink", "Blink"]];
const VIEWS = [["photo", "Whole photo"], ["seen", "Network input"]];

export default function (args) {
  return mounted(CANVASES, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab cam" });
  const canvas = make("canvas", { tabindex: 0, role: "img" });
  const say = make("p", { class: "say", "aria-live": "polite" });
  const cam = { element, canvas, say, look: null, strokes: [], hover: null, blinkOn: true, cursor: [0.5, 0.5], ring: false, tile: new Tile(), images: {} };
  const change = (part, later = 300) => { Object.assign(cam.look, part); draw(cam); tell(cam, later); };
  const pick = (name, label, choices, field) => {
    const group = make("div", { class: `pick ${name}`, role: "radiogroup", "aria-label": label });
    cam[name] = {};
    for (const [value, words] of choices) {
      const input = make("input", { type: "radio", name: `cam-${name}`, value, "aria-label": words });
      input.addEventListener("change", () => change({ [field]: value }));
      cam[name][value] = input;
      group.append(make("label", {}, input, make("span", {}, words)));
    }
    return group;
  };
  const range = (name, label) => {
    const input = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": label });
    const output = make("output", {});
    input.addEventListener("input", () => change({ [name]: Number(input.value) }, 600));
    cam[`${name}Range`] = [input, output];
    return make("label", { class: "setting" }, make("span", {}, label), input, output);
  };
  const check = (name, label) => {
    const input = make("input", { type: "checkbox", "aria-label": label });
    input.addEventListener("change", () => change({ [name]: input.checked }));
    cam[`${name}Check`] = input;
    return make("label", { class: "check" }, input, label);
  };
  cam.colours = make("select", { "aria-label": "Colour map" });
  cam.colours.addEventListener("change", () => change({ colours: cam.colours.value }));
  cam.brush = make("input", { type: "checkbox", "aria-label": "Brush: erase and predict" });
  cam.brush.addEventListener("change", () => draw(cam));
  cam.radius = make("input", { type: "range", min: 0.02, max: 0.3, step: 0.01, value: 0.08, "aria-label": "Brush size" });
  for (const [event, ring] of [["input", true], ["change", false]]) cam.radius.addEventListener(event, () => { cam.ring = ring; draw(cam); });
  const act = (words, go) => make("button", { type: "button", onclick: go }, words);
  const wipe = (strokes) => { cam.strokes = strokes; draw(cam); tell(cam, 0); };
  cam.undo = act("Undo", () => wipe(cam.strokes.slice(0, -1)));
  cam.clear = act("Clear", () => wipe([]));
  cam.otsu = act("Auto threshold (Otsu)", () => change({ threshold: Math.round((otsu(cam.heat) / 255) * 100) / 100 }));
  const bar = make("div", { class: "cambar" },
    make("div", { class: "top" }, pick("modes", "Heat map and photo", MODES, "mode"), pick("views", "Part of the photo", VIEWS, "view")),
    make("div", { class: "camsettings" },
      range("opacity", "Opacity"), range("threshold", "Hide below"),
      make("div", { class: "camrow" }, make("label", { class: "colourpick" }, "Colour map ", cam.colours), check("contours", "Contours"), check("boxes", "Regions"), check("shared", "One scale for all classes"), check("uniform", "Uniform opacity"), cam.otsu),
      make("div", { class: "camrow" }, make("label", { class: "check" }, cam.brush, "Brush: erase and predict"), cam.radius, cam.undo, cam.clear)));
  cam.chips = make("div", { class: "camchips" });
  cam.scale = { line: make("i", {}), top: make("span", {}), words: make("small", {}) };
  cam.scale.row = make("div", { class: "camscale", role: "img" }, make("span", {}, "≤ 0"), cam.scale.line, cam.scale.top, cam.scale.words);
  element.append(cam.chips, canvas, cam.scale.row, say, bar);
  root.append(element);
  hands(cam);
  const resized = new ResizeObserver(() => cam.look && draw(cam));
  resized.observe(element);
  const laid = () => { if (cam.data) { pictures(cam); draw(cam); } };
  const picked = ({ detail }) => { if (cam.data && detail.canvas === cam.data.name) show(cam, { ...detail, method: cam.data.method }); };
  addEventListener("cnnviz-shelf", laid);
  addEventListener("cnnviz-class", picked);
  cam.watch = { disconnect: () => { resized.disconnect(); removeEventListener("cnnviz-shelf", laid); removeEventListener("cnnviz-class", picked); } };
  return cam;
}

function update(cam, data) {
  cam.data = data;
  if (same(cam.pending, data)) cam.pending = null;
  cam.theme = theme(cam.element);
  cam.element.classList.toggle("big", Boolean(data.big));
  chips(cam);
  if (cam.pending == null) {
    cam.shown = { target: data.target, method: data.method };
    cam.drawn = `${data.target} ${data.method}`;
    cam.own = bytes(data.heat);
    cam.reach = data.reach;
    cam.raw = data.raw ? floats(data.raw) : null;
    cam.caption = data.caption;
    cam.lines = null;
  }
  if (cam.stamp !== data.begin.stamp || !cam.look) {
    cam.stamp = data.begin.stamp;
    const { stamp, strokes, ...look } = data.begin;
    cam.look = look;
    cam.strokes = strokes;
  }
  if (cam.photoStamp !== data.stamp) {
    if (cam.photoStamp) cam.strokes = [];
    cam.ring = false;
    cam.photoStamp = data.stamp;
  }
  pictures(cam);
  draw(cam);
}

/** Take the photo, the network's input, and the colour maps. */
function pictures(cam) {
  const given = shelf(cam, "pictures");
  if (!given || given.stamp !== cam.data.pictures || cam.pictured === given.stamp) return;
  cam.pictured = given.stamp;
  if (!cam.luts) {
    cam.luts = Object.fromEntries(Object.entries(given.luts).map(([name, text]) => [name, palette(text)]));
    for (const name of Object.keys(given.luts)) cam.colours.append(make("option", { value: name }, name));
  }
  for (const which of ["photo", "seen"]) {
    const image = new Image();
    image.onload = () => { if (cam.pictured === given.stamp) { cam.images[which] = image; draw(cam); } };
    image.src = given[which];
  }
}

/** A button for each class and method whose map is here already: the picture changes now, Python follows. */
function chips(cam) {
  const { data } = cam;
  const row = (name, list) => {
    const buttons = list.map((one) => make("button", { type: "button", class: "chip", "data-target": one.target, "data-method": one.method, onclick: () => choose(cam, one) }, one.title));
    return list.length > 1 ? make("div", { role: "group", "aria-label": name }, ...buttons) : null;
  };
  cam.chips.replaceChildren(...[row("Other classes", data.classes), row("Other methods", data.methods)].filter(Boolean));
}
