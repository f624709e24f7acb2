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

/** Take the photo and what the network is given of it, where they lie on the shelf under `given`. */
export function pictures(one, given, done) {
  if (!given || !one.data || given.stamp !== one.data.pictures || one.pictured === given.stamp) return;
  one.pictured = given.stamp;
  for (const which of ["photo", "seen"]) {
    const image = new Image();
    image.onload = () => { if (one.pictured === given.stamp) { one.images[which] = image; done(); } };
    image.src = given[which];
  }
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
