// Every image as a dot, written into the pixels of one picture: 20,000 take a millisecond so, and twenty drawn one by one.

/** How large a dot is, in px: the more room for each, the larger. */
export function radius(width, height, shown) {
  return Math.max(1.5, Math.min(4.5, 0.3 * Math.sqrt((width * height) / Math.max(1, shown))));
}

/** Half widths of the rows of a disc, from its middle row on. */
export function disc(r) {
  const rows = [];
  for (let y = 0; y <= Math.floor(r); y++) rows.push(Math.floor(Math.sqrt(r * r - y * y)));
  return rows;
}

/**
 * Writes dots into `words`, the pixels of a picture of that width and height: the quiet ones below, then the others, and
 * those that are wrong with a ring. `look` has for each image 0 (not drawn), 1 (quiet) or 2.
 */
export function paint(words, width, height, points, view, { r, look, colours, ground, quiet, ring }) {
  words.fill(ground);
  const rows = disc(r), ringed = disc(r + Math.max(2, r / 2)), gap = disc(r + Math.max(1, r / 4));
  const { xs, ys, labels, wrong, count } = points, { x, y, scale } = view, middle = width / 2, centre = height / 2;
  for (const pass of [1, 2]) {
    for (let i = 0; i < count; i++) {
      if (look[i] !== pass) continue;
      const px = Math.round((xs[i] - x) * scale + middle), py = Math.round((ys[i] - y) * scale + centre);
      if (px < 0 || py < 0 || px >= width || py >= height) continue;
      if (pass === 2 && wrong[i]) {
        stamp(words, width, height, px, py, ringed, ring);
        stamp(words, width, height, px, py, gap, ground);
      }
      stamp(words, width, height, px, py, rows, pass === 1 ? quiet : colours[labels[i]]);
    }
  }
}

function stamp(words, width, height, px, py, rows, colour) {
  for (let down = 1 - rows.length; down < rows.length; down++) {
    const row = py + down;
    if (row < 0 || row >= height) continue;
    const half = rows[down < 0 ? -down : down], from = row * width + Math.max(0, px - half), to = row * width + Math.min(width - 1, px + half);
    for (let i = from; i <= to; i++) words[i] = colour;
  }
}
