// Every channel is a tile of one atlas that is painted once; scrolling and sorting only copy tiles.
import { follow, hands } from "./hands.js";
import { keep, lay, show } from "./layout.js";
import { sort } from "./order.js";
import { beside } from "./photo.js";
import { draw, paint } from "./tiles.js";
import { bytes, floats } from "../shared/bytes.js";
import { Tile } from "../shared/canvas.js";
import { palette } from "../shared/colour.js";
import { make, placed } from "../shared/element.js";
import { POINTED } from "../shared/linked.js";
import { mounted } from "../shared/mount.js";
import { theme } from "../shared/theme.js";

const GRIDS = new WeakMap();
const SIZES = [34, 220];

export default function (args) {
  return mounted(GRIDS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab maps" });
  const canvas = make("canvas", { class: "tiles-canvas" }), space = make("div", { class: "space" });
  const scroll = make("div", { class: "scroll", tabindex: 0, role: "listbox" }, make("div", { class: "stick" }, canvas), space);
  const photo = make("canvas", { class: "photo", role: "img" }), say = make("p", { class: "say", "aria-live": "polite" });
  const size = make("input", { type: "range", min: SIZES[0], max: SIZES[1], step: 2, "aria-label": "Tile size" });
  const grid = { element, canvas, scroll, space, photo, say, size, atlas: new Tile(), images: [], hover: null, order: [] };
  const words = make("div", { class: "words" }, say, make("label", { class: "tilesize" }, "Tiles ", size));
  element.append(scroll, make("div", { class: "beside" }, photo, words));
  root.append(element);
  size.addEventListener("input", () => { keep(grid, () => lay(grid)); clearTimeout(grid.late); grid.late = setTimeout(() => grid.send("tiles", Number(size.value)), 600); });
  scroll.addEventListener("scroll", () => draw(grid), { passive: true });
  hands(grid);
  const resized = new ResizeObserver(() => grid.data && lay(grid));
  resized.observe(scroll);
  const laid = ({ detail }) => { if (grid.told && [`${grid.told.name} tiles`, `${grid.told.name} order`].includes(detail)) update(grid, grid.told); };
  const pointed = ({ detail }) => follow(grid, detail);
  const tall = () => grid.data && lay(grid);
  addEventListener("cnnviz-shelf", laid);
  addEventListener(POINTED, pointed);
  addEventListener("resize", tall);
  grid.watch = { disconnect: () => {
    resized.disconnect();
    removeEventListener("cnnviz-shelf", laid);
    removeEventListener(POINTED, pointed);
    removeEventListener("resize", tall);
  } };
  return grid;
}

function update(grid, told) {
  const given = globalThis.cnnvizShelf?.get(`${told.name} tiles`), old = grid.data;
  grid.told = told;
  if (!given || given.subject !== told.subject) return; // the tiles are on their way
  const sorted = globalThis.cnnvizShelf.get(`${told.name} order`)?.sort ?? "in order";
  const data = (grid.data = { ...given, ...told, sort: sorted });
  grid.theme = theme(grid.element);
  grid.element.classList.toggle("big", Boolean(data.big));
  grid.lut ??= palette(data.lut);
  const fresh = !old || old.subject !== data.subject;
  if (fresh) {
    clearTimeout(grid.timer); // a channel chosen of the maps before
    grid.parts = data.pictures.map((p) => ({ name: p.name, maps: bytes(p.maps), mean: floats(p.mean), max: floats(p.max), alive: floats(p.alive) }));
    grid.reaches = floats(data.reaches);
    grid.most = Math.max(...grid.reaches) || 1;
    grid.images = data.pictures.map((p) => {
      const image = new Image();
      image.onload = () => beside(grid);
      image.src = p.seen;
      return image;
    });
    grid.hover = null;
  }
  if (!old || old.tiles !== data.tiles) grid.size.value = data.tiles;
  if (fresh || old.chosen !== data.chosen) grid.chosen = data.chosen;
  if (fresh || old.scope !== data.scope || (data.scope === "all layers" && old.reach !== data.reach)) paint(grid);
  if (fresh || old.sort !== data.sort) {
    sort(grid);
    if (fresh) grid.scroll.scrollTop = 0;
  }
  lay(grid);
  if (fresh || old?.chosen !== data.chosen) show(grid);
  placed(grid.element);
  grid.element.dataset.drawn = `${data.sort} ${data.scope} ${grid.order[0]}`; // for who measures
}
