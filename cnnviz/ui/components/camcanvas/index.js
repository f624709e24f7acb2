// The photo under its heat. Everything but the answer to an erased photo is drawn here, at once.
import { arrived } from "./crop.js";
import { draw } from "./draw.js";
import { hands, zoomed } from "./hands.js";
import { named, offered, same, tell } from "./look.js";
import { keep } from "./kept.js";
import { choose, heardFrom, ofLayer, ofMethod, show } from "./maps.js";
import { otsu } from "./model.js";
import { decoded, fill, panel, pictures } from "./panel.js";
import { shelf } from "./scale.js";
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
  const say = make("p", { class: "say", "aria-live": "polite" });
  const cam = { element, say, panels: [], look: null, strokes: [], lists: new Map(), hover: null, blinkOn: true, cursor: [0.5, 0.5], ring: false, zoom: { times: 1, at: [0.5, 0.5] } };
  cam.chips = make("div", { class: "camchips" });
  cam.offer = (classes) => chips(cam, classes);
  cam.pair = make("div", { class: "campair" });
  cam.erased = make("p", { class: "camerased", role: "status", hidden: true });
  element.append(cam.chips, cam.pair, cam.erased, say, toolbar(cam));
  root.append(element);
  const resized = () => {
    cam.wide = null;
    if (cam.look) soon(cam);
  };
  const watch = new ResizeObserver(resized);
  watch.observe(element);
  const laid = ({ detail }) => {
    if (!cam.data || !detail.startsWith(cam.data.name)) return;
    if (detail.endsWith("pictures")) decoded(globalThis.cnnvizShelf.get(detail)); // before the map that belongs to it
    seen(cam);
    soon(cam);
  };
  const picked = ({ detail }) => { if (cam.data && detail.canvas === cam.data.name) show(cam, { target: detail.target }, detail.title); };
  const heard = [["resize", resized], ["cnnviz-shelf", laid], ["cnnviz-class", picked]];
  for (const [event, hear] of heard) addEventListener(event, hear);
  cam.again = () => update(cam, cam.data);
  cam.watch = { disconnect: () => { watch.disconnect(); for (const { deaf } of cam.lists.values()) deaf(); for (const [event, hear] of heard) removeEventListener(event, hear); } };
  return cam;
}

/** What is used often stands under the picture; the rest folds away. */
function toolbar(cam) {
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
  const act = (words, go, name = words) => make("button", { type: "button", onclick: go, "aria-label": name, title: name }, words);
  const wipe = (strokes) => { cam.strokes = strokes; draw(cam); tell(cam, 0); };
  cam.undo = act("Undo", () => wipe(cam.strokes.slice(0, -1)));
  cam.clear = act("Clear", () => wipe([]));
  cam.larger = act("+", () => zoomed(cam, 1.5, cam.cursor), "Zoom in");
  cam.smaller = act("−", () => zoomed(cam, 1 / 1.5), "Zoom out");
  cam.otsu = act("Auto threshold (Otsu)", () => change({ threshold: Math.round((otsu(cam.panels[0].heat) / 255) * 100) / 100 }));
  cam.brushing = make("span", { class: "brushing" }, cam.radius, cam.undo, cam.clear);
  cam.more = rare(pick, range, check, cam);
  cam.fold = act("Display settings", () => {
    cam.more.hidden = !cam.more.hidden;
    cam.fold.setAttribute("aria-expanded", String(!cam.more.hidden));
  });
  cam.fold.setAttribute("aria-expanded", "false");
  return make("div", { class: "cambar" },
    make("div", { class: "camtools" }, range("opacity", "Opacity"),
      make("label", { class: "check" }, cam.brush, "Brush: erase and predict"), cam.brushing,
      make("span", { class: "zooms" }, cam.fold, cam.smaller, cam.larger)), cam.more);
}

/** What is used rarely. */
function rare(pick, range, check, cam) {
  return make("div", { class: "cammore", hidden: true },
      make("div", { class: "camrow" }, pick("modes", "Heat map and photo", MODES, "mode"), pick("views", "Part of the photo", VIEWS, "view")),
      make("div", { class: "camrow" }, range("threshold", "Hide below"), cam.otsu, make("label", { class: "colourpick" }, "Colour map ", cam.colours)),
      make("div", { class: "camrow" }, check("uniform", "Uniform opacity"), check("contours", "Contours"), check("boxes", "Regions"), check("shared", "One scale for all classes")));
}

function update(cam, data) {
  Object.assign(cam, { data, wide: null });
  arrived(cam, data);
  keep(cam, data);
  const another = cam.pending?.layer != null && cam.pending.question !== data.question;
  if (another || same(cam.pending, data)) cam.pending = null;
  cam.theme = theme(cam.element);
  cam.element.classList.toggle("big", Boolean(data.big));
  panels(cam, data.second ? 2 : 1);
  if (cam.pending == null) {
    cam.shown = { target: data.target, method: data.method, layer: data.layer };
    cam.drawn = named(data);
    fill(cam.panels[0], data);
  } else if (cam.pending.layer == null) cam.panels[0].data = data;
  if (data.second) fill(cam.panels[1], data.second);
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
    cam.zoom = { times: 1, at: [0.5, 0.5] };
  }
  cam.offer(offered(cam, shelf(cam, "erased"))); // also while the pictures are on their way, so that their place stays
  seen(cam);
  listen(cam);
  draw(cam);
}

/** Hear the page's lists, which are there before the canvas or are others after a change of page. */
function listen(cam) {
  for (const [what, hear] of [["method", ofMethod], ["layer", ofLayer]]) {
    const list = document.querySelector(`.st-key-${cam.data.lists[what] || "none"}`), was = cam.lists.get(what);
    if (list === was?.list) continue;
    was?.deaf();
    if (list) cam.lists.set(what, { list, deaf: heardFrom(list, (said, byHand) => hear(cam, said, byHand)) });
    else cam.lists.delete(what);
  }
}

/** Draw in the next frame, once for all that asks for it until then. */
function soon(cam) {
  cancelAnimationFrame(cam.frame);
  cam.frame = requestAnimationFrame(() => draw(cam));
}

/** As many pictures as are shown. */
function panels(cam, count) {
  if (cam.panels.length === count) return; // one that has the focus keeps it
  while (cam.panels.length < count) {
    const one = panel();
    cam.panels.push(one);
    hands(cam, one);
  }
  cam.panels.length = count;
  cam.pair.replaceChildren(...cam.panels.map((one) => one.element));
}

/** Take the photos, what the network is given of them, and the colour maps. */
function seen(cam) {
  const there = ["", "second "].map((which) => shelf(cam, `${which}pictures`)).filter(Boolean);
  if (!cam.luts && there.length) {
    cam.luts = Object.fromEntries(Object.entries(there[0].luts).map(([name, text]) => [name, palette(text)]));
    for (const name of Object.keys(there[0].luts)) cam.colours.append(make("option", { value: name }, name));
  }
  for (const one of cam.panels) pictures(one, there.find((given) => given.stamp === one.data?.pictures), () => soon(cam));
}

/** A button for each class and method: where its map is here already, the picture changes now, and Python follows. */
function chips(cam, classes) {
  const { data } = cam, methods = data.big ? [] : data.methods, listed = JSON.stringify([classes, methods]);
  if (cam.listed === listed) return; // one that has the focus keeps it
  cam.listed = listed;
  const rowOf = (name, kind, list) => {
    const buttons = list.map((one) => make("button", { type: "button", class: "chip", "data-of": one.target ?? one.method, onclick: () => choose(cam, one) }, one.title));
    if (!list.length) return null;
    const row = make("div", { role: "group", "aria-label": name, "data-kind": kind }, ...buttons);
    if (list.length === 1) row.style.visibility = "hidden"; // nothing to choose, and yet the picture stays where it is
    return row;
  };
  cam.chips.replaceChildren(...[rowOf("Other classes", "target", classes), rowOf("Other methods", "method", methods)].filter(Boolean));
}
