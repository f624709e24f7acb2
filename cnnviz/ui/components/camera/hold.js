// A button that does something as long as it is held: by a pointer, by space or enter, and once by a click alone.

const KEYS = new Set([" ", "Enter"]);

/** `begin` and `end` are called in turns; a click that came from neither, as assistive programs send, is a short hold. */
export function holdable(button, begin, end) {
  let held = false, lately = 0;
  const down = () => {
    if (held || button.disabled) return;
    held = true;
    begin();
  };
  const up = () => {
    if (!held) return;
    held = false;
    lately = Date.now();
    end();
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    button.setPointerCapture?.(event.pointerId);
    down();
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(kind, up);
  button.addEventListener("keydown", (event) => {
    if (!KEYS.has(event.key)) return;
    event.preventDefault();
    if (!event.repeat) down();
  });
  button.addEventListener("keyup", (event) => {
    if (!KEYS.has(event.key)) return;
    event.preventDefault();
    up();
  });
  button.addEventListener("click", (event) => {
    if (event.detail || Date.now() - lately < 50) return;
    down();
    up();
  });
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long touch
  return up;
}
