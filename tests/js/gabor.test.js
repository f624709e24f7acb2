// Gabor filters and their answers are cnnviz.signal.gabor's.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Fourier } from "../../cnnviz/ui/components/gaborlab/fft.js";
import { analysed, directions, gaborKernel, gaborResponse, matched, workspace } from "../../cnnviz/ui/components/gaborlab/model.js";
import { engine, near } from "./engine.js";

const { side, pixels, filters, directions: turned, matches } = engine("gabor");
const fourier = new Fourier(side), picture = analysed(Uint8Array.from(pixels), fourier);
const most = (values) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

test("kernels are the engine's", () => {
  for (const { gabor, kernel } of filters) {
    const { re, im, tall, wide } = gaborKernel(gabor);
    assert.deepEqual([tall, wide], kernel.shape);
    near(re, kernel.re, 1e-6);
    near(im, kernel.im, 1e-6);
  }
});

test("responses are the engine's, for round bells and for long ones", () => {
  assert.ok(filters.some(({ gabor }) => gabor.gamma !== 1));
  for (const { gabor, response } of filters) {
    const found = gaborResponse(picture, gabor, fourier, workspace(side), new Float64Array(side * side));
    near(found, response, 1e-4 * most(response), JSON.stringify(gabor));
  }
});

test("the dominant direction of each pixel and its strength are the engine's", () => {
  const { angle, strength } = directions(picture, turned.gabor, fourier, workspace(side)), peak = most(turned.strength);
  near(strength, turned.strength, 1e-4 * peak);
  let compared = 0;
  angle.forEach((a, i) => {
    if (turned.coherence[i] < 0.05 || strength[i] < 0.05 * peak) return; // as good as no direction
    const away = Math.abs(a - turned.angle[i]) % 180;
    assert.ok(Math.min(away, 180 - away) < 0.05, `${a} is not ${turned.angle[i]}`);
    compared++;
  });
  assert.ok(compared > angle.length / 4);
});

test("R² of a learned filter and the values that explain it are the engine's", () => {
  for (const { gabor, plane, k, middle, r2, values } of matches) {
    const found = matched({ plane, k, middle }, gabor);
    near([found.r2], [r2], 1e-6);
    near(found.values, values, 1e-6);
  }
});
