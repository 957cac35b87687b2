/** Puts texts into the page. */
import { at, make } from "./elements.js";

export function showPart(part) {
  for (const id of ["start", "rate", "end"]) at(id).hidden = id !== part;
}

export function showAbout(about) {
  document.title = `Rate ${about.task}`;
  at("start-title").textContent = `Rate ${about.pair ? "pairs of texts" : "texts"}: ${about.task}`;
  at("start-text").textContent =
    `${about.rows} ${about.pair ? "pairs" : "texts"}, each with a label that may be right or wrong. Some were written by ` +
    "people, some by a language model, and you are not told which. Four short questions about each.";
  at("guide-section").hidden = !about.instructions;
  at("guide").textContent = about.instructions ?? "";
  at("start-questions").replaceChildren(
    ...about.questions.flatMap(({ name, text, values, low, high }) => [
      make("dt", { textContent: name }),
      make("dd", { textContent: `${text} From ${values[0]} (${low}) to ${values.at(-1)} (${high}).` }),
    ]),
  );
  at("examples-section").hidden = !about.examples.length;
  at("examples").replaceChildren(
    ...about.examples.flatMap((row) => [make("dt", { textContent: row.label.replaceAll("_", " ") }), makePair("dd", row)]),
  );
}

export function showItem(item, about, progress) {
  at("item-title").textContent = `${about.pair ? "Pair" : "Text"} ${progress.place(item.id)} of ${progress.items.length}`;
  at("text1-name").textContent = about.pair ? "Text 1" : "Text";
  at("text1").textContent = item.text1;
  at("text2-box").hidden = item.text2 === null;
  at("text2").textContent = item.text2 ?? "";
  at("label").textContent = item.label.replaceAll("_", " ");
  at("nearest-box").hidden = !item.nearest;
  at("nearest").replaceChildren(...(item.nearest ? makePair("p", item.nearest).childNodes : []));
}

export function showCount({ items, answers }) {
  at("count").textContent = `${answers.size} of ${items.length} rated`;
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
