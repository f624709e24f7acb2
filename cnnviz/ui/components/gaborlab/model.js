// Gabor filters and their answers, by the definitions of cnnviz.signal.gabor.

const REACH = 3; // standard deviations at which the bell is cut off
export const radians = (degrees) => (degrees * Math.PI) / 180;

/** Pixels from the kernel's middle to its edge: [up and down, left and right]. */
function reach(g) {
  const along = g.sigma * REACH, across = (g.sigma / g.gamma) * REACH, t = radians(g.theta);
  const c = Math.abs(Math.cos(t)), s = Math.abs(Math.sin(t));
  return [Math.ceil(Math.max(along * s, across * c, 1)), Math.ceil(Math.max(along * c, across * s, 1))];
}

/** Real and imaginary part, row by row. */
export function gaborKernel(g) {
  const [up, left] = reach(g), wide = 2 * left + 1, tall = 2 * up + 1, t = radians(g.theta), shift = radians(g.phase);
  const re = new Float64Array(wide * tall), im = new Float64Array(wide * tall), across = g.sigma / g.gamma;
  for (let y = -up, i = 0; y <= up; y++)
    for (let x = -left; x <= left; x++, i++) {
      const u = x * Math.cos(t) + y * Math.sin(t), v = -x * Math.sin(t) + y * Math.cos(t);
      const bell = Math.exp(-0.5 * ((u / g.sigma) ** 2 + (v / across) ** 2)) / (2 * Math.PI * g.sigma * across);
      re[i] = bell * Math.cos(2 * Math.PI * g.frequency * u + shift);
      im[i] = bell * Math.sin(2 * Math.PI * g.frequency * u + shift);
    }
  return { re, im, wide, tall };
}

/** The slowest wave with the same values at whole pixels; `fast` where that is another one. */
export function aliased(g) {
  const t = radians(g.theta), along = [g.frequency * Math.cos(t), g.frequency * Math.sin(t)];
  const [x, y] = along.map((v) => v - Math.floor(v + 0.5));
  return { frequency: Math.hypot(x, y), theta: ((Math.atan2(y, x) * 180) / Math.PI + 360) % 180, fast: along.some((v) => Math.abs(v) > 0.5 + 1e-9) };
}

/** A picture of n × n bytes, normalised as in the lecture, and its spectrum. */
export function analysed(pixels, fourier) {
  const n = pixels.length;
  let mean = 0, power = 0;
  for (const v of pixels) mean += v;
  mean /= n;
  for (const v of pixels) power += (v - mean) ** 2;
  const deviation = Math.sqrt(power / n) || 1;
  const re = Float64Array.from(pixels, (v) => (v - mean) / deviation), im = new Float64Array(n);
  fourier.both(re, im, -1);
  return { re, im };
}

/** The real spectrum of a Gabor without phase, in the FFT's turned layout; a round bell is row times column. */
export function gaborSpectrum(g, fourier, out) {
  const { n } = fourier, [up, left] = reach(g), t = radians(g.theta);
  if (g.gamma === 1) {
    const line = (radius, slope) => {
      const values = new Float64Array(n);
      for (let f = 0; f < n; f++) {
        let sum = 0;
        for (let x = -radius; x <= radius; x++)
          sum += Math.exp(-0.5 * (x / g.sigma) ** 2) * Math.cos(2 * Math.PI * (g.frequency * slope - f / n) * x);
        values[f] = sum / (Math.sqrt(2 * Math.PI) * g.sigma);
      }
      return values;
    };
    const column = line(up, Math.sin(t)), row = line(left, Math.cos(t));
    for (let x = 0, i = 0; x < n; x++) for (let y = 0; y < n; y++, i++) out[i] = row[x] * column[y];
    return;
  }
  const k = gaborKernel({ ...g, phase: 0 }), re = new Float64Array(n * n), im = new Float64Array(n * n);
  for (let y = -up, i = 0; y <= up; y++)
    for (let x = -left; x <= left; x++, i++) {
      const at = ((y + n) % n) * n + ((x + n) % n);
      re[at] += k.re[i], im[at] += k.im[i];
    }
  fourier.both(re, im, -1);
  out.set(re);
}

/** The response magnitude, Float64 (n × n), into `out`. */
export function gaborResponse(picture, g, fourier, work, out) {
  const { re, im, spectrum } = work, size = out.length;
  gaborSpectrum(g, fourier, spectrum);
  for (let i = 0; i < size; i++) (re[i] = picture.re[i] * spectrum[i]), (im[i] = picture.im[i] * spectrum[i]);
  fourier.both(re, im, 1);
  for (let i = 0; i < size; i++) out[i] = Math.sqrt(re[i] * re[i] + im[i] * im[i]) / size;
  return out;
}
export const workspace = (n) => ({ re: new Float64Array(n * n), im: new Float64Array(n * n), spectrum: new Float64Array(n * n) });

/** Dominant wave direction of each pixel (degrees) and its strength, from turned copies, as doubled angles. */
export function directions(picture, g, fourier, work, count = 8) {
  const size = fourier.n * fourier.n, one = new Float64Array(size);
  const cosine = new Float64Array(size), sine = new Float64Array(size), strength = new Float64Array(size);
  for (let k = 0; k < count; k++) {
    gaborResponse(picture, { ...g, theta: (180 * k) / count }, fourier, work, one);
    const c = Math.cos((2 * Math.PI * k) / count), s = Math.sin((2 * Math.PI * k) / count);
    for (let i = 0; i < size; i++) {
      const power = one[i] * one[i];
      cosine[i] += power * c, sine[i] += power * s;
      if (one[i] > strength[i]) strength[i] = one[i];
    }
  }
  const angle = cosine.map((c, i) => (((Math.atan2(sine[i], c) / 2) * 180) / Math.PI + 180) % 180);
  return { angle, strength };
}

/** R² of a learned plane (k × k) against this Gabor's real part at its best height, by cnnviz.signal.gaborfit.match. */
export function matched({ plane, k, middle: [row, column] }, g) {
  const values = new Float64Array(k * k), c = Math.cos(radians(g.theta)), s = Math.sin(radians(g.theta));
  for (let i = 0, r = 0; r < k; r++)
    for (let q = 0; q < k; q++, i++) {
      const y = r - (k - 1) / 2 - row, x = q - (k - 1) / 2 - column, u = x * c + y * s, v = y * c - x * s;
      const bell = Math.exp(-0.5 * ((u / g.sigma) ** 2 + ((v * g.gamma) / g.sigma) ** 2));
      values[i] = bell * Math.cos(2 * Math.PI * g.frequency * u + radians(g.phase));
    }
  let own = 0, cross = 0, mean = 0, total = 0, error = 0;
  for (let i = 0; i < k * k; i++) (own += values[i] ** 2), (cross += values[i] * plane[i]), (mean += plane[i] / (k * k));
  const height = own ? cross / own : 0;
  for (let i = 0; i < k * k; i++) (total += (plane[i] - mean) ** 2), (error += (plane[i] - height * values[i]) ** 2);
  return { r2: total ? 1 - error / total : 0, values: values.map((v) => v * height) };
}
