// The API reference, made from the service's own OpenAPI document.

import { ask, base, hasKey } from "./api.js";
import { filesCommand, jsonCommand, shellQuote } from "./curl.js";
import { byId, make } from "./dom.js";
import { exampleOf, fieldsOf, resolve, typeWords } from "./schema.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const ERRORS = "errors";
const JSON_TYPE = "application/json";
const FORM_TYPE = "multipart/form-data";

function endpointsOf(doc) {
  return Object.entries(doc.paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      method,
      path,
      id: `${method}${path.replace(/[^\w]+/g, "-")}`,
      parameters: [item, item[method]]
        .flatMap((one) => one.parameters ?? [])
        .map((one) => resolve(one, doc)),
      operation: item[method],
    })));
}

// A key given on the page itself shows that there are keys.
function needsKey({ operation, path }, doc) {
  if (hasKey() && /^\/(v1|metrics)\b/.test(path)) return true;
  return (operation.security ?? doc.security ?? []).some((one) => Object.keys(one).length > 0);
}

// Backticks and blank lines are all the markup there is.
function prose(text) {
  return String(text ?? "").trim().split(/\n\s*\n/).filter(Boolean).map((paragraph) => {
    const node = make("p");
    const parts = paragraph.split(/`+([^`]+)`+/);
    node.append(...parts.map((part, i) => (i % 2 ? make("code", { text: part }) : part)));
    return node;
  });
}

function fieldTable(title, fields, { request }) {
  if (!fields.length) return [];
  const rows = fields.map((field) => {
    const name = make("th", { scope: "row" }, make("code", { text: field.path }));
    if (request && field.required) name.append(make("small", { text: "required" }));
    const about = make("td", {}, make("span", { class: "type", text: field.type }));
    if (request && field.default !== undefined && field.default !== null) {
      about.append(make("span", { class: "type", text: `, default ${JSON.stringify(field.default)}` }));
    }
    about.append(...prose(field.description));
    return make("tr", {}, name, about);
  });
  const table = make("table", { "aria-label": title }, make("tbody", {}, ...rows));
  return [make("h3", { text: title }), table];
}

function parameterFields(parameters, doc) {
  return parameters.map((one) => ({
    path: one.name,
    type: `${typeWords(one.schema, doc)} in the ${one.in}`,
    required: one.required,
    default: resolve(one.schema, doc).default,
    description: one.description,
  }));
}

// Values of a form, as far as the document has examples; files are shown as a file.
function formCommand(url, schema, doc, withKey) {
  const { properties = {}, required = [] } = resolve(schema, doc);
  const isFile = (one) => typeWords(one, doc).includes("file");
  const shown = Object.entries(properties).filter(
    ([name, one]) => !isFile(one) && (required.includes(name) || resolve(one, doc).examples));
  const fields = Object.fromEntries(shown.map(([name, one]) => [name, String(exampleOf(one, doc))]));
  const file = Object.keys(properties).find((name) => isFile(properties[name])) ?? "file";
  return filesCommand(url, fields, ["picture.png"], withKey).replace("image=@", `${file}=@`);
}

function commandsOf(endpoint, doc) {
  const { method, path, operation } = endpoint;
  const url = new URL(path.replace(/^\//, "").replaceAll(/[{}]/g, ""), base).href;
  const withKey = needsKey(endpoint, doc);
  const content = resolve(operation.requestBody, doc).content ?? {};
  const commands = [];
  for (const [type, { schema, example, examples }] of Object.entries(content)) {
    if (type === FORM_TYPE) commands.push(formCommand(url, schema, doc, withKey));
    if (type !== JSON_TYPE) continue;
    const given = example ?? Object.values(examples ?? {})[0]?.value ?? exampleOf(schema, doc);
    commands.push(jsonCommand(url, given, withKey));
  }
  if (commands.length) return commands;
  const verb = method === "get" ? "" : `-X ${method.toUpperCase()} `;
  const key = withKey ? ' \\\n  -H "Authorization: Bearer $EMBEDSVC_API_KEY"' : "";
  return [`curl ${verb}${shellQuote(url)}${key}`];
}

function requestParts({ operation, parameters }, doc) {
  const content = Object.entries(resolve(operation.requestBody, doc).content ?? {});
  const bodies = content.map(([type, { schema }]) => {
    const title = content.length > 1 || type !== JSON_TYPE ? `Request, as ${type}` : "Request";
    return fieldTable(title, fieldsOf(schema, doc), { request: true });
  });
  return [...fieldTable("Parameters", parameterFields(parameters, doc), { request: true }), ...bodies.flat()];
}

function responseParts(operation, doc) {
  const entries = Object.entries(operation.responses ?? {});
  const responses = entries.map(([status, one]) => [status, resolve(one, doc)]);
  const good = responses.filter(([status]) => status.startsWith("2"));
  const others = responses.filter(([status]) => !status.startsWith("2"));
  const nodes = good.flatMap(([status, { content = {}, description }]) => {
    const [type, body] = Object.entries(content)[0] ?? [];
    const fields = fieldTable(`Response ${status}`, fieldsOf(body?.schema, doc), { request: false });
    const words = type === JSON_TYPE || !type ? description : `${description ?? ""} (${type})`;
    return fields.length ? fields : [make("h3", { text: `Response ${status}` }), ...prose(words)];
  });
  if (!others.length) return nodes;
  const codes = others.map(([status]) => make("code", { text: status }));
  const link = make("a", { href: `#${ERRORS}`, text: "what they mean" });
  return [...nodes, make("h3", { text: "Errors" }), make("p", { class: "codes" }, ...codes, link)];
}

// Errors are the same everywhere, so they are told once.
function errorSection(endpoints, doc) {
  const known = new Map();
  for (const { operation } of endpoints) {
    for (const [status, raw] of Object.entries(operation.responses ?? {})) {
      if (!status.startsWith("2") && !known.has(status)) known.set(status, resolve(raw, doc));
    }
  }
  if (!known.size) return [];
  const rows = [...known].sort(([a], [b]) => a.localeCompare(b)).map(([status, { description }]) =>
    make("tr", {},
      make("th", { scope: "row" }, make("code", { text: status })),
      make("td", {}, ...prose(description))));
  const [{ content = {} }] = known.values();
  const section = make("section", { id: ERRORS, "aria-labelledby": `${ERRORS}-title` },
    make("h2", { id: `${ERRORS}-title`, text: "Errors" }),
    make("table", { "aria-label": "Errors" }, make("tbody", {}, ...rows)),
    ...fieldTable("What comes with them", fieldsOf(content[JSON_TYPE]?.schema, doc), { request: false }));
  return [section];
}

function heading({ method, path }) {
  const verb = make("span", { class: `method ${method}`, text: method.toUpperCase() });
  return [verb, make("code", { text: path })];
}

function section(endpoint, doc) {
  const { operation, id } = endpoint;
  const commands = commandsOf(endpoint, doc).map((command) =>
    make("pre", { tabindex: "0", "aria-label": "Example with curl" }, make("code", { text: command })));
  return make("section", { id, "aria-labelledby": `${id}-title` },
    make("h2", { id: `${id}-title` }, ...heading(endpoint)),
    ...prose(operation.description || operation.summary),
    ...commands,
    ...requestParts(endpoint, doc),
    ...responseParts(operation, doc));
}

function introduction({ title = "The service", version = "unknown", summary, description }) {
  return `${description || summary || ""}\n\n${title}, version ${version}.`;
}

async function show() {
  const doc = await ask("openapi.json");
  const endpoints = endpointsOf(doc);
  const links = endpoints.map((one) => make("li", {}, make("a", { href: `#${one.id}` }, ...heading(one))));
  const errors = errorSection(endpoints, doc);
  if (errors.length) links.push(make("li", {}, make("a", { href: `#${ERRORS}`, text: "Errors" })));
  byId("contents").replaceChildren(make("ul", {}, ...links));
  byId("lead").replaceChildren(...prose(introduction(doc.info ?? {})));
  byId("endpoints").replaceChildren(...endpoints.map((one) => section(one, doc)), ...errors);
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

show().catch((err) => {
  byId("lead").textContent = "";
  byId("banner").hidden = false;
  byId("banner").textContent = err.message;
  if (err.status === undefined) throw err;
});
