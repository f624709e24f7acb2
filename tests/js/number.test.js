// How numbers are printed and read, and which colour they get.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import { level, palette, peakOf } from "../../cnnviz/ui/components/shared/colour.js";
import { brief, measured, shown, signed, typed } from "../../cnnviz/ui/components/shared/number.js";
import { engine } from "./engine.js";

const printed = engine("number");
const VALUES = [0, 1, -1, 3.14159, -0.125, 0.0004, -0.0004, 255, 254.96, 1e6, -2549.75, 9999 * 255, 123456789.5, 1 / 9];
const read = (text) => Number(text.replaceAll("−", "-"));

test("whole numbers are printed whole, others with three significant places or more", () => {
  for (const [value, text] of [[0, "0"], [-0, "0"], [12, "12"], [-3, "−3"], [0.125, "0.125"], [2.5, "2.50"], [-254.96, "−255.0"], [1e-9, "0"], [NaN, "–"], [Infinity, "–"]])
    assert.equal(shown(value), text);
  assert.equal(shown(-0.0001), "0.000"); // no sign where no figure is left
});

test("a printed number is the number, to the last place printed", () => {
  for (const value of VALUES) {
    const places = (shown(value).split(".")[1] ?? "").length;
    assert.ok(Math.abs(read(shown(value)) - value) <= 0.5 * 10 ** -places + 1e-6, `${value} as ${shown(value)}`);
  }
});

test("a measured value is written as the page writes it", () => {
  assert.ok(printed.length > 500);
  for (const [value, text] of printed) assert.equal(measured(value), text, `${value}`);
  for (const [value, text] of [[NaN, "NaN"], [-Infinity, "−∞"], [-0, "0"]]) assert.equal(measured(value), text);
});

test("a short number fits where any way of writing it does, and says at least one figure of the number", () => {
  for (const value of VALUES)
    for (let room = 0; room < 12; room++) {
      const text = brief(value, (way) => way.length <= room);
      if (text !== shown(value)) assert.ok(Math.abs(read(text) - value) <= 0.5 * Math.abs(value), `${value} as ${text}`);
      assert.ok(text.length <= Math.max(room, 5), `${value} in ${room} as ${text}`);
      if (shown(value).length <= room) assert.equal(text, shown(value));
    }
  assert.equal(brief(9999 * 255, (way) => way.length <= 5), "2.5e6");
  assert.equal(brief(9999 * 255, (way) => way.length <= 3), "3e6");
});

test("negative numbers in a text have a minus sign, names and ranges keep their hyphen", () => {
  assert.equal(signed("value -0.47 at row 3 · mean -1.5e-5, (-3)"), "value −0.47 at row 3 · mean −1.5e−5, (−3)");
  for (const text of ["Channel 3 of cats-2.jpg", "ResNet-18", "3-5"]) assert.equal(signed(text), text);
});

test("a number is read as people type it, and nothing else is", () => {
  for (const [text, value] of [["0.5", 0.5], [" −1 ", -1], ["0,5", 0.5], ["1/4", 0.25], ["-3/2", -1.5], ["1/9", Math.fround(1 / 9)]])
    assert.equal(typed(text), value);
  for (const text of ["", "x", "1/0", "1/2/3", "1e5", "--1"]) assert.equal(typed(text), null, text);
});

test("a level stays between 0 and 255, with zero in the middle where signs count", () => {
  assert.deepEqual([-9, -2, 0, 2, 9].map((v) => level(v, "signed", 2)), [0, 0, 128, 255, 255]);
  assert.deepEqual([-2, 0, 1, 2].map((v) => level(v, "magnitude", 2)), [255, 0, 128, 255]);
  assert.deepEqual([-5, 0, 99.6, 300].map((v) => level(v, "picture")), [0, 0, 100, 255]);
  assert.equal(peakOf([1, -3, 2]), 3);
  assert.equal(peakOf([0, 0]), 1);
});

test("a palette holds red, green and blue as the canvas wants them", () => {
  const rgb = Uint8Array.from({ length: 768 }, (_, i) => (i % 3 === 0 ? i / 3 : i % 3));
  const colours = palette(Buffer.from(rgb).toString("base64"));
  assert.equal(colours.length, 256);
  for (const i of [0, 77, 255]) assert.deepEqual([...new Uint8Array(colours.slice(i, i + 1).buffer)], [i, 1, 2, 255]);
});
