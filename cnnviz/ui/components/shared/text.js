// How wide text is. Measured, not counted: fonts differ, and one may take another's place while the page loads.

let context = null;

/** A function that tells the width of a text in a font family, as a multiple of the font's size. */
export function ruler(family) {
  context ??= document.createElement("canvas").getContext("2d");
  context.font = `100px ${family}`;
  const widths = new Map();
  return (text) => {
    let sum = 0;
    for (const character of text) {
      const one = /\d/.test(character) ? "0" : character; // tabular figures: all as wide as a 0
      if (!widths.has(one)) widths.set(one, context.measureText(one).width / 100);
      sum += widths.get(one);
    }
    return sum;
  };
}
