// The photo under its heat. Everything but the answer to an erased photo is drawn here, at once.

const CANVASES = new WeakMap();
const MODES = [["overlay", "Overlay"], ["split", "Split"], ["blink", "Blink"]];
const VIEWS = [["photo", "Whole photo"], ["seen", "What the net saw"]];

export default function (args) {
  return mounted(CANVASES, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab cam" });
  const canvas = make("canvas", { tabindex: 0, role: "img" });
  const say = make("p", { class: "say", "aria-live": "polite" });
  const cam = { element, canvas, say, look: null, strokes: [], hover: null, blinkOn: true, cursor: [0.5, 0.5], ring: false, tile: new Tile(), images: {} };
  const change = (part, later = 300) => { Object.assign(cam.look, part); draw(cam); tell(cam, later); };
  const pick = (name, label, choices, field) => {
    const group = make("div", { class: `pick ${name}`, role: "radiogroup", "aria-label": label });
    cam[name] = {};
    for (const [value, words] of choices) {
      const input = make("input", { type: "radio", name: `cam-${name}`, value, "aria-label": words });
      input.addEventListener("change", () => change({ [field]: value }));
      cam[name][value] = input;
      group.append(make("label", {}, input, make("span", {}, words)));
    }
    return group;
  };
  const range = (name, label) => {
    const input = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": label });
    const output = make("output", {});
    input.addEventListener("input", () => change({ [name]: Number(input.value) }, 600));
    cam[`${name}Range`] = [input, output];
    return make("label", { class: "setting" }, make("span", {}, label), input, output);
  };
  const check = (name, label) => {
    const input = make("input", { type: "checkbox", "aria-label": label });
    input.addEventListener("change", () => change({ [name]: input.checked }));
    cam[`${name}Check`] = input;
    return make("label", { class: "check" }, input, label);
  };
  cam.colours = make("select", { "aria-label": "Colour map" });
  cam.colours.addEventListener("change", () => change({ colours: cam.colours.value }));
  cam.brush = make("input", { type: "checkbox", "aria-label": "Brush: erase and predict" });
  cam.brush.addEventListener("change", () => draw(cam));
  cam.radius = make("input", { type: "range", min: 0.02, max: 0.3, step: 0.01, value: 0.08, "aria-label": "Size of the brush" });
  for (const [event, ring] of [["input", true], ["change", false]]) cam.radius.addEventListener(event, () => { cam.ring = ring; draw(cam); });
  const act = (words, go) => make("button", { type: "button", onclick: go }, words);
  const wipe = (strokes) => { cam.strokes = strokes; draw(cam); tell(cam, 0); };
  cam.undo = act("Undo", () => wipe(cam.strokes.slice(0, -1)));
  cam.clear = act("Clear", () => wipe([]));
  cam.otsu = act("Otsu’s threshold", () => change({ threshold: Math.round((otsu(cam.heat) / 255) * 100) / 100 }));
  const bar = make("div", { class: "cambar" },
    make("div", { class: "top" }, pick("modes", "How the heat lies over the photo", MODES, "mode"), pick("views", "How much of the photo", VIEWS, "view")),
    make("div", { class: "camsettings" },
      range("opacity", "Opacity"), range("threshold", "Threshold"),
      make("div", { class: "camrow" }, make("label", { class: "colourpick" }, "Colours ", cam.colours), check("contours", "Contours"), check("boxes", "Boxes"), cam.otsu),
      make("div", { class: "camrow" }, make("label", { class: "check" }, cam.brush, "Brush: erase and predict"), cam.radius, cam.undo, cam.clear)));
  cam.chips = make("div", { class: "camchips" });
  element.append(cam.chips, canvas, say, bar);
  root.append(element);
  hands(cam);
  const resized = new ResizeObserver(() => cam.look && draw(cam));
  resized.observe(element);
  const laid = () => { if (cam.data) { pictures(cam); draw(cam); } };
  const picked = ({ detail }) => { if (cam.data && detail.canvas === cam.data.name) show(cam, { ...detail, method: cam.data.method }); };
  addEventListener("cnnviz-shelf", laid);
  addEventListener("cnnviz-class", picked);
  cam.watch = { disconnect: () => { resized.disconnect(); removeEventListener("cnnviz-shelf", laid); removeEventListener("cnnviz-class", picked); } };
  return cam;
}

function update(cam, data) {
  cam.data = data;
  if (same(cam.pending, data)) cam.pending = null;
  cam.theme = theme(cam.element);
  cam.element.classList.toggle("big", Boolean(data.big));
  chips(cam);
  if (cam.pending == null) {
    cam.shown = { target: data.target, method: data.method };
    cam.drawn = `${data.target} ${data.method}`;
    cam.heat = bytes(data.heat);
    cam.raw = data.raw ? new Float32Array(bytes(data.raw).buffer) : null;
    cam.caption = data.caption;
    cam.lines = null;
  }
  if (cam.stamp !== data.begin.stamp || !cam.look) {
    cam.stamp = data.begin.stamp;
    const { stamp, strokes, ...look } = data.begin;
    cam.look = look;
    cam.strokes = strokes;
  }
  if (cam.photoStamp !== data.stamp) {
    if (cam.photoStamp) cam.strokes = [];
    cam.ring = false;
    cam.photoStamp = data.stamp;
  }
  pictures(cam);
  draw(cam);
}

/** What lies on the page's shelf for this canvas; it may come before or after the canvas itself. */
const shelf = (cam, name) => globalThis.cnnvizShelf?.get(`${cam.data.name} ${name}`);

/** Take the photo, what the net saw of it, and the colour maps. */
function pictures(cam) {
  const given = shelf(cam, "pictures");
  if (!given || given.stamp !== cam.data.pictures || cam.pictured === given.stamp) return;
  cam.pictured = given.stamp;
  if (!cam.luts) {
    cam.luts = Object.fromEntries(Object.entries(given.luts).map(([name, text]) => [name, palette(text)]));
    for (const name of Object.keys(given.luts)) cam.colours.append(make("option", { value: name }, name));
  }
  for (const which of ["photo", "seen"]) {
    const image = new Image();
    image.onload = () => { if (cam.pictured === given.stamp) { cam.images[which] = image; draw(cam); } };
    image.src = given[which];
  }
}

/** A button for each class and method whose map is here already: the picture changes now, Python follows. */
function chips(cam) {
  const { data } = cam;
  const row = (name, list) => {
    const buttons = list.map((one) => make("button", { type: "button", class: "chip", "data-target": one.target, "data-method": one.method, onclick: () => choose(cam, one) }, one.title));
    return list.length > 1 ? make("div", { role: "group", "aria-label": name }, ...buttons) : null;
  };
  cam.chips.replaceChildren(...[row("Another class, at once", data.classes), row("Another method, at once", data.methods)].filter(Boolean));
}

function choose(cam, one) {
  const there = show(cam, one);
  clearTimeout(cam.late);
  cam.late = setTimeout(() => cam.trigger("choice", cam.shown), there ? 120 : 0);
}

/** Draw the map of a class and method if it is at hand; whether it is. */
function show(cam, one) {
  const raw = found(cam, one);
  cam.shown = { target: one.target, method: one.method };
  if (raw) {
    cam.pending = cam.shown;
    cam.drawn = `${one.target} ${one.method}`;
    cam.raw = raw;
    cam.heat = spread(raw, ...cam.data.rawShape, ...cam.data.shape);
    cam.caption = `Heat map of ${one.title}`;
    cam.lines = null;
    clearTimeout(cam.patience);
    cam.patience = setTimeout(() => (cam.pending = null), 5000); // Python did not follow: believe it again
  }
  draw(cam);
  return raw != null;
}

/** The raw map of a class and method, if it lies on the shelf: by itself, or among those of all classes. */
function found(cam, { target, method }) {
  const { subject, rawShape: [rows, columns] } = cam.data, maps = shelf(cam, "maps"), all = shelf(cam, "all");
  const text = maps?.subject === subject && maps.maps[`${target} ${method}`];
  if (text) return new Float32Array(bytes(text).buffer);
  if (all?.subject !== subject || all.method !== method) return null;
  if (cam.all?.from !== all) cam.all = { from: all, numbers: new Int16Array(bytes(all.numbers).buffer), sizes: new Float32Array(bytes(all.sizes).buffer) };
  const { numbers, sizes } = cam.all, n = rows * columns;
  return target < sizes.length ? Float32Array.from(numbers.subarray(target * n, (target + 1) * n), (v) => v * sizes[target]) : null;
}

const same = (a, b) => a != null && a.target === b.target && a.method === b.method;

/** Tell Python, once the hand rests. */
function tell(cam, later) {
  clearTimeout(cam.timer);
  cam.timer = setTimeout(() => cam.send("look", { ...cam.look, strokes: cam.strokes, photo: cam.photoStamp, stamp: cam.stamp }), later);
}

function controls(cam) {
  const { look } = cam;
  for (const name of ["opacity", "threshold"]) {
    const [input, output] = cam[`${name}Range`];
    if (Number(input.value) !== look[name]) input.value = look[name];
    output.textContent = Math.round(look[name] * 100);
  }
  for (const name of ["contours", "boxes"]) cam[`${name}Check`].checked = look[name];
  cam.modes[look.mode].checked = cam.views[look.view].checked = true;
  cam.colours.value = look.colours;
  for (const chip of cam.chips.querySelectorAll("button")) {
    chip.setAttribute("aria-pressed", String(same(cam.shown, { target: Number(chip.dataset.target), method: chip.dataset.method })));
  }
  cam.undo.disabled = cam.clear.disabled = !cam.strokes.length;
  cam.radius.disabled = !cam.brush.checked;
  cam.canvas.style.cursor = look.mode === "split" && !cam.brush.checked ? "ew-resize" : "crosshair";
  read(cam);
}

/** What lies under the pointer, and the boxes in the photo's own pixels. */
function read(cam) {
  const { data, hover } = cam, [down, across] = data.shape, words = [];
  if (hover) {
    const [u, v] = hover, value = cam.heat[Math.floor(v * down) * across + Math.floor(u * across)] / 255;
    words.push(`Heat ${value.toFixed(2)}`);
    if (cam.raw) {
      const [rows, columns] = data.rawShape, y = Math.floor(v * rows), x = Math.floor(u * columns);
      words.push(`raw map at (${y}, ${x}): ${cam.raw[y * columns + x].toPrecision(4)}`);
    }
  } else if (cam.look.boxes) {
    const [left, top, w, h] = data.box, [width, height] = data.size;
    const listed = cam.found.slice(0, 3).map((b, i) => {
      const x = Math.round((left + (b.left / across) * w) * width), y = Math.round((top + (b.top / down) * h) * height);
      return `box ${i + 1} at (${x}, ${y}), ${Math.round(((b.right - b.left) / across) * w * width)} × ${Math.round(((b.low - b.top) / down) * h * height)} px, mean heat ${(b.sum / b.area / 255).toFixed(2)}`;
    });
    words.push(listed.length ? listed.join("; ") : "No piece is warm enough for a box");
  } else words.push(cam.caption);
  cam.say.textContent = words.join(", ");
}

function blink(cam) {
  const wanted = cam.look.mode === "blink" && !calm();
  if (wanted && !cam.ticking) {
    cam.ticking = true;
    const tick = () => {
      if (cam.look.mode !== "blink" || !cam.element.isConnected) { cam.ticking = false; cam.blinkOn = true; return; }
      cam.blinkOn = !cam.blinkOn;
      draw(cam);
      setTimeout(tick, 700);
    };
    setTimeout(tick, 700);
  }
}

function hands(cam) {
  const { canvas } = cam;
  const spot = (event) => {
    const box = canvas.getBoundingClientRect(), [x, y, w, h] = cam.at;
    return [(event.clientX - box.left - x) / w, (event.clientY - box.top - y) / h];
  };
  const inside = ([u, v]) => u >= 0 && u < 1 && v >= 0 && v < 1;
  const dab = ([u, v]) => [Math.round(u * 1e3) / 1e3, Math.round(v * 1e3) / 1e3, Number(cam.radius.value)];
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (cam.brush.checked && inside(spot(event))) cam.stroke = [dab(spot(event))];
    else if (cam.look.mode === "split") cam.look.split = Math.min(1, Math.max(0, spot(event)[0]));
    else if (cam.look.mode === "blink") cam.blinkOn = !cam.blinkOn;
    draw(cam);
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = spot(event);
    cam.hover = inside(at) ? at : null;
    if (inside(at)) cam.cursor = at;
    cam.ring = inside(at);
    if (cam.stroke) {
      const last = cam.stroke[cam.stroke.length - 1];
      if (Math.hypot(at[0] - last[0], at[1] - last[1]) > 0.01 && cam.stroke.length < 400) cam.stroke.push(dab([Math.min(1.5, Math.max(-0.5, at[0])), Math.min(1.5, Math.max(-0.5, at[1]))]));
    } else if (event.buttons && cam.look.mode === "split" && !cam.brush.checked) cam.look.split = Math.min(1, Math.max(0, at[0]));
    else if (!cam.brush.checked) { read(cam); return; }
    draw(cam);
  });
  const finish = () => {
    if (!cam.stroke) return cam.look.mode === "split" && tell(cam, 300);
    cam.strokes = [...cam.strokes, cam.stroke];
    cam.stroke = null;
    draw(cam);
    tell(cam, 0);
  };
  canvas.addEventListener("pointerup", finish);
  canvas.addEventListener("pointercancel", finish);
  canvas.addEventListener("pointerleave", () => { cam.hover = null; cam.ring = false; draw(cam); });
  canvas.addEventListener("blur", () => { cam.ring = false; draw(cam); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      if (cam.look.mode === "split" && !cam.brush.checked) cam.look.split = Math.min(1, Math.max(0, cam.look.split + step[0] * 0.02));
      if (cam.look.mode === "split") tell(cam, 600);
      cam.cursor = [0, 1].map((i) => Math.min(0.999, Math.max(0, cam.cursor[i] + step[i] * 0.02)));
      cam.hover = cam.cursor;
      cam.ring = true;
    } else if (event.key === " " || event.key === "Enter") {
      if (cam.brush.checked) { cam.stroke = [dab(cam.cursor)]; finish(); }
      else if (cam.look.mode === "blink") cam.blinkOn = !cam.blinkOn;
      else return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    draw(cam);
  });
}
