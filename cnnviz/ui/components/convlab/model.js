// What the lab knows and what follows from it: legal settings, maps, and the numbers under the window.
import { gathered, resized, spread } from "./kernel.js";
import { correlate, extent, mostPadding, padded, pooled, rectified } from "./signal.js";
import { peakOf } from "../shared/colour.js";

const planesOf = (lab) => (lab.s.colour ? lab.input.planes.slice(1) : lab.input.planes.slice(0, 1));
export const filterOf = (lab) => lab.s.filters[lab.s.selected];
export const scaleOf = (lab) => lab.s.unit / 255; // of what is printed: pixels are 0 to 255, or read as 0 to 1
const rotated = (plane) => plane.map((row) => [...row].reverse()).reverse();
/** The weights as they slide: as they are, or, for true convolution, rotated by 180 degrees. */
export const applied = (lab, filter) => (lab.s.flip ? filter.weights.map(rotated) : filter.weights);
export const sizeOf = (lab) => filterOf(lab).weights[0].length;

/** The limits of today's picture and kernel; nothing outside them can be chosen. */
export function limits(lab) {
  const { width, height } = lab.input, side = Math.min(width, height), k = sizeOf(lab), { s } = lab;
  const span = extent(k, s.dilation);
  return {
    dilation: k === 1 ? 1 : Math.max(1, Math.min(4, Math.floor((side - 1) / (k - 1)))),
    padding: Math.min(Math.max(span - 1, 1), mostPadding(side, s.mode), 24),
    stride: Math.min(8, side),
    pool: Math.max(1, Math.min(5, lab.maps?.[s.selected] ? Math.min(lab.maps[s.selected].width, lab.maps[s.selected].height) : 5)),
  };
}

/** Bring every setting inside its limits, the picture's own first. */
export function legalise(lab) {
  const { s } = lab;
  s.colour = Boolean(s.colour) && lab.input.planes.length > 1;
  const channels = s.colour ? 3 : 1, k = s.filters[0].weights[0].length;
  for (const filter of s.filters) {
    if (filter.weights[0].length !== k) filter.weights = filter.weights.map((plane) => resized(plane, k));
    if (filter.weights.length !== channels)
      filter.weights = channels === 3 ? spread(filter.weights[0], 3) : [gathered(filter.weights)];
  }
  s.selected = Math.min(Math.max(0, s.selected), s.filters.length - 1);
  s.dilation = Math.min(Math.max(1, s.dilation), limits(lab).dilation);
  s.padding = Math.min(Math.max(0, s.padding), limits(lab).padding);
  s.stride = Math.min(Math.max(1, s.stride), limits(lab).stride);
}

function pad(lab) {
  const { s, input } = lab, key = [s.padding, s.mode, s.colour, input.stamp].join();
  if (lab.padKey === key) return;
  lab.padKey = key;
  lab.padded = planesOf(lab).map((plane) => padded(plane, input.width, input.height, s.padding, s.mode));
}

/** The maps: of every filter, or while a control moves only of the one in sight. */
export function compute(lab, everything = true) {
  const { s, input } = lab;
  pad(lab);
  lab.maps = s.filters.map((filter, f) =>
    everything || f === s.selected || !lab.maps?.[f]
      ? correlate(lab.padded, input.width + 2 * s.padding, input.height + 2 * s.padding, applied(lab, filter), filter.bias, s.stride, s.dilation)
      : lab.maps[f]);
  const map = lab.maps[s.selected];
  s.poolSize = Math.min(s.poolSize, limits(lab).pool);
  lab.relu = s.stage === "conv" ? null : rectified(map);
  lab.pool = s.stage === "pool" ? pooled(lab.relu, s.poolSize, s.poolStride || s.poolSize, s.poolKind) : null;
  lab.out = { conv: map, relu: lab.relu, pool: lab.pool }[s.stage];
  lab.peak = peakOf(map.map) / 2 ** (s.look === "picture" ? 0 : s.gain);
  lab.position = Math.min(lab.grid ? moved(lab) : lab.position ?? 0, lab.out.map.length - 1);
  lab.grid = grid(lab);
}

/** How output positions lie on the input: a row's length, the input's pixels from one to the next, and before the first. */
function grid({ s, out }) {
  return { width: out.width, step: s.stride * (s.stage === "pool" ? s.poolStride || s.poolSize : 1), before: s.padding };
}

/** The output position whose window begins where that of the last one did, or covers that place: another stage has others. */
function moved(lab) {
  const old = lab.grid, now = grid(lab), { width, height } = lab.out;
  const along = (i, most) => Math.max(0, Math.min(most - 1, Math.floor((i * old.step - old.before + now.before) / now.step)));
  return along(Math.floor(lab.position / old.width), height) * width + along(lab.position % old.width, width);
}

/** What the left picture is at this stage and how the window walks over it. */
export function walk(lab) {
  const { s, input } = lab, map = lab.maps[s.selected];
  if (s.stage === "conv")
    return {
      width: input.width + 2 * s.padding, height: input.height + 2 * s.padding,
      side: sizeOf(lab), stride: s.stride, dilation: s.dilation, span: extent(sizeOf(lab), s.dilation),
    };
  const side = s.stage === "pool" ? s.poolSize : 1, stride = s.stage === "pool" ? s.poolStride || side : 1;
  return { width: map.width, height: map.height, side, stride, dilation: 1, span: side };
}

/** The numbers under the window at one output position: per channel values, weights, products; sums; the total. */
export function numbers(lab, position) {
  const w = walk(lab), row = Math.floor(position / lab.out.width), column = position % lab.out.width;
  const sources = lab.s.stage === "conv" ? lab.padded : [lab.s.stage === "relu" ? lab.maps[lab.s.selected].map : lab.relu.map];
  const filter = filterOf(lab), slid = applied(lab, filter);
  const channels = sources.map((source, c) => {
    const values = [], weights = [], products = [];
    for (let i = 0; i < w.side; i++)
      for (let j = 0; j < w.side; j++) {
        const value = source[(row * w.stride + i * w.dilation) * w.width + column * w.stride + j * w.dilation];
        const weight = lab.s.stage === "conv" ? Math.fround(slid[c][i][j]) : 1;
        values.push(value), weights.push(weight), products.push(value * weight);
      }
    return { values, weights, products, sum: products.reduce((a, b) => a + b, 0) };
  });
  const total =
    lab.s.stage === "conv"
      ? channels.reduce((sum, c) => sum + c.sum, 0) + filter.bias
      : lab.s.stage === "relu" ? Math.max(0, channels[0].values[0])
      : lab.s.poolKind === "max" ? Math.max(...channels[0].values)
      : channels[0].sum / (w.side * w.side);
  return { row, column, channels, total, bias: filter.bias };
}

/** The state as Python hears it, on release. */
export const report = (lab) => ({
  filters: lab.s.filters.map(({ name, weights, bias }) => ({ name, weights, bias })),
  selected: lab.s.selected, stride: lab.s.stride, padding: lab.s.padding, mode: lab.s.mode, dilation: lab.s.dilation,
  stage: lab.s.stage, look: lab.s.look, gain: lab.s.gain, colour: lab.s.colour, pool_kind: lab.s.poolKind, pool_size: lab.s.poolSize,
  pool_stride: lab.s.poolStride, unit: lab.s.unit, flip: lab.s.flip,
  position: lab.position, stamp: lab.stamp,
});
