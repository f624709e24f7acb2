// Draws nothing: lays what it is given on the shelf of the page, from where other components take it.

export default function ({ data }) {
  const shelf = (globalThis.cnnvizShelf ??= new Map());
  shelf.set(data.name, data);
  dispatchEvent(new CustomEvent("cnnviz-shelf", { detail: data.name }));
  return () => { if (shelf.get(data.name) === data) shelf.delete(data.name); };
}
