/** Puts texts into the page. */
import { at, make } from "./elements.js";

export function showPart(part) {
  for (const id of ["start", "rate", "end"]) at(id).hidden = id !== part;
}

export function showAbout(about) {
  const labels = about.kind === "labels";
  document.title = `${labels ? "Label" : "Rate"} ${about.task}`;
  at("start-title").textContent = `${labels ? "Label" : "Rate"} ${about.pair ? "pairs of texts" : "texts"}: ${about.task}`;
  at("end-title").textContent = `All ${labels ? "labelled" : "rated"}. Thank you!`;
  at("end-leave").textContent = `Someone else ${labels ? "labels" : "rates"}`;
  at("skip-words").textContent = labels ? "None of these, or cannot say" : "Skip";
  at("label-keys").hidden = !labels;
  at("rating-keys").hidden = labels;
  at("digits").textContent = labels ? "9" : "5";
  if (labels) showLabels(about);
  else showRatings(about);
  at("guide-section").hidden = !about.instructions;
  at("guide").textContent = about.instructions ?? "";
  at("examples-section").hidden = !about.examples.length;
  at("examples").replaceChildren(
    ...about.examples.flatMap((row) => [make("dt", { textContent: row.label.replaceAll("_", " ") }), makePair("dd", row)]),
  );
}

function showLabels(about) {
  at("start-text").textContent =
    `${about.rows} ${about.pair ? "pairs" : "texts"} without a label, the ones that help most first: stop when you like. ` +
    "Choose the label that is right. A choice is saved at once, and can be taken back.";
  at("start-questions").replaceChildren(
    make("dt", { textContent: about.questions[0].text }),
    make("dd", { textContent: about.questions[0].values.map((value) => value.replaceAll("_", " ")).join(", ") }),
  );
}

function showRatings(about) {
  at("start-text").textContent =
    `${about.rows} ${about.pair ? "pairs" : "texts"}, each with a label that may be right or wrong. Some were written by ` +
    "people, some by a language model, and you are not told which. Four short questions about each.";
  at("start-questions").replaceChildren(
    ...about.questions.flatMap(({ name, text, values, low, high }) => [
      make("dt", { textContent: name }),
      make("dd", { textContent: `${text} From ${values[0]} (${low}) to ${values.at(-1)} (${high}).` }),
    ]),
  );
}

export function showItem(item, about, progress) {
  at("item-title").textContent = `${about.pair ? "Pair" : "Text"} ${progress.place(item.id)} of ${progress.items.length}`;
  at("text1-name").textContent = about.pair ? "Text 1" : "Text";
  at("text1").textContent = item.text1;
  at("text2-box").hidden = item.text2 === null;
  at("text2").textContent = item.text2 ?? "";
  at("given-box").hidden = about.kind === "labels";
  at("label").textContent = item.label.replaceAll("_", " ");
  at("nearest-box").hidden = !item.nearest;
  at("nearest").replaceChildren(...(item.nearest ? makePair("p", item.nearest).childNodes : []));
}

export function showCount({ items, answers }, labels) {
  at("count").textContent = `${answers.size} of ${items.length} ${labels ? "labelled" : "rated"}`;
  at("progress").max = items.length;
  at("progress").value = answers.size;
}

export function countWaiting(n) {
  return n === 1 ? "1 step" : `${n} steps`;
}

function makePair(tag, { text1, text2 }) {
  const line = make(tag);
  line.append(text1);
  if (text2 !== null) line.append(make("span", { className: "arrow", textContent: "→" }), text2);
  return line;
}
