// How the lab looks: its parts, the two pictures, and the arithmetic between them.

const TEMPLATE = `
<div class="kernels" role="group" aria-label="Kernels"></div>
<div class="learned" hidden></div>
<p class="say" aria-live="polite"></p>
<div class="top">
  <div class="pick stages" role="radiogroup" aria-label="Step of the layer"></div>
  <div class="pick colours" role="radiogroup" aria-label="Channels"></div>
  <div class="pick looks" role="radiogroup" aria-label="How the output is shown"></div>
  <label class="pace gain"><span>Contrast</span><input type="range" min="0" max="4" step="0.25" aria-label="Contrast"></label>
</div>
<div class="pictures">
  <figure><figcaption class="in-name"></figcaption>
    <canvas class="in" tabindex="0" role="img"></canvas></figure>
  <figure><figcaption class="out-name"></figcaption>
    <canvas class="out" tabindex="0" role="img"></canvas></figure>
  <div class="settings"></div>
<div class="transport" role="group" aria-label="Slide the window">
  <button type="button" class="back" aria-label="One step back" title="One step back (Left)">◂</button>
  <button type="button" class="play" aria-label="Play" title="Play or pause (Space)">▶</button>
  <button type="button" class="step" aria-label="One step on" title="One step on (Right)">▸</button>
  <input type="range" class="scrub" min="0" step="1" aria-label="Position of the window">
  <label class="pace"><span>Speed</span><input type="range" class="speed" min="0" max="100" step="1" aria-label="Speed"></label>
</div>
<div class="sum" role="group" aria-label="Patch times kernel, cell by cell"></div>
</div>
<p class="told" role="status"></p>
<div class="filters" role="group" aria-label="Filters of this layer"></div>`;

const CHANNELS = ["R", "G", "B"];

/** The left picture: image with its border, or the previous map; and the window on it. */
function drawInput(lab) {
  const { canvas, colours } = { canvas: lab.parts.in, colours: lab.theme }, w = walk(lab), { s } = lab;
  const scale = lab.scale, context = sharp(canvas, w.width * scale, w.height * scale);
  context.drawImage(inputTile(lab, w), 0, 0, w.width * scale, w.height * scale);
  if (s.stage === "conv" && s.padding) {
    const p = s.padding * scale, W = w.width * scale, H = w.height * scale;
    context.fillStyle = lab.theme.dark ? "rgb(118 126 138 / .5)" : "rgb(200 205 214 / .55)";
    for (const box of [[0, 0, W, p], [0, H - p, W, p], [0, p, p, H - 2 * p], [W - p, p, p, H - 2 * p]]) context.fillRect(...box);
    context.strokeStyle = colours.line;
    context.strokeRect(p, p, W - 2 * p, H - 2 * p);
  }
  rule(context, w.width, w.height, scale, lab.theme.dark);
  const n = numbers(lab, lab.position);
  const y = n.row * w.stride * scale, x = n.column * w.stride * scale, side = w.span * scale;
  if (w.dilation > 1 && w.dilation * scale >= 4) {
    context.fillStyle = colours.window + "66";
    for (let i = 0; i < w.side; i++)
      for (let j = 0; j < w.side; j++) context.fillRect(x + j * w.dilation * scale, y + i * w.dilation * scale, scale, scale);
  }
  frame(context, x, y, side, colours.window);
}

function inputTile(lab, w) {
  const { s } = lab;
  if (s.stage !== "conv")
    return lab.tiles.in.paint((s.stage === "relu" ? lab.maps[s.selected] : lab.relu).map, w.width, w.height, tint(lab), s.look, lab.peak);
  const key = lab.padKey;
  if (lab.tiles.inKey !== key) {
    const words = lab.tiles.in.size(w.width, w.height), [a, b, c] = lab.padded;
    for (let i = 0; i < words.length; i++)
      words[i] = 0xff000000 | ((c ?? a)[i] << 16) | ((b ?? a)[i] << 8) | a[i];
    lab.tiles.in.done();
    lab.tiles.inKey = key;
  }
  return lab.tiles.in.canvas;
}

const tint = (lab) => (lab.s.look === "signed" ? lab.luts.activation : GRAYS);

/** The right picture: as far as the window has come, and the cell it is filling. */
function drawOutput(lab) {
  const { map, width, height } = lab.out, scale = lab.outScale;
  const context = sharp(lab.parts.out, width * scale, height * scale);
  context.drawImage(lab.tiles.out.paint(map, width, height, tint(lab), lab.s.look, lab.peak), 0, 0, width * scale, height * scale);
  const row = Math.floor(lab.position / width), column = lab.position % width;
  if (lab.filling) {
    context.fillStyle = lab.theme.back;
    context.fillRect((column + 1) * scale, row * scale, (width - column - 1) * scale, scale);
    context.fillRect(0, (row + 1) * scale, width * scale, (height - row - 1) * scale);
  }
  rule(context, width, height, scale, lab.theme.dark);
  frame(context, column * scale, row * scale, scale, lab.theme.window);
}

/** Lines between pixels, where they are large enough to be seen as squares. */
function rule(context, width, height, scale, dark) {
  if (scale < 7) return;
  context.beginPath();
  for (let x = 1; x < width; x++) context.moveTo(x * scale, 0), context.lineTo(x * scale, height * scale);
  for (let y = 1; y < height; y++) context.moveTo(0, y * scale), context.lineTo(width * scale, y * scale);
  context.strokeStyle = dark ? "rgb(128 134 142 / .28)" : "rgb(110 116 124 / .28)";
  context.lineWidth = 0.5;
  context.stroke();
}

/** A window's frame, never too small to be found, with a dark line around it for bright pictures. */
function frame(context, x, y, side, colour) {
  const grow = Math.max(0, (9 - side) / 2);
  context.lineWidth = 3.5;
  context.strokeStyle = "rgb(0 0 0 / .55)";
  context.strokeRect(x - grow, y - grow, side + 2 * grow, side + 2 * grow);
  context.lineWidth = 2;
  context.strokeStyle = colour;
  context.strokeRect(x - grow, y - grow, side + 2 * grow, side + 2 * grow);
}

/** One size of pixel for both pictures where they fit, so that a smaller map looks smaller. */
function measure(lab) {
  const w = walk(lab), boxes = [lab.parts.in, lab.parts.out].map((c) => c.parentElement.clientWidth || 300);
  const tall = lab.tall ?? 400;
  lab.scale = Math.min(boxes[0] / w.width, tall / w.height);
  const most = Math.min(boxes[1] / lab.out.width, tall / lab.out.height);
  lab.outScale = Math.min(most, Math.max(lab.scale, most * 0.45));
  for (const [canvas, width, height, scale] of [
    [lab.parts.in, w.width, w.height, lab.scale],
    [lab.parts.out, lab.out.width, lab.out.height, lab.outScale],
  ]) {
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
  }
}

/** The grids of the arithmetic; built when their shape changes, filled at every step. */
function buildSum(lab) {
  const { s, parts } = lab, k = walk(lab).side, channels = s.stage === "conv" ? filterOf(lab).weights.length : 1;
  const key = [s.stage, k, channels].join();
  if (lab.sumKey === key) return;
  lab.sumKey = key;
  lab.grids = [];
  const plain = k > 7;
  const grid = (label, cells) =>
    make("div", { class: `grid${plain ? " tiny" : ""}`, style: `--k:${k}`, role: "group", "aria-label": label }, ...cells);
  const cells = () => Array.from({ length: k * k }, () => make("span", { class: "cell" }));
  const titled = (title, content) => make("div", { class: "term" }, make("span", { class: "title" }, title), content);
  const rows = Array.from({ length: channels }, (_, c) => {
    const patch = cells(), products = cells();
    const kernel = s.stage !== "conv" ? [] : Array.from({ length: k * k }, (_, i) =>
      make("input", {
        class: "cell weight", type: "text", inputmode: "decimal", autocomplete: "off", "data-channel": c, "data-cell": i, disabled: plain,
        "aria-label": `Kernel${channels > 1 ? ` ${CHANNELS[c]}` : ""}, row ${Math.floor(i / k) + 1}, column ${(i % k) + 1}`,
      }));
    const sum = make("output", { class: "part" });
    lab.grids.push({ patch, kernel, products, sum });
    const name = channels > 1 ? `${CHANNELS[c]} ` : "";
    const led = (text, content) => make("div", { class: "led" }, sign(text), content); // a sign never stands alone at a line's end
    const line = s.stage === "conv"
      ? [titled(`${name}patch`, grid("Patch", patch)), led("×", titled(`${name}kernel${channels > 1 || plain ? "" : ": type or drag"}`, grid("Kernel", kernel))),
         led("=", titled(`${name}products`, grid("Products", products))), ...(channels > 1 ? [led("Σ", sum)] : [])]
      : [titled(s.stage === "relu" ? "value" : "patch", grid("Patch", patch))];
    return make("div", { class: `row${k > 4 && !plain ? " large" : ""}` }, ...line);
  });
  parts.sum.classList.toggle("many", channels > 1);
  lab.total = make("output", { class: "total" });
  lab.lead = make("span", { class: "lead" });
  lab.bias = s.stage === "conv" ? make("input", { class: "bias", type: "text", inputmode: "decimal", "aria-label": "Bias" }) : null;
  parts.sum.replaceChildren(
    make("div", { class: "rows" }, ...rows),
    make("div", { class: "result" }, lab.lead, lab.bias && make("label", {}, "bias ", lab.bias), make("span", { class: "led" }, sign("="), lab.total)));
}
const sign = (text) => make("span", { class: "sign", "aria-hidden": "true" }, text);

function fillSum(lab) {
  buildSum(lab);
  const n = numbers(lab, lab.position), { s } = lab;
  const widest = lab.s.stage === "conv" ? peakOf(filterOf(lab).weights.flat(2)) : 1;
  const room = Math.max(3, Math.floor(lab.grids[0].patch[0].clientWidth / 5.6)); // characters of a cell
  const put = (cell, value, colour, most = room) => {
    const text = brief(value, most);
    if (cell.textContent !== text) (cell.textContent = text), cell.style.setProperty("--n", text.length), (cell.title = text === shown(value) ? "" : shown(value));
    cell.style.background = css(colour);
    cell.style.color = ink(colour);
  };
  const focus = lab.element.getRootNode().activeElement;
  n.channels.forEach((channel, c) => {
    const grids = lab.grids[c], strongest = peakOf(channel.products);
    channel.values.forEach((value, i) => {
      const colour = s.stage === "conv" ? GRAYS[level(value, "picture")] : tint(lab)[level(value, s.look, lab.peak)];
      put(grids.patch[i], value, colour);
      if (s.stage !== "conv") return;
      put(grids.products[i], channel.products[i], lab.luts.activation[level(channel.products[i], "signed", strongest)]);
      const cell = grids.kernel[i], tone = lab.luts.weight[level(channel.weights[i], "signed", widest)];
      if (cell !== focus) (cell.value = brief(channel.weights[i], room)), cell.style.setProperty("--n", cell.value.length);
      cell.style.background = css(tone);
      cell.style.color = ink(tone);
    });
    grids.sum.textContent = shown(channel.sum);
  });
  lab.lead.textContent =
    s.stage === "relu" ? "max(0, value)" : s.stage === "pool" ? (s.poolKind === "max" ? "largest" : "mean")
    : n.channels.length > 1 ? n.channels.map((c) => shown(c.sum)).join(" + ").replaceAll("+ −", "− ") + " +" : `Σ ${shown(n.channels[0].sum)} +`;
  if (lab.bias && lab.bias !== focus) lab.bias.value = shown(n.bias);
  const colour = tint(lab)[level(n.total, s.look, lab.peak)];
  put(lab.total, n.total, colour, Infinity);
}
