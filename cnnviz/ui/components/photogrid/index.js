// Photos in a grid, each a button with its caption.
import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";

const GRIDS = new WeakMap();

export default function (args) {
  return mounted(GRIDS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab photogrid" });
  root.append(element);
  return { element };
}

function update(grid, { tiles }) {
  const drawn = tiles.map(({ ident, source, alt, name, label, note }) => {
    const words = make("span", {}, name, make("b", {}, label), note);
    return make("button", { type: "button", title: `Open ${name}`, onclick: () => grid.trigger("opened", ident) }, make("img", { src: source, alt }), words);
  });
  grid.element.replaceChildren(...drawn);
}
