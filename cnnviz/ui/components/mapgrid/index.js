// Every channel is a tile of one atlas that is painted once; scrolling and sorting only copy tiles.
import { bytes, floats } from "../shared/bytes.js";
import { Tile, sharp } from "../shared/canvas.js";
import { palette } from "../shared/colour.js";
import { make } from "../shared/element.js";
import { POINTED, point } from "../shared/linked.js";
import { mounted } from "../shared/mount.js";
import { theme } from "../shared/theme.js";

const GRIDS = new WeakMap();
const SIZES = [34, 220];
const GAP = 4;
const PHOTO = 112; // px, the photo under the tiles
const STAGE = 222; // px, the same on stage
const LEAST = 48; // px, the smallest tile that is chosen for all channels to be in view on stage
const FOOT = 505; // px of a window that are not the tiles': what stands above them, and the photo below

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
  const { host } = grid.element.getRootNode();
  if (host) host.dataset.drawn = "";
  grid.element.dataset.drawn = `${data.sort} ${data.scope} ${grid.order[0]}`; // for who measures
}

/** All channels, coloured within their scope, into one canvas: as many tiles in a row as fit in 4096 px. */
function paint(grid) {
  const { data, parts, reaches, lut } = grid, [h, w] = data.small, twice = parts.length;
  const across = Math.max(1, Math.min(data.count, Math.floor(4096 / (w * twice)))), rows = Math.ceil(data.count / across);
  const width = across * w * twice, words = grid.atlas.size(width, rows * h);
  words.fill(0);
  const whole = data.scope === "layer" ? grid.most : data.reach;
  for (let c = 0; c < data.count; c++) {
    const gain = data.scope === "channel" ? 1 : reaches[c] / (whole || 1);
    for (let p = 0; p < twice; p++) {
      const maps = parts[p].maps, left = (c % across) * w * twice + p * w, top = Math.floor(c / across) * h;
      for (let y = 0; y < h; y++) {
        let from = (c * h + y) * w, to = (top + y) * width + left;
        for (let x = 0; x < w; x++) {
          const level = 128 + (maps[from++] - 128) * gain;
          words[to++] = lut[level < 0 ? 0 : level > 255 ? 255 : level | 0];
        }
      }
    }
  }
  grid.across = across;
  grid.atlas.done();
}

/** Channels in the order asked for; dead ones go last where a number is asked. */
function sort(grid) {
  const { data, parts: [first] } = grid, order = Array.from({ length: data.count }, (_, i) => i);
  const by = { mean: first.mean, max: first.max, "share above 0": first.alive }[data.sort] ?? (data.sort === "similarity" ? alike(grid) : null);
  if (by) order.sort((a, b) => by[b] - by[a] || a - b);
  grid.by = by;
  grid.order = order;
  grid.place = new Int32Array(data.count);
  order.forEach((channel, i) => (grid.place[channel] = i));
}

/** Cosine similarity of every channel to the one chosen. */
function alike(grid) {
  const { parts: [{ maps }], data: { count, small: [h, w] }, chosen } = grid, n = h * w, out = new Float32Array(count);
  const start = chosen * n;
  let own = 0;
  for (let i = 0; i < n; i++) own += (maps[start + i] - 128) ** 2;
  for (let c = 0; c < count; c++) {
    let dot = 0, size = 0;
    for (let i = 0, j = c * n; i < n; i++, j++) {
      const v = maps[j] - 128;
      dot += v * (maps[start + i] - 128);
      size += v * v;
    }
    out[c] = size && own ? dot / Math.sqrt(size * own) : 0;
  }
  return out;
}

/** Sizes: how many tiles in a row, how high all rows are. */
function lay(grid) {
  const { data, scroll } = grid, twice = grid.parts.length, width = scroll.clientWidth;
  const wanted = Number(grid.size.value), ratio = data.shape[0] / data.shape[1];
  grid.columns = (data.big && whole(width, room(grid), data.count, twice, ratio))
    || Math.max(1, Math.min(data.count, Math.floor((width + GAP) / (wanted * twice + GAP))));
  const fit = Math.floor((width - GAP * (grid.columns - 1)) / grid.columns);
  grid.wide = Math.min(fit, 320 * twice);
  grid.high = Math.max(8, Math.round((grid.wide / twice) * ratio));
  const all = Math.ceil(data.count / grid.columns) * (grid.high + GAP) - GAP;
  scroll.style.height = `${Math.min(all, room(grid))}px`;
  grid.space.style.height = `${Math.max(0, all - scroll.clientHeight)}px`;
  draw(grid);
  beside(grid);
}

/** The fewest tiles in a row with which all of them fit into width and height; 0 where they would be too small to read. */
function whole(width, height, count, twice, ratio) {
  for (let columns = 1; (width + GAP) / columns - GAP >= LEAST * twice; columns++) {
    const high = Math.min(((width + GAP) / columns - GAP) / twice, 320) * ratio;
    if (Math.ceil(count / columns) * (high + GAP) <= height) return columns;
  }
  return 0;
}

/** How high the tiles may stand, so that they and what belongs to them fit into the window. */
function room(grid) {
  return Math.max(250, innerHeight - (grid.data.big ? STAGE : FOOT));
}

/** Another grid or map of the same pair is pointed at: the same place of the photo, in the channel chosen here. */
function follow(grid, { link, from, y, x }) {
  if (!grid.data?.link || grid.data.link !== link || from === grid.data.name) return;
  grid.hover = y === null ? null : at(grid, grid.chosen, 0, y, x);
  draw(grid);
  beside(grid);
}

/** A place of a channel of one part, by its shares of the map's height and width. */
function at(grid, channel, part, v, u) {
  const [rows, columns] = grid.data.shape, [h, w] = grid.data.small;
  const level = grid.parts[part].maps[(channel * h + Math.floor(v * h)) * w + Math.floor(u * w)];
  const value = ((level - 128) / 127) * grid.reaches[channel];
  return { channel, part, y: Math.floor(v * rows), x: Math.floor(u * columns), value, exact: false };
}

function draw(grid) {
  cancelAnimationFrame(grid.frame);
  grid.frame = requestAnimationFrame(() => {
    const { data, scroll, order, columns, wide, high, parts: [first] } = grid, [h, w] = data.small, twice = grid.parts.length;
    const width = scroll.clientWidth, height = scroll.clientHeight;
    if (!width || !height) return;
    grid.canvas.style.width = `${width}px`;
    grid.canvas.style.height = `${height}px`;
    const context = sharp(grid.canvas, width, height), top = scroll.scrollTop;
    context.imageSmoothingEnabled = high < h;
    const from = Math.floor(top / (high + GAP)) * columns, to = Math.min(order.length, Math.ceil((top + height) / (high + GAP)) * columns);
    for (let i = from; i < to; i++) {
      const c = order[i], [x, y] = corner(grid, i);
      context.drawImage(grid.atlas.canvas, (c % grid.across) * w * twice, Math.floor(c / grid.across) * h, w * twice, h, x, y, wide, high);
      if (twice === 2) { context.fillStyle = grid.theme.back; context.fillRect(x + wide / 2 - 0.5, y, 1, high); }
      if (first.alive[c] === 0) dead(context, x, y, wide, high);
      if (c === grid.chosen) { context.lineWidth = 3; context.strokeStyle = "#ffb02e"; context.strokeRect(x + 1.5, y + 1.5, wide - 3, high - 3); }
      else if (grid.hover?.channel === c) { context.lineWidth = 1; context.strokeStyle = "#fff"; context.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1); }
    }
  });
}

function corner(grid, i) {
  return [(i % grid.columns) * (grid.wide + GAP), Math.floor(i / grid.columns) * (grid.high + GAP) - grid.scroll.scrollTop];
}

/** A channel at or below zero everywhere: a cross, not colour alone. */
function dead(context, x, y, w, h) {
  const s = Math.min(w, h, 22) / 2 - 2;
  context.strokeStyle = "rgb(255 255 255 / .65)";
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x + w / 2 - s, y + h / 2 - s);
  context.lineTo(x + w / 2 + s, y + h / 2 + s);
  context.moveTo(x + w / 2 + s, y + h / 2 - s);
  context.lineTo(x + w / 2 - s, y + h / 2 + s);
  context.stroke();
}

/** The photo with what the number under the pointer can see, and that number. */
function beside(grid) {
  const { data, parts, hover } = grid, which = hover?.part ?? 0, image = grid.images[which];
  const width = PHOTO, [rows, columns] = data.side, height = Math.round((width * rows) / columns);
  grid.photo.style.width = `${width}px`;
  grid.photo.style.height = `${height}px`;
  const context = sharp(grid.photo, width, height);
  context.imageSmoothingEnabled = true;
  if (image?.complete && image.naturalWidth) context.drawImage(image, 0, 0, width, height);
  if (hover) {
    const [size, jump, middle, whole] = data.field, scale = width / columns;
    const span = (unit, side) => {
      if (whole) return [0, side];
      const first = Math.round(middle + unit * jump - (size - 1) / 2);
      return [Math.max(0, first), Math.min(side, first + size)];
    };
    const [t, b] = span(hover.y, rows), [l, r] = span(hover.x, columns);
    context.save();
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(l * scale, t * scale, (r - l) * scale, (b - t) * scale);
    context.fillStyle = "rgb(0 0 0 / .45)";
    context.fill("evenodd");
    context.restore();
    context.strokeStyle = "#ffb02e";
    context.lineWidth = 2;
    context.strokeRect(l * scale, t * scale, (r - l) * scale, (b - t) * scale);
  }
  const c = hover?.channel ?? grid.chosen, part = parts[which];
  const words = [`Channel ${c}${parts.length > 1 ? ` of ${part.name}` : ""}`];
  if (hover) words.push(`${hover.exact ? "value" : "about"} ${hover.value.toPrecision(3)} at row ${hover.y}, column ${hover.x}`);
  words.push(part.alive[c] === 0 ? "dead on this photo" : `mean ${part.mean[c].toPrecision(3)}, maximum ${part.max[c].toPrecision(3)}, above 0 at ${Math.round(part.alive[c] * 100)} %`);
  if (grid.by && data.sort === "similarity") words.push(`similarity ${grid.by[c].toFixed(2)}`);
  grid.say.textContent = words.join(" · ");
  grid.photo.setAttribute("aria-label", hover ? `Receptive field on ${part.name}` : `The photo ${part.name}`);
  grid.scroll.setAttribute("aria-label", `Channels of ${data.layer}. Chosen: ${words[0]}`);
}

/** Bring the chosen channel into view. */
function show(grid) {
  const row = Math.floor(grid.place[grid.chosen] / grid.columns), top = row * (grid.high + GAP), { scroll } = grid;
  if (top < scroll.scrollTop) scroll.scrollTop = top;
  else if (top + grid.high > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + grid.high - scroll.clientHeight;
}

/** Do something to the sizes and stay where we were. */
function keep(grid, change) {
  const first = grid.order[Math.floor(grid.scroll.scrollTop / (grid.high + GAP)) * grid.columns];
  change();
  grid.scroll.scrollTop = Math.floor(grid.place[first] / grid.columns) * (grid.high + GAP);
}

function hands(grid) {
  const { scroll } = grid;
  const under = (event) => {
    const box = scroll.getBoundingClientRect(), twice = grid.parts.length;
    const x = event.clientX - box.left, y = event.clientY - box.top + scroll.scrollTop;
    const column = Math.floor(x / (grid.wide + GAP)), row = Math.floor(y / (grid.high + GAP)), place = row * grid.columns + column;
    if (x < 0 || column >= grid.columns || place < 0 || place >= grid.order.length) return null;
    const u = (x - column * (grid.wide + GAP)) / (grid.wide / twice), v = (y - row * (grid.high + GAP)) / grid.high;
    if (u >= twice || v >= 1) return null;
    const part = Math.floor(u);
    return { ...at(grid, grid.order[place], part, v, u - part), v, u: u - part };
  };
  const choose = (channel, wait) => {
    grid.chosen = channel;
    if (grid.data.sort === "similarity") sort(grid);
    show(grid);
    draw(grid);
    beside(grid);
    clearTimeout(grid.timer);
    grid.timer = setTimeout(() => grid.send("channel", channel), wait);
  };
  const hover = (found) => {
    grid.hover = found;
    draw(grid);
    beside(grid);
    point(grid.data.link, grid.data.name, found?.v ?? null, found?.u ?? null);
  };
  scroll.addEventListener("pointermove", (event) => hover(under(event)));
  scroll.addEventListener("pointerleave", () => hover(null));
  scroll.addEventListener("click", (event) => { const found = under(event); if (found) choose(found.channel, 0); });
  scroll.addEventListener("keydown", (event) => {
    const now = grid.place[grid.chosen], last = grid.order.length - 1;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: grid.columns, ArrowUp: -grid.columns, Home: -now, End: last - now }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = now + step;
    if (next >= 0 && next <= last) choose(grid.order[next], 250);
  });
}
