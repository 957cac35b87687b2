/**
 * What the server does not have yet. Every step is kept in the browser under a name of its own before it is sent, in
 * the order in which it was made, and removed when the server has said that it is on disk. A step may arrive twice:
 * the server knows it by its id.
 */
const WAITS = [1, 2, 3, 5]; // seconds between attempts, the last one for ever

export class Outbox {
  /** send(step) resolves to {ok, retry, reason}; changed() is called whenever something was sent, failed or added. */
  constructor(keep, send, changed) {
    this.keep = keep;
    this.send = send;
    this.changed = changed;
    this.count = 0;
    this.failures = 0;
    this.busy = false;
    this.problem = null;
    window.addEventListener("online", () => this.flush());
  }

  add(step) {
    const when = String(Date.now()).padStart(14, "0");
    this.keep.set(`step/${when}-${String(this.count++).padStart(6, "0")}-${step.id}`, step);
    this.flush();
  }

  waiting() {
    return this.keep.names("step/").map((name) => this.keep.get(name)).filter(Boolean);
  }

  refused() {
    return this.keep.names("refused/").map((name) => this.keep.get(name)).filter(Boolean);
  }

  async flush() {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    this.changed();
    for (let name; (name = this.keep.names("step/")[0]); ) {
      const step = this.keep.get(name);
      const result = step ? await this.send(step) : { ok: true };
      if (result.retry) {
        this.problem = result.reason;
        this.timer = setTimeout(() => this.flush(), 1000 * WAITS[Math.min(this.failures++, WAITS.length - 1)]);
        break;
      }
      if (!result.ok) this.keep.set(`refused/${step.id}`, { ...step, reason: result.reason });
      this.keep.remove(name);
      this.failures = 0;
      this.problem = null;
    }
    this.busy = false;
    this.changed();
  }
}

/** An id that no other step has; crypto.randomUUID is only there on secure origins. */
export function makeId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
