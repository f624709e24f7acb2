// Receptive fields of a stack of layers, by the definitions of cnnviz.signal.receptive.
import { extent, outSize } from "./signal.js";

export const MOST_LAYERS = 12;

/** The numbers of the photo and of each layer on it: map side, jump, field size, first middle. */
export function fields(side, layers) {
  let at = { map: side, jump: 1, field: 1, middle: 0 };
  const rows = [at];
  for (const layer of layers) {
    const span = extent(layer.kernel, layer.dilation);
    at = {
      map: at.map ? outSize(at.map, layer.kernel, layer.stride, layer.padding, layer.dilation) : 0,
      jump: at.jump * layer.stride, field: at.field + (span - 1) * at.jump,
      middle: at.middle + ((span - 1) / 2 - layer.padding) * at.jump,
    };
    rows.push(at);
  }
  return rows;
}

/** How much each pixel of the field counts along one side: windows convolved with each other, its largest 1. */
export function profile(layers) {
  let power = [1];
  for (const layer of [...layers].reverse()) {
    const span = extent(layer.kernel, layer.dilation), spread = new Float64Array((power.length - 1) * layer.stride + span);
    power.forEach((value, i) => {
      for (let j = 0; j < layer.kernel; j++) spread[i * layer.stride + j * layer.dilation] += value / layer.kernel;
    });
    power = Array.from(spread);
  }
  const root = power.map(Math.sqrt), most = Math.max(...root);
  return root.map((v) => v / most);
}

/** The layers that fit, made legal: no window beyond its map, no padding beyond half a pool. */
export function legalised(side, layers) {
  let map = side;
  return layers.slice(0, MOST_LAYERS).filter((layer) => {
    if (layer.kind !== "conv") (layer.dilation = 1), (layer.padding = Math.min(layer.padding, Math.floor(layer.kernel / 2)));
    while (layer.dilation > 1 && extent(layer.kernel, layer.dilation) > map + 2 * layer.padding) layer.dilation--;
    while (layer.kernel > 1 && extent(layer.kernel, layer.dilation) > map + 2 * layer.padding) layer.kernel--;
    const next = outSize(map, layer.kernel, layer.stride, layer.padding, layer.dilation);
    if (next) map = next;
    return next > 0;
  });
}
