// What Python is told a moment after the last change, or at once where the hand goes on to something else on the page:
// told later, it would overtake what is chosen there and take it back.
const waiting = new Map(); // element -> { say, timer }
let listening = false;

/** Calls `say` after `wait` ms, or as soon as something outside of `element` is pressed; the last one asked for counts. */
export function afterwards(element, say, wait = 250) {
  clearTimeout(waiting.get(element)?.timer);
  waiting.set(element, { say, timer: setTimeout(() => tellNow(element), wait) });
  if (listening) return;
  listening = true;
  for (const press of ["pointerdown", "keydown"]) document.addEventListener(press, pressed, true);
}

function pressed(event) {
  const way = event.composedPath();
  for (const element of [...waiting.keys()]) if (!way.includes(element)) tellNow(element);
}

function tellNow(element) {
  const { say, timer } = waiting.get(element);
  clearTimeout(timer);
  waiting.delete(element);
  say();
}
