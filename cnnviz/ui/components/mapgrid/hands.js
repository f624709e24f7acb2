// Pointer and keys on the tiles, and what is pointed at elsewhere.
import { show } from "./layout.js";
import { sort } from "./order.js";
import { beside } from "./photo.js";
import { GAP, draw } from "./tiles.js";
import { point } from "../shared/linked.js";

/** Another grid or map of the same pair is pointed at: the same place of the photo, in the channel chosen here. */
export function follow(grid, { link, from, y, x }) {
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

export function hands(grid) {
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
