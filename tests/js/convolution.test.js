// The convolution lab's arithmetic is cnnviz.signal's.
import assert from "node:assert/strict";
import { test } from "node:test";

import { gathered, resized, spread } from "../../cnnviz/ui/components/convlab/kernel.js";
import { compute, numbers as numbersAt } from "../../cnnviz/ui/components/convlab/model.js";
import { border, correlate, extent, mostPadding, outSize, padded, pooled, rectified } from "../../cnnviz/ui/components/convlab/signal.js";
import { engine, near } from "./engine.js";

const numbers = engine("convolution");

test("a map is the engine's for every stride, border, padding and dilation", () => {
  assert.ok(numbers.maps.length > 20);
  for (const { planes, width, height, weights, bias, stride, padding, mode, dilation, map, side } of numbers.maps) {
    const what = JSON.stringify({ stride, padding, mode, dilation });
    const around = planes.map((plane) => padded(Uint8Array.from(plane), width, height, padding, mode));
    const found = correlate(around, width + 2 * padding, height + 2 * padding, weights, bias, stride, dilation);
    assert.deepEqual([found.height, found.width], side, what);
    near(found.map, map, 2e-3, what); // of numbers up to some thousands, in single precision
  }
});

test("borders, sizes and the most padding are the engine's", () => {
  for (const { n, padding, mode, index } of numbers.borders) assert.deepEqual([...border(n, padding, mode)], index, mode);
  for (const [n, k, s, p, d, size] of numbers.sizes) assert.equal(outSize(n, k, s, p, d), size);
  for (const [k, d, span] of numbers.extents) assert.equal(extent(k, d), span);
  for (const [n, mode, most] of numbers.paddings) assert.equal(mostPadding(n, mode), most ?? Infinity);
});

test("ReLU and pooling are the engine's", () => {
  const { map, width, height, relu, pools } = numbers.pooling;
  const lit = rectified({ map: Float32Array.from(map), width, height });
  near(lit.map, relu, 0);
  for (const { kind, size, values, side } of pools) {
    const found = pooled(lit, size, size, kind);
    assert.deepEqual([found.height, found.width], side);
    near(found.map, values, 1e-4, `${kind} ${size}`);
  }
});

test("a kernel is shared out over channels and gathered again as Python does it", () => {
  for (const { gray, rgb, again } of numbers.kernels) {
    near(spread(gray, 3).flat(2), rgb.flat(2), 1e-6);
    near(gathered(rgb).flat(), again.flat(), 1e-6);
  }
});

test("a kernel that grows is framed with zeros, and cut back it is what it was", () => {
  const plane = [[1, 2, 3], [4, 5, 6], [7, 8, 9]];
  assert.deepEqual(resized(plane, 5), [[0, 0, 0, 0, 0], [0, 1, 2, 3, 0], [0, 4, 5, 6, 0], [0, 7, 8, 9, 0], [0, 0, 0, 0, 0]]);
  for (const k of [3, 5, 7]) assert.deepEqual(resized(resized(plane, k), 3), plane, String(k));
  assert.deepEqual(resized(plane, 1), [[5]]);
});

test("at another stage the window stays where it was on the input", () => {
  const box = Uint8Array.from({ length: 28 * 28 }, (_, i) => (i % 28 > 6 && i % 28 < 21 && i >= 28 * 7 && i < 28 * 21 ? 255 : 0));
  const edge = { name: "edge", weights: [[[-1, -1, -1], [0, 0, 0], [1, 1, 1]]], bias: 0 };
  const s = {
    filters: [edge], selected: 0, stride: 1, padding: 1, mode: "zero", dilation: 1, stage: "conv", look: "signed", gain: 0, colour: false,
    poolKind: "max", poolSize: 2, poolStride: 0, unit: 255, flip: false,
  };
  const lab = { s, input: { stamp: 1, name: "box", width: 28, height: 28, planes: [box] }, position: 28 * 7 + 11 };
  const now = (change = {}) => (Object.assign(s, change), compute(lab), numbersAt(lab, lab.position));
  assert.equal(now().total, 765);
  assert.equal(now({ stage: "relu" }).total, 765);
  assert.deepEqual([now({ stage: "pool" }).total, lab.position], [765, 14 * 3 + 5]); // 7 rows down and 11 across, by twos
  now({ stage: "conv" });
  assert.equal(lab.position, 28 * 6 + 10);
  const { row, column } = now({ stride: 2, padding: 0 });
  assert.deepEqual([row, column], [2, 4]); // 5 and 9 pixels into the image, by twos
  now({ stride: 1, padding: 3 });
  lab.position = lab.out.map.length - 1;
  now({ stage: "pool", poolSize: 5 });
  assert.equal(lab.position, lab.out.map.length - 1); // no further than there are windows
});
