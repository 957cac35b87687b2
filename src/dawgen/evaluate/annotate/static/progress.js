/** Which items an annotator has rated, in the order of rating, and which comes next. No page, no network. */
export class Progress {
  /** items: in this annotator's order. steps: answers and undos in the order in which they were made. */
  constructor(items, steps) {
    this.items = items;
    this.answers = new Map(); // item id -> its answer; a Map keeps the order of rating
    for (const step of steps) this.apply(step);
  }

  apply(step) {
    if (step.kind === "undo") {
      if (this.answers.get(step.item)?.id === step.answer) this.answers.delete(step.item);
    } else if (this.answers.get(step.item)?.id !== step.id) {
      this.answers.delete(step.item);
      this.answers.set(step.item, step);
    }
  }

  /** Forget an answer that the server refused; returns whether its item has no other one. */
  drop(step) {
    if (this.answers.get(step.item)?.id === step.id) this.answers.delete(step.item);
    return !this.answers.has(step.item);
  }

  find(id) {
    return this.items.find((item) => item.id === id);
  }

  place(id) {
    return this.items.findIndex((item) => item.id === id) + 1;
  }

  last() {
    return [...this.answers.values()].at(-1);
  }

  next() {
    return this.items.find((item) => !this.answers.has(item.id));
  }
}
