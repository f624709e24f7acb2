// The Gabor lab: a wave under a bell, held in the hand; kernel, spectrum and response follow every move.

const LABS = new WeakMap();
const KNOBS = [
  ["frequency", "Frequency", 0.02, 0.5, 0.005, (v) => `${v.toFixed(3)} /px, a wave is ${(1 / v).toFixed(1)} px`],
  ["theta", "Direction θ", 0, 179, 1, (v) => `${Math.round(v)}°`],
  ["sigma", "Width σ", 0.6, 8, 0.1, (v) => `${v.toFixed(1)} px`],
  ["gamma", "Roundness γ", 0.4, 2.5, 0.05, (v) => v.toFixed(2)],
  ["phase", "Phase", -180, 180, 5, (v) => `${Math.round(v)}°`],
];
const GABOR_TEMPLATE = `
<div class="top"><div class="pick photos" role="radiogroup" aria-label="Picture"></div><div class="pick views" role="radiogroup" aria-label="What is shown"></div>
<label class="check"><input type="checkbox" class="hold"> Hold the brightness scale</label></div>
<div class="panels">
  <figure><figcaption class="photo-name"></figcaption><canvas class="photo" tabindex="0" role="img"></canvas></figure>
  <div class="middle">
    <figure><figcaption>Real part</figcaption><canvas class="real" role="img"></canvas></figure>
    <figure><figcaption>Imaginary part</figcaption><canvas class="imaginary" role="img"></canvas></figure>
    <figure><figcaption>Spectrum, drag the spot</figcaption><canvas class="spectrum" tabindex="0" role="img"></canvas></figure>
  </div>
  <figure><figcaption class="answer-name"></figcaption><canvas class="answer" tabindex="0" role="img"></canvas></figure>
</div>
<p class="say" aria-live="off"></p>
<div class="match" hidden></div>
<div class="knobs"></div>`;

export default function (args) {
  return mounted(LABS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab gabor" });
  element.innerHTML = GABOR_TEMPLATE; // a constant
  root.append(element);
  const parts = Object.fromEntries([...element.querySelectorAll("[class]")].map((e) => [e.classList[e.classList.length - 1], e]));
  const lab = { element, parts, ranges: {}, at: [0.5, 0.5], draws: 0, tiles: {} };
  for (const name of ["photo", "real", "imaginary", "spectrum", "answer", "learned", "hand", "rest"]) lab.tiles[name] = new Tile();
  for (const [name, title, low, high, step, words] of KNOBS) {
    const range = make("input", { type: "range", min: low, max: high, step, "aria-label": title, "data-knob": name });
    const output = make("output", {});
    range.addEventListener("input", () => turn(lab, { [name]: Number(range.value) }));
    range.addEventListener("change", () => tellGabor(lab));
    parts.knobs.append(make("label", { class: "knob" }, make("span", {}, title), range, output));
    lab.ranges[name] = { range, output, words };
  }
  hands(lab);
  lab.watch = new ResizeObserver(() => lab.answer && ask(lab));
  lab.watch.observe(element);
  return lab;
}

function update(lab, data) {
  lab.theme = theme(lab.element);
  lab.luts = { weight: palette(data.luts.weight), heat: palette(data.luts.heat), direction: palette(data.luts.direction) };
  lab.element.classList.toggle("big", Boolean(data.big));
  if (lab.pictureStamp !== data.stamp) {
    lab.pictureStamp = data.stamp;
    lab.fourier = lab.fourier?.n === data.side ? lab.fourier : new Fourier(data.side);
    lab.work = workspace(data.side);
    lab.pictures = data.pictures.map(({ name, pixels }) => ({ name, pixels: bytes(pixels) }));
    lab.parts.photos.replaceChildren();
    lab.scale = null;
  }
  if (lab.stamp !== data.start.stamp) {
    lab.stamp = data.start.stamp;
    const { frequency, theta, sigma, gamma, phase } = data.start;
    lab.g = { frequency, theta, sigma, gamma, phase };
    for (const [name, , low, high] of KNOBS) { // what Python holds may lie beyond where hands usually go
      const { range } = lab.ranges[name];
      [range.min, range.max] = [Math.min(low, lab.g[name]), Math.max(high, lab.g[name])];
    }
    lab.picture = data.start.picture ?? 0;
    lab.view = data.start.view ?? "response";
  }
  lab.picture = Math.min(lab.picture, lab.pictures.length - 1);
  lab.target = data.target ? { ...data.target, k: data.target.plane.length, plane: data.target.plane.flat() } : null;
  choices(lab);
  turn(lab, {});
}

function choices(lab) {
  const choose = (field) => (value) => {
    lab[field] = field === "picture" ? Number(value) : value;
    lab.scale = null;
    turn(lab, {});
    choices(lab);
    tellGabor(lab);
  };
  radioRow(lab.parts.photos, lab.pictures.map(({ name }, i) => [String(i), name]), String(lab.picture), choose("picture"));
  radioRow(lab.parts.views, [["response", "Response"], ["directions", "Directions"]], lab.view, choose("view"));
}

function radioRow(box, list, chosen, choose) {
  if (!box.childElementCount)
    for (const [value, title] of list) {
      const input = make("input", { type: "radio", name: box.className, value });
      input.addEventListener("change", () => choose(value));
      box.append(make("label", {}, input, make("span", {}, title)));
    }
  for (const input of box.querySelectorAll("input")) input.checked = input.value === chosen;
}

/** Take new values, compute, and redraw at the next frame. */
function turn(lab, values) {
  Object.assign(lab.g, values);
  for (const [name, { range }] of Object.entries(lab.ranges)) lab.g[name] = Math.min(Math.max(lab.g[name], range.min), range.max);
  lab.stale = true;
  ask(lab);
}

function ask(lab) {
  if (lab.asked) return;
  lab.asked = true;
  requestAnimationFrame(() => {
    lab.asked = false;
    if (!lab.element.isConnected) return;
    if (lab.stale) respond(lab);
    lab.stale = false;
    drawGabor(lab);
  });
}

/** The answer of the picture to the filter, at most once a frame. */
function respond(lab) {
  const picture = lab.pictures[lab.picture];
  picture.analysed ??= analysed(picture.pixels, lab.fourier);
  lab.answer ??= new Float64Array(lab.fourier.n ** 2);
  if (lab.answer.length !== lab.fourier.n ** 2) lab.answer = new Float64Array(lab.fourier.n ** 2);
  lab.map = null;
  if (lab.view === "directions") {
    lab.map = directions(picture.analysed, lab.g, lab.fourier, lab.work);
    gaborSpectrum(lab.g, lab.fourier, lab.work.spectrum);
  } else gaborResponse(picture.analysed, lab.g, lab.fourier, lab.work, lab.answer);
  const shownMap = lab.map ? lab.map.strength : lab.answer;
  lab.most = peakOf(shownMap);
  if (!lab.parts.hold.checked || !lab.scale) lab.scale = lab.most;
}

function tellGabor(lab) {
  clearTimeout(lab.timer);
  lab.timer = setTimeout(() => lab.send("view", { ...lab.g, picture: lab.picture, view: lab.view, stamp: lab.stamp }), 250);
}
