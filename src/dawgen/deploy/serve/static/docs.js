/** The page of the HTTP interface: what openapi.json says, as headings and tables. */
import { at, make } from "./elements.js";
import { describeShape, drawSample, listFields, nameShape } from "./shapes.js";
import { Service, showProblem } from "./service.js";

const OPTIONAL = ", may be left out";
const service = new Service();
let shapes = {}; // by name, what $ref points to

try {
  const api = await service.insist(() => service.ask("openapi.json"));
  showApi(api);
  at("service").hidden = false;
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  showProblem(error.message);
}

function showApi({ info, paths, components }) {
  shapes = components?.schemas ?? {};
  at("about").textContent = `${info.title} ${info.version}`;
  at("description").textContent = info.description ?? "";
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method: method.toUpperCase() })),
  );
  at("contents").replaceChildren(...operations.map(makeEntry));
  at("operations").replaceChildren(...operations.map(makeOperation));
  at("shapes").replaceChildren(...Object.entries(shapes).map(([name, shape]) => makeShape(name, shape)));
}

function nameOperation({ method, path }) {
  return `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+/g, "-")}`;
}

function makeTitle({ method, path }) {
  return [make("span", { className: `method ${method.toLowerCase()}`, textContent: method }), " ", make("code", { textContent: path })];
}

function makeEntry(operation) {
  const link = make("a", { href: `#${nameOperation(operation)}` }, ...makeTitle(operation));
  return make("li", {}, link, " ", make("span", { className: "soft", textContent: operation.summary ?? "" }));
}

function makeOperation(operation) {
  const { summary, description, parameters, requestBody, responses, security } = operation;
  const box = make("section", { id: nameOperation(operation), className: "operation" });
  box.append(make("h2", {}, ...makeTitle(operation)));
  const said = description ?? summary ?? "";
  for (const part of said.split(/\n\s*\n/)) box.append(make("p", { textContent: part }));
  if (parameters?.length) {
    const rows = parameters.map(({ name, required, schema, description, in: place }) => [
      [make("code", { textContent: name })],
      [`in the ${place}, `, ...describeShape(schema), required ? "" : OPTIONAL],
      [description ?? ""],
    ]);
    box.append(makeTable(["Parameter", "Type", "Meaning"], rows));
  }
  const body = requestBody?.content?.["application/json"]?.schema;
  box.append(make("pre", { textContent: writeCall(operation, body && drawSample(body, shapes), Boolean(security?.length)) }));
  if (body) box.append(make("p", {}, "Body: ", ...describeShape(body)));
  const answers = Object.entries(responses ?? {}).map(([status, response]) => ({ status, ...response }));
  box.append(makeAnswers(answers.filter(({ status }) => status < "400")));
  const refusals = answers.filter(({ status }) => status >= "400");
  if (refusals.length) {
    const title = make("summary", { textContent: `Refusals: ${refusals.map(({ status }) => status).join(", ")}` });
    box.append(make("details", {}, title, makeAnswers(refusals)));
  }
  return box;
}

/** The operation as a line for a shell; words in capitals are the caller's to fill in. */
function writeCall({ method, path }, body, guarded) {
  const parts = ["curl"];
  if (method !== "GET" && method !== "POST") parts.push(`-X ${method}`);
  if (guarded) parts.push("-H 'Authorization: Bearer TOKEN'");
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(body)}'`);
  const address = new URL(path.slice(1), document.baseURI).href.replaceAll("%7B", "").replaceAll("%7D", "");
  return [...parts, path.includes("{") ? address.replace(/[^/]+$/, (name) => name.toUpperCase()) : address].join(" ");
}

function makeAnswers(answers) {
  const rows = answers.map(({ status, description, content }) => [
    [make("code", { textContent: status })],
    Object.entries(content ?? {}).flatMap(([kind, { schema }]) =>
      kind === "application/json" ? describeShape(schema ?? {}) : [kind],
    ),
    [description ?? ""],
  ]);
  return makeTable(["Status", "Body", "Meaning"], rows);
}

function makeShape(name, shape) {
  const box = make("section", { id: nameShape(name), className: "shape" });
  box.append(make("h3", {}, make("code", { textContent: name })));
  if (shape.description) box.append(make("p", { textContent: shape.description }));
  const rows = listFields(shape).map(({ name, required, words, description }) => [
    [make("code", { textContent: name })],
    [...words, required ? "" : OPTIONAL],
    [description],
  ]);
  box.append(rows.length ? makeTable(["Field", "Type", "Meaning"], rows) : make("p", {}, ...describeShape(shape)));
  return box;
}

/** rows: cells of nodes and texts; columns without any are left out. */
function makeTable(heads, rows) {
  const kept = heads.map((_, place) => rows.some((cells) => cells[place].some((part) => part !== "")));
  const keep = (_, place) => kept[place];
  const titles = heads.filter(keep).map((textContent) => make("th", { scope: "col", textContent }));
  const lines = rows.map(([first, ...cells]) => {
    const others = [first, ...cells].filter(keep).slice(1).map((cell) => make("td", {}, ...cell));
    return make("tr", {}, make("th", { scope: "row" }, ...first), ...others);
  });
  const table = make("table", { className: "data" }, make("thead", {}, make("tr", {}, ...titles)), make("tbody", {}, ...lines));
  return make("div", { className: "scroll" }, table);
}
