/** The page of `dawgen annotate`: a name, then one item after the other, each step kept until the server has it. */
import { fetchAbout, fetchItems, sendStep } from "./api.js";
import { at } from "./elements.js";
import { Keep } from "./keep.js";
import { Labels } from "./labels.js";
import { Outbox, makeId } from "./outbox.js";
import { Progress } from "./progress.js";
import { Questions } from "./questions.js";
import { countWaiting, showAbout, showCount, showItem, showPart } from "./show.js";

class Page {
  constructor(about) {
    this.about = about;
    this.keep = new Keep(`dawgen/${about.key}/`);
    this.tab = new Keep(`dawgen/${about.key}/`, window.sessionStorage); // who rates in this tab, across reloads
    this.outbox = new Outbox(this.keep, sendStep, () => this.showState());
    // one label is saved as soon as it is chosen; several ratings when all of them are there
    this.labels = about.kind === "labels";
    this.questions = this.labels
      ? new Labels(at("questions"), about.questions[0], (label) => this.choose(label))
      : new Questions(at("questions"), about.questions, () => this.rate());
    this.annotator = null;
    this.progress = null;
    this.item = null;
    showAbout(about);
    this.listen();
  }

  listen() {
    at("name-form").addEventListener("submit", (event) => this.enter(event));
    at("item-form").addEventListener("submit", (event) => this.save(event));
    for (const id of ["undo", "end-undo"]) at(id).addEventListener("click", () => this.undo());
    at("skip").addEventListener("click", () => this.skip());
    for (const id of ["leave", "end-leave"]) at(id).addEventListener("click", () => this.leave());
    at("shortcuts").addEventListener("change", () => this.keep.set("shortcuts", at("shortcuts").checked));
    at("shortcuts").checked = this.keep.get("shortcuts") ?? true;
    document.addEventListener("keydown", (event) => this.press(event));
    document.addEventListener("visibilitychange", () => this.watch());
    window.addEventListener("pagehide", () => this.keepDraft());
    window.addEventListener("beforeunload", (event) => {
      if (!this.keep.lasting && this.outbox.waiting().length) event.preventDefault();
    });
  }

  async open() {
    this.outbox.flush();
    const annotator = this.tab.get("annotator");
    if (annotator) await this.begin(annotator);
    else this.leave();
  }

  async enter(event) {
    event.preventDefault();
    await this.begin(at("name").value);
  }

  /** Fetch the annotator's items and answers; what still waits in this browser counts as answered. */
  async begin(name) {
    try {
      const { annotator, items, answers } = await fetchItems(name);
      const waiting = this.outbox.waiting().filter((step) => step.annotator === annotator);
      this.annotator = annotator;
      this.progress = new Progress(items, [...answers, ...waiting]);
    } catch (error) {
      if (!this.annotator) showPart("start");
      showProblem(error.message);
      return;
    }
    showProblem(null);
    this.tab.set("annotator", this.annotator);
    this.keep.set("name", this.annotator);
    at("who").textContent = this.annotator;
    this.advance();
  }

  leave() {
    this.keepDraft();
    this.tab.remove("annotator");
    this.annotator = this.item = null;
    at("name").value = this.keep.get("name") ?? "";
    showPart("start");
    at("name").focus();
    this.showState();
  }

  get draftName() {
    return `draft/${this.annotator}`;
  }

  /** Show the item that was being rated, else the next one without an answer, else the end. */
  advance() {
    const draft = this.keep.get(this.draftName);
    const drafted = draft && !this.progress.answers.has(draft.item) ? this.progress.find(draft.item) : null;
    this.item = drafted ?? this.progress.next() ?? null;
    this.seconds = drafted ? draft.seconds : 0;
    this.since = performance.now();
    at(this.item ? "undo" : "end-undo").disabled = !this.progress.last();
    if (this.item) {
      showItem(this.item, this.about, this.progress);
      this.questions.ratings = drafted ? draft.ratings : {};
    }
    showPart(this.item ? "rate" : "end");
    window.scrollTo(0, 0);
    at(this.item ? "item-title" : "end-title").focus();
    this.showState();
  }

  rate() {
    this.keepDraft();
    this.questions.mark();
    this.showState();
  }

  choose(label) {
    if (this.item) this.step({ kind: "answer", item: this.item.id, ratings: { label }, seconds: this.time() });
  }

  keepDraft() {
    if (!this.item || this.labels) return;
    const ratings = this.questions.ratings;
    if (Object.keys(ratings).length) this.keep.set(this.draftName, { item: this.item.id, ratings, seconds: this.time() });
  }

  /** Seconds that this item has been in sight. */
  time() {
    if (this.since !== null) {
      const now = performance.now();
      this.seconds += (now - this.since) / 1000;
      this.since = document.hidden ? null : now;
    }
    return Math.round(this.seconds * 10) / 10;
  }

  watch() {
    if (!this.item) return;
    if (document.hidden) this.keepDraft();
    else this.since ??= performance.now();
  }

  save(event) {
    event.preventDefault();
    if (!this.item || this.labels) return;
    if (this.questions.open) {
      this.questions.inputs(this.questions.open)[0].focus();
      return;
    }
    this.step({ kind: "answer", item: this.item.id, ratings: this.questions.ratings, seconds: this.time() });
  }

  /** An answer without ratings: nothing is claimed about the item. */
  skip() {
    if (this.item) this.step({ kind: "answer", item: this.item.id, ratings: {}, seconds: this.time() });
  }

  /** Take the last answer back; its item is shown again with its ratings, to be changed and saved. */
  undo() {
    const last = this.progress?.last();
    if (!last) return;
    this.keep.set(this.draftName, { item: last.item, ratings: last.ratings, seconds: last.seconds ?? 0 });
    this.step({ kind: "undo", item: last.item, answer: last.id });
  }

  step(step) {
    const whole = { ...step, id: makeId(), session: this.about.key, annotator: this.annotator };
    this.outbox.add(whole);
    this.progress.apply(whole);
    if (step.kind === "answer") this.keep.remove(this.draftName);
    this.item = null;
    this.advance();
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !this.annotator) return;
    if (event.target.closest("input[type=search]")) return;
    const inField = event.target.closest("button, summary, a, input:not([type=radio])");
    if (event.key === "Enter" && this.item && !inField) this.save(event);
    else if (!at("shortcuts").checked) return;
    else if (event.key.toLowerCase() === "u") this.undo();
    else if (event.key.toLowerCase() === "s") this.skip();
    else if (this.item && /^[1-9]$/.test(event.key)) this.questions.press(Number(event.key));
  }

  showState() {
    const waiting = this.outbox.waiting().length;
    const refused = this.outbox.refused().filter((step) => step.annotator === this.annotator && this.progress.drop(step));
    if (this.annotator && !this.item && this.progress.next()) return this.advance(); // the end was not the end
    if (this.annotator) showCount(this.progress, this.labels);
    const kept = this.keep.lasting ? "in this browser" : "on this page only: leave it open";
    at("saved").textContent = waiting ? `${countWaiting(waiting)} to send` : this.progress?.last() ? "all saved" : "";
    at("save").hidden = this.labels;
    at("save").disabled = Boolean(this.questions.open);
    at("end-text").textContent = waiting
      ? `${countWaiting(waiting)} still to be sent, kept ${kept}. Leave this page open.`
      : "Every answer is saved. You can close this page.";
    const problems = [];
    if (this.outbox.problem && waiting)
      problems.push(`${this.outbox.problem} ${countWaiting(waiting)} kept ${kept}, sent as soon as it works again. Go on ${this.labels ? "labelling" : "rating"}.`);
    if (refused.length)
      problems.push(`The server refused ${countWaiting(refused.length)}, kept in this browser: ${refused.at(-1).reason}`);
    showProblem(problems.join(" ") || null);
  }
}

function showProblem(text) {
  if (at("problem").textContent !== (text ?? "")) at("problem").textContent = text ?? "";
  at("problem").hidden = !text;
}

try {
  await new Page(await fetchAbout()).open();
} catch (error) {
  showProblem(error.message);
}
