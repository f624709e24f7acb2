// The engine's numbers, and how near to them the browser's have to be.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";

/** What the engine wrote for one test file; `npm test` has it written first. */
export function engine(name) {
  const path = process.env.ENGINE_NUMBERS;
  assert.ok(path, "these tests need the engine's numbers: run them with `npm test`");
  return JSON.parse(readFileSync(path, "utf8"))[name];
}

/** Every number of one list as near to its fellow in another as allowed. */
export function near(actual, expected, tolerance, what = "") {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < expected.length; i++)
    assert.ok(Math.abs(actual[i] - expected[i]) <= tolerance, `${what} at ${i}: ${actual[i]} is not ${expected[i]}`);
}
