// Draws nothing: keys of the whole window press the buttons of presenter mode, unless what has the focus uses them.

const PRESSES = { ArrowLeft: "back", PageUp: "back", ArrowRight: "ahead", PageDown: "ahead", Escape: "out" };
const OPEN = "[data-baseweb=popover], [role=dialog], [role=listbox], [role=menu]";
const HANDS = "canvas, input, textarea, select, video, audio, [contenteditable=true], [role=slider], [role=radiogroup],"
  + " [role=tablist], [role=listbox], [role=grid], [role=menu], [role=application]";

/** Whether the focus is where arrows already mean something, also inside a component of its own. */
function taken(event) {
  for (const element of event.composedPath()) {
    if (element === document.body) return false;
    if (element instanceof window.Element && element.matches(HANDS)) return true;
  }
  return false;
}

/** Whether something is open that Escape closes first. */
function open(event) {
  const near = event.composedPath()[0].getRootNode?.() ?? document;
  return document.querySelector(OPEN) || near.querySelector(":popover-open");
}

export default function ({ data }) {
  const hear = (event) => {
    const name = PRESSES[event.key];
    if (!name || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.key.startsWith("Arrow") && taken(event)) return;
    if (event.key === "Escape" && open(event)) return;
    const press = document.querySelector(`.st-key-${data[name]}`)?.querySelector("button, input");
    if (!press) return;
    event.preventDefault();
    event.stopPropagation();
    press.click();
  };
  addEventListener("keydown", hear, true); // before a canvas that has the focus: a remote knows no other keys
  return () => removeEventListener("keydown", hear, true);
}
