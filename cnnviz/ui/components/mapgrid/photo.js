// The photo under the tiles, with what the number under the pointer depends on, and that number in words.
import { sharp } from "../shared/canvas.js";
import { measured, signed } from "../shared/number.js";

const PHOTO = 112; // px, the photo under the tiles

/** The photo with what the number under the pointer can see, and that number. */
export function beside(grid) {
  const { data, parts, hover } = grid, which = hover?.part ?? 0, image = grid.images[which];
  const width = PHOTO, [rows, columns] = data.side, height = Math.round((width * rows) / columns);
  grid.photo.style.width = `${width}px`;
  grid.photo.style.height = `${height}px`;
  const context = sharp(grid.photo, width, height);
  context.imageSmoothingEnabled = true;
  if (image?.complete && image.naturalWidth) context.drawImage(image, 0, 0, width, height);
  if (hover) {
    const [size, jump, middle, whole] = data.field, scale = width / columns;
    const span = (unit, side) => {
      if (whole) return [0, side];
      const first = Math.round(middle + unit * jump - (size - 1) / 2);
      return [Math.max(0, first), Math.min(side, first + size)];
    };
    const [t, b] = span(hover.y, rows), [l, r] = span(hover.x, columns);
    context.save();
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(l * scale, t * scale, (r - l) * scale, (b - t) * scale);
    context.fillStyle = "rgb(0 0 0 / .45)";
    context.fill("evenodd");
    context.restore();
    context.strokeStyle = "#ffb02e";
    context.lineWidth = 2;
    context.strokeRect(l * scale, t * scale, (r - l) * scale, (b - t) * scale);
  }
  const c = hover?.channel ?? grid.chosen, part = parts[which];
  const words = [`Channel ${c}${parts.length > 1 ? ` of ${part.name}` : ""}`];
  if (hover) words.push(`${hover.exact ? "value" : "about"} ${measured(hover.value)} at row ${hover.y}, column ${hover.x}`);
  words.push(part.alive[c] === 0 ? "dead on this photo" : `mean ${measured(part.mean[c])}, maximum ${measured(part.max[c])}, above 0 at ${Math.round(part.alive[c] * 100)}%`);
  if (grid.by && data.sort === "similarity") words.push(`similarity ${grid.by[c].toFixed(2)}`);
  grid.say.textContent = signed(words.join(" · "));
  grid.photo.setAttribute("aria-label", hover ? `Receptive field on ${part.name}` : `The photo ${part.name}`);
  grid.scroll.setAttribute("aria-label", `Channels of ${data.layer}. Chosen: ${words[0]}`);
}
