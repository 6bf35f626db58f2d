/**
 * Describes a broken rule. The text never contains the value, only its type.
 * @module
 */
import { isObject } from "../lookup.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import type { Mistake } from "./check_value.ts";

const MAX_POINTER = 200;
const MAX_WANTED = 200;

export function shownPointer(pointer: string): string {
  return pointer === "" ? "the whole value" : JSON.stringify(cutText(plainText(pointer), MAX_POINTER));
}

export function mistakeText({ pointer, keyword, rule, property }: Mistake, value: unknown, schema: string): string {
  const ruleValue = valueAt(JSON.parse(schema), rule);
  const type = keyword === "type" ? typeAt(value, pointer) : undefined;
  const butIs = type === undefined ? "" : `, but is of type ${type}`;
  return `${shownPointer(pointer)} ${wordsFor(keyword, ruleValue, property)}${butIs} (${
    keyword === "false" ? "schema" : keyword
  })`;
}

function valueAt(root: unknown, rule: string): unknown {
  let value = root;
  for (const part of rule.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const next = isObject(value) || Array.isArray(value) ? (value as Record<string, unknown>)[key] : undefined;
    value = key === "$ref" && typeof next === "string" && next.startsWith("#/")
      ? valueAt(root, decodeURIComponent(next.slice(1)))
      : next;
  }
  return value;
}

/** @param pointer The validator percent-encodes its pointers. */
function typeAt(root: unknown, pointer: string): string | undefined {
  let value = root;
  for (const part of pointer.split("/").slice(1)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function listOf(wanted: unknown): string {
  const text = Array.isArray(wanted) ? wanted.map((each) => JSON.stringify(each)).join(", ") : JSON.stringify(wanted);
  return cutText(text ?? "what the schema requires", MAX_WANTED);
}

function wordsFor(keyword: string, wanted: unknown, property: string | null): string {
  const text = listOf(wanted);
  switch (keyword) {
    case "type":
      return `must be of type ${text.replaceAll('"', "").replaceAll(", ", " or ")}`;
    case "enum":
      return `must be one of ${text}`;
    case "const":
      return `must be ${text}`;
    case "required":
      return `lacks the property ${JSON.stringify(property)}`;
    case "false":
      return "is not allowed";
    case "format":
      return `must have the format ${text.replaceAll('"', "")}`;
    case "pattern":
      return `must match ${text}`;
    case "uniqueItems":
      return "must not contain duplicate items";
    case "minLength":
    case "minItems":
    case "minProperties":
    case "minContains":
      return `must have at least ${text} ${UNITS[keyword]}`;
    case "maxLength":
    case "maxItems":
    case "maxProperties":
    case "maxContains":
      return `must have at most ${text} ${UNITS[keyword]}`;
    case "minimum":
      return `must be at least ${text}`;
    case "maximum":
      return `must be at most ${text}`;
    case "exclusiveMinimum":
      return `must be more than ${text}`;
    case "exclusiveMaximum":
      return `must be less than ${text}`;
    case "multipleOf":
      return `must be a multiple of ${text}`;
    case "not":
      return 'must not match the schema under "not"';
    case "oneOf":
      return "must match exactly one of the schemas";
    case "anyOf":
      return "must match one of the schemas";
    case "contains":
      return "must have an item that matches";
    default:
      return "breaks a rule of the schema";
  }
}

const UNITS = {
  minLength: "characters",
  minItems: "items",
  minProperties: "properties",
  minContains: "matching items",
  maxLength: "characters",
  maxItems: "items",
  maxProperties: "properties",
  maxContains: "matching items",
} as const;
