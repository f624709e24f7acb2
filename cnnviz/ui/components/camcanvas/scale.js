// What a colour of the heat stands for: the map's own scale, or one for all classes.

/** What lies on the page's shelf for this canvas; it may come before or after the canvas itself. */
export const shelf = (cam, name) => globalThis.cnnvizShelf?.get(`${cam.data.name} ${name}`);

/** The heat on the scale that was asked for: the map's own, or one for all classes where their largest value is known. */
export function scaled(cam) {
  const maps = shelf(cam, "maps"), { own, reach, look } = cam;
  cam.common = (maps?.subject === cam.data.subject && maps.common?.[cam.shown.method]) || 0;
  const factor = look.shared && cam.common > reach ? reach / cam.common : 1;
  if (cam.scaledOf === own && cam.factor === factor) return;
  Object.assign(cam, { scaledOf: own, factor, lines: null });
  cam.heat = factor === 1 ? own : Uint8Array.from(own, (value) => Math.round(value * factor));
}

/** The colours beside their numbers, and what they are scaled to. */
export function bar(cam) {
  const { look, common, reach, scale: { row, line, top, words } } = cam;
  const whole = look.shared && common > 0, most = whole ? Math.max(common, reach) : reach;
  top.textContent = most > 0 ? most.toPrecision(3) : "nothing above 0";
  words.textContent = whole ? "one scale for all classes" : "scaled to this map’s own maximum";
  row.setAttribute("aria-label", `Colour scale from 0 to ${top.textContent}, ${words.textContent}`);
  if (!cam.luts || cam.coloured === look.colours) return;
  cam.coloured = look.colours;
  const stops = Array.from({ length: 18 }, (_, i) => cam.luts[look.colours][i * 15]).map((c) => `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`);
  line.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
}
