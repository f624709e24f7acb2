// How high a picture may be for all that belongs to it to stay in the window.

/** The height, in px, from where `part` begins to the window's lower edge, with `rest` px left for what comes below. */
export function room(part, rest, least = 220) {
  const pane = part.getRootNode().host?.closest("[data-testid=stMain]");
  const top = part.getBoundingClientRect().top + (pane?.scrollTop ?? 0);
  return Math.min(Math.max(window.innerHeight - top - rest, least), window.innerHeight - 80);
}

/** Calls `changed` when the element or the window has another size; its `disconnect` ends that. */
export function watched(element, changed) {
  const observer = new ResizeObserver(changed);
  observer.observe(element);
  window.addEventListener("resize", changed);
  return { disconnect: () => {
    observer.disconnect();
    window.removeEventListener("resize", changed);
  } };
}
