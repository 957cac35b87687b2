/** Asks the service, with the token where it needs one; the token is kept in this page's memory alone. */
import { at } from "./elements.js";

const TIMEOUT = 120_000; // milliseconds; the server's own time limit comes first

/** What the service says instead of an answer; status 0: it does not answer at all. */
export class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export class Service {
  #token = null;

  /** Fetch a path, relative to the page's own folder; throws Refusal. */
  async ask(path, body) {
    const headers = this.#token === null ? {} : { Authorization: `Bearer ${this.#token}` };
    const options = { headers, signal: AbortSignal.timeout(TIMEOUT), cache: "no-store" };
    if (body !== undefined) {
      Object.assign(options, { method: "POST", body: JSON.stringify(body) });
      headers["Content-Type"] = "application/json";
    }
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Refusal(0, "The server does not answer.");
    }
    if (!response.ok) throw new Refusal(response.status, await read(response));
    return response.json();
  }

  /** Run a function until no token is missing: it is asked for, and the function runs again with it. */
  async insist(job) {
    for (;;) {
      try {
        return await job();
      } catch (error) {
        if (error.status !== 401) throw error;
        showProblem(this.#token === null ? null : error.message);
        this.#token = await askToken();
      }
    }
  }
}

export function showProblem(text) {
  at("problem-text").textContent = text ?? "";
  at("problem").hidden = !text;
  if (text) at("problem").scrollIntoView({ block: "nearest" }); // the button that led to it may be far below
}

/** Show the token's field until it is sent; resolves to what was typed. */
function askToken() {
  const form = at("token-form");
  form.hidden = false;
  at("token").focus();
  return new Promise((resolve) => {
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        form.hidden = true;
        resolve(at("token").value.trim());
        at("token").value = "";
        showProblem(null);
      },
      { once: true },
    );
  });
}

/** The words of a refusal, with when to come back. */
async function read(response) {
  const body = await response.json().catch(() => null);
  const said = typeof body?.detail === "string" ? body.detail : `The server answers ${response.status}.`;
  const wait = Number(response.headers.get("Retry-After"));
  return wait > 0 ? `${said} Try again in ${wait} s.` : said;
}
