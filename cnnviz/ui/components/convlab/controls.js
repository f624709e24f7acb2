// Hands on the lab: presets, settings, cells that can be dragged, the pictures under pointer and keys.

function wire(lab) {
  const { parts } = lab;
  parts.play.addEventListener("click", () => play(lab));
  parts.back.addEventListener("click", () => (stop(lab), go(lab, lab.position - 1, true), tell(lab)));
  parts.step.addEventListener("click", () => (stop(lab), go(lab, lab.position + 1, true), tell(lab)));
  parts.scrub.addEventListener("input", () => (stop(lab), go(lab, Number(parts.scrub.value), true)));
  parts.scrub.addEventListener("change", () => tell(lab));
  parts.speed.value = lab.speed;
  parts.speed.addEventListener("input", () => {
    lab.speed = Number(parts.speed.value);
    parts.speed.setAttribute("aria-valuetext", `${Math.round(rate(lab))} positions a second`);
  });
  const gain = parts.gain.querySelector("input");
  gain.addEventListener("input", () => changed(lab, (s) => (s.gain = Number(gain.value)), false));
  gain.addEventListener("change", () => changed(lab, (s) => (s.gain = Number(gain.value))));
  for (const canvas of [parts.in, parts.out]) {
    const follow = (event) => {
      if (lab.playing || (event.type === "pointermove" && event.pointerType !== "mouse" && !event.buttons)) return;
      go(lab, under(lab, canvas, event), false);
    };
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", (event) => {
      stop(lab);
      follow(event);
      tell(lab);
    });
    canvas.addEventListener("keydown", (event) => key(lab, event));
  }
  wireCells(lab);
}

/** The output position that a pointer on either picture means. */
function under(lab, canvas, event) {
  const w = walk(lab), [x, y] = place(event, canvas), { width, height } = lab.out;
  const at = (share, across, out) =>
    canvas === lab.parts.out ? Math.floor(share * out) : Math.round((share * across - w.span / 2) / w.stride);
  const clamp = (v, n) => Math.min(Math.max(0, v), n - 1);
  return clamp(at(y, w.height, height), height) * width + clamp(at(x, w.width, width), width);
}

function key(lab, event) {
  const { width, map } = lab.out, row = lab.position - (lab.position % width), far = event.shiftKey ? 10 : 1;
  const move = {
    ArrowLeft: -far, ArrowRight: far, ArrowUp: -width * far, ArrowDown: width * far,
    Home: row - lab.position, End: row + width - 1 - lab.position, PageUp: -width * 10, PageDown: width * 10,
  }[event.key];
  if (event.key === " ") play(lab);
  else if (move === undefined) return;
  else if (lab.position + move >= 0 && lab.position + move < map.length) stop(lab), go(lab, lab.position + move, lab.filling), tell(lab);
  event.preventDefault();
}

/** A weight as people type it: 0.5, −1, 1/9 or 0,5. */
function typed(text) {
  const [a, b = "1", more] = text.trim().replace(",", ".").replaceAll("−", "-").split("/");
  const value = more === undefined && a.trim() ? Number(a) / Number(b) : NaN;
  return Number.isFinite(value) && Math.abs(value) <= 1e4 ? Math.fround(value) : null;
}

/** Cells of the kernel and the bias: type, arrow keys, or drag sideways. */
function wireCells(lab) {
  const box = lab.parts.sum;
  const target = (event) => (event.target.matches?.(".weight, .bias") ? event.target : null);
  const read = (cell) => cell.matches(".bias") ? filterOf(lab).bias : entry(cell).row[entry(cell).column];
  const entry = (cell) => {
    const k = sizeOf(lab), i = Number(cell.dataset.cell);
    return { row: filterOf(lab).weights[cell.dataset.channel][Math.floor(i / k)], column: i % k };
  };
  const write = (cell, value, done) =>
    changed(lab, () => {
      if (cell.matches(".bias")) filterOf(lab).bias = value;
      else entry(cell).row[entry(cell).column] = value, (filterOf(lab).name = "Your own kernel");
      if (done || cell !== cell.getRootNode().activeElement) cell.value = shown(value);
    }, done);
  const grain = (cell) => {
    const most = cell.matches(".bias") ? 255 : peakOf(filterOf(lab).weights.flat(2));
    return cell.matches(".bias") ? 5 : most >= 1 ? 0.25 : Number((most / 10).toPrecision(1));
  };
  let drag = null;
  box.addEventListener("pointerdown", (event) => {
    const cell = target(event);
    if (cell && !cell.disabled && cell !== cell.getRootNode().activeElement)
      drag = { cell, x: event.clientX, from: read(cell), id: event.pointerId, moved: false };
  });
  box.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const away = event.clientX - drag.x;
    if (!drag.moved && Math.abs(away) < 4) return;
    if (!drag.moved) (drag.moved = true), drag.cell.setPointerCapture(drag.id), drag.cell.blur();
    const g = grain(drag.cell);
    write(drag.cell, Math.fround(Number((drag.from + Math.round(away / 6) * g).toFixed(6))), false);
  });
  const drop = () => {
    if (drag?.moved) write(drag.cell, read(drag.cell), true), drag.cell.blur();
    drag = null;
  };
  box.addEventListener("pointerup", drop);
  box.addEventListener("pointercancel", drop);
  box.addEventListener("focusin", (event) => {
    const cell = target(event);
    if (cell && !drag) (cell.value = String(Number(read(cell).toPrecision(6)))), cell.select();
  });
  box.addEventListener("input", (event) => {
    const cell = target(event), value = cell && typed(cell.value);
    if (cell) cell.classList.toggle("wrong", value === null);
    if (cell && value !== null) write(cell, value, false);
  });
  box.addEventListener("focusout", (event) => {
    const cell = target(event);
    if (!cell || drag?.moved) return; // a drag has its own end
    cell.classList.remove("wrong");
    cell.value = shown(read(cell));
    rethink(lab);
    tell(lab);
  });
  box.addEventListener("keydown", (event) => {
    const cell = target(event), way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (cell && event.key === "Enter") cell.blur();
    if (!cell || !way) return;
    write(cell, Math.fround(Number((read(cell) + way * grain(cell) * (event.shiftKey ? 4 : 1)).toFixed(6))), true);
    cell.value = String(Number(read(cell).toPrecision(6)));
    event.preventDefault();
  });
}

/** A row of radio buttons; arrow keys and Tab as the browser gives them. */
function radios(lab, box, choices, chosen, choose, allowed = () => true) {
  const name = box.className;
  if (!box.childElementCount)
    for (const [value, title] of choices) {
      const input = make("input", { type: "radio", name, value });
      input.addEventListener("change", () => choose(value));
      box.append(make("label", {}, input, make("span", {}, title)));
    }
  for (const input of box.querySelectorAll("input")) {
    input.checked = input.value === chosen;
    input.disabled = !allowed(input.value);
  }
}

/** The settings beside the pictures; each list and slider offers only what today's picture and kernel allow. */
function showControls(lab) {
  const { s, parts, input } = lab, most = limits(lab), k = sizeOf(lab);
  showKernels(lab);
  radios(lab, parts.stages, STAGES, s.stage, (v) => (stop(lab), (lab.filling = false), changed(lab, () => (s.stage = v))));
  radios(lab, parts.colours, [["gray", "Gray"], ["rgb", "RGB"]], s.colour ? "rgb" : "gray", (v) => changed(lab, () => (lab.s.colour = v === "rgb")));
  parts.colours.hidden = input.planes.length < 2;
  radios(lab, parts.looks, LOOKS, s.look, (v) => changed(lab, () => (lab.s.look = v)));
  parts.gain.hidden = s.look === "picture";
  parts.gain.querySelector("input").value = s.gain;
  const slide = (title, value, low, high, set) => {
    const range = make("input", { type: "range", min: low, max: Math.max(low, high), step: 1, "aria-label": title, disabled: high <= low });
    range.value = value;
    range.addEventListener("input", () => (changed(lab, () => set(Number(range.value)), false), (range.nextElementSibling.textContent = range.value), formula(lab)));
    range.addEventListener("change", () => changed(lab, () => set(Number(range.value))));
    return make("label", { class: "setting" }, make("span", {}, title), range, make("output", {}, String(value)));
  };
  const pick = (title, value, choices, set) => {
    const list = make("select", { "aria-label": title }, ...choices.map(([v, text, off]) => make("option", { value: v, disabled: off }, text)));
    list.value = value;
    list.addEventListener("change", () => changed(lab, () => set(list.value)));
    return make("label", { class: "setting" }, make("span", {}, title), list);
  };
  const act = (title, turn) =>
    make("button", { type: "button", onclick: () => changed(lab, () => {
      const f = filterOf(lab);
      (f.weights = f.weights.map(turn)), (f.name = "Your own kernel");
    }) }, title);
  const focus = lab.element.getRootNode().activeElement?.getAttribute?.("aria-label");
  const side = Math.min(input.width, input.height) + 2 * s.padding;
  const modes = MODES.map(([v, text]) => [v, text, s.padding > mostPadding(Math.min(input.width, input.height), v)]);
  parts.settings.replaceChildren(
    ...(s.stage === "pool"
      ? [pick("Keep", s.poolKind, [["max", "the largest"], ["average", "the mean"]], (v) => (s.poolKind = v)),
         slide("Window", s.poolSize, 1, most.pool, (v) => (s.poolSize = v))]
      : [pick("Size", k, (SIZES.includes(k) ? SIZES : [...SIZES, k]).map((n) => [n, `${n} × ${n}`, extent(n, s.dilation) > side]), (v) =>
           s.filters.forEach((f) => (f.weights = f.weights.map((plane) => resized(plane, Number(v)))))),
         slide("Stride", s.stride, 1, most.stride, (v) => (s.stride = v)),
         slide("Padding", s.padding, 0, most.padding, (v) => (s.padding = v)),
         pick("Border", s.mode, modes, (v) => (s.mode = v)),
         slide("Dilation", s.dilation, 1, most.dilation, (v) => (s.dilation = v)),
         make("div", { class: "acts" },
           act("Turn", (p) => p.map((row, i) => row.map((_, j) => p[p.length - 1 - j][i]))),
           act("Mirror", (p) => p.map((row) => [...row].reverse())),
           act("Negate", (p) => p.map((row) => row.map((w) => (w ? -w : 0)))),
           act("Clear", (p) => p.map((row) => row.map(() => 0))))]),
    make("p", { class: "formula" }));
  formula(lab);
  if (focus) [...parts.settings.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === focus)?.focus();
  showFilters(lab);
}

/** The output-size formula with today's numbers. */
function formula(lab) {
  const { s, input, parts } = lab, k = sizeOf(lab), text = parts.settings.querySelector(".formula");
  const map = lab.maps[s.selected];
  const side = (n) => `⌊(${n} + 2·${s.padding} − ${s.dilation}·(${k} − 1) − 1) / ${s.stride}⌋ + 1`;
  const lines = s.stage === "pool"
    ? [`⌊(${map.width} − ${s.poolSize}) / ${s.poolSize}⌋ + 1 = ${lab.out.width}`]
    : s.stage === "relu" ? ["ReLU keeps the size"]
    : input.width === input.height ? [`${side(input.width)} = ${lab.out.width}`]
    : [`${side(input.width)} = ${lab.out.width} wide`, `${side(input.height)} = ${lab.out.height} high`];
  text.replaceChildren(...lines.map((line) => make("span", {}, line)));
}
