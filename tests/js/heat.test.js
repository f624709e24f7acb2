// Heat is spread, parted and boxed as cnnviz.attribution does it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { contour, onPhoto, otsu, pieces, shades, spread } from "../../cnnviz/ui/components/camcanvas/model.js";
import { keep, kept } from "../../cnnviz/ui/components/camcanvas/kept.js";
import { erased, same } from "../../cnnviz/ui/components/camcanvas/look.js";
import { onScale, told } from "../../cnnviz/ui/components/camcanvas/scale.js";
import { engine, near } from "./engine.js";

const numbers = engine("heat");

test("a raw map is spread as the engine spreads it, to half a level", () => {
  for (const { raw, shape: [rows, columns], size: [height, width], values } of numbers.spreads)
    near(spread(Float32Array.from(raw), rows, columns, height, width), values.map((v) => v * 255), 0.501);
});

test("a map without a warm place stays cold", () => {
  assert.deepEqual([...spread(Float32Array.of(-1, 0, -2, -3), 2, 2, 3, 3)], new Array(9).fill(0));
});

test("a pixel is as opaque as the heat is, or alike everywhere, and none below the threshold", () => {
  const heat = Uint8Array.of(0, 51, 102, 255), colours = Uint32Array.from({ length: 256 }, (_, i) => 0xff000000 | i);
  const alphas = (look) => {
    const words = new Uint32Array(4);
    shades(heat, colours, { opacity: 0.5, threshold: 0, uniform: false, ...look }, words);
    assert.ok(words.every((word, i) => word === 0 || (word & 0xff) === heat[i]));
    return [...words].map((word) => word >>> 24);
  };
  assert.deepEqual(alphas({}), [0, 26, 51, 128]);
  assert.deepEqual(alphas({ uniform: true }), [128, 128, 128, 128]);
  assert.deepEqual(alphas({ threshold: 0.3 }), [0, 0, 51, 128]);
});

test("Otsu's level parts the pixels that the engine's parts", () => {
  for (const { heat, warm } of numbers.otsu) {
    const level = otsu(Uint8Array.from(heat));
    assert.deepEqual(heat.map((v) => Number(v >= level)), warm);
  }
});

test("boxes are the engine's, the largest total heat first", () => {
  for (const { heat, shape: [height, width], level, boxes } of numbers.boxes) {
    const found = pieces(Uint8Array.from(heat), height, width, level, 0.005);
    assert.deepEqual(found.map((b) => [b.left, b.top, b.right - b.left, b.low - b.top, b.area]), boxes.map((b) => b.slice(0, 5)));
    near(found.map((b) => b.sum / b.area / 255), boxes.map((b) => b[5]), 1e-6);
  }
});

test("a padded photo's border has no boxes, as in the engine", () => {
  for (const { heat, shape: [height, width], level, padding, boxes } of numbers.padded) {
    const found = pieces(onPhoto(Uint8Array.from(heat), height, width, padding), height, width, level, 0.005);
    assert.deepEqual(found.map((b) => [b.left, b.top, b.right - b.left, b.low - b.top, b.area]), boxes.map((b) => b.slice(0, 5)));
  }
});

test("a contour of a ramp stands where the ramp has that height", () => {
  const width = 8, height = 5, heat = Uint8Array.from({ length: width * height }, (_, i) => 30 * (i % width));
  const lines = contour(heat, height, width, 100);
  assert.equal(lines.length, height - 1);
  for (const [x0, , x1] of lines) near([x0, x1], [(100 / 30 + 0.5) / width, (100 / 30 + 0.5) / width], 1e-9);
});

test("the prediction without what is erased is shown for these strokes alone", () => {
  const strokes = [[[0.1, 0.1, 0.2]], [[0.5, 0.5, 0.2], [0.6, 0.5, 0.2]]], given = { of: [2, 0.6, 0.5, 0.2], words: "espresso 50.0% now." };
  assert.equal(erased(strokes, given), given.words);
  assert.match(erased(strokes.slice(1), given), /^Predicting/);
  assert.match(erased(strokes, undefined), /^Predicting/);
  assert.equal(erased([], given), "");
});

test("how much of the photo is hot is counted without its border", () => {
  const heat = Uint8Array.of(255, 255, 255, 255, 200, 10, 255, 128, 0);
  assert.equal(onScale(heat, [3, 3], [0, 0, 0, 0]), 78);
  assert.equal(onScale(heat, [3, 3], [1, 1, 0, 0]), 50);
  for (const whole of ["photo", "network's input"]) {
    const one = { caption: `Heat map of cat: strongest at the upper left of the ${whole}, 2.5 times the mean; 9% of it is above half of the maximum.`, heat, data: { shape: [3, 3], padding: [0, 0, 0, 0] } };
    assert.match(told({ common: 2, panels: [one] }, one), new RegExp(`${whole}, 2.5 times the mean; 78% of it is above half of 2.00, the maximum of one scale for all classes\\.$`));
  }
});

test("maps of layers are kept for one photo and one question, the newest few", () => {
  const data = (layer, more = {}) => ({ stamp: "cat", question: "q", layer, target: 1, method: "gradcam", ...more });
  const cam = { shown: { target: 1, method: "gradcam" }, look: {} };
  const told = (one) => { cam.data = one; keep(cam, one); };
  for (let i = 0; i < 20; i++) told(data(`layer${i}`));
  assert.equal(kept(cam, "layer3"), null);
  assert.equal(kept(cam, "layer4").layer, "layer4");
  assert.equal(kept({ ...cam, look: { shared: true } }, "layer4"), null);
  assert.equal(kept({ ...cam, data: { ...cam.data, second: {} } }, "layer4"), null);
  assert.equal(kept({ ...cam, shown: { target: 2, method: "gradcam" } }, "layer4"), null);
  told(data("layer4", { question: "another" }));
  assert.equal(kept(cam, "layer5"), null);
  told(data("layer4", { stamp: "dog" }));
  assert.equal(kept(cam, "layer19"), null);
  assert.equal(cam.kept.maps.size, 1);
});

test("a choice of a class and method says nothing of the layer", () => {
  const b = { target: 1, method: "gradcam", layer: "relu3" };
  assert.ok(same({ target: 1, method: "gradcam" }, b) && same({ ...b }, b));
  assert.ok(!same(null, b) && !same({ ...b, layer: "relu4" }, b) && !same({ ...b, target: 2 }, b));
});
