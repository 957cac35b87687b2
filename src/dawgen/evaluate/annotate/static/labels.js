import { make } from "./elements.js";

const MANY = 12; // labels from which a field finds them by a part of their name
const DIGITS = 9;

/** The label of one item: a button for each, chosen by mouse, by touch or by digits, and with that answered. */
export class Labels {
  /** chosen(label) is called once for every choice. */
  constructor(box, question, chosen) {
    this.values = question.values;
    this.chosen = chosen;
    this.buttons = question.values.map((value, at) => this.makeButton(value, at));
    const group = make("div", { className: "labels", role: "group", ariaLabel: question.text }, ...this.buttons);
    const words = make("p", { className: "words" }, make("strong", { textContent: question.text }));
    box.replaceChildren(words, ...(this.values.length > MANY ? [this.makeFinder()] : []), group);
  }

  get ratings() {
    return {};
  }

  /** Mark the label that was chosen before, of an answer that was taken back. */
  set ratings({ label }) {
    this.values.forEach((value, at) => this.buttons[at].setAttribute("aria-pressed", String(value === label)));
    this.find("");
    if (this.finder) this.finder.value = "";
  }

  get open() {
    return null;
  }

  press(n) {
    if (n <= Math.min(DIGITS, this.values.length)) this.chosen(this.values[n - 1]);
  }

  mark() {}

  makeButton(value, at) {
    const button = make("button", { type: "button" });
    if (at < DIGITS) button.append(make("kbd", { textContent: String(at + 1) }), " ");
    button.append(make("span", { textContent: value.replaceAll("_", " ") }));
    button.addEventListener("click", () => this.chosen(value));
    return button;
  }

  makeFinder() {
    this.finder = make("input", { type: "search", className: "field", placeholder: "Find a label" });
    this.finder.setAttribute("aria-label", "Find a label");
    this.finder.addEventListener("input", () => this.find(this.finder.value));
    this.finder.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // the form has nothing to save
      const left = this.buttons.filter((button) => !button.hidden);
      if (left.length === 1) left[0].click();
    });
    return this.finder;
  }

  find(part) {
    const wanted = part.trim().toLowerCase();
    this.values.forEach((value, at) => {
      this.buttons[at].hidden = !value.replaceAll("_", " ").toLowerCase().includes(wanted);
    });
  }
}
