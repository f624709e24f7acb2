// The crop that a hand moves over the photo is where the network's preprocessing puts it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { axis, moved, place, shifted } from "../../cnnviz/ui/components/camcanvas/crop.js";
import { engine, near } from "./engine.js";

const cases = engine("crop");

test("a crop at a place of its way is the part of the photo that the engine takes, to half a pixel of the input", () => {
  for (const { size, centre, at, box, half } of cases.moved)
    near(moved(centre, axis({ size, box: centre }), at), box, half, `${size} at ${at}`);
});

test("it moves along the longer side, and not at all where it is the whole photo", () => {
  assert.deepEqual(cases.moved.slice(0, 2).map(({ size, centre: box }) => axis({ size, box })), [0, 1]);
  for (const { size, box } of cases.whole) assert.equal(axis({ size, box }), -1);
});

test("a hand that goes as far as the crop can moves it from one end to the other, and no further", () => {
  for (const { size, centre } of cases.moved) {
    const along = axis({ size, box: centre }), way = 1 - centre[along + 2];
    assert.equal(shifted(centre, along, 0, way), 1);
    assert.equal(shifted(centre, along, 1, -way), 0);
    assert.equal(shifted(centre, along, 0.5, 2), 1);
    assert.equal(shifted(centre, along, 0.5, -2), 0);
    assert.equal(shifted(centre, along, 0.25, 0), 0.25);
    near([place(moved(centre, along, 0.3), along)], [0.3], 1e-9);
  }
});
