// What the reader has chosen: colours, light or dark, movement or none.
import { make } from "./element.js";

/** Native ranges and lists follow the theme through color-scheme, told from the background. */
export function theme(element) {
  const style = getComputedStyle(element);
  const probe = make("span", { style: "display:none;color:var(--st-background-color)" });
  element.append(probe);
  const [r, g, b] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  probe.remove();
  const dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
  element.style.colorScheme = dark ? "dark" : "light";
  return {
    dark,
    line: style.getPropertyValue("--st-border-color").trim() || (dark ? "#363a40" : "#d9d9d3"),
    text: style.getPropertyValue("--st-text-color").trim() || (dark ? "#e4e4e0" : "#22262b"),
    back: style.getPropertyValue("--st-secondary-background-color").trim() || (dark ? "#212429" : "#f0f0ec"),
    window: dark ? "#ffa94d" : "#d67812",
  };
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
