// What is pointed at, opened, selected, or filtered by its class: told beside the pointer and in the panel.
import { copied, draw, light } from "./draw.js";
import { asCsv, counted, told } from "./points.js";
import { across, down } from "./view.js";
import { make } from "../shared/element.js";
import { signed } from "../shared/number.js";

const LISTED = 60; // images of a selection that are listed; the file has all
const many = (count, what = "image") => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

/** A small canvas with an image's thumbnail, drawn as soon as it is there. */
function picture(map, i, side) {
  const canvas = make("canvas", { width: 2 * side, height: 2 * side, style: `width:${side}px;height:${side}px`, "aria-hidden": "true" });
  const drawn = () => copied(map, canvas.getContext("2d"), i, 0, 0, 2 * side);
  if (!drawn()) map.pictures.add({ canvas, drawn });
  return canvas;
}

/** Thumbnails of the panel whose sheet has come since. */
export function arrived(map) {
  for (const one of map.pictures) if (!one.canvas.isConnected || one.drawn()) map.pictures.delete(one);
}

/** Say beside it which image is pointed at; -1 for none. */
export function point(map, i) {
  if (i === map.pointed || !map.points) return;
  map.pointed = i;
  map.tip.hidden = i < 0;
  if (i >= 0) {
    const [file, ...rest] = told(map.points, i);
    map.tip.replaceChildren(picture(map, i, 64), make("span", {}, make("b", {}, file), ...rest.map((line) => make("span", {}, line))));
  }
  draw(map);
}

/** Puts the words beside the image that is pointed at. */
export function lay(map) {
  const { points, pointed: i, tip, size: [width, height] } = map;
  if (!(i >= 0)) return;
  const x = across(map.view, width, points.xs[i]), y = down(map.view, height, points.ys[i]);
  const left = x > width / 2 ? x - tip.offsetWidth - 22 : x + 22, top = y > height / 2 ? y - tip.offsetHeight - 22 : y + 22;
  tip.style.left = `${Math.max(4, Math.min(width - tip.offsetWidth - 4, left))}px`;
  tip.style.top = `${Math.max(4, Math.min(height - tip.offsetHeight - 4, top))}px`;
}

/** Select some images, or none. */
export function select(map, some) {
  map.some = some?.length ? some : null;
  map.chosen = null;
  if (map.some) {
    map.chosen = new Uint8Array(map.points.count);
    for (const i of map.some) map.chosen[i] = 1;
  }
  light(map);
  selection(map);
  map.say.textContent = some ? `${many(some.length)} selected` : "Nothing is selected";
  draw(map);
}

function selection(map) {
  const { points, some, selected } = map;
  if (!some) return selected.replaceChildren();
  const counts = counted(points, some).map(([label, count]) => make("li", {}, swatch(map, label), `${points.classes[label]} ${count.toLocaleString("en")}`));
  const wrong = some.filter((i) => points.wrong[i]).length;
  const files = some.slice(0, LISTED).map((i) => row(map, i, points.classes[points.labels[i]]));
  selected.replaceChildren(
    make("h3", {}, `${many(some.length)} selected`, points.judged ? make("small", {}, `, ${wrong.toLocaleString("en")} of them wrong`) : null),
    make("div", { class: "acts" },
      make("button", { type: "button", onclick: () => save(points, some) }, "Download as CSV"),
      make("button", { type: "button", onclick: () => select(map, null) }, "Clear")),
    make("ul", { class: "mapcounts" }, ...counts),
    make("ul", { class: "maprows" }, ...files),
    some.length > LISTED ? make("p", { class: "layer" }, `The first ${LISTED} of ${many(some.length)}; the file lists all.`) : null,
  );
  map.panel.scrollTop = 0;
}

function save(points, some) {
  const address = URL.createObjectURL(new Blob([asCsv(points, some)], { type: "text/csv" }));
  make("a", { href: address, download: `${points.name}-selection.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const swatch = (map, label) => make("i", { style: `background:${map.css[label]}` });

/** A line with an image, which opens it. */
function row(map, i, words) {
  const file = map.points.files[i];
  const button = make("button", { type: "button", title: file, onclick: () => map.open(i) }, picture(map, i, 36),
    make("span", {}, make("span", { class: "file" }, file), make("span", {}, swatch(map, map.points.labels[i]), words, map.points.wrong[i] ? make("b", {}, " wrong") : null)));
  return make("li", {}, button);
}

/** The image that was opened or the photo that was chosen, with its nearest neighbours where Python has told them. */
export function neighbours(map) {
  const { points, near, opened, around } = map, held = around.contains(around.getRootNode().activeElement);
  if (near) {
    const rows = near.list.map(([i, cosine]) => row(map, i, signed(`${points.classes[points.labels[i]]} · ${cosine.toFixed(3)}`)));
    around.replaceChildren(head(map, near.of, near.name), make("p", { class: "layer" }, "Nearest neighbours by cosine similarity of the features"), make("ul", { class: "maprows" }, ...rows));
  } else if (opened >= 0) around.replaceChildren(head(map, opened), make("p", { class: "layer" }, "Looking for its nearest neighbours"));
  else around.replaceChildren();
  if (held) around.firstChild?.focus(); // what had the focus is gone
}

function head(map, i, name) {
  if (i < 0) return make("h3", { tabindex: -1 }, `Your photo ${name}`);
  const [file, ...rest] = told(map.points, i);
  return make("div", { class: "mapopened", tabindex: -1 }, picture(map, i, 72), make("span", {}, make("b", {}, file), ...rest.map((line) => make("span", {}, line))));
}

/** The classes with their colours; each a button that lights its images alone. */
export function legend(map) {
  const { points, classes } = map;
  const chips = points.classes.map((name, label) => make("button", {
    type: "button", class: "chip", "aria-pressed": String(classes.has(label)), title: `Show ${name} alone, or with others chosen`,
    onclick: () => {
      if (!classes.delete(label)) classes.add(label);
      changed(map);
      map.legend.querySelectorAll("button")[label].focus();
    },
  }, swatch(map, label), make("span", {}, name), make("small", {}, points.counts[label].toLocaleString("en"))));
  map.legend.replaceChildren(...chips);
  map.wrongs.hidden = !points.judged;
  map.wrongs.lastChild.textContent = `Only wrong ones (${points.wrongs.toLocaleString("en")})`;
}

/** Classes or wrong ones were chosen: what is lit changes. */
export function changed(map) {
  light(map);
  legend(map);
  draw(map);
}
