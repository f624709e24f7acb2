// The colours of directions, and their key.
import { css } from "../shared/colour.js";

/** Colour of a direction (180° round) and strength, for the map of directions. */
export function directionColour(colours, angle, light) {
  const colour = colours[Math.round((angle / 180) * 255) & 255];
  const dim = (shift) => Math.round(((colour >> shift) & 255) * light) << shift;
  return 0xff000000 | dim(16) | dim(8) | dim(0);
}

/** The key to the colours: half a turn, drawn twice. */
export function wheel(context, side, colours) {
  const [x, y, r] = [side - 30, side - 30, 20], round = context.createConicGradient(0, x, y);
  for (let step = 0; step <= 24; step++) round.addColorStop(step / 24, css(directionColour(colours, (step * 15) % 180, 1)));
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.fillStyle = round;
  context.fill();
}
