/** Answers of the service as cards with bars, the newest first. */
import { at, make } from "./elements.js";

const MOST_CARDS = 20;
const MOST_BARS = 8; // further labels are folded

/** Put an answer on top. request: {prompt, text1, text2}; text2 null for tasks of one text. */
export function showAnswer(request, { label, probabilities, cut, abstained }) {
  const bars = Object.entries(probabilities).sort((one, other) => other[1] - one[1]);
  const card = make("li", { className: "card" });
  card.append(makeTexts(request));
  if (abstained) card.append(make("p", { className: "cut", textContent: `Unsure: the likeliest label is below what was asked for, so the answer is "${label}".` }));
  if (cut) card.append(make("p", { className: "cut", textContent: "Too long: the end was not read." }));
  card.append(makeBars(bars.slice(0, MOST_BARS), label));
  if (bars.length > MOST_BARS) card.append(fold(bars.slice(MOST_BARS), label));
  card.append(make("p", { className: "soft from", textContent: `Prompt ${request.prompt}` }));
  at("answers").prepend(card);
  while (at("answers").children.length > MOST_CARDS) at("answers").lastElementChild.remove();
  at("answers-section").hidden = false;
}

/** A probability in words of one decimal; what is not 0 or 1 never looks like it. */
export function format(probability) {
  const percent = probability * 100;
  if (percent > 0 && percent < 0.05) return "< 0.1 %";
  if (percent < 100 && percent >= 99.95) return "> 99.9 %";
  return `${percent.toFixed(1)} %`;
}

function makeBars(bars, chosen) {
  const table = make("table", { className: "bars", ariaLabel: "Probability of each label" });
  for (const [label, probability] of bars) {
    const fill = make("i");
    fill.style.width = `${probability * 100}%`;
    const bar = make("td", { className: "bar", ariaHidden: "true" }, fill);
    const name = make("th", { scope: "row", textContent: label });
    const row = make("tr", {}, name, bar, make("td", { className: "n", textContent: format(probability) }));
    row.classList.toggle("chosen", label === chosen);
    table.append(row);
  }
  return table;
}

function fold(bars, chosen) {
  return make("details", {}, make("summary", { textContent: `${bars.length} more labels` }), makeBars(bars, chosen));
}

function makeTexts({ text1, text2 }) {
  const line = make("p", { className: "sent" }, text1);
  if (text2 !== null) line.append(make("span", { className: "arrow", textContent: "→" }), text2);
  return line;
}
