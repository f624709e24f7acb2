// Hands on the pictures of the Gabor lab.
import { ask, tell, turn } from "./change.js";
import { place } from "../shared/element.js";
import { pinnable } from "../shared/pin.js";

/** Pointer and keys: read a point on either large picture, drag the spot in the spectrum. */
export function hands(lab) {
  const { parts } = lab;
  const follow = (canvas, event) => {
    lab.at = place(event, canvas).map((v) => Math.min(Math.max(v, 0), 0.9999));
    ask(lab);
  };
  pinnable(lab, [parts.photo, parts.answer], follow, () => ask(lab));
  for (const canvas of [parts.photo, parts.answer]) {
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      const { n } = lab.fourier, far = event.shiftKey ? 10 : 1;
      lab.at = lab.at.map((v, i) => (Math.min(Math.max(Math.floor(v * n) + step[i] * far, 0), n - 1) + 0.5) / n);
      event.preventDefault();
      ask(lab);
    });
  }
  const pull = (event) => {
    if (!event.buttons && event.type !== "pointerdown") return;
    const [x, y] = place(event, parts.spectrum).map((v) => v - 0.5);
    const frequency = Math.hypot(x, y);
    if (frequency > 0.01) turn(lab, { frequency, theta: (((Math.atan2(y, x) * 180) / Math.PI) + 180) % 180 });
  };
  parts.spectrum.addEventListener("pointerdown", (event) => (parts.spectrum.setPointerCapture(event.pointerId), pull(event)));
  parts.spectrum.addEventListener("pointermove", pull);
  parts.spectrum.addEventListener("pointerup", () => tell(lab));
  parts.spectrum.addEventListener("keydown", (event) => {
    const { frequency, theta } = lab.g;
    const change = {
      ArrowUp: { frequency: frequency + 0.005 }, ArrowDown: { frequency: frequency - 0.005 },
      ArrowRight: { theta: (theta + 1) % 180 }, ArrowLeft: { theta: (theta + 179) % 180 },
    }[event.key];
    if (!change) return;
    event.preventDefault();
    turn(lab, change);
    tell(lab);
  });
  parts.hold.addEventListener("change", () => (turn(lab, {}), tell(lab)));
}
