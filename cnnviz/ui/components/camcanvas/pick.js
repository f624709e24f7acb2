// A searchable list of up to thousands of classes. Where it chooses for a canvas, that shows the class at once if its map
// is at hand; Python follows.
import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { theme } from "../shared/theme.js";

const LISTS = new WeakMap();
const MOST = 200; // rows that are drawn; typing narrows them

export default function (args) {
  return mounted(LISTS, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab classpick" });
  const input = make("input", {
    type: "text", role: "combobox", "aria-expanded": "false", "aria-controls": "classes",
    "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
  });
  const list = make("ul", { id: "classes", role: "listbox", "aria-label": "Classes", popover: "manual" });
  const label = make("span", {}), pick = { element, input, list, label, rows: [], at: 0 };
  element.append(make("label", {}, label, input), list);
  root.append(element);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => open(pick, ""));
  input.addEventListener("input", () => open(pick, input.value));
  input.addEventListener("blur", () => close(pick));
  input.addEventListener("keydown", (event) => {
    const opened = list.matches(":popover-open"), step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step && !opened) open(pick, "");
    else if (step) mark(pick, Math.min(pick.rows.length - 1, Math.max(0, pick.at + step)));
    else if (event.key === "Enter" && opened && pick.rows.length) take(pick, pick.rows[pick.at]);
    else if (event.key === "Escape" && opened) close(pick);
    else { event.stopPropagation(); return; }
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li[data-place]");
    if (row) take(pick, pick.rows[Number(row.dataset.place)]);
  });
  const laid = ({ detail }) => detail === "classes" && pick.data && update(pick, pick.data), away = () => close(pick);
  addEventListener("cnnviz-shelf", laid);
  addEventListener("scroll", away, { passive: true });
  pick.watch = { disconnect: () => { removeEventListener("cnnviz-shelf", laid); removeEventListener("scroll", away); } };
  return pick;
}

function update(pick, data) {
  pick.data = data;
  theme(pick.element);
  pick.label.textContent = data.label;
  pick.input.setAttribute("aria-label", data.label);
  pick.input.title = data.help;
  pick.input.disabled = Boolean(data.disabled);
  const classes = globalThis.cnnvizShelf?.get("classes")?.list ?? [];
  pick.classes = [[-1, data.none], ...classes.filter(([index]) => index !== data.without)];
  if (!pick.list.matches(":popover-open")) rest(pick);
}

/** The field says what is chosen. */
function rest(pick) {
  pick.input.value = pick.classes.find(([index]) => index === pick.data.chosen)?.[1] ?? "";
}

function open(pick, typed) {
  const wanted = typed.trim().toLowerCase();
  const at = ([, words]) => ` ${words.toLowerCase()}`.indexOf(` ${wanted}`); // where a word begins so: before the middle of one
  const found = pick.classes.filter(([, words]) => words.toLowerCase().includes(wanted));
  pick.rows = [...found.filter((row) => at(row) >= 0), ...found.filter((row) => at(row) < 0)].slice(0, MOST);
  pick.list.replaceChildren(...pick.rows.map(([index, words], place) =>
    make("li", { role: "option", id: `class-${place}`, "data-place": place, "aria-selected": String(index === pick.data.chosen) }, words)));
  if (!pick.rows.length) pick.list.append(make("li", { class: "none" }, "No class has this name"));
  const box = pick.input.getBoundingClientRect();
  Object.assign(pick.list.style, { left: `${box.left}px`, top: `${box.bottom + 3}px`, minWidth: `${box.width}px`, maxHeight: `${Math.max(120, Math.min(340, innerHeight - box.bottom - 12))}px` });
  if (!pick.list.matches(":popover-open")) pick.list.showPopover();
  pick.input.setAttribute("aria-expanded", "true");
  mark(pick, wanted ? 0 : Math.max(0, pick.rows.findIndex(([index]) => index === pick.data.chosen)));
}

function mark(pick, place) {
  pick.at = place;
  const rows = pick.list.querySelectorAll("li[data-place]");
  rows.forEach((row, i) => row.classList.toggle("active", i === place));
  rows[place]?.scrollIntoView({ block: "nearest" });
  pick.input.setAttribute("aria-activedescendant", rows.length ? `class-${place}` : "");
}

function close(pick) {
  if (pick.list.matches(":popover-open")) pick.list.hidePopover();
  pick.input.setAttribute("aria-expanded", "false");
  rest(pick);
}

function take(pick, [index, words]) {
  pick.data = { ...pick.data, chosen: index };
  close(pick);
  const target = index < 0 ? pick.data.best : index, title = words.replace(/ · \d+$/, "");
  if (pick.data.canvas) dispatchEvent(new CustomEvent("cnnviz-class", { detail: { canvas: pick.data.canvas, target, title } }));
  requestAnimationFrame(() => pick.trigger("choice", index)); // the picture first
}
