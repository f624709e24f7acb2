// The five numbers of a Gabor filter under sliders: name, title, lowest, highest, step, and its words.

export const KNOBS = [
  ["frequency", "Frequency", 0.02, 1, 0.005, (v) => `${v.toFixed(3)} cycles/px, wavelength ${(1 / v).toFixed(1)} px`],
  ["theta", "Orientation θ", 0, 179, 1, (v) => `${Math.round(v)}°`],
  ["sigma", "Sigma σ", 0.3, 8, 0.1, (v) => `${v.toFixed(1)} px`],
  ["gamma", "Aspect ratio γ", 0.4, 2.5, 0.05, (v) => v.toFixed(2)],
  ["phase", "Phase", -180, 180, 5, (v) => `${Math.round(v)}°`],
];
