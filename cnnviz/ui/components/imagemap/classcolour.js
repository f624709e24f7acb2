// A colour for each class: ten that are told apart with any eyes, then hues.

const LIGHT = ["#0b62a4", "#b35900", "#1d7d3f", "#b3243b", "#7a4fb0", "#7a5230", "#c2398f", "#4d5357", "#6f7a00", "#00808f"];
const DARK = ["#5aa9e6", "#f2a03d", "#5fc98a", "#f2727f", "#b794f0", "#c99f7a", "#ee85c6", "#a9b1b7", "#c9cf4a", "#4fc8d6"];

/** Colours of so many classes as CSS. */
export function classColours(count, dark) {
  const known = dark ? DARK : LIGHT;
  return Array.from({ length: count }, (_, i) => known[i] ?? hue(i, dark));
}

function hue(i, dark) {
  const turn = (i * 137.508) % 360, step = dark ? 0.02 : -0.02;
  let light = ((dark ? 66 : 40) + 8 * ((i % 3) - 1)) / 100; // then as far on as it takes to stand out from the ground
  while (light > 0.05 && light < 0.95 && (dark ? seen(rgb(turn, 0.62, light)) < 0.2 : seen(rgb(turn, 0.62, light)) > 0.22)) light += step;
  return rgb(turn, 0.62, light);
}

/** How bright a colour "#rrggbb" is to the eye, 0..1. */
function seen(colour) {
  const part = (i) => (parseInt(colour.slice(i, i + 2), 16) / 255) ** 2.2;
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function rgb(turn, full, light) {
  const span = full * Math.min(light, 1 - light);
  const part = (n) => {
    const k = (n + turn / 30) % 12;
    return Math.round(255 * (light - span * Math.max(-1, Math.min(k - 3, 9 - k, 1)))).toString(16).padStart(2, "0");
  };
  return `#${part(0)}${part(8)}${part(4)}`;
}

/** A colour "#rrggbb" as the word of a pixel. */
export function word(colour) {
  const value = parseInt(colour.slice(1), 16);
  return (0xff000000 | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

/** A colour between two words of pixels, a share of the way. */
export function between(from, to, share) {
  let found = 0xff000000;
  for (const shift of [0, 8, 16]) {
    const a = (from >> shift) & 255, b = (to >> shift) & 255;
    found |= Math.round(a + (b - a) * share) << shift;
  }
  return found >>> 0;
}
