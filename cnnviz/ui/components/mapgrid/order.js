// The order of the channels.

/** Channels in the order asked for; dead ones go last where a number is asked. */
export function sort(grid) {
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
