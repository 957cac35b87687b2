/** The page of `dawgen serve`: choose a prompt, type a text or two, see the probabilities of the labels. */
import { format, showAnswer } from "./answers.js";
import { at } from "./elements.js";
import { Prompts } from "./prompts.js";
import { Service, showProblem } from "./service.js";

class Page {
  constructor() {
    this.service = new Service();
    this.prompts = new Prompts((prompt) => showFields(prompt));
    this.busy = false;
    at("try").addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(() => this.classify());
    });
    at("try").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.run(() => this.classify());
    });
    at("refresh").addEventListener("click", () => this.run(() => this.load()));
  }

  /** Do one thing at a time, say that it is under way, and what went wrong. */
  async run(job) {
    if (this.busy) return;
    this.busy = true;
    showProblem(null);
    at("state").textContent = "Waiting for the service";
    let said = "";
    try {
      said = (await this.service.insist(job)) ?? "";
    } catch (error) {
      showProblem(error.message);
      if (error.status === 404) await this.load().catch(() => {}); // the prompt may be gone: show those that are left
    }
    at("state").textContent = said;
    at("service").hidden = false;
    this.busy = false;
  }

  async load() {
    const { base, prompts } = await this.service.ask("v1/prompts");
    const quantised = base.quantisation ? ` (${base.quantisation})` : "";
    at("base").textContent = `On ${base.model}${quantised}, ${base.dtype}, ${base.device}. Every prompt below shares this one frozen model.`;
    this.prompts.set(prompts);
  }

  async classify() {
    const prompt = this.prompts.chosen;
    const request = { prompt: prompt.name, text1: at("text1").value, text2: prompt.pair ? at("text2").value : null };
    const empty = [at("text1"), at("text2")].slice(0, prompt.pair ? 2 : 1).find((field) => !field.value.trim());
    if (empty) {
      empty.focus();
      return "Type a text first.";
    }
    const { text1, text2 } = request;
    const body = { prompt: prompt.name, inputs: [{ text1, text2 }] };
    if (at("below").value) Object.assign(body, { below: at("below").valueAsNumber, else: nameUnsure(prompt.labels) });
    const { results } = await this.service.ask("v1/classify", body);
    showAnswer(request, results[0]);
    return `${results[0].label}, ${format(Math.max(...Object.values(results[0].probabilities)))}`;
  }
}

/** The word for what is unsure, which must be no label. */
function nameUnsure(labels) {
  let word = "unsure";
  while (labels.includes(word)) word = `(${word})`;
  return word;
}

function showFields({ pair, labels, task }) {
  at("text1-name").textContent = pair ? "Text 1" : "Text";
  at("text2-box").hidden = !pair;
  at("prompt-facts").textContent = `Task ${task}: ${labels.join(", ")}`;
}

const page = new Page();
page.run(() => page.load());
