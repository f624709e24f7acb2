// One picture of the component: a photo with its map. Two of them stand side by side where something is compared.
import { grip } from "./crop.js";
import { scaleRow } from "./scale.js";
import { bytes, floats } from "../shared/bytes.js";
import { Tile } from "../shared/canvas.js";
import { make } from "../shared/element.js";

export function panel() {
  const canvas = make("canvas", { tabindex: 0, role: "img" });
  const title = make("figcaption", {}), scale = scaleRow(), handle = grip();
  const element = make("figure", { class: "campanel" }, title, make("div", { class: "campicture" }, canvas, handle), scale.row);
  return { element, canvas, title, scale, grip: handle, tile: new Tile(), images: {}, pictured: "" };
}

/** Take the map of `data`, and what it is of. */
export function fill(one, data) {
  Object.assign(one, { data, own: bytes(data.heat), reach: data.reach, raw: data.raw ? floats(data.raw) : null, caption: data.caption, lines: null });
}

/** Take the photo and what the network is given of it, where they lie on the shelf under `given`; `done` when both came. */
export function pictures(one, given, done) {
  if (!given || !one.data || given.stamp !== one.data.pictures || one.pictured === given.stamp) return;
  one.pictured = given.stamp;
  const images = decoded(given);
  one.waits = !ready(images); // until then the picture before stands, map and photo
  if (!one.waits) one.images = images;
  else Promise.allSettled(Object.values(images).map((image) => image.decode())).then(() => {
    if (one.pictured !== given.stamp) return;
    one.waits = false;
    one.images = images;
    done();
  });
}

const DECODED = new Map(); // by their stamp, those that lie on the shelf: a photo that was forgotten is not kept
const ready = (images) => Object.values(images).every((image) => image.complete);

/** The pictures that lie on the shelf under `given`, on their way from the moment they are asked for. */
export function decoded(given) {
  const images = DECODED.get(given.stamp) ?? {};
  const there = new Set([...(globalThis.cnnvizShelf?.values() ?? [])].map(({ stamp }) => stamp));
  for (const stamp of DECODED.keys()) if (!there.has(stamp)) DECODED.delete(stamp);
  DECODED.set(given.stamp, images);
  for (const which of ["photo", "seen"]) {
    if (images[which]) continue;
    images[which] = new Image();
    images[which].src = given[which];
  }
  return images;
}

/** Where all of the photo (or of what the network is given of it) and the network's part lie, in CSS pixels. */
export function frame({ view, box, width, height, zoom: { times, at: [u, v] } }) {
  const [left, top, across, down] = view === "seen" ? [0, 0, 1, 1] : box;
  const place = (share, part, begin, side) => {
    const middle = (begin + share * part) * side, low = side * (1 - times);
    return times === 1 ? 0 : Math.min(0, Math.max(low, side / 2 - middle * times));
  };
  const X = place(u, across, left, width), Y = place(v, down, top, height), W = width * times, H = height * times;
  return { whole: [X, Y, W, H], part: [X + left * W, Y + top * H, across * W, down * H] };
}
