// A component on the page: built once, told at every call, cleared away once.

const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", " ", "Escape"]);
const MOVED = "input, select, textarea, [role=radio], [role=tab], [role=slider], [contenteditable=true]";

/** Keys that what has the focus makes use of are not the page's: in presenter mode, arrows there turn pages. */
function keep(event) {
  if (MOVES.has(event.key) && (event.defaultPrevented || event.composedPath()[0].matches?.(MOVED))) event.stopPropagation();
}

/** One instance per mount: `build` once, `update` at every call, clean-up only by the newest call. */
export function mounted(instances, args, build, update) {
  const { parentElement: root } = args;
  let lab = instances.get(root);
  document.body.addEventListener("keydown", keep); // the page's own shortcuts are heard behind it, at the document
  if (!lab) instances.set(root, (lab = build(root)));
  lab.send = args.setStateValue;
  lab.trigger = args.setTriggerValue;
  const call = (lab.call = (lab.call ?? 0) + 1);
  update(lab, args.data);
  return () => {
    if (call !== lab.call) return;
    cancelAnimationFrame(lab.frame);
    clearTimeout(lab.timer);
    lab.watch?.disconnect();
    lab.end?.();
    lab.element.remove();
    instances.delete(root);
  };
}
