// The FFT behind the Gabor lab.
import { test } from "node:test";

import { Fourier } from "../../cnnviz/ui/components/gaborlab/fft.js";
import { engine, near } from "./engine.js";

for (const { n, re, im, spectrum } of engine("fft")) {
  test(`the spectrum of ${n} × ${n} is NumPy's, turned over`, () => {
    const [a, b] = [Float64Array.from(re), Float64Array.from(im)];
    new Fourier(n).both(a, b, -1);
    near(a, spectrum.re, 1e-9 * n * n);
    near(b, spectrum.im, 1e-9 * n * n);
  });

  test(`there and back is ${n} × ${n} times the picture`, () => {
    const [a, b] = [Float64Array.from(re), Float64Array.from(im)], fourier = new Fourier(n);
    fourier.both(a, b, -1);
    fourier.both(a, b, 1);
    near(a.map((v) => v / n ** 2), re, 1e-12);
    near(b.map((v) => v / n ** 2), im, 1e-12);
  });
}
