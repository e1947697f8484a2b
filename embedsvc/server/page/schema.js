// JSON Schema as OpenAPI has it, in words: types, fields, and an example that fits.

import { count, plural } from "./dom.js";

const DEPTH = 5;

// A schema without its references; what points to nothing is anything.
export function resolve(schema, doc) {
  let found = schema ?? {};
  for (let step = 0; found.$ref && step < 20; step += 1) {
    const path = String(found.$ref).replace(/^#\//, "").split("/");
    const { $ref, ...beside } = found;
    const target = path.reduce((node, part) => node?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], doc);
    found = { ...(target ?? {}), ...beside };
  }
  return found.allOf ? merged(found, doc) : found;
}

function merged({ allOf, ...own }, doc) {
  const parts = [...allOf.map((part) => resolve(part, doc)), own];
  const properties = Object.assign({}, ...parts.map((part) => part.properties ?? {}));
  const required = parts.flatMap((part) => part.required ?? []);
  return { ...Object.assign({}, ...parts), properties, required };
}

const choices = (schema) => schema.anyOf ?? schema.oneOf;
const isNull = (schema) => schema.type === "null";

// "a string, or a list of integers"
export function typeWords(raw, doc, depth = 0) {
  const schema = resolve(raw, doc);
  if (depth > DEPTH) return "anything";
  if (choices(schema)) {
    const words = choices(schema).map((one) => typeWords(one, doc, depth + 1));
    return [...new Set(words)].join(" or ");
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" or ");
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => typeWords({ ...schema, type }, doc, depth + 1)).join(" or ");
  }
  return plainType(schema, doc, depth) + limits(schema);
}

function plainType(schema, doc, depth) {
  if (schema.type === "array" || schema.items || schema.prefixItems) {
    const items = schema.items ?? { anyOf: schema.prefixItems ?? [{}] };
    return `list of ${typeWords(items, doc, depth + 1)}`;
  }
  if (schema.format === "binary" || schema.contentMediaType) return "file";
  if (schema.type === "object" || schema.properties) return "object";
  return schema.type ?? "anything";
}

// Bounds that only keep numbers within four bytes tell nobody anything.
const isTelling = (bound) => bound !== undefined && Math.abs(bound) < 2 ** 31 - 1;

const BOUNDS = [
  ["minimum", "at least", ""],
  ["maximum", "at most", ""],
  ["minItems", "at least", "item"],
  ["maxItems", "at most", "item"],
  ["minLength", "at least", "character"],
  ["maxLength", "at most", "character"],
];

function limits(schema) {
  const words = [];
  for (const [name, side, noun] of BOUNDS) {
    const bound = schema[name];
    if (isTelling(bound)) words.push(`${side} ${noun ? plural(bound, noun) : count(bound)}`);
  }
  if (schema.exclusiveMinimum !== undefined) words.push(`above ${schema.exclusiveMinimum}`);
  return words.length ? ` (${words.join(", ")})` : "";
}

// The fields of an object and of the objects within, each with the way to it: "data[].index".
export function fieldsOf(raw, doc, above = "", seen = []) {
  const schema = resolve(raw, doc);
  if (seen.length > DEPTH || (raw?.$ref && seen.includes(raw.$ref))) return [];
  const next = raw?.$ref ? [...seen, raw.$ref] : [...seen, ""];
  const inside = choices(schema);
  if (inside) return inside.filter((one) => !isNull(one)).flatMap((one) => fieldsOf(one, doc, above, next));
  if (schema.items) return fieldsOf(schema.items, doc, `${above}[]`, next);
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const own = resolve(property, doc);
    const path = above ? `${above}.${name}` : name;
    const field = {
      path,
      type: typeWords(property, doc),
      required: required.includes(name),
      default: own.default,
      description: own.description ?? "",
    };
    return [field, ...fieldsOf(property, doc, path, next)];
  });
}

// A value that fits: the document's own example, else the required fields alone.
export function exampleOf(raw, doc, name = "", depth = 0) {
  const schema = resolve(raw, doc);
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (depth > DEPTH) return null;
  if (choices(schema)) return exampleOf(choices(schema).find((one) => !isNull(one)), doc, name, depth + 1);
  if (schema.properties) {
    const names = (schema.required ?? []).filter((name) => name in schema.properties);
    const valueOf = (one) => exampleOf(schema.properties[one], doc, one, depth + 1);
    return Object.fromEntries(names.map((one) => [one, valueOf(one)]));
  }
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  if (type === "array") return [exampleOf(schema.items, doc, name, depth + 1)];
  const { minimum: least } = schema;
  const plain = { integer: least ?? 1, number: least ?? 0.5, boolean: true, object: {}, null: null };
  if (type in plain) return plain[type];
  return name.includes("image") ? "data:image/png;base64,..." : "Where is my parcel?";
}
