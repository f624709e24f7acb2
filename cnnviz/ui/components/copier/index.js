import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";

// Copies a text when it is opened, and again at its button.

const instances = new WeakMap();

/** Copy by selecting, for a page that came without https: browsers keep the clipboard from it. */
function selected(text) {
  const area = make("textarea", { "aria-hidden": "true", style: "position:fixed;opacity:0" });
  area.value = text;
  document.body.append(area);
  const had = document.activeElement;
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } finally {
    area.remove();
    had?.focus?.();
  }
  return done;
}

async function copy(lab) {
  const text = lab.text;
  let done = false;
  try {
    await window.navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = selected(text);
  }
  lab.said.textContent = done ? "Copied." : "This browser does not let the page copy: select the text below.";
}

function build(root) {
  const lab = { fresh: true };
  lab.said = make("span", { role: "status" });
  lab.element = make("div", { class: "copier" }, make("button", { type: "button", onclick: () => copy(lab) }, "Copy"), lab.said);
  root.append(lab.element);
  return lab;
}

function update(lab, data) {
  if (lab.text !== data.text) lab.said.textContent = "";
  lab.text = data.text;
  if (!lab.fresh) return;
  lab.fresh = false;
  if (window.navigator.userActivation?.isActive) copy(lab);
}

export default function (args) {
  return mounted(instances, args, build, update);
}
