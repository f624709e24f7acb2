// Two maps stand side by side also where the page's width is not whole.
import assert from "node:assert/strict";
import { test } from "node:test";

import { GAP, room } from "../../cnnviz/ui/components/camcanvas/draw.js";

test("pictures side by side are no wider than the page, and one alone fills it to a pixel", () => {
  for (const all of [1311.8125, 1312, 655.5, 648]) {
    assert.ok(2 * room(all, 2) + GAP <= all, String(all));
    assert.equal(room(all, 1), Math.floor(all));
  }
});
