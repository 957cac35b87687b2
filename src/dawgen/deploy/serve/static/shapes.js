/** JSON Schema in words: arrays of texts and links to other shapes. No page, no network. */
import { make } from "./elements.js";

const LIMITS = {
  minLength: "at least # characters",
  maxLength: "at most # characters",
  minItems: "at least #",
  maxItems: "at most #",
  minimum: "from #",
  maximum: "up to #",
  exclusiveMinimum: "above #",
  exclusiveMaximum: "below #",
  pattern: "matches #",
};

export function nameShape(name) {
  return `shape-${name}`;
}

/** A schema as texts and links: "list of text or Pair, at most 256". */
export function describeShape(schema) {
  const limits = Object.entries(LIMITS).flatMap(([name, words]) => (name in schema ? [words.replace("#", schema[name])] : []));
  if ("default" in schema && schema.default !== null) limits.push(`else ${JSON.stringify(schema.default)}`);
  return [...nameType(schema), ...limits.map((words) => `, ${words}`)];
}

/** The fields of an object's schema: {name, required, words, description}. */
export function listFields({ properties = {}, required = [] }) {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    required: required.includes(name),
    words: describeShape(schema),
    description: schema.description ?? "",
  }));
}

/** A value that fits a schema: its example if it has one, else required fields alone, and names in capitals for texts. */
export function drawSample(schema, shapes, name = "text") {
  if (schema.$ref) return drawSample(shapes[schema.$ref.split("/").at(-1)], shapes, name);
  if (schema.examples?.length) return schema.examples[0];
  const option = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (option) return drawSample(option, shapes, name);
  if (schema.type === "array") return [drawSample(schema.items ?? {}, shapes, "text")];
  if (schema.type === "object")
    return Object.fromEntries((schema.required ?? []).map((field) => [field, drawSample(schema.properties[field], shapes, field)]));
  return { integer: 1, number: 1, boolean: true }[schema.type] ?? name.toUpperCase();
}

function nameType(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return [make("a", { href: `#${nameShape(name)}`, textContent: name })];
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return join(options.map(describeShape), " or ");
  if (schema.allOf) return join(schema.allOf.map(describeShape), " and ");
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" or ")];
  if (schema.type === "array") return ["list of ", ...describeShape(schema.items ?? {})];
  if (schema.type === "object" && typeof schema.additionalProperties === "object")
    return ["object of ", ...describeShape(schema.additionalProperties), " by name"];
  return [{ string: "text", integer: "whole number", boolean: "true or false" }[schema.type] ?? schema.type ?? "anything"];
}

function join(parts, between) {
  return parts.flatMap((part, place) => (place ? [between, ...part] : part));
}
