// Pictures side by side are pointed at together: who is pointed at tells the place, as shares of its height and width.
export const POINTED = "cnnviz-pointed";

/** Tell the others of a link which place is pointed at; `null` for none. */
export function point(link, from, y, x) {
  if (link) dispatchEvent(new CustomEvent(POINTED, { detail: { link, from, y, x } }));
}
