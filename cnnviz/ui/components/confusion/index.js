// A confusion matrix: a table whose numbers are buttons, one of which can be chosen.
import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";

const MATRICES = new WeakMap();
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export default function (args) {
  return mounted(MATRICES, args, build, update);
}

function build(root) {
  const element = make("div", { class: "lab confusion", tabindex: 0, role: "region" });
  element.addEventListener("keydown", (event) => step(element, event));
  element.addEventListener("scroll", () => shade(element), { passive: true });
  new ResizeObserver(() => shade(element)).observe(element);
  root.append(element);
  return { element };
}

function update(matrix, data) {
  const key = JSON.stringify([data.subject, data.chosen]);
  if (matrix.key === key) return; // what has the focus stays where it is
  const focused = matrix.element.getRootNode().activeElement?.dataset?.place;
  matrix.key = key;
  matrix.element.setAttribute("aria-label", data.alt);
  matrix.element.style.setProperty("--n", data.classes.length);
  matrix.element.replaceChildren(table(matrix, data));
  shade(matrix.element);
  if (focused) matrix.element.querySelector(`[data-place="${focused}"]`)?.focus();
}

function table(matrix, { classes, counts, totals, chosen, subject, alt }) {
  const names = classes.map((name) => make("th", { scope: "col", title: name }, make("span", {}, name)));
  const rows = counts.map((row, t) => {
    const cells = row.map((count, p) => {
      const picked = chosen?.[0] === t && chosen[1] === p;
      const choose = () => matrix.send("cell", picked ? null : { subject, row: t, column: p });
      return make("td", {}, cell(classes, count, [t, p], totals[t], { picked, tabbed: chosen ? picked : t + p === 0, choose }));
    });
    const axis = t ? null : make("th", { scope: "rowgroup", rowspan: counts.length, class: "axis" }, make("span", {}, "true class"));
    return make("tr", {}, axis, make("th", { scope: "row", title: classes[t] }, make("span", {}, classes[t])), ...cells);
  });
  const head = [
    make("tr", {}, make("td", { colspan: 2 }), make("th", { scope: "colgroup", colspan: classes.length, class: "axis" }, "predicted class")),
    make("tr", {}, make("td", { colspan: 2 }), ...names),
  ];
  return make("table", {}, make("caption", { class: "told" }, alt), make("thead", {}, ...head), make("tbody", {}, ...rows));
}

/** The button of one number: blue on the diagonal, orange beside it, the deeper the larger its share of the true class. */
function cell(classes, count, [t, p], total, { picked, tabbed, choose }) {
  const button = make("button", {
    type: "button",
    "data-place": `${t},${p}`,
    "aria-pressed": String(picked),
    "aria-label": `true ${classes[t]}, predicted ${classes[p]}: ${count} images`,
    tabindex: tabbed ? 0 : -1,
    onclick: choose,
  }, count.toLocaleString("en"));
  button.style.setProperty("--share", `${total ? (60 * count) / total : 0}%`);
  button.className = t === p ? "right" : "wrong-one";
  return button;
}

/** The right edge fades out while there are columns behind it. */
function shade(element) {
  element.classList.toggle("more", element.scrollWidth - element.clientWidth - element.scrollLeft > 2);
}

/** The arrow keys go from cell to cell. */
function step(element, event) {
  const at = event.composedPath()[0].dataset?.place;
  if (!at || !STEPS[event.key]) return;
  const [t, p] = at.split(",").map(Number);
  const [down, right] = STEPS[event.key];
  event.preventDefault();
  element.querySelector(`[data-place="${t + down},${p + right}"]`)?.focus();
}
