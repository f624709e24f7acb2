// A place that follows the pointer until a click pins it.

/** Pointer and keys on canvases: hover moves, a click pins and the next one, or Escape, releases; Enter does as a click. */
export function pinnable(lab, canvases, move, changed) {
  const pin = (on) => {
    if (lab.pinned === on) return;
    lab.pinned = on;
    for (const canvas of canvases) canvas.classList.toggle("pinned", on);
    changed();
  };
  lab.pin = pin;
  for (const canvas of canvases) {
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" ? !lab.pinned : event.buttons) move(canvas, event); // a finger moves what it touches
    });
    canvas.addEventListener("pointerdown", (event) => {
      move(canvas, event);
      pin(!lab.pinned);
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Enter") pin(!lab.pinned);
      else if (event.key === "Escape" && lab.pinned) pin(false);
      else return;
      event.preventDefault();
    });
  }
}
