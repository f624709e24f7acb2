// A map of images: what lies under a hand, inside a loop, in view; which thumbnails have room; what is saved.
import assert from "node:assert/strict";
import { test } from "node:test";

import { between, classColours, word } from "../../cnnviz/ui/components/imagemap/classcolour.js";
import { disc, paint } from "../../cnnviz/ui/components/imagemap/dots.js";
import { asCsv, at, counted, inside, nearest, read, told } from "../../cnnviz/ui/components/imagemap/points.js";
import { across, corners, down, levelOf, limits, panned, towards, under, whole, zoomed } from "../../cnnviz/ui/components/imagemap/view.js";
import { engine, near } from "./engine.js";

const { file, xs, ys, labels, classes, files, loop, within } = engine("imagemap");
const points = read(file), all = () => true, size = [600, 400];

test("the file that Python makes ready has every image at its place, with its class, its prediction and its name", () => {
  near([...points.xs], xs, 1e-6);
  near([...points.ys], ys, 1e-6);
  assert.deepEqual([...points.labels], labels);
  assert.deepEqual(points.files, files);
  assert.equal(points.counts.reduce((a, b) => a + b, 0), points.count);
  assert.equal(points.wrongs, [...points.predicted].filter((said, i) => said !== labels[i]).length);
});

test("a view of everything has every image on the canvas, and a place leads to a point and back", () => {
  const view = whole(corners(points.xs, points.ys), ...size);
  for (let i = 0; i < points.count; i++) {
    const x = across(view, size[0], points.xs[i]), y = down(view, size[1], points.ys[i]);
    assert.ok(x >= 0 && x <= size[0] && y >= 0 && y <= size[1]);
    near(under(view, size, x, y), [points.xs[i], points.ys[i]], 1e-6);
  }
});

test("what is under the hand stays there while one zooms, also on the way, and what is dragged goes with it", () => {
  const view = whole(corners(points.xs, points.ys), ...size), place = [137, 311], before = under(view, size, ...place);
  const target = zoomed(view, size, 3, place, [1, 1e9]);
  near(under(target, size, ...place), before, 1e-9);
  near(under(towards(view, target, 0.3, size), size, ...place), before, 1e-9);
  const moved = panned(view, 40, -25, [-9, -9, 9, 9]);
  near(under(moved, size, place[0] + 40, place[1] - 25), before, 1e-9);
  assert.equal(zoomed(view, size, 1e9, place, [1, 50]).scale, 50);
});

test("the way to another view ends there, and the middle is never lost from the images", () => {
  const edges = corners(points.xs, points.ys), target = { x: 0.2, y: 0.9, scale: 4000 };
  let view = whole(edges, ...size), steps = 0;
  while (view !== target && steps++ < 200) view = towards(view, target, 0.3, size);
  assert.equal(view, target);
  const far = panned(view, 1e7, -1e7, edges);
  assert.deepEqual([far.x, far.y], [edges[0], edges[3]]);
});

test("thumbnails shown at a scale are apart by their own size, and at the largest scale nearly all are shown", () => {
  const tile = 28, [least, most] = limits(500, tile, points);
  for (const scale of [200, 500, 2000, 9000]) {
    const level = levelOf(scale, tile, points), shown = level < 0 ? 0 : points.ends[level];
    for (let i = 0; i < shown; i++)
      for (let j = 0; j < i; j++)
        assert.ok(Math.max(Math.abs(points.xs[i] - points.xs[j]), Math.abs(points.ys[i] - points.ys[j])) * scale > tile - 0.01 || level === points.ends.length - 1);
  }
  assert.ok(least < 500 && most > 500);
  assert.ok(points.ends[levelOf(most, tile, points)] >= 0.99 * points.count);
});

test("the image at a point is the thumbnail that covers it, else a dot near by, else none; and only one that is lit", () => {
  const view = whole(corners(points.xs, points.ys), ...size), thumbs = points.ends[levelOf(view.scale, 28, points)];
  for (let i = 0; i < thumbs; i++) {
    const place = [across(view, size[0], points.xs[i]), down(view, size[1], points.ys[i])];
    assert.equal(at(points, view, size, ...place, thumbs, 28, all), i);
    assert.notEqual(at(points, view, size, ...place, thumbs, 28, (one) => one !== i), i);
    assert.equal(nearest(points, points.xs[i], points.ys[i], all), i);
  }
  assert.equal(at(points, view, size, -500, -500, thumbs, 28, all), -1);
});

test("inside a loop are the images that the loop goes around an odd number of times, counted by class, the most first", () => {
  const found = inside(points, loop, all);
  assert.deepEqual(found, within);
  assert.ok(found.length > 5 && found.length < points.count);
  const counts = counted(points, found);
  assert.equal(counts.reduce((sum, [, count]) => sum + count, 0), found.length);
  for (const [label, count] of counts) assert.equal(found.filter((i) => labels[i] === label).length, count);
  assert.deepEqual(inside(points, loop, (i) => i !== found[0]), found.slice(1));
});

test("a selection is saved as rows of file and class, with quotes where a name has a comma or a quote", () => {
  const named = { ...points, files: ["a,b.png", 'say "x".png', "c.png"], labels: [0, 1, 1], classes: ["cat", "dog, wild"] };
  assert.equal(asCsv(named, [0, 1, 2]), 'file,class\r\n"a,b.png",cat\r\n"say ""x"".png","dog, wild"\r\nc.png,"dog, wild"\r\n');
  assert.equal(asCsv(points, [2]), `file,class\r\n${files[2]},${classes[labels[2]]}\r\n`);
});

test("an image in words says its file, its class, what it is predicted as, how surely, and whether that is wrong", () => {
  const i = [...points.wrong].indexOf(1), said = told(points, i);
  assert.equal(said[0], files[i]);
  assert.equal(said[1], classes[labels[i]]);
  assert.match(said[2], new RegExp(`^predicted ${points.called[points.predicted[i]]}, .*%, wrong$`));
  assert.ok(!told(points, [...points.wrong].indexOf(0))[2].includes("wrong"));
});

test("every image is a dot of its class's colour in the picture, quiet ones lie below, wrong ones have a ring", () => {
  const width = 60, height = 40, words = new Uint32Array(width * height), colours = Uint32Array.of(11, 22);
  const few = { xs: [0.5, 0.5, 0.2], ys: [0.5, 0.5, 0.5], labels: [0, 1, 1], wrong: [0, 0, 1], count: 3 };
  const view = { x: 0.5, y: 0.5, scale: 60 }, look = Uint8Array.of(2, 1, 2);
  paint(words, width, height, few, view, { r: 2, look, colours, ground: 1, quiet: 5, ring: 9 });
  const pixel = (x, y) => words[y * width + x];
  assert.equal(pixel(30, 20), 11);
  assert.equal(pixel(12, 20), 22);
  assert.equal(pixel(12, 16), 9);
  assert.equal(pixel(12, 17), 1);
  assert.equal(pixel(50, 5), 1);
  assert.equal(disc(2).length, 3);
  look[0] = 0;
  paint(words, width, height, few, view, { r: 2, look, colours, ground: 1, quiet: 5, ring: 9 });
  assert.equal(pixel(30, 20), 5);
});

test("a dot at the edge of the picture is cut off there", () => {
  const words = new Uint32Array(100), one = { xs: [0], ys: [0], labels: [0], wrong: [1], count: 1 };
  paint(words, 10, 10, one, { x: 0.5, y: 0.5, scale: 10 }, { r: 2, look: Uint8Array.of(2), colours: Uint32Array.of(7), ground: 0, quiet: 5, ring: 9 });
  assert.equal(words[0], 7);
  assert.equal(words[9], 0);
  assert.equal(words[90], 0);
});

const light = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);

test("colours of classes stand out from the ground at 3 : 1 and more, in light and in dark, and the first 40 differ", () => {
  for (const [dark, ground] of [[false, "#f0f0ec"], [true, "#212429"]]) {
    const found = classColours(40, dark);
    assert.equal(new Set(found).size, 40);
    for (const colour of found) assert.ok(contrast(colour, ground) >= 3, `${colour} on ${ground}: ${contrast(colour, ground)}`);
  }
  assert.equal(word("#010203"), 0xff030201);
  assert.equal(between(word("#000000"), word("#ffffff"), 0.5), word("#808080"));
});
