// What can be told from a map alone: its contour lines and its warm pieces.

/** Line segments [x0, y0, x1, y1] in 0..1 where the heat (0..255) crosses a level: marching squares. */
export function contour(heat, height, width, level) {
  const lines = [], at = (y, x) => heat[y * width + x];
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      const a = at(y, x), b = at(y, x + 1), c = at(y + 1, x + 1), d = at(y + 1, x);
      const kind = (a >= level) | ((b >= level) << 1) | ((c >= level) << 2) | ((d >= level) << 3);
      if (kind === 0 || kind === 15) continue;
      const mix = (p, q) => (p === q ? 0.5 : (level - p) / (q - p));
      const top = [x + mix(a, b), y], right = [x + 1, y + mix(b, c)], low = [x + mix(d, c), y + 1], left = [x, y + mix(a, d)];
      const pairs = {
        1: [left, top], 2: [top, right], 3: [left, right], 4: [right, low], 6: [top, low], 7: [left, low], 8: [left, low],
        9: [top, low], 11: [right, low], 12: [left, right], 13: [top, right], 14: [left, top], 5: [left, top, right, low], 10: [top, right, left, low],
      }[kind];
      for (let i = 0; i < pairs.length; i += 2) {
        lines.push([(pairs[i][0] + 0.5) / width, (pairs[i][1] + 0.5) / height, (pairs[i + 1][0] + 0.5) / width, (pairs[i + 1][1] + 0.5) / height]);
      }
    }
  }
  return lines;
}

/** Connected pieces at or above a level, largest sum of heat first: {left, top, right, low, area, sum} in map pixels. */
export function pieces(heat, height, width, level, smallest) {
  const seen = new Uint8Array(heat.length), found = [], stack = [];
  for (let i = 0; i < heat.length; i++) {
    if (seen[i] || heat[i] < level || heat[i] === 0) continue;
    const one = { left: width, top: height, right: 0, low: 0, area: 0, sum: 0 };
    stack.push(i);
    seen[i] = 1;
    while (stack.length) {
      const p = stack.pop(), x = p % width, y = (p / width) | 0;
      one.left = Math.min(one.left, x);
      one.right = Math.max(one.right, x + 1);
      one.top = Math.min(one.top, y);
      one.low = Math.max(one.low, y + 1);
      one.area++;
      one.sum += heat[p];
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const q = v * width + u;
          if (!seen[q] && heat[q] >= level && heat[q] > 0) {
            seen[q] = 1;
            stack.push(q);
          }
        }
      }
    }
    if (one.area >= smallest * heat.length) found.push(one);
  }
  return found.sort((p, q) => q.sum - p.sum);
}

/** The heat with none on the border of a padded photo, so many pixels wide: its pieces are of the photo alone. */
export function onPhoto(heat, height, width, [left, top, right, bottom]) {
  if (!(left || top || right || bottom)) return heat;
  return heat.map((value, i) => {
    const x = i % width, y = (i / width) | 0;
    return x < left || y < top || x >= width - right || y >= height - bottom ? 0 : value;
  });
}

/** The level that parts warm from cold best (Otsu), 0..255, as the engine's. */
export function otsu(heat) {
  const counts = new Float64Array(256);
  for (const value of heat) counts[value]++;
  let all = 0;
  for (let i = 0; i < 256; i++) all += i * counts[i];
  let below = 0, weighted = 0, best = 0, at = 255;
  for (let i = 0; i < 255; i++) {
    below += counts[i];
    weighted += i * counts[i];
    const above = heat.length - below;
    if (!below || !above) continue;
    const between = below * above * (weighted / below - (all - weighted) / above) ** 2;
    if (between > best) [best, at] = [between, i + 1];
  }
  return at;
}

/**
 * The colours of heat (0..255) with their opacity, painted into `words`: the more opaque the hotter a place, or
 * `uniform`; none below the `threshold` (0..1).
 */
export function shades(heat, colours, { opacity, threshold, uniform }, words) {
  const least = threshold * 255, shade = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const alpha = uniform ? Math.round(opacity * 255) : Math.round(opacity * value);
    shade[value] = value < least ? 0 : ((colours[value] & 0xffffff) | (alpha << 24)) >>> 0;
  }
  for (let i = 0; i < words.length; i++) words[i] = shade[heat[i]];
}

/** A signed map as heat 0..255 of another size, as the engine spreads it: cold is 0, bilinear, the hottest place 255. */
export function spread(raw, rows, columns, height, width) {
  let top = 0;
  for (const value of raw) if (value > top) top = value;
  const heat = new Float32Array(height * width), out = new Uint8Array(heat.length);
  if (!top) return out;
  const along = (n, side) => Array.from({ length: n }, (_, i) => {
    const at = Math.min(side - 1, Math.max(0, ((i + 0.5) * side) / n - 0.5)), low = Math.floor(at);
    return [low, Math.min(side - 1, low + 1), at - low];
  });
  const ys = along(height, rows), xs = along(width, columns), warm = (y, x) => Math.max(0, raw[y * columns + x]) / top;
  let peak = 0;
  for (let y = 0; y < height; y++) {
    const [a, b, v] = ys[y];
    for (let x = 0; x < width; x++) {
      const [c, d, u] = xs[x];
      const value = (warm(a, c) * (1 - u) + warm(a, d) * u) * (1 - v) + (warm(b, c) * (1 - u) + warm(b, d) * u) * v;
      heat[y * width + x] = value;
      if (value > peak) peak = value;
    }
  }
  for (let i = 0; i < heat.length; i++) out[i] = Math.round((heat[i] / peak) * 255);
  return out;
}
