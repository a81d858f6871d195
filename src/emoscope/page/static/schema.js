// Describes a JSON Schema: one list item per field, with nested fields below it. Makes an example where there is none.

import { element } from "./dom.js";
import { count } from "./emotions.js";

const MAX_DEPTH = 6;
const LIMITS = {
  minimum: (bound) => `at least ${bound}`,
  maximum: (bound) => `at most ${bound}`,
  exclusiveMinimum: (bound) => `above ${bound}`,
  exclusiveMaximum: (bound) => `below ${bound}`,
  minLength: (length) => `at least ${count(length, "character")}`,
  maxLength: (length) => `at most ${count(length, "character")}`,
  minItems: (length) => `at least ${count(length, "item")}`,
  maxItems: (length) => `at most ${count(length, "item")}`,
  pattern: (pattern) => `pattern ${pattern}`,
  default: (value) => `default ${JSON.stringify(value)}`,
};
const PLURALS = { string: "strings", number: "numbers", integer: "integers", boolean: "booleans", object: "objects" };

/** The target of a reference within the document; any other value unchanged. */
export function resolve(api, value) {
  if (!value?.$ref) return value;
  const parts = value.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.reduce((node, part) => node?.[part], api);
}

/** Text with the parts between backticks as code elements. */
export const withCode = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));

/** A schema with its references resolved and its parts (allOf) merged. */
function resolved(api, described, depth = 0) {
  if (!described || described === true || depth > MAX_DEPTH) return {};
  if (described.$ref) {
    const { $ref, ...others } = described;
    return { ...resolved(api, resolve(api, { $ref }), depth + 1), ...others };
  }
  if (!described.allOf) return described;
  const { allOf, ...others } = described;
  return [...allOf.map((part) => resolved(api, part, depth + 1)), others].reduce((all, part) => ({
    ...all,
    ...part,
    properties: { ...all.properties, ...part.properties },
    required: [...(all.required ?? []), ...(part.required ?? [])],
  }));
}

const choices = (described) => described.oneOf ?? described.anyOf;

function typeOf(api, described, depth = 0) {
  const node = resolved(api, described);
  if (depth > MAX_DEPTH) return "…";
  if (choices(node)) return choices(node).map((choice) => typeOf(api, choice, depth + 1)).join(" or ");
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum) return node.enum.map((value) => JSON.stringify(value)).join(", ");
  const types = [node.type ?? (node.properties ? "object" : "any")].flat();
  const plain = types.map((type) => (type === "array" ? listOf(typeOf(api, node.items, depth + 1)) : type));
  return [...plain, ...(node.nullable ? ["null"] : [])].join(" or ");
}

function listOf(type) {
  if (type === "any") return "list";
  if (PLURALS[type] || type.startsWith("list of")) return `list of ${PLURALS[type] ?? type.replace("list", "lists")}`;
  return `list of: ${type}`;
}

function limits(node) {
  const entries = Object.entries(LIMITS).filter(([key]) => node[key] !== undefined);
  return entries.map(([key, words]) => words(node[key])).join(", ");
}

/** A field with its nested fields as a list item; without a name, a whole body. */
export function schema(api, described, { name = "", isRequired = false, place = "", depth = 0 } = {}) {
  const node = resolved(api, described);
  const details = [typeOf(api, described), limits(node), place && `in the ${place}`].filter(Boolean).join("; ");
  const inner = depth < MAX_DEPTH ? fields(api, node, depth) : [];
  return element(
    "li",
    {},
    name ? element("span", { class: "name" }, name) : null,
    element("span", { class: "type" }, details),
    isRequired ? element("span", { class: "required" }, "required") : null,
    node.deprecated ? element("span", { class: "deprecated" }, "deprecated") : null,
    node.description ? element("p", {}, ...withCode(node.description)) : null,
    inner.length ? element("ul", { class: "schema" }, ...inner) : null,
  );
}

/** The fields of an object, of the objects in a list, or of the object among several choices. */
function fields(api, node, depth) {
  if (node.properties) {
    return Object.entries(node.properties).map(([name, property]) =>
      schema(api, property, { name, isRequired: node.required?.includes(name), depth: depth + 1 }),
    );
  }
  if (node.items) return fields(api, resolved(api, node.items), depth + 1);
  return (choices(node) ?? []).flatMap((choice) => (depth < MAX_DEPTH ? fields(api, resolved(api, choice), depth + 1) : []));
}

/** A value that matches the schema; undefined if none can be made. */
export function example(api, described, depth = 0) {
  const node = resolved(api, described);
  const given = node.example ?? node.examples?.[0] ?? node.const ?? node.default ?? node.enum?.[0];
  if (given !== undefined || depth > MAX_DEPTH) return given;
  if (choices(node)) return example(api, choices(node)[0], depth + 1);
  if (node.properties) {
    const pairs = Object.entries(node.properties).map(([name, property]) => [name, example(api, property, depth + 1)]);
    return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
  }
  const type = [node.type].flat()[0];
  if (type === "array") return [example(api, node.items, depth + 1)].filter((value) => value !== undefined);
  return { string: "text", integer: 1, number: 0.5, boolean: true, null: null, object: {} }[type];
}
