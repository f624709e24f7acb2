// A map of images: thumbnails at their places in a plane, to move and zoom in, to select from and to find neighbours in.
import { arrived, changed, lay, legend, neighbours, select } from "./choice.js";
import { classColours } from "./classcolour.js";
import { coloured, draw, light, sized } from "./draw.js";
import { hands, inView, reset, zoom } from "./hands.js";
import { read } from "./points.js";
import { Sheets } from "./sheets.js";
import { corners, whole } from "./view.js";
import { make, placed } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { theme } from "../shared/theme.js";
import { watched } from "../shared/room.js";

const MAPS = new WeakMap();
const TILE = 28, ON_STAGE = 42; // px of a thumbnail where all images are seen, until another size is chosen
const SIZES = [16, 72];

export default function (args) {
  return mounted(MAPS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab imagemap" }), canvas = make("canvas");
  const tip = make("div", { class: "maptip", role: "status", hidden: true }), say = make("p", { class: "told", role: "status" });
  const stage = make("div", { class: "mapstage", tabindex: 0, role: "application" }, canvas, tip);
  const map = { element, canvas, stage, tip, say, context: canvas.getContext("2d"), pictures: new Set(), classes: new Set(), inView: [] };
  Object.assign(map, { pointed: -1, opened: -1, selecting: false, dots: false, onlyWrong: false, chosen: null, some: null, near: null, own: null });
  const button = (label, words, act, title = words) => make("button", { type: "button", "aria-label": words, title, onclick: () => map.points && act() }, label);
  const toggle = (label, words, name) => make("button", { type: "button", "aria-pressed": "false", title: words, onclick: (event) => {
    map[name] = !map[name];
    event.currentTarget.setAttribute("aria-pressed", String(map[name]));
    stage.classList.toggle("selecting", map.selecting);
    draw(map);
  } }, label);
  map.wrongs = make("label", { class: "check", hidden: true }, make("input", { type: "checkbox", onchange: (event) => {
    map.onlyWrong = event.target.checked;
    changed(map);
  } }), make("span", {}, ""));
  map.slider = make("input", { type: "range", min: SIZES[0], max: SIZES[1], step: 2, value: TILE, "aria-label": "Size of the thumbnails", oninput: () => {
    map.base = Number(map.slider.value);
    draw(map);
  } });
  const tools = make("div", { class: "maptools" },
    make("span", { class: "zooms" }, button("−", "Zoom out", () => zoom(map, 1 / 1.5)), button("+", "Zoom in", () => zoom(map, 1.5)), button("Reset view", "Reset view", () => reset(map), "Show all images")),
    toggle("Select", "Draw a loop around images; also with Shift held", "selecting"),
    button("Select all in view", "Select all in view", () => select(map, inView(map))),
    toggle("Dots", "Show every image as a dot", "dots"), make("label", { class: "mapsize" }, "Size ", map.slider), map.wrongs);
  map.legend = make("div", { class: "maplegend", role: "group", "aria-label": "Classes" });
  map.selected = make("div", { class: "mapselected", role: "region", "aria-label": "Selected images" });
  map.around = make("div", { class: "mapnear", role: "region", "aria-label": "Nearest neighbours" });
  map.panel = make("div", { class: "mappanel" }, map.legend, map.selected, map.around);
  map.axes = make("p", { class: "layer mapaxes" }, "Loading the map");
  element.append(tools, make("div", { class: "mapbody" }, stage, map.panel), map.axes, say);
  root.append(element);
  map.beside = () => lay(map);
  map.open = (i) => {
    map.opened = map.wanted = i;
    map.near = null;
    neighbours(map);
    map.panel.scrollTop = 0;
    map.send("opened", { subject: map.told.subject, index: i, turn: performance.now() });
    draw(map);
  };
  hands(map);
  const seen = watched(stage, () => resized(map));
  map.watch = { disconnect: () => {
    seen.disconnect();
    map.sheets?.close();
    map.gone = true;
  } };
  return map;
}

/** The canvas has another size: all is still seen where all was seen. */
function resized(map) {
  if (!map.points) return;
  const all = map.view === map.whole;
  if (!sized(map)) return;
  map.whole = whole(map.corners, ...map.size);
  if (all) map.view = map.target = map.whole;
  draw(map);
}

function update(map, told) {
  const fresh = map.told?.points !== told.points;
  map.told = told;
  if (map.big !== told.big) {
    map.big = told.big;
    map.element.classList.toggle("big", Boolean(told.big));
    map.base = map.slider.value = told.big ? ON_STAGE : TILE;
  }
  if (fresh) return load(map, told);
  if (map.points) shown(map, told);
}

/** Fetches what the map is of, and shows it from its first view. */
async function load(map, told) {
  map.sheets?.close();
  map.points = map.sheets = null;
  const file = await fetch(told.base + told.points).then((answer) => (answer.ok ? answer.json() : null), () => null);
  if (map.gone || map.told.points !== told.points) return;
  if (!file) {
    map.axes.textContent = "The map could not be loaded; reload the page.";
    return;
  }
  const points = read(file);
  map.sheets = new Sheets(points.sheets.map((address) => told.base + address), () => { arrived(map); draw(map); });
  Object.assign(map, { points, look: new Uint8Array(points.count), corners: corners(points.xs, points.ys), pointed: -1, opened: -1, wanted: null, chosen: null, some: null });
  map.classes.clear();
  map.onlyWrong = map.wrongs.firstChild.checked = false;
  map.selected.replaceChildren();
  sized(map);
  shown(map, map.told);
  light(map);
  reset(map, true);
  placed(map.element);
}

/** What may change while the map is the same: the theme, the neighbours, the visitor's photo. */
function shown(map, told) {
  const { points } = map, found = theme(map.element);
  const probe = getComputedStyle(map.stage).backgroundColor.match(/[\d.]+/g).map(Number);
  const hex = (parts) => `#${parts.slice(0, 3).map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
  const text = found.dark ? "#f4f4f0" : "#16191d";
  map.theme = { ...found, ground: hex(probe), ring: text };
  coloured(map, classColours(points.classes.length, found.dark), map.theme.ground, text);
  map.own = told.own;
  if (told.own && map.photo?.src !== told.own.src) {
    map.photo = new Image();
    map.photo.onload = () => draw(map);
    map.photo.src = told.own.src;
  }
  if (map.wanted === null || told.near?.of === map.wanted) { // else Python has not heard yet which image was opened
    map.near = told.near;
    map.opened = told.near?.of ?? -1;
    map.wanted = null;
  }
  const looks = JSON.stringify([map.css, told.points]), hood = JSON.stringify([looks, map.near, map.opened]);
  if (map.looks !== looks) legend(map);
  if (map.hood !== hood) neighbours(map);
  Object.assign(map, { looks, hood });
  const key = "Drag to move, wheel or pinch to zoom, Shift and drag to select; keys: arrows, plus, minus, 0, Enter.";
  map.axes.textContent = `${points.words} ${told.big ? "" : key}`;
  map.stage.setAttribute("aria-label", `${told.alt} Arrow keys move, plus and minus zoom, 0 shows all, Enter opens the image nearest to the middle.`);
  draw(map);
}
