// Elements of the page: made, and pointed at.

/** An element with attributes and children; text only ever as text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Set properties of an element, those that differ: the browser lays out anew even what is set to what it is. */
export function put(element, properties) {
  for (const [name, value] of Object.entries(properties)) if (element[name] !== value) element[name] = value;
}

/** Where a pointer is on an element, 0..1 each way. */
export function place(event, element) {
  const box = element.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

/** Marks the host of an element that has its height: a page shows what stands below it from then on (`:has([data-drawn])`). */
export function placed(element) {
  const { host } = element.getRootNode();
  if (host?.dataset.drawn === undefined) host?.setAttribute("data-drawn", "");
}
