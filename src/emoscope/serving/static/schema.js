// JSON Schema in words: a list item a field, nested ones below it; and an example of a schema that has none.

import { element } from "./dom.js";
import { count } from "./emotions.js";

const DEEPEST = 6;
const LIMITS = {
  minimum: (least) => `at least ${least}`,
  maximum: (most) => `at most ${most}`,
  exclusiveMinimum: (bound) => `above ${bound}`,
  exclusiveMaximum: (bound) => `below ${bound}`,
  minLength: (least) => `at least ${count(least, "character")}`,
  maxLength: (most) => `at most ${count(most, "character")}`,
  minItems: (least) => `at least ${count(least, "item")}`,
  maxItems: (most) => `at most ${count(most, "item")}`,
  pattern: (pattern) => `pattern ${pattern}`,
  default: (value) => `default ${JSON.stringify(value)}`,
};
const PLURALS = { string: "strings", number: "numbers", integer: "integers", boolean: "booleans", object: "objects" };

/** What a reference into the same file points at; any other value as it is. */
export function resolve(api, value) {
  if (!value?.$ref) return value;
  const parts = value.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.reduce((node, part) => node?.[part], api);
}

/** Text with what stands between backticks as code. */
export const codes = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));

/** A schema with its references followed and its parts (allOf) put together. */
function whole(api, described, depth = 0) {
  if (!described || described === true || depth > DEEPEST) return {};
  if (described.$ref) {
    const { $ref, ...beside } = described;
    return { ...whole(api, resolve(api, { $ref }), depth + 1), ...beside };
  }
  if (!described.allOf) return described;
  const { allOf, ...beside } = described;
  return [...allOf.map((part) => whole(api, part, depth + 1)), beside].reduce((all, part) => ({
    ...all,
    ...part,
    properties: { ...all.properties, ...part.properties },
    required: [...(all.required ?? []), ...(part.required ?? [])],
  }));
}

const choices = (described) => described.oneOf ?? described.anyOf;

function typeOf(api, described, depth = 0) {
  const node = whole(api, described);
  if (depth > DEEPEST) return "…";
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
  const said = Object.entries(LIMITS).filter(([key]) => node[key] !== undefined);
  return said.map(([key, words]) => words(node[key])).join(", ");
}

/** A field, or a whole body where there is no name, as a list item with what stands in it. */
export function schema(api, described, { name = "", isRequired = false, place = "", depth = 0 } = {}) {
  const node = whole(api, described);
  const details = [typeOf(api, described), limits(node), place && `in the ${place}`].filter(Boolean).join("; ");
  const inner = depth < DEEPEST ? fields(api, node, depth) : [];
  return element(
    "li",
    {},
    name ? element("span", { class: "name" }, name) : null,
    element("span", { class: "type" }, details),
    isRequired ? element("span", { class: "must" }, "required") : null,
    node.description ? element("p", {}, ...codes(node.description)) : null,
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
  if (node.items) return fields(api, whole(api, node.items), depth + 1);
  return (choices(node) ?? []).flatMap((choice) => (depth < DEEPEST ? fields(api, whole(api, choice), depth + 1) : []));
}

/** A value that fits the schema; undefined where nothing can be said. */
export function example(api, described, depth = 0) {
  const node = whole(api, described);
  const given = node.example ?? node.examples?.[0] ?? node.const ?? node.default ?? node.enum?.[0];
  if (given !== undefined || depth > DEEPEST) return given;
  if (choices(node)) return example(api, choices(node)[0], depth + 1);
  if (node.properties) {
    const pairs = Object.entries(node.properties).map(([name, property]) => [name, example(api, property, depth + 1)]);
    return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
  }
  const type = [node.type].flat()[0];
  if (type === "array") return [example(api, node.items, depth + 1)].filter((value) => value !== undefined);
  return { string: "text", integer: 1, number: 0.5, boolean: true, null: null, object: {} }[type];
}
