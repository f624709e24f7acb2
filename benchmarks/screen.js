// What benchmarks/screen.py reads in a page. It runs before the page's own scripts, and leaves `screenTools` on the window.

const CONTROLS = "a[href], button, input, select, textarea, summary, [role=button], [role=slider], [role=radio], [role=tab],"
  + " [role=switch], [role=checkbox], [role=combobox], [role=menuitem]";
const PICTURES = "img, canvas, svg, video";
const shifts = [];
const parsed = new Map();
const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const sources = entry.sources.map(({ node, previousRect: was, currentRect: is }) => ({
      what: named(node), from: [was.x, was.y, was.width, was.height].map(Math.round), to: [is.x, is.y, is.width, is.height].map(Math.round),
    }));
    shifts.push({ at: entry.startTime, value: entry.value, sources });
  }
}).observe({ type: "layout-shift", buffered: true });

// The size of text drawn on a canvas, in px of the canvas; a canvas that is drawn anew after a while begins anew.
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (...given) {
  const canvas = this.canvas, now = performance.now(), t = this.getTransform();
  const size = parseFloat(/([\d.]+)px/.exec(this.font)?.[1] ?? "0") * Math.hypot(t.c, t.d);
  const fresh = now - (canvas.drewText ?? 0) > 500;
  canvas.typeDrawn = fresh ? size : Math.min(canvas.typeDrawn, size);
  canvas.drewText = now;
  return fillText.apply(this, given);
};

function* everything(root = document.body) {
  for (const element of root.children) {
    yield element;
    if (element.shadowRoot) yield* everything(element.shadowRoot);
    yield* everything(element);
  }
}

const above = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;

function up(element) {
  const found = [];
  for (let e = element; e; e = above(e)) found.push(e);
  return found;
}

/** Made by one of our components, or HTML that we wrote; the rest is Streamlit's. */
const ours = (element) => element.getRootNode() instanceof ShadowRoot || !!element.closest("[data-testid=stHtml], .stHtml");

function named(node) {
  const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  if (!element) return "(gone)";
  const key = up(element).map((e) => /st-key-([\w-]+)/.exec(e.getAttribute?.("class") ?? "")?.[1]).find(Boolean);
  const mark = element.dataset?.testid ?? (element.getAttribute?.("class") ?? "").split(" ").slice(0, 2).join(".");
  const text = (element.getAttribute?.("aria-label") ?? element.textContent ?? "").replace(/\s+/g, " ").trim().slice(0, 40);
  return `${key ? `${key}: ` : ""}${element.tagName.toLowerCase()}${mark ? `.${mark}` : ""}${text ? ` "${text}"` : ""}`;
}

/** What one sees of a box: cut by whatever scrolls or clips around it, but not by the window. */
function seenOf(element, box = element.getBoundingClientRect()) {
  let { left, top, right, bottom } = box;
  for (let e = above(element); e && e !== document.body; e = above(e)) {
    const style = getComputedStyle(e);
    if (style.overflow === "visible" || style.display === "contents" || e.matches("[data-testid=stMain], [data-testid=stApp], .stAppViewContainer")) continue;
    const clip = e.getBoundingClientRect();
    [left, top, right, bottom] = [Math.max(left, clip.left), Math.max(top, clip.top), Math.min(right, clip.right), Math.min(bottom, clip.bottom)];
  }
  return { left, top, right, bottom, width: right - left, height: bottom - top };
}

function shown(element, box) {
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
  if (up(element).some((e) => /inset\(50%|inset\(100%/.test(getComputedStyle(e).clipPath) || getComputedStyle(e).clip === "rect(0px, 0px, 0px, 0px)")) return false;
  const seen = seenOf(element, box);
  return seen.width > 1.5 && seen.height > 1.5 && seen.right > 0 && seen.left < innerWidth;
}

const idle = (element) => !!up(element).find((e) => e.matches?.(":disabled, [aria-disabled=true], [aria-hidden=true], [inert]"));

/** The box of an element's own text; null where it has none, or shows it as an icon. */
function textBox(element) {
  if (/material/i.test(getComputedStyle(element).fontFamily) || element.closest("style, script, title, option")) return null;
  if (element.matches("input:not([type]), input[type=text], input[type=number], textarea, select")) {
    return element.value || element.placeholder ? element.getBoundingClientRect() : null;
  }
  const range = document.createRange();
  const boxes = [...element.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()).map((n) => {
    range.selectNodeContents(n);
    return range.getBoundingClientRect();
  });
  return boxes.find((box) => box.width > 1 && box.height > 1) ?? null;
}

function colour(css) {
  if (!parsed.has(css)) {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = css;
    brush.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
    parsed.set(css, [r, g, b, a / 255]);
  }
  return parsed.get(css);
}

/** Whether the middle of a box lies in an element: a bubble over a slider's thumb is in the thumb, and not over it. */
function holds(element, { left, top, width, height }) {
  const box = element.getBoundingClientRect(), x = left + width / 2, y = top + height / 2;
  return element === document.body || element === document.documentElement || (box.left <= x && x <= box.right && box.top <= y && y <= box.bottom);
}

/** What an element lays beneath what is in it. */
function layer(element, under) {
  const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
  return { colour: under ? colour(backgroundColor) : [0, 0, 0, 0], opacity: Number(opacity), image: under && backgroundImage !== "none" };
}

/** Every visible text: its words, its size in px, its colour, and from the page inwards what lies beneath it. */
function texts() {
  const found = [];
  for (const element of everything()) {
    const box = textBox(element);
    if (!box || !shown(element, box)) continue;
    const style = getComputedStyle(element), chain = up(element).reverse();
    const beneath = chain.map((e) => layer(e, holds(e, box)));
    found.push({
      what: named(element), ours: ours(element), idle: idle(element), size: parseFloat(style.fontSize) * (element.currentCSSZoom ?? 1),
      colour: colour(element instanceof SVGElement ? style.fill : style.color), beneath: beneath.filter((b) => b.colour[3] || b.opacity < 1 || b.image),
      top: box.top, bottom: box.bottom,
    });
  }
  return found;
}

/** The text drawn on canvases, in px of the screen. */
function drawnTexts() {
  return [...everything()].filter((e) => e.typeDrawn && shown(e)).map((e) => ({
    what: named(e), size: e.typeDrawn * e.getBoundingClientRect().height / e.height,
  }));
}

/** Pictures of 64 px and more, with the part of each that is seen. */
function pictures() {
  return [...everything()].filter((e) => e.matches(PICTURES) && shown(e)).map((e) => ({ what: named(e), ours: ours(e), ...seenOf(e) }))
    .filter((p) => p.width >= 64 && p.height >= 64);
}

/** What can be clicked, with the box that takes the click. */
function targets() {
  const found = [];
  for (const element of everything()) {
    if (!element.matches(CONTROLS) || idle(element)) continue;
    const label = element.matches("input[type=checkbox], input[type=radio], input[type=file]") ? element.closest("label") : null;
    const taker = label ?? element;
    if (!shown(taker) || (element.matches("a") && getComputedStyle(element).display === "inline")) continue;
    const { width, height, top, bottom } = taker.getBoundingClientRect();
    found.push({ what: named(element), ours: ours(element), width, height, top, bottom });
  }
  return found;
}

/** What the lower edge of the window cuts through, and how far the page goes on below it and to the right. */
function edges() {
  const main = document.querySelector("[data-testid=stMain]") ?? document.documentElement;
  const leaves = [...texts(), ...pictures(), ...targets()];
  const cut = leaves.filter((e) => e.top < innerHeight - 1 && e.bottom > innerHeight + 1).map((e) => e.what);
  const above = main.scrollTop ? [] : leaves.filter((e) => e.top < -1 && e.bottom > 1).map((e) => e.what);
  const right = Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth);
  return { cut: [...new Set(cut)], above: [...new Set(above)], below: Math.max(0, main.scrollHeight - main.clientHeight), right };
}

/** axe-core's violations, one a node. */
async function violations() {
  const { violations: found } = await window.axe.run(document, { resultTypes: ["violations"], elementRef: true });
  return found.flatMap(({ id, impact, help, nodes }) => nodes.map((node) => ({
    rule: id, impact, help, what: named(node.element), ours: ours(node.element), html: node.html.slice(0, 160),
  })));
}

/** A word for how the page stands; when it stays the same, the page is at rest. */
function standing() {
  let pixels = 0, count = 0;
  for (const element of everything()) {
    count += 1;
    if (element.matches(PICTURES)) {
      const { width, height, y } = element.getBoundingClientRect();
      pixels += Math.round(width + 3 * height + 7 * y);
    }
  }
  const busy = document.querySelector("[data-testid=stSkeleton], [data-testid=stSpinner]");
  const still = document.querySelector("[data-test-script-state=notRunning]");
  return still && !busy ? `${count} ${pixels} ${document.querySelector("[data-testid=stMain]")?.scrollHeight}` : "";
}

window.screenTools = { shifts: () => shifts, texts, drawnTexts, pictures, targets, edges, violations, standing };
