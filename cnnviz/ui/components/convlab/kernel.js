// Kernels as nested lists: cut, shared out over channels, gathered again.

const zeros = (k) => Array.from({ length: k }, () => new Array(k).fill(0));
export const copied = (weights) => weights.map((plane) => plane.map((row) => [...row]));

/** A kernel cut to its middle or framed with zeros. */
export function resized(plane, k) {
  const n = plane.length, shift = Math.floor((n - k) / 2), out = zeros(k);
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) out[i][j] = plane[i + shift]?.[j + shift] ?? 0;
  return out;
}

/** One plane for each channel; a kernel that keeps brightness is shared out, so that gray stays gray. */
export function spread(plane, channels) {
  const sum = plane.flat().reduce((a, b) => a + b, 0);
  const share = channels > 1 && sum > 0.5 ? 1 / channels : 1;
  return Array.from({ length: channels }, () => plane.map((row) => row.map((w) => w * share)));
}

/** Three planes as one for a gray picture: their sum, as a gray pixel would meet all three. */
export function gathered(weights) {
  const sum = weights[0].map((row, i) => row.map((_, j) => weights.reduce((total, plane) => total + plane[i][j], 0)));
  const alike = weights.every((plane) => String(plane) === String(weights[0]));
  return alike && sum.flat().reduce((a, b) => a + b, 0) <= 0.5 ? copied([weights[0]])[0] : sum;
}
