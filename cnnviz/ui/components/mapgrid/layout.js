// How many tiles stand in a row, how high they are, and which of them are in view.
import { beside } from "./photo.js";
import { GAP, draw } from "./tiles.js";

const STAGE = 222; // px, the same on stage
const LEAST = 48; // px, the smallest tile that is chosen for all channels to be in view on stage
const FOOT = 505; // px of a window that are not the tiles': what stands above them, and the photo below

/** Sizes: how many tiles in a row, how high all rows are. */
export function lay(grid) {
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

/** Bring the chosen channel into view. */
export function show(grid) {
  const row = Math.floor(grid.place[grid.chosen] / grid.columns), top = row * (grid.high + GAP), { scroll } = grid;
  if (top < scroll.scrollTop) scroll.scrollTop = top;
  else if (top + grid.high > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + grid.high - scroll.clientHeight;
}

/** Do something to the sizes and stay where we were. */
export function keep(grid, change) {
  const first = grid.order[Math.floor(grid.scroll.scrollTop / (grid.high + GAP)) * grid.columns];
  change();
  grid.scroll.scrollTop = Math.floor(grid.place[first] / grid.columns) * (grid.high + GAP);
}
