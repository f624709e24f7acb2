// A canvas, a Play, a range and the curve of the objective, all at the same step. Nothing goes back to the server.
import { measured } from "../shared/number.js";

const INSTANCES = new WeakMap();
const SECONDS = 3;
const SVG = "http://www.w3.org/2000/svg";

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".growth");
  let self = INSTANCES.get(root);
  if (!self) INSTANCES.set(root, (self = build(root)));
  self.update(data);
  const call = (self.call = (self.call ?? 0) + 1);
  return () => { if (call === self.call) self.stop(); };
}

function build(root) {
  const make = (kind, name) => Object.assign(document.createElement(kind), { className: name });
  const draw = (kind, holder, name) => {
    const part = holder.appendChild(document.createElementNS(SVG, kind));
    part.setAttribute("class", name);
    return part;
  };
  const canvas = root.appendChild(make("canvas", "picture"));
  const row = root.appendChild(make("div", "row"));
  const play = row.appendChild(Object.assign(make("button", "play"), { type: "button" }));
  const range = row.appendChild(Object.assign(make("input", "range"), { type: "range", min: 0, step: 1 }));
  range.setAttribute("aria-label", "Step");
  const curve = root.appendChild(document.createElementNS(SVG, "svg"));
  curve.setAttribute("viewBox", "0 0 100 30");
  curve.setAttribute("preserveAspectRatio", "none");
  curve.setAttribute("aria-hidden", "true");
  const zero = draw("line", curve, "zero"), line = draw("polyline", curve, "line"), mark = draw("line", curve, "mark");
  const said = root.appendChild(make("p", "said"));
  canvas.setAttribute("role", "img");
  const self = { data: null, images: [], at: 0, playing: 0 };

  const high = (value) => {
    const low = Math.min(0, ...self.data.values), top = Math.max(0, ...self.data.values);
    return 28 - (26 * (value - low)) / (top - low || 1);
  };
  const show = (at) => {
    const { values, alt } = self.data;
    self.at = at;
    range.value = at;
    const image = self.images[at];
    if (image.complete && image.naturalWidth) canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const steps = values.length - 1, step = Math.min(steps, self.data.steps[at]);
    const words = step === 0 ? "Before" : step === steps ? `After ${steps} steps` : `Step ${step} of ${steps}`;
    const text = `${words}: objective ${measured(values[step])}`;
    said.textContent = text;
    range.setAttribute("aria-valuetext", text);
    canvas.setAttribute("aria-label", `${alt}. ${text}`);
    const x = steps ? (100 * step) / steps : 100;
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 0, y2: 30 })) mark.setAttribute(name, value);
  };
  self.stop = () => {
    cancelAnimationFrame(self.playing);
    self.playing = 0;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  };
  const begin = () => {
    const last = self.data.frames.length - 1, from = self.at >= last ? 0 : self.at, began = performance.now();
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    const tick = (now) => {
      const at = Math.min(last, from + Math.floor((last * (now - began)) / (1000 * SECONDS)));
      show(Math.max(from, at));
      if (at >= last) self.stop();
      else self.playing = requestAnimationFrame(tick);
    };
    self.playing = requestAnimationFrame(tick);
  };
  play.addEventListener("click", () => (self.playing ? self.stop() : begin()));
  range.addEventListener("input", () => { self.stop(); show(Number(range.value)); });
  range.addEventListener("keydown", (event) => event.stopPropagation());
  const reach = (event) => {
    const box = curve.getBoundingClientRect(), share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    self.stop();
    const { steps } = self.data, wanted = share * steps.at(-1), far = steps.map((step) => Math.abs(step - wanted));
    show(far.indexOf(Math.min(...far)));
  };
  curve.addEventListener("pointerdown", (event) => { curve.setPointerCapture(event.pointerId); reach(event); });
  curve.addEventListener("pointermove", (event) => { if (event.buttons) reach(event); });

  self.update = (data) => {
    const old = self.data, fresh = !old || old.subject !== data.subject;
    self.data = data;
    if (!fresh) return;
    self.stop();
    canvas.width = canvas.height = 420;
    self.images = data.frames.map((source, i) => {
      const image = new Image();
      image.onload = () => { if (self.at === i && self.images[i] === image) show(i); };
      image.src = source;
      return image;
    });
    range.max = data.frames.length - 1;
    row.hidden = data.frames.length < 2;
    const n = Math.max(1, data.values.length - 1);
    line.setAttribute("points", data.values.map((value, i) => `${(100 * i) / n},${high(value)}`).join(" "));
    for (const [name, value] of Object.entries({ x1: 0, x2: 100, y1: high(0), y2: high(0) })) zero.setAttribute(name, value);
    show(data.frames.length - 1);
  };
  self.stop();
  return self;
}
