// The arithmetic of the convolution lab: the same definitions as cnnviz.signal, on plain arrays.

export const extent = (k, dilation) => dilation * (k - 1) + 1;
export const outSize = (n, k, s, p, d) => Math.max(0, Math.floor((n + 2 * p - extent(k, d)) / s) + 1);
export const mostPadding = (n, mode) => (mode === "reflect" ? n - 1 : mode === "wrap" ? n : Infinity);

/** Source index of each padded pixel along one side; -1 stands for a zero. */
export function border(n, p, mode) {
  const out = new Int32Array(n + 2 * p);
  for (let i = 0; i < out.length; i++) {
    let at = i - p;
    if (at < 0 || at >= n) {
      if (mode === "zero") at = -1;
      else if (mode === "replicate") at = at < 0 ? 0 : n - 1;
      else if (mode === "wrap") at = ((at % n) + n) % n;
      else while (at < 0 || at >= n) at = at < 0 ? -at : 2 * (n - 1) - at;
    }
    out[i] = at;
  }
  return out;
}

/** A plane with its border around it, Float32 (H + 2p, W + 2p). */
export function padded(plane, width, height, p, mode) {
  const rows = border(height, p, mode), columns = border(width, p, mode);
  const out = new Float32Array(rows.length * columns.length);
  for (let r = 0, i = 0; r < rows.length; r++)
    for (let c = 0; c < columns.length; c++, i++)
      out[i] = rows[r] < 0 || columns[c] < 0 ? 0 : plane[rows[r] * width + columns[c]];
  return out;
}

/** Cross-correlation of padded planes with one filter [C][k][k]; Float32 (H', W'), four taps at a time. */
export function correlate(planes, width, height, filter, bias, stride, dilation) {
  const k = filter[0].length, span = extent(k, dilation);
  const wide = Math.floor((width - span) / stride) + 1, tall = Math.floor((height - span) / stride) + 1;
  const out = new Float32Array(wide * tall), line = new Float64Array(wide);
  const taps = [];
  filter.forEach((rows, c) =>
    rows.forEach((row, i) =>
      row.forEach((weight, j) => weight && taps.push([planes[c], Math.fround(weight), i * dilation, j * dilation]))));
  while (taps.length % 4) taps.push([planes[0], 0, 0, 0]);
  for (let r = 0; r < tall; r++) {
    line.fill(bias);
    const top = r * stride;
    for (let t = 0; t < taps.length; t += 4) {
      const [pa, wa, ia, ja] = taps[t], [pb, wb, ib, jb] = taps[t + 1];
      const [pc, wc, ic, jc] = taps[t + 2], [pd, wd, id, jd] = taps[t + 3];
      let a = (top + ia) * width + ja, b = (top + ib) * width + jb;
      let c = (top + ic) * width + jc, d = (top + id) * width + jd;
      for (let x = 0; x < wide; x++, a += stride, b += stride, c += stride, d += stride)
        line[x] += wa * pa[a] + wb * pb[b] + wc * pc[c] + wd * pd[d];
    }
    out.set(line, r * wide);
  }
  return { map: out, width: wide, height: tall };
}

export function rectified({ map, width, height }) {
  return { map: map.map((v) => (v > 0 ? v : 0)), width, height };
}

/** The largest or mean value under each window of a map. */
export function pooled({ map, width, height }, size, stride, kind) {
  const wide = outSize(width, size, stride, 0, 1), tall = outSize(height, size, stride, 0, 1);
  const out = new Float32Array(wide * tall);
  for (let r = 0, i = 0; r < tall; r++)
    for (let c = 0; c < wide; c++, i++) {
      let best = -Infinity, sum = 0;
      for (let y = 0; y < size; y++)
        for (let x = 0; x < size; x++) {
          const v = map[(r * stride + y) * width + c * stride + x];
          if (v > best) best = v;
          sum += v;
        }
      out[i] = kind === "max" ? best : sum / (size * size);
    }
  return { map: out, width: wide, height: tall };
}
