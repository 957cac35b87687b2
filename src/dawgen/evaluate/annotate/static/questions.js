import { make } from "./elements.js";

/** The questions of one item: groups of radio buttons, answered by mouse, by touch or by digits. */
export class Questions {
  /** changed() is called after every rating. */
  constructor(box, questions, changed) {
    this.box = box;
    this.questions = questions;
    this.changed = changed;
    box.replaceChildren(...questions.map(makeGroup));
    box.addEventListener("change", () => this.changed());
    box.addEventListener("focusin", () => this.mark());
    box.addEventListener("focusout", () => this.mark());
  }

  /** The answers so far: question name -> value; only questions that are answered. */
  get ratings() {
    const found = {};
    for (const { name, values } of this.questions) {
      const at = this.inputs(name).findIndex((input) => input.checked);
      if (at >= 0) found[name] = values[at];
    }
    return found;
  }

  set ratings(ratings) {
    for (const { name, values } of this.questions) {
      this.inputs(name).forEach((input, at) => (input.checked = values[at] === ratings[name]));
    }
    this.mark();
  }

  /** The question that a digit answers: the one with the focus, else the first without an answer. */
  get current() {
    const group = document.activeElement?.closest?.(".question");
    if (group && this.box.contains(group)) return group.dataset.name;
    return this.open;
  }

  get open() {
    return this.questions.find(({ name }) => !this.inputs(name).some((input) => input.checked))?.name ?? null;
  }

  inputs(name) {
    return [...this.box.querySelectorAll(`[data-name="${name}"] input`)];
  }

  /** Answer the current question with its n-th option; returns whether there was one. */
  press(n) {
    const input = this.current && this.inputs(this.current)[n - 1];
    if (!input) return false;
    input.checked = true;
    this.changed();
    (this.open ? this.inputs(this.open)[0] : input).focus(); // the last one stays, to be changed by another digit
    return true;
  }

  mark() {
    // focusout comes before the next element has the focus
    requestAnimationFrame(() => {
      const current = this.current;
      for (const group of this.box.children) group.classList.toggle("current", group.dataset.name === current);
    });
  }
}

function makeGroup({ name, text, values, low, high }) {
  const group = make("div", { className: "question", role: "radiogroup" });
  group.dataset.name = name;
  group.setAttribute("aria-labelledby", `q-${name}`);
  const words = make("p", { id: `q-${name}`, className: "words" });
  words.append(make("strong", { textContent: name }), " ", make("span", { textContent: text }));
  const choices = make("div", { className: "choices" });
  choices.append(...values.map((value, at) => makeChoice(name, value, at, nameEnd(at, values, low, high))));
  group.append(words, choices);
  if (isScale(values)) {
    const ends = make("div", { className: "ends", ariaHidden: "true" });
    ends.append(make("span", { textContent: low }), make("span", { textContent: high }));
    group.append(ends);
  }
  return group;
}

function makeChoice(question, value, at, end) {
  const label = make("label");
  const input = make("input", { type: "radio", name: question, value: String(value) });
  input.setAttribute("aria-label", end ? `${value}, ${end}` : String(value));
  label.append(input, make("kbd", { textContent: String(at + 1) }));
  if (String(value) !== String(at + 1)) label.append(make("span", { textContent: value }));
  return label;
}

/** Whether the answers are the digits that give them. */
function isScale(values) {
  return values.every((value, at) => value === at + 1);
}

function nameEnd(at, values, low, high) {
  return at === 0 ? low : at === values.length - 1 ? high : "";
}
