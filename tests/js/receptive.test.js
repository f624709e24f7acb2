// Receptive fields are cnnviz.signal.receptive's.
import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST_LAYERS, fields, legalised, profile } from "../../cnnviz/ui/components/convlab/receptive.js";
import { engine, near } from "./engine.js";

const { side, stacks } = engine("receptive");

test("sizes, jumps, middles and map sides are the engine's after every layer", () => {
  for (const { layers, rows } of stacks) assert.deepEqual(fields(side, layers), rows);
});

test("how much each pixel of a field counts is the engine's", () => {
  for (const { layers, profile: line } of stacks) near(profile(layers), line, 1e-6, JSON.stringify(layers));
});

test("a stack made legal keeps a map at every layer", () => {
  const layer = { kind: "conv", kernel: 11, stride: 4, padding: 0, dilation: 8 };
  const layers = legalised(40, Array.from({ length: MOST_LAYERS + 3 }, () => ({ ...layer })));
  assert.ok(layers.length > 1 && layers.length <= MOST_LAYERS);
  for (const row of fields(40, layers)) assert.ok(row.map > 0);
  const pool = legalised(40, [{ kind: "max", kernel: 3, stride: 2, padding: 3, dilation: 2 }]);
  assert.deepEqual(pool, [{ kind: "max", kernel: 3, stride: 2, padding: 1, dilation: 1 }]);
});
