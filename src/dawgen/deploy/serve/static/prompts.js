/** The prompts of the service: a list to choose from, and a table of what is known about each. */
import { at, make } from "./elements.js";

export class Prompts {
  /** changed(prompt) is called when another prompt is chosen, or the chosen one has changed. */
  constructor(changed) {
    this.changed = changed;
    this.prompts = [];
    at("prompt").addEventListener("change", () => this.choose(at("prompt").value));
    window.addEventListener("hashchange", () => this.choose(location.hash.slice(1)));
  }

  get chosen() {
    return this.prompts.find(({ name }) => name === at("prompt").value) ?? null;
  }

  /** Show other prompts; the chosen one stays, else the one that the address names, else the first. */
  set(prompts) {
    const before = this.chosen?.name ?? location.hash.slice(1);
    this.prompts = prompts;
    at("prompt").replaceChildren(...prompts.map(({ name }) => make("option", { value: name, textContent: name })));
    at("prompts").tBodies[0].replaceChildren(...prompts.map(makeRow));
    at("prompts").hidden = at("try").hidden = !prompts.length;
    at("empty").hidden = prompts.length > 0;
    if (prompts.length) this.choose(this.has(before) ? before : prompts[0].name);
  }

  has(name) {
    return this.prompts.some((prompt) => prompt.name === name);
  }

  choose(name) {
    if (!this.has(name)) return;
    at("prompt").value = name;
    history.replaceState(null, "", `#${name}`); // a reload, or a link, comes back to it
    for (const row of at("prompts").tBodies[0].rows) row.classList.toggle("chosen", row.dataset.name === name);
    this.changed(this.chosen);
  }
}

export function countBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function makeRow({ name, task, labels, pair, length, bytes, digest }) {
  const link = make("a", { href: `#${name}`, textContent: name });
  const row = make(
    "tr",
    {},
    make("th", { scope: "row" }, link),
    make("td", { textContent: task }),
    make("td", { textContent: labels.join(", ") }),
    make("td", { textContent: pair ? "two" : "one" }),
    make("td", { className: "n", textContent: length }),
    make("td", { className: "n", textContent: countBytes(bytes) }),
    make("td", {}, make("code", { title: digest, textContent: digest.slice(0, 12) })),
  );
  row.dataset.name = name;
  return row;
}
