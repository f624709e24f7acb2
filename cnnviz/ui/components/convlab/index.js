// The convolution lab: any kernel on any picture, computed here at every move; Python hears of it on release.

const LABS = new WeakMap();
const STAGES = [["conv", "Convolution"], ["relu", "ReLU"], ["pool", "Pooling"]];
const LOOKS = [["signed", "Signed"], ["magnitude", "Magnitude"], ["picture", "0–255"]];
const MODES = [["zero", "zero"], ["reflect", "reflect"], ["replicate", "replicate"], ["wrap", "wrap around"]];

export default function (args) {
  return mounted(LABS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab" });
  element.innerHTML = TEMPLATE; // a constant
  root.append(element);
  const parts = Object.fromEntries([...element.querySelectorAll("[class]")].map((e) => [e.classList[e.classList.length - 1], e]));
  const lab = { element, parts, tiles: { in: new Tile(), out: new Tile() }, draws: 0, speed: 40 };
  lab.watch = new ResizeObserver(() => lab.out && request(lab));
  lab.watch.observe(element);
  wire(lab);
  return lab;
}

function update(lab, data) {
  lab.theme = theme(lab.element);
  lab.luts = { activation: palette(data.luts.activation), weight: palette(data.luts.weight) };
  lab.presets = data.presets;
  lab.tall = data.tall ?? 400;
  lab.element.classList.toggle("big", Boolean(data.big));
  const fresh = lab.stamp !== data.start.stamp;
  if (lab.input?.stamp !== data.stamp) {
    const all = bytes(data.pixels), n = data.width * data.height;
    const planes = Array.from({ length: all.length / n }, (_, c) => all.subarray(c * n, (c + 1) * n));
    lab.input = { stamp: data.stamp, name: data.name, width: data.width, height: data.height, planes };
    lab.padKey = null;
    if (!fresh) stop(lab), (lab.position = 0), (lab.retell = true);
  }
  if (fresh) {
    lab.stamp = data.start.stamp;
    stop(lab);
    adopt(lab, data.start);
  }
  const learned = JSON.stringify([data.learned_from, data.learned?.length]);
  if (lab.learnedKey !== learned) (lab.learnedKey = learned), showLearned(lab, data.learned ?? [], data.learned_from);
  rethink(lab);
  if (lab.retell) (lab.retell = false), tell(lab); // another picture may have changed what is legal
}

function adopt(lab, start) {
  lab.s = {
    filters: start.filters.map((f) => ({ name: f.name, weights: copied(f.weights), bias: f.bias ?? 0 })),
    selected: start.selected ?? 0, stride: start.stride ?? 1, padding: start.padding ?? 0, mode: start.mode ?? "zero",
    dilation: start.dilation ?? 1, stage: start.stage ?? "conv", look: start.look ?? "signed", gain: start.gain ?? 0, colour: start.colour ?? false,
    poolKind: start.pool_kind ?? "max", poolSize: start.pool_size ?? 2,
  };
  lab.position = start.position ?? 0;
  lab.filling = false;
}

/** Everything anew: after a setting, an example, another picture. */
function rethink(lab, everything = true) {
  legalise(lab);
  compute(lab, everything);
  if (everything) showControls(lab);
  request(lab);
}

function request(lab) {
  if (lab.asked) return;
  lab.asked = true;
  requestAnimationFrame(() => {
    lab.asked = false;
    if (lab.element.isConnected) paint(lab);
  });
}

function paint(lab) {
  measure(lab);
  drawInput(lab);
  drawOutput(lab);
  fillSum(lab);
  const { parts, s } = lab, n = lab.out.map.length, w = walk(lab);
  parts.scrub.max = n - 1;
  parts.scrub.value = lab.position;
  const row = Math.floor(lab.position / lab.out.width) + 1, column = (lab.position % lab.out.width) + 1;
  parts["in-name"].textContent = s.stage === "conv"
    ? `${lab.input.name}, ${lab.input.width} × ${lab.input.height}${s.padding ? `, padded ${w.width} × ${w.height}` : ""}`
    : `${s.stage === "relu" ? "Convolution" : "After ReLU"}, ${w.width} × ${w.height}`;
  const [low, high] = [lab.out.map.reduce((a, b) => Math.min(a, b), Infinity), lab.out.map.reduce((a, b) => Math.max(a, b), -Infinity)];
  parts["out-name"].textContent = `Output, ${lab.out.width} × ${lab.out.height}, from ${shown(low)} to ${shown(high)}`;
  const here = `row ${row}, column ${column}`;
  parts.scrub.setAttribute("aria-valuetext", here);
  parts.in.setAttribute("aria-label", `${parts["in-name"].textContent}. Window for output ${here}. Arrow keys move it, Space plays.`);
  parts.out.setAttribute("aria-label", `${parts["out-name"].textContent}. At ${here}: ${lab.total.textContent}. Arrow keys move, Space plays.`);
  if (!lab.playing) parts.told.textContent = `Output ${here}: ${lab.total.textContent}`;
  lab.element.dataset.draws = ++lab.draws;
}

/** Tell Python, a moment after the last change. */
function tell(lab) {
  clearTimeout(lab.timer);
  lab.timer = setTimeout(() => lab.send("view", report(lab)), 250);
}

function changed(lab, change, done = true) {
  change(lab.s);
  rethink(lab, done);
  if (done) tell(lab);
}

function go(lab, position, filling = lab.filling) {
  lab.position = Math.min(Math.max(0, position), lab.out.map.length - 1);
  lab.filling = filling;
  request(lab);
}

const rate = (lab) => Math.max(1, (lab.out.map.length / 3) ** (lab.speed / 100)); // positions a second

function play(lab) {
  if (lab.playing) return stop(lab), tell(lab);
  lab.playing = true;
  if (lab.position >= lab.out.map.length - 1) lab.position = 0;
  lab.filling = true;
  let last = performance.now(), owed = 0;
  showPlay(lab);
  const tick = (now) => {
    if (!lab.playing) return;
    const slow = calm(); // no gliding: a whole row at a time, twice a second
    owed += ((now - last) / 1000) * (slow ? 2 * lab.out.width : rate(lab));
    last = now;
    const steps = slow ? (owed >= lab.out.width ? lab.out.width : 0) : Math.floor(owed);
    owed -= steps;
    if (steps) go(lab, lab.position + steps, true);
    if (lab.position >= lab.out.map.length - 1) return stop(lab), tell(lab);
    lab.frame = requestAnimationFrame(tick);
  };
  lab.frame = requestAnimationFrame(tick);
}

function stop(lab) {
  lab.playing = false;
  cancelAnimationFrame(lab.frame);
  showPlay(lab);
  if (lab.out) request(lab);
}

function showPlay(lab) {
  lab.parts.play.textContent = lab.playing ? "❚❚" : "▶";
  lab.parts.play.setAttribute("aria-label", lab.playing ? "Pause" : "Play");
}
