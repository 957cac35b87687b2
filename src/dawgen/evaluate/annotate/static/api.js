/** The server's four addresses. */
const PATIENCE = 10_000; // milliseconds
const LATER = [403, 409]; // no key yet, another session served here: the step itself may be right

export async function fetchAbout() {
  return fetchJson("api/about");
}

export async function fetchItems(annotator) {
  return fetchJson(`api/items?${new URLSearchParams({ annotator })}`);
}

/** Send an answer or an undo; resolves to {ok, retry, reason} whatever happens. */
export async function sendStep({ kind, ...body }) {
  try {
    const response = await fetch(kind === "undo" ? "api/undo" : "api/answers", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (response.ok) return { ok: true };
    // The step itself is wrong, or the server cannot take it now.
    const final = response.status >= 400 && response.status < 500 && !LATER.includes(response.status);
    return { ok: false, retry: !final, reason: await read(response) };
  } catch {
    return { ok: false, retry: true, reason: "The server does not answer." };
  }
}

async function fetchJson(path) {
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    throw new Error("The server does not answer. Start it again, then reload this page.");
  }
  if (!response.ok) throw new Error(await read(response));
  return response.json();
}

async function read(response) {
  const body = await response.json().catch(() => null);
  return typeof body?.detail === "string" ? body.detail : `The server answers ${response.status}.`;
}
