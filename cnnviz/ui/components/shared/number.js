// How numbers are printed, the same everywhere.

/** A number as it is printed everywhere: whole numbers whole, others with three significant places or more. */
export function shown(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const rounded = Math.round(value * 1e6) / 1e6;
  const text = Number.isInteger(rounded) ? String(Math.abs(rounded)) : size.toFixed(size >= 100 ? 1 : size >= 1 ? 2 : 3);
  return (value < 0 && Number(text) !== 0 ? "−" : "") + text;
}

/** A measured value at three figures, its whole part never rounded: 16.1, 1081, 8.88e−5; as `cnnviz/measured.py` has it. */
export function measured(value) {
  if (Number.isNaN(value)) return "NaN";
  const minus = value < 0 ? "−" : "", size = Math.abs(value);
  if (size === Infinity) return `${minus}∞`;
  const power = Number(size.toExponential(2).split("e")[1]);
  if (size === 0 || (size < 1e6 && power >= -4)) return minus + Number(size.toFixed(Math.max(0, 2 - power)));
  return minus + String(Number(size.toExponential(2).split("e")[0])) + `e${power}`.replace("-", "−");
}

/** A number as short as it has to be to fit: fewer places, then a power of ten; the shortest there is where none fits. */
export function brief(value, fits) {
  const whole = shown(value), size = Math.abs(value);
  if (fits(whole) || !Number.isFinite(value)) return whole;
  const minus = value < 0 ? "−" : "";
  const power = (places) => size.toExponential(places).replace("e+", "e").replace("-", "−");
  const ways = [size.toFixed(1), ...(size >= 1 ? [size.toFixed(0)] : []), power(1), power(0)].filter(Number).map((text) => minus + text);
  return ways.find(fits) ?? ways.reduce((a, b) => (b.length < a.length ? b : a), whole);
}

/** Text of numbers as it is printed: minus signs, where a script writes hyphens. */
export const signed = (text) => String(text).replace(/(^|[^\w.])-(?=\.?\d)|(\de)-(?=\d)/g, "$1$2−");

/** A number as people type it: 0.5, −1, 1/9 or 0,5; null where it is none or too large for a weight. */
export function typed(text) {
  const [a, b = "1", more] = text.trim().replace(",", ".").replaceAll("−", "-").split("/");
  const value = more === undefined && a.trim() ? Number(a) / Number(b) : NaN;
  return Number.isFinite(value) && Math.abs(value) <= 1e4 ? Math.fround(value) : null;
}
