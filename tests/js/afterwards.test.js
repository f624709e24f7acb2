import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers";

import { afterwards } from "../../cnnviz/ui/components/shared/afterwards.js";

const presses = {};
globalThis.document = { addEventListener: (kind, hear) => (presses[kind] = hear) };

test("what waits is told once, before a press elsewhere is heard, and not by a press inside", async () => {
  const lab = {}, told = [];
  afterwards(lab, () => told.push("first"), 20);
  afterwards(lab, () => told.push("last"), 20);
  presses.pointerdown({ composedPath: () => [lab] });
  assert.deepEqual(told, []);
  presses.pointerdown({ composedPath: () => [{}] });
  assert.deepEqual(told, ["last"]);
  await new Promise((done) => setTimeout(done, 40));
  assert.deepEqual(told, ["last"]);
  afterwards(lab, () => told.push("later"), 20);
  await new Promise((done) => setTimeout(done, 40));
  assert.deepEqual(told, ["last", "later"]);
});
