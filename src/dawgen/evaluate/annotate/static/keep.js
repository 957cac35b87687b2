/** Small values that outlive the page: in the browser's storage or, where it refuses, in memory. */
export class Keep {
  constructor(prefix, storage = window.localStorage) {
    this.prefix = prefix;
    this.storage = storage;
    this.memory = new Map();
    this.lasting = true; // false once the browser has refused a value: it would be lost with the page
  }

  get(name) {
    const text = this.memory.get(name) ?? this.storage.getItem(this.prefix + name);
    try {
      return text === null ? null : JSON.parse(text);
    } catch {
      return null; // not written by this page
    }
  }

  set(name, value) {
    const text = JSON.stringify(value);
    try {
      this.storage.setItem(this.prefix + name, text);
      this.memory.delete(name);
    } catch {
      this.memory.set(name, text);
      this.lasting = false;
    }
  }

  remove(name) {
    this.memory.delete(name);
    this.storage.removeItem(this.prefix + name);
  }

  /** The names that begin so, sorted. */
  names(beginning) {
    const kept = Object.keys(this.storage)
      .filter((name) => name.startsWith(this.prefix))
      .map((name) => name.slice(this.prefix.length));
    return [...new Set([...kept, ...this.memory.keys()])].filter((name) => name.startsWith(beginning)).sort();
  }
}
