// One <img>, a frame on the chosen tile, a name beside the pointer. Places are counted row by row.
import { POINTED, point } from "../shared/linked.js";

const INSTANCES = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".mosaic");
  let self = INSTANCES.get(root);
  if (!self) INSTANCES.set(root, (self = build(root)));
  self.choose = (place) => setStateValue("place", place);
  addEventListener(POINTED, self.pointed);
  self.update(data);
  const call = (self.call = (self.call ?? 0) + 1);
  return () => { if (call === self.call) removeEventListener(POINTED, self.pointed); };
}

function build(root) {
  const part = (kind) => root.appendChild(Object.assign(document.createElement(kind === "img" ? "img" : "div"), { className: kind }));
  const image = part("img"), frame = part("frame"), hover = part("hover"), name = part("name");
  const self = { data: null, place: 0, choose: () => {}, later: 0 };
  root.tabIndex = 0;
  root.setAttribute("role", "group");

  const lay = (box, place) => {
    const { columns, gap, width, height, rows } = self.data;
    const across = (width + gap) / columns, down = (height + gap) / rows;
    const x = (place % columns) * across, y = Math.floor(place / columns) * down;
    box.style.left = `${(100 * x) / width}%`;
    box.style.top = `${(100 * y) / height}%`;
    box.style.width = `${(100 * (across - gap)) / width}%`;
    box.style.height = `${(100 * (down - gap)) / height}%`;
  };
  const at = (event) => {
    const box = image.getBoundingClientRect(), { columns, rows, names } = self.data;
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const place = row * columns + column;
    return column < 0 || column >= columns || row < 0 || place >= names.length ? -1 : place;
  };
  const mark = (place) => {
    self.place = place ?? -1; // before the first: the right arrow goes there
    frame.style.visibility = place == null ? "hidden" : "inherit";
    if (place != null) lay(frame, place);
    root.setAttribute("aria-label", place == null ? self.data.alt : `${self.data.alt}. Chosen: ${self.data.names[place]}`);
  };
  const go = (place, wait) => {
    mark(place);
    clearTimeout(self.later);
    self.later = setTimeout(() => self.choose(place), wait);
  };

  root.addEventListener("pointermove", (event) => {
    const place = at(event);
    const box = image.getBoundingClientRect(), { link, key } = self.data;
    point(link, key, place < 0 ? null : (event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width);
    over(place, event.clientX - root.getBoundingClientRect().left, event.clientY - root.getBoundingClientRect().top);
  });
  const over = (place, x, y) => {
    hover.style.visibility = name.style.visibility = place < 0 ? "hidden" : "inherit";
    if (place < 0) return;
    lay(hover, place);
    name.textContent = self.data.names[place];
    const box = root.getBoundingClientRect();
    name.style.top = `${y + 16}px`;
    name.style.left = x > box.width / 2 ? "auto" : `${x + 12}px`;
    name.style.right = x > box.width / 2 ? `${box.width - x + 12}px` : "auto";
  };
  /** Another mosaic or grid of the same link is pointed at. */
  self.pointed = ({ detail: { link, from, y, x } }) => {
    if (!self.data?.link || self.data.link !== link || from === self.data.key) return;
    const { columns, rows } = self.data, box = root.getBoundingClientRect();
    const place = y === null ? -1 : Math.floor(Math.min(y, 0.999) * rows) * columns + Math.floor(Math.min(x, 0.999) * columns);
    over(place < self.data.names.length ? place : -1, x * box.width, y * box.height);
  };
  root.addEventListener("pointerleave", () => {
    hover.style.visibility = name.style.visibility = "hidden";
    point(self.data.link, self.data.key, null, null);
  });
  root.addEventListener("click", (event) => { const place = at(event); if (place >= 0) go(place, 0); });
  root.addEventListener("keydown", (event) => {
    const { columns, names } = self.data, last = names.length - 1;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -self.place, End: last - self.place }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const place = self.place + step;
    if (place >= 0 && place <= last) go(place, 200);
  });

  self.update = (data) => {
    const fresh = !self.data || self.data.subject !== data.subject;
    const moved = !self.data || self.data.chosen !== data.chosen || fresh;
    self.data = data;
    if (fresh) {
      clearTimeout(self.later); // what was chosen of the one before
      hover.style.visibility = name.style.visibility = "hidden";
      image.src = data.src;
      image.alt = data.alt;
      root.style.aspectRatio = `${data.width} / ${data.height}`;
      root.style.maxWidth = `calc(var(--tall, 88vh) * ${data.width / data.height})`; // never taller than the window
    }
    mark(moved ? data.chosen : self.place < 0 ? null : self.place);
  };
  return self;
}
