// Two-dimensional FFTs of one square size (a power of two), radix 2, in double precision.

export class Fourier {
  constructor(n) {
    this.n = n;
    this.cos = Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / n));
    this.sin = Float64Array.from({ length: n / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / n));
    const bits = Math.log2(n);
    this.flip = Uint16Array.from({ length: n }, (_, i) => {
      let out = 0;
      for (let b = 0; b < bits; b++) out |= ((i >> b) & 1) << (bits - 1 - b);
      return out;
    });
    this.spare = [new Float64Array(n * n), new Float64Array(n * n)];
  }

  /** Along the rows' index, all columns at once, in place; `sign` −1 forward, +1 back (not scaled). */
  down(re, im, sign) {
    const { n, cos, sin, flip } = this;
    for (let i = 0; i < n; i++) {
      const j = flip[i];
      if (j <= i) continue;
      for (let a = i * n, b = j * n, end = a + n; a < end; a++, b++) {
        const r = re[a], m = im[a];
        re[a] = re[b], im[a] = im[b], re[b] = r, im[b] = m;
      }
    }
    for (let half = 1; half < n; half *= 2) {
      const stride = n / (2 * half);
      for (let start = 0; start < n; start += 2 * half)
        for (let k = 0; k < half; k++) {
          const c = cos[k * stride], s = sign * sin[k * stride];
          for (let a = (start + k) * n, b = a + half * n, end = a + n; a < end; a++, b++) {
            const r = re[b] * c - im[b] * s, m = re[b] * s + im[b] * c;
            re[b] = re[a] - r, im[b] = im[a] - m, re[a] += r, im[a] += m;
          }
        }
    }
  }

  turn(from, to) {
    const { n } = this, block = 16;
    for (let r = 0; r < n; r += block)
      for (let c = 0; c < n; c += block)
        for (let i = r; i < r + block; i++) for (let j = c; j < c + block; j++) to[j * n + i] = from[i * n + j];
  }

  /** Both ways. The spectrum lies turned over (column frequency first); coming back turns it upright again. */
  both(re, im, sign) {
    const [a, b] = this.spare;
    this.down(re, im, sign);
    this.turn(re, a), this.turn(im, b);
    this.down(a, b, sign);
    re.set(a), im.set(b);
  }
}
