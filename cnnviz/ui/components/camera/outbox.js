// What the browser has to tell the server: in small messages, one at a time, each sent again until it is answered.

export const BATCH = 8; // acts of a message
export const WAITING = 40; // frames that may wait; then none are taken until the server has caught up
export const PATIENCE = 4000; // ms until a message counts as lost

export class Outbox {
  /** `send` gets each message; `now` tells the time in ms; `mount` tells this outbox from those before it. */
  constructor(send, now, mount) {
    Object.assign(this, { send, now, mount, number: 0, acts: [], sent: null, since: 0 });
  }

  /** One more act, told as soon as the last message is answered. */
  put(act) {
    this.acts.push(act);
    this.flush();
  }

  flush() {
    if (this.sent || !this.acts.length) return;
    this.sent = { mount: this.mount, number: ++this.number, acts: this.acts.splice(0, BATCH) };
    this.since = this.now();
    this.send(this.sent);
  }

  /** The server has heard a message: the next one goes. */
  heard({ mount, number }) {
    if (!this.sent || mount !== this.mount || number !== this.sent.number) return;
    this.sent = null;
    this.flush();
  }

  /** Sends once more what has had no answer for long. */
  again() {
    if (!this.sent || this.now() - this.since < PATIENCE) return;
    this.since = this.now();
    this.send(this.sent);
  }

  /** Frames that the server has not got yet, of a class or of all. */
  waiting(ident = null) {
    return [...(this.sent?.acts ?? []), ...this.acts].filter((act) => act.do === "frame" && (ident === null || act.class === ident)).length;
  }

  get crowded() {
    return this.waiting() >= WAITING;
  }
}
