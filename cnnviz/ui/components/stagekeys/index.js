import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";

// Presenter mode's bar, and its keys, which are heard in the whole window unless what has the focus uses them: M opens the
// sidebar as a drawer, arrows, PageUp and PageDown (a remote's) change pages, Escape shuts the drawer or ends the mode. A
// press beside the drawer shuts it, too. The mode's style hangs on a class of the document's element; on the way to another
// page, the bar is built anew.

const PRESSES = { ArrowLeft: "back", PageUp: "back", ArrowRight: "ahead", PageDown: "ahead", Escape: "out", m: "drawer" };
const OPEN = "[data-baseweb=popover], [role=dialog], [role=listbox], [role=menu]";
const HANDS = "canvas, input, textarea, select, video, audio, [contenteditable=true], [role=slider], [role=radiogroup],"
  + " [role=tablist], [role=listbox], [role=grid], [role=menu], [role=application]";
const WRITES = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable=true]";
const NAMES = { drawer: ["☰", "Network and photo (M)"], back: ["‹", "Previous page"], ahead: ["›", "Next page"], out: ["✕", "Leave presenter mode (Esc)"] };

const instances = new WeakMap();
const classes = () => document.documentElement.classList;
const sidebar = () => document.querySelector("[data-testid=stSidebar]");

/** Whether the focus is in something of a kind, also inside a component of its own. */
function within(event, kind) {
  for (const element of event.composedPath()) {
    if (element === document.body) return false;
    if (element instanceof window.Element && element.matches(kind)) return true;
  }
  return false;
}

/** Whether something is open that Escape closes first. */
function open(event) {
  const near = event.composedPath()[0].getRootNode?.() ?? document;
  return document.querySelector(OPEN) || near.querySelector(":popover-open");
}

/** Opens or shuts the drawer; what had the focus gets it back. */
function draw(lab, opens) {
  if (opens === classes().contains("cv-drawer")) return;
  classes().toggle("cv-drawer", opens);
  lab.buttons.drawer.setAttribute("aria-expanded", opens);
  if (opens) {
    lab.had = lab.touched;
    document.querySelector("[data-testid=stSidebarContent]")?.scrollTo(0, 0); // it was scrolled to the switch that began the mode
  }
  const content = sidebar()?.querySelector("[data-testid=stSidebarUserContent]");
  if (content) content.tabIndex = -1; // the network is the next by Tab: with the focus, its name would have no ellipsis
  const next = opens ? content : lab.had?.isConnected && lab.had;
  if (next) next.focus({ preventScroll: true });
  else if (!opens) sidebar()?.contains(document.activeElement) && document.activeElement.blur();
}

function press(lab, name) {
  const open_ = classes().contains("cv-drawer");
  if (name === "drawer") draw(lab, !open_);
  else if (name === "out" && open_) draw(lab, false);
  else document.querySelector(`.st-key-${lab.keys[name]}`)?.querySelector("button, input")?.click();
}

/** A press beside the drawer shuts it, unless it shuts a list first that is open. */
function beside(lab, event) {
  const [element] = event.composedPath();
  if (!classes().contains("cv-drawer") || open(event) || within(event, OPEN)) return;
  if (!lab.element.contains(element) && !sidebar()?.contains(element)) draw(lab, false);
}

function hear(lab, event) {
  const name = PRESSES[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!name || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  if (event.key.startsWith("Arrow") && within(event, HANDS)) return;
  if (name === "drawer" && within(event, WRITES)) return;
  if (event.key === "Escape" && open(event)) return;
  event.preventDefault();
  event.stopPropagation();
  press(lab, name);
}

/** The element with the focus, also inside a component, unless it is on the bar or in the drawer. */
function touched(lab, event) {
  const [element] = event.composedPath();
  if (!lab.element.contains(element) && !sidebar()?.contains(element)) lab.touched = element;
}

function build(root) {
  const lab = { buttons: {} };
  for (const [name, [sign, label]] of Object.entries(NAMES)) {
    lab.buttons[name] = make("button", { type: "button", "aria-label": label, title: label, onclick: () => press(lab, name) }, sign);
  }
  lab.buttons.drawer.setAttribute("aria-expanded", "false");
  lab.element = make("div", { class: "stagebar", role: "toolbar", "aria-label": "Presenter mode" }, ...Object.values(lab.buttons));
  root.append(lab.element);
  classes().add("cv-presenting");
  const ears = {
    keydown: (event) => hear(lab, event),
    focusin: (event) => touched(lab, event),
    pointerdown: (event) => beside(lab, event),
    click: (event) => within(event, "[data-testid=stSidebarNavLink]") && draw(lab, false),
  };
  for (const [kind, ear] of Object.entries(ears)) addEventListener(kind, ear, true); // before a canvas that has the focus
  lab.watch = {
    disconnect: () => {
      for (const [kind, ear] of Object.entries(ears)) removeEventListener(kind, ear, true);
      setTimeout(() => document.querySelector(".st-key-stage") || classes().remove("cv-presenting", "cv-drawer"), 200);
    },
  };
  return lab;
}

export default function (args) {
  return mounted(instances, args, build, (lab, data) => (lab.keys = data));
}
