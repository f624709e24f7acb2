// Sheets of thumbnails: fetched when one of them is in view, a few at once, and no more kept than memory has room for.

const KEPT = 24; // sheets, 4 MB each once decoded
const AT_ONCE = 3;
const AGAIN = 3000; // ms until a sheet that did not come is asked for anew

export class Sheets {
  /** Sheets at these addresses; `changed` is called when one has come. */
  constructor(addresses, changed) {
    this.addresses = addresses;
    this.changed = changed;
    this.held = new Map(); // place -> ImageBitmap, the one wanted longest ago first
    this.under = new Set();
    this.failed = new Map();
    this.closed = false;
  }

  /** A sheet, if it is there; where it is not, it is fetched. */
  get(place) {
    const sheet = this.held.get(place);
    if (!sheet) {
      this.fetch(place);
      return null;
    }
    this.held.delete(place);
    this.held.set(place, sheet);
    return sheet;
  }

  async fetch(place) {
    const late = performance.now() - (this.failed.get(place) ?? -Infinity) > AGAIN;
    if (this.closed || this.under.has(place) || this.under.size >= AT_ONCE || !late) return;
    this.under.add(place);
    try {
      const answer = await fetch(this.addresses[place]);
      if (!answer.ok) throw new Error(answer.statusText);
      const sheet = await createImageBitmap(await answer.blob());
      if (this.closed) return sheet.close();
      this.held.set(place, sheet);
      while (this.held.size > KEPT) {
        const [[old, bitmap]] = this.held;
        bitmap.close();
        this.held.delete(old);
      }
    } catch {
      this.failed.set(place, performance.now());
      setTimeout(() => this.closed || this.changed(), AGAIN + 50);
    } finally {
      this.under.delete(place);
    }
    this.changed();
  }

  close() {
    this.closed = true;
    for (const sheet of this.held.values()) sheet.close();
    this.held.clear();
  }
}
