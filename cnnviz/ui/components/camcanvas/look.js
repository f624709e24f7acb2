// How the heat lies over the photo: what the controls show, what is said, and what Python hears of it.
import { bar } from "./scale.js";

/** Whether two choices are of the same class and method. */
export const same = (a, b) => a != null && a.target === b.target && a.method === b.method;

/** Tell Python, once the hand rests. */
export function tell(cam, later) {
  clearTimeout(cam.timer);
  cam.timer = setTimeout(() => cam.send("look", { ...cam.look, strokes: cam.strokes, photo: cam.photoStamp, stamp: cam.stamp }), later);
}

export function controls(cam) {
  const { look } = cam;
  for (const name of ["opacity", "threshold"]) {
    const [input, output] = cam[`${name}Range`];
    if (Number(input.value) !== look[name]) input.value = look[name];
    output.textContent = Math.round(look[name] * 100);
  }
  for (const name of ["contours", "boxes", "shared", "uniform"]) cam[`${name}Check`].checked = look[name];
  cam.modes[look.mode].checked = cam.views[look.view].checked = true;
  cam.colours.value = look.colours;
  for (const chip of cam.chips.querySelectorAll("button")) {
    chip.setAttribute("aria-pressed", String(same(cam.shown, { target: Number(chip.dataset.target), method: chip.dataset.method })));
  }
  cam.sharedCheck.disabled = !cam.common && !look.shared;
  bar(cam);
  cam.undo.disabled = cam.clear.disabled = !cam.strokes.length;
  cam.radius.disabled = !cam.brush.checked;
  cam.canvas.style.cursor = look.mode === "split" && !cam.brush.checked ? "ew-resize" : "crosshair";
  read(cam);
}

/** What lies under the pointer, and the boxes in the photo's own pixels. */
export function read(cam) {
  const { data, hover } = cam, [down, across] = data.shape, words = [];
  if (hover) {
    const [u, v] = hover, value = cam.heat[Math.floor(v * down) * across + Math.floor(u * across)] / 255;
    words.push(`Heat ${value.toFixed(2)}`);
    if (cam.raw) {
      const [rows, columns] = data.rawShape, y = Math.floor(v * rows), x = Math.floor(u * columns);
      words.push(`raw map at (${y}, ${x}): ${cam.raw[y * columns + x].toPrecision(4)}`);
    }
  } else if (cam.look.boxes) {
    const [left, top, w, h] = data.box, [width, height] = data.size;
    const listed = cam.found.slice(0, 3).map((b, i) => {
      const x = Math.round((left + (b.left / across) * w) * width), y = Math.round((top + (b.top / down) * h) * height);
      return `region ${i + 1} at (${x}, ${y}), ${Math.round(((b.right - b.left) / across) * w * width)} × ${Math.round(((b.low - b.top) / down) * h * height)} px, mean heat ${(b.sum / b.area / 255).toFixed(2)}`;
    });
    words.push(listed.length ? listed.join("; ") : "No region is above the threshold");
  } else words.push(cam.caption);
  cam.say.textContent = words.join(", ");
}
