// The tiles: painted once into an atlas, and those in view copied from there.
import { sharp } from "../shared/canvas.js";

export const GAP = 4; // px between tiles

/** All channels, coloured within their scope, into one canvas: as many tiles in a row as fit in 4096 px. */
export function paint(grid) {
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

export function draw(grid) {
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
