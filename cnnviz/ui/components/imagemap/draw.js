// One frame: all images as dots, thumbnails where there is room, what is pointed at, chosen, near, and the loop being drawn.
import { between, word } from "./classcolour.js";
import { paint, radius } from "./dots.js";
import { across, down, levelOf, towards } from "./view.js";
import { calm } from "../shared/theme.js";

const GLIDE = 70; // ms in which most of the way to another view is done
const MOST = 3e6; // pixels of the canvas; on a very sharp and large screen it is a little less sharp
const FEW = 400; // images that are lit alone get thumbnails, room or not

/** Has the map drawn at the next frame, and again until the view is where it was sent. */
export function draw(map) {
  if (map.waiting || !map.points) return;
  map.waiting = true;
  map.frame = requestAnimationFrame((now) => {
    map.waiting = false;
    if (map.view !== map.target) {
      const share = calm() ? 1 : 1 - Math.exp(-Math.min(50, now - (map.moved ?? now - 16)) / GLIDE);
      map.view = towards(map.view, map.target, share, map.size);
    }
    map.moved = map.view === map.target ? null : now;
    frame(map);
    if (map.view !== map.target) draw(map);
  });
}

/** The side of thumbnails, in px, a little larger the closer one is. */
export function tileOf(map) {
  return map.base * Math.min(1.7, Math.max(1, (map.view.scale / map.whole.scale) ** 0.13));
}

/** How many images, in their order, have thumbnails now. */
export function thumbsOf(map) {
  if (map.dots) return 0;
  const { points } = map, level = levelOf(map.view.scale, tileOf(map) + 4, points);
  return map.lights <= FEW ? points.count : level < 0 ? 0 : points.ends[level];
}

/** Makes the canvas as large as its place, as sharp as the screen. */
export function sized(map) {
  const width = map.stage.clientWidth, height = map.stage.clientHeight;
  if (!width || !height) return false;
  const ratio = Math.min(window.devicePixelRatio || 1, 2, Math.sqrt(MOST / (width * height)));
  map.size = [width, height];
  const w = Math.round(width * ratio), h = Math.round(height * ratio);
  if (map.canvas.width !== w || map.canvas.height !== h || !map.image) {
    [map.canvas.width, map.canvas.height] = [w, h];
    map.image = map.context.createImageData(w, h);
    map.words = new Uint32Array(map.image.data.buffer);
  }
  map.ratio = w / width;
  return true;
}

function frame(map) {
  const { context, points, view, size: [width, height], ratio, colours } = map, seen = map.inView;
  seen.length = 0;
  const tile = tileOf(map), thumbs = thumbsOf(map), edge = tile / 2 + 6;
  let dots = 0;
  for (let i = 0; i < points.count; i++) {
    const x = across(view, width, points.xs[i]), y = down(view, height, points.ys[i]);
    if (x < -edge || y < -edge || x > width + edge || y > height + edge) continue;
    dots++;
    if (i < thumbs && map.look[i] === 2) seen.push(i);
  }
  map.visible = dots;
  const scaled = { x: view.x, y: view.y, scale: view.scale * ratio };
  paint(map.words, map.canvas.width, map.canvas.height, points, scaled, { r: radius(width, height, dots) * ratio, look: map.look, ...colours });
  context.putImageData(map.image, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.imageSmoothingEnabled = true;
  let come = true;
  for (let k = seen.length - 1; k >= 0; k--) come = thumbnail(map, seen[k], tile) && come;
  nearby(map, tile);
  outlined(map, map.opened, tile, 3);
  outlined(map, map.pointed, tile, 2);
  own(map);
  loop(map);
  map.beside();
  map.element.dataset.frames = Number(map.element.dataset.frames ?? 0) + 1; // for who measures
  map.element.dataset.shown = `${seen.length} thumbnails of ${dots}${come ? "" : ", loading"}`;
}

/** A thumbnail in its class's colour, with a ring where it is wrong; whether it has come. */
function thumbnail(map, i, tile) {
  const { context, points, view, size: [width, height] } = map;
  const left = across(view, width, points.xs[i]) - tile / 2, top = down(view, height, points.ys[i]) - tile / 2;
  if (points.wrong[i]) {
    context.fillStyle = map.theme.ring;
    context.fillRect(left - 5, top - 5, tile + 10, tile + 10);
    context.fillStyle = map.theme.ground;
    context.fillRect(left - 3, top - 3, tile + 6, tile + 6);
  }
  context.fillStyle = map.css[points.labels[i]];
  context.fillRect(left - 2, top - 2, tile + 4, tile + 4);
  return copied(map, context, i, left, top, tile);
}

/** Copies an image's thumbnail to a place of a canvas; whether it was there to be copied. */
export function copied(map, context, i, left, top, side) {
  const { points, sheets } = map, per = points.across * points.across, sheet = sheets.get(Math.floor(i / per));
  if (!sheet) return false;
  const place = i % per, column = place % points.across, row = Math.floor(place / points.across);
  context.drawImage(sheet, column * points.side, row * points.side, points.side, points.side, left, top, side, side);
  return true;
}

function outlined(map, i, tile, line) {
  if (i < 0 || i == null) return;
  const { context, points, view, size: [width, height] } = map;
  const x = across(view, width, points.xs[i]), y = down(view, height, points.ys[i]), side = Math.max(tile, 12) + 6;
  if (tile >= 12 && !map.dots) copied(map, context, i, x - tile / 2, y - tile / 2, tile);
  square(context, x, y, side, line, map.theme);
}

function square(context, x, y, side, line, theme) {
  for (const [colour, wide] of [[theme.ground, line + 2], [theme.window, line]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.strokeRect(x - side / 2, y - side / 2, side, side);
  }
}

/** Lines from the image whose neighbours are shown to these, and a frame around each. */
function nearby(map, tile) {
  const { context, points, view, size: [width, height], near } = map;
  if (!near) return;
  const from = near.of < 0 ? map.own : near.of < points.count ? { x: points.xs[near.of], y: points.ys[near.of] } : null;
  for (const [i] of near.list) {
    const x = across(view, width, points.xs[i]), y = down(view, height, points.ys[i]);
    if (from) {
      context.strokeStyle = map.theme.window;
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(across(view, width, from.x), down(view, height, from.y));
      context.lineTo(x, y);
      context.stroke();
    }
  }
  for (const [i] of near.list) outlined(map, i, tile, 1);
}

/** The visitor's own photo where its features lie. */
function own(map) {
  const { context, view, size: [width, height] } = map;
  if (!map.own) return;
  const x = across(view, width, map.own.x), y = down(view, height, map.own.y), side = 1.6 * map.base;
  if (map.photo?.complete && map.photo.naturalWidth) context.drawImage(map.photo, x - side / 2, y - side / 2, side, side);
  square(context, x, y, side + 4, 4, map.theme);
}

/** The loop around what is being selected. */
function loop(map) {
  const { context, view, size: [width, height] } = map;
  if (!map.loop?.length) return;
  context.beginPath();
  for (const [x, y] of map.loop) context.lineTo(across(view, width, x), down(view, height, y));
  context.closePath();
  context.fillStyle = `${map.theme.window}33`;
  context.fill();
  context.strokeStyle = map.theme.window;
  context.lineWidth = 2;
  context.stroke();
}

/** Which images are lit, which only stand behind: classes chosen, wrong ones alone, what is selected. */
export function light(map) {
  const { points, look, classes, chosen } = map;
  map.lights = 0;
  for (let i = 0; i < points.count; i++) {
    const lit = (!classes.size || classes.has(points.labels[i])) && (!map.onlyWrong || points.wrong[i]) && (!chosen || chosen[i]);
    look[i] = lit ? 2 : 1;
    map.lights += lit;
  }
  map.filtered = map.lights < points.count;
  if (!map.filtered) map.lights = Infinity;
}

/** The colours of a map in the reader's theme. */
export function coloured(map, css, ground, text) {
  const back = word(ground);
  map.css = css;
  map.colours = { colours: Uint32Array.from(css, word), ground: back, quiet: between(back, word(text), 0.16), ring: word(text) };
}
