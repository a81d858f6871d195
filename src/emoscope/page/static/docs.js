// The API page: the operations of openapi.json with their parameters, bodies and responses, and a form to try each.

import { send } from "./client.js";
import { byId, element, showAlert } from "./dom.js";
import { count } from "./emotions.js";
import { Failure } from "./failures.js";
import { example, resolve, schema, withCode } from "./schema.js";

const MAX_WIDTH = 88; // characters of JSON in a line
const METHODS = ["get", "post", "put", "patch", "delete"];
const JSON_TYPE = /^application\/([\w.+-]+\+)?json$/;

async function show() {
  const response = await fetch("openapi.json").catch(() => null);
  if (!response?.ok) return showAlert(byId("error"), "Cannot read openapi.json from this server.");
  const api = await response.json();
  byId("title").textContent = `${api.info.title} ${api.info.version ?? ""}`.trim();
  byId("about").append(...paragraphs(api.info.description));
  for (const [tag, operations] of byTag(api)) {
    const links = operations.map(({ id, method, path }) =>
      element("li", {}, element("a", { href: `#${id}` }, methodBadge(method), path)),
    );
    byId("contents").append(element("h2", {}, tag), element("ul", {}, ...links));
    byId("operations").append(element("h2", {}, tag), ...operations.map((operation) => section(operation, api)));
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** Operations by their first tag, in the order of the document. */
function byTag(api) {
  const tags = new Map((api.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const name of METHODS.filter((name) => item[name])) {
      const operation = item[name];
      const tag = operation.tags?.[0] ?? "Operations";
      const id = operation.operationId ?? `${name}${path.replace(/\W+/g, "-")}`;
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push({ ...operation, id, path, method: name, parameters });
    }
  }
  return [...tags].filter(([, operations]) => operations.length);
}

const methodBadge = (name) => element("span", { class: `method ${name}` }, name.toUpperCase());

const paragraphs = (text) =>
  (text ?? "").split(/\n\s*\n/).filter((part) => part.trim()).map((part) => element("p", { class: "prose" }, ...withCode(part.trim())));

function section(operation, api) {
  const { id, path, summary, description, parameters, requestBody, responses } = operation;
  const resolvedParameters = parameters.map((parameter) => resolve(api, parameter));
  const body = resolve(api, requestBody);
  return element(
    "section",
    { class: "card operation", id, "aria-labelledby": `${id}-title` },
    element("h3", { id: `${id}-title` }, methodBadge(operation.method), path),
    summary ? element("p", { class: "summary" }, ...withCode(summary)) : null,
    ...paragraphs(description),
    ...(parameters.length ? [element("h4", {}, "Parameters"), parameterList(resolvedParameters, api)] : []),
    ...(body ? bodyParts(body, api) : []),
    element("h4", {}, "Responses"),
    responseList(responses, api),
    tryIt(operation, resolvedParameters, body, api),
  );
}

function parameterList(parameters, api) {
  const rows = parameters.map((parameter) => {
    const described = { ...resolve(api, parameter.schema), description: parameter.description };
    return schema(api, described, { name: parameter.name, isRequired: parameter.required, place: parameter.in });
  });
  return element("ul", { class: "schema" }, ...rows);
}

function bodyParts(body, api) {
  const title = `Body${body.required ? "" : " (optional)"}`;
  return [element("h4", {}, title), ...paragraphs(body.description), ...Object.entries(body.content).flatMap((entry) => media(entry, api))];
}

/** A media type with its fields and an example. */
function media([type, content], api) {
  const exampleText = sample(type, content, api);
  return [
    element("p", {}, element("code", {}, type)),
    content.schema && JSON_TYPE.test(type) ? element("ul", { class: "schema" }, schema(api, content.schema)) : null,
    exampleText ? element("pre", { tabindex: "0" }, exampleText) : null,
  ].filter(Boolean);
}

function sample(type, { schema: described, example: stated, examples }, api) {
  const value = stated ?? resolve(api, Object.values(examples ?? {})[0])?.value ?? (described && example(api, described));
  if (value === undefined) return "";
  return typeof value === "string" && !JSON_TYPE.test(type) ? value : formatted(value);
}

/** The responses of an operation; those with errors are folded away. */
function responseList(responses, api) {
  const all = Object.entries(responses ?? {});
  const isError = ([status]) => /^[45]/.test(status);
  const errors = all.filter(isError).map((entry) => responseItem(entry, api));
  const list = element("ul", { class: "responses" }, ...all.filter((entry) => !isError(entry)).map((entry) => responseItem(entry, api)));
  if (errors.length) {
    const summary = element("summary", {}, count(errors.length, "error"));
    list.append(element("li", {}, element("details", {}, summary, element("ul", { class: "responses" }, ...errors))));
  }
  return list;
}

function responseItem([status, response], api) {
  const { description, content } = resolve(api, response);
  const title = [element("span", { class: "status" }, status), ...withCode(description ?? "")];
  if (!content) return element("li", {}, ...title);
  const parts = Object.entries(content).flatMap((entry) => media(entry, api));
  return element("li", {}, element("details", {}, element("summary", {}, ...title), ...parts));
}

/** A form that sends the operation to this server. */
function tryIt({ id, method: name, path }, parameters, body, api) {
  const inputs = parameters.filter((parameter) => ["query", "path"].includes(parameter.in)).map((parameter) => {
    const input = element("input", { id: `${id}-${parameter.name}`, type: "text", value: parameter.example ?? "", required: parameter.required });
    return { parameter, input, field: element("div", { class: "field" }, element("label", { for: input.id }, parameter.name), input) };
  });
  const [type, content] = Object.entries(body?.content ?? {})[0] ?? [];
  const area = type && element("textarea", { id: `${id}-body`, rows: 4, spellcheck: "false" });
  if (area) area.value = sample(type, content, api);
  const status = element("p", { class: "muted", role: "status" });
  const output = element("pre", { tabindex: "0", role: "region", "aria-label": "Response", hidden: true });
  const submit = async (event) => {
    event.preventDefault();
    status.textContent = "Waiting for the response";
    const result = await request(address(path, inputs), { method: name.toUpperCase(), body: area?.value, type });
    status.textContent = result.status;
    output.textContent = result.text;
    output.hidden = !result.text;
  };
  return element(
    "details",
    { class: "try" },
    element("summary", {}, "Try it"),
    element(
      "form",
      { submit },
      inputs.length ? element("div", { class: "fields" }, ...inputs.map(({ field }) => field)) : null,
      ...(area ? [element("label", { for: area.id }, `Body, ${type}`), area] : []),
      element("div", { class: "actions" }, element("button", { class: "button" }, "Send"), status),
      output,
    ),
  );
}

function address(path, inputs) {
  const query = new URLSearchParams();
  let filled = path.slice(1);
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(parameter.name, input.value);
  }
  return `${filled || "./"}${query.size ? `?${query}` : ""}`;
}

async function request(path, options) {
  const started = performance.now();
  try {
    const response = await send(path, options);
    const text = await response.text();
    const isJson = JSON_TYPE.test(response.headers.get("Content-Type")?.split(";")[0]);
    const milliseconds = Math.round(performance.now() - started);
    return { status: `${response.status}, in ${milliseconds} ms`, text: isJson ? pretty(text) : text };
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return { status: failure.status ? `${failure.status}: ${failure.message}` : failure.message, text: "" };
  }
}

function pretty(text) {
  try {
    return formatted(JSON.parse(text));
  } catch {
    return text;
  }
}

/** JSON with values on one line where they fit. */
function formatted(value, indent = "") {
  const flat = JSON.stringify(value, null, 1)?.replace(/\n\s*/g, " ") ?? "";
  if (typeof value !== "object" || value === null || flat.length + indent.length <= MAX_WIDTH) return flat;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((item) => formatted(item, inner))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${formatted(item, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

show();
