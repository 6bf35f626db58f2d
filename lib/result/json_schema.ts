/**
 * Checks a JSON Schema before it is used. Every keyword must exist in its draft, with a value that the draft's metaschema permits. Every reference
 * must lead to a place inside the schema, without endless loops. Without this check, a keyword with a typo would be a rule that never fails. Source:
 * the metaschemas of JSON Schema 2020-12, 2019-09 and draft-07. The check uses a table instead of the metaschemas, because the metaschemas permit
 * unknown keywords, and the validator does not support their `$dynamicRef`.
 * @module
 */
import { isObject, lookup } from "../lookup.ts";
import { didYouMean } from "../nearest.ts";
import { pointerTo } from "./strict_json.ts";

export type Draft = "2020-12" | "2019-09" | "7";

/** The text of the mistake comes from the author of the schema, not from an agent. */
export class SchemaMistake extends Error {
  readonly pointer: string;
  readonly advice: string | undefined;

  constructor(pointer: string, why: string, advice?: string) {
    super(why);
    this.pointer = pointer;
    this.advice = advice;
  }
}

const DRAFTS: Readonly<Record<string, Draft>> = {
  "https://json-schema.org/draft/2020-12/schema": "2020-12",
  "https://json-schema.org/draft/2019-09/schema": "2019-09",
  "http://json-schema.org/draft-07/schema": "7",
};

const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];

/** Any format that the validator does not check would be a rule that never fails. */
const FORMATS = [
  "date",
  "time",
  "date-time",
  "duration",
  "uri",
  "uri-reference",
  "uri-template",
  "url",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "regex",
  "uuid",
  "json-pointer",
  "json-pointer-uri-fragment",
  "relative-json-pointer",
];

type Rule = (value: unknown, at: string, check: SchemaChecker) => void;

type Row = Rule | { readonly rule: Rule; readonly drafts: readonly Draft[] };

const KEYWORDS: Readonly<Record<string, Row>> = {
  $schema: text,
  $id: anId,
  $comment: text,
  $anchor: { rule: anAnchor, drafts: ["2020-12", "2019-09"] },
  $ref: text,
  $defs: { rule: schemas, drafts: ["2020-12", "2019-09"] },
  definitions: schemas,
  title: text,
  description: text,
  default: anything,
  examples: aList,
  deprecated: { rule: aSwitch, drafts: ["2020-12", "2019-09"] },
  readOnly: aSwitch,
  writeOnly: aSwitch,
  type: types,
  enum: nonEmptyList,
  const: anything,
  format: oneFormat,
  multipleOf: aboveZero,
  maximum: aNumber,
  exclusiveMaximum: aNumber,
  minimum: aNumber,
  exclusiveMinimum: aNumber,
  maxLength: count,
  minLength: count,
  pattern,
  contentEncoding: text,
  contentMediaType: text,
  maxItems: count,
  minItems: count,
  uniqueItems: aSwitch,
  prefixItems: { rule: schemaList, drafts: ["2020-12"] },
  items,
  additionalItems: { rule: schema, drafts: ["2019-09", "7"] },
  unevaluatedItems: { rule: schema, drafts: ["2020-12", "2019-09"] },
  contains: schema,
  maxContains: { rule: count, drafts: ["2020-12", "2019-09"] },
  minContains: { rule: count, drafts: ["2020-12", "2019-09"] },
  maxProperties: count,
  minProperties: count,
  required: names,
  properties: schemas,
  patternProperties,
  additionalProperties: schema,
  unevaluatedProperties: { rule: schema, drafts: ["2020-12", "2019-09"] },
  propertyNames: schema,
  dependentRequired: { rule: namesByName, drafts: ["2020-12", "2019-09"] },
  dependentSchemas: { rule: schemas, drafts: ["2020-12", "2019-09"] },
  dependencies: { rule: dependencies, drafts: ["7"] },
  allOf: schemaList,
  anyOf: schemaList,
  oneOf: schemaList,
  not: schema,
  if: schema,
  then: schema,
  else: schema,
};

const UNSUPPORTED = [
  "$dynamicRef",
  "$dynamicAnchor",
  "$recursiveRef",
  "$recursiveAnchor",
  "$vocabulary",
  "contentSchema",
];

export const MAX_LEVELS = 64;

export function checkJsonSchema(value: unknown): Draft {
  if (!isObject(value)) throw new SchemaMistake("", "a schema must be an object");
  const { $schema = "https://json-schema.org/draft/2020-12/schema" } = value;
  const draft = typeof $schema === "string" ? lookup(DRAFTS, $schema.replace(/#$/, "")) : undefined;
  if (draft === undefined) {
    throw new SchemaMistake("/$schema", "the draft is unknown", `use one of ${Object.keys(DRAFTS).join(", ")}`);
  }
  new SchemaChecker(value, draft).check();
  return draft;
}

class SchemaChecker {
  readonly #root: Record<string, unknown>;
  readonly draft: Draft;
  readonly #keywords: readonly string[];
  readonly #schemas = new Map<string, unknown>();
  readonly #anchors = new Map<string, string>();

  constructor(root: Record<string, unknown>, draft: Draft) {
    this.#root = root;
    this.draft = draft;
    this.#keywords = Object.entries(KEYWORDS)
      .filter(([, row]) => typeof row === "function" || row.drafts.includes(draft)).map(([name]) => name);
  }

  check(): void {
    this.schema(this.#root, "");
    for (const [pointer, each] of this.#schemas) this.#checkReference(each, pointer);
    const done = new Set<string>();
    for (const pointer of this.#schemas.keys()) this.#checkCircle(pointer, new Set(), done);
  }

  schema(value: unknown, at: string): void {
    if (at.split("/").length > MAX_LEVELS) {
      throw new SchemaMistake(at, `a schema can have at most ${MAX_LEVELS} levels`);
    }
    if (typeof value !== "boolean" && !isObject(value)) {
      throw new SchemaMistake(at, "a schema must be an object, true or false");
    }
    this.#schemas.set(at, value);
    if (typeof value === "boolean") return;
    for (const [name, inner] of Object.entries(value)) {
      const place = pointerTo(at, name);
      const row = this.#keywords.includes(name) ? lookup(KEYWORDS, name) : undefined;
      if (row === undefined) throw this.#unknownKeyword(name, place);
      (typeof row === "function" ? row : row.rule)(inner, place, this);
    }
  }

  anchor(name: string, at: string): void {
    if (this.#anchors.has(name)) throw new SchemaMistake(at, "an anchor appears twice");
    this.#anchors.set(name, at.slice(0, at.lastIndexOf("/")));
  }

  #unknownKeyword(name: string, place: string): SchemaMistake {
    if (UNSUPPORTED.includes(name)) {
      return new SchemaMistake(place, `the keyword ${JSON.stringify(name)} is not supported`);
    }
    const drafts = lookup(KEYWORDS, name);
    const why = drafts === undefined || typeof drafts === "function"
      ? `the keyword ${JSON.stringify(name)} is unknown`
      : `the keyword ${JSON.stringify(name)} does not exist in this draft`;
    return new SchemaMistake(place, why, didYouMean(name, this.#keywords));
  }

  #targetOf(reference: string, at: string): string {
    const outside = () =>
      new SchemaMistake(at, "a reference must stay inside the schema", 'write "#/…", with the target under "$defs"');
    const { $id } = this.#root;
    const base = typeof $id === "string" ? $id.replace(/#$/, "") : "";
    const fragment = base !== "" && reference.startsWith(`${base}#`) ? reference.slice(base.length) : reference;
    if (!fragment.startsWith("#")) throw outside();
    let name: string;
    try {
      name = decodeURIComponent(fragment.slice(1));
    } catch {
      throw outside();
    }
    const target = name === "" || name.startsWith("/") ? name : this.#anchors.get(name);
    if (target === undefined || !this.#schemas.has(target)) {
      throw new SchemaMistake(at, `the reference ${JSON.stringify(reference)} does not point to a schema`);
    }
    return target;
  }

  #checkReference(value: unknown, pointer: string): void {
    if (isObject(value) && typeof value.$ref === "string") this.#targetOf(value.$ref, pointerTo(pointer, "$ref"));
  }

  /** References that lead back to a schema without going deeper into the value would make the check endless. */
  #checkCircle(pointer: string, path: Set<string>, done: Set<string>): void {
    if (path.has(pointer)) throw new SchemaMistake(pointer, "the schema refers to itself in an endless loop");
    if (done.has(pointer)) return;
    path.add(pointer);
    for (const next of this.#inPlace(pointer)) this.#checkCircle(next, path, done);
    path.delete(pointer);
    done.add(pointer);
  }

  #inPlace(pointer: string): string[] {
    const value = this.#schemas.get(pointer);
    if (!isObject(value)) return [];
    const { $ref } = value;
    return [
      ...typeof $ref === "string" ? [this.#targetOf($ref, pointerTo(pointer, "$ref"))] : [],
      ...["not", "if", "then", "else"].filter((name) => name in value).map((name) => pointerTo(pointer, name)),
      ...["allOf", "anyOf", "oneOf"].flatMap((name) => {
        const list = value[name];
        return Array.isArray(list) ? list.map((_, index) => pointerTo(pointerTo(pointer, name), index)) : [];
      }),
      ...["dependentSchemas", "dependencies"].flatMap((name) => {
        const map = value[name];
        return isObject(map) ? Object.keys(map).map((key) => pointerTo(pointerTo(pointer, name), key)) : [];
      }),
    ];
  }
}

function refuse(at: string, must: string, advice?: string): never {
  const name = at.slice(at.lastIndexOf("/") + 1).replaceAll("~1", "/").replaceAll("~0", "~");
  throw new SchemaMistake(at, `${JSON.stringify(name)} must be ${must}`, advice);
}

function anything(): void {}

function text(value: unknown, at: string): void {
  if (typeof value !== "string") refuse(at, "a string");
}

function anId(value: unknown, at: string): void {
  if (typeof value !== "string" || !URL.canParse(value)) refuse(at, "an absolute URL");
  if (at !== "/$id") throw new SchemaMistake(at, 'only the root schema can have an "$id"');
}

function anAnchor(value: unknown, at: string, check: SchemaChecker): void {
  if (typeof value !== "string" || !/^[A-Za-z_][-A-Za-z0-9._]*$/.test(value)) refuse(at, "a name");
  check.anchor(value, at);
}

function aSwitch(value: unknown, at: string): void {
  if (typeof value !== "boolean") refuse(at, "true or false");
}

function aNumber(value: unknown, at: string): void {
  if (typeof value !== "number") refuse(at, "a number");
}

function aboveZero(value: unknown, at: string): void {
  if (typeof value !== "number" || value <= 0) refuse(at, "a number above 0");
}

function count(value: unknown, at: string): void {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) refuse(at, "a whole number, 0 or more");
}

function aList(value: unknown, at: string): asserts value is unknown[] {
  if (!Array.isArray(value)) refuse(at, "a list");
}

function nonEmptyList(value: unknown, at: string): asserts value is unknown[] {
  if (!Array.isArray(value) || value.length === 0) refuse(at, "a non-empty list");
}

function types(value: unknown, at: string): void {
  const words: unknown[] = Array.isArray(value) ? value : [value];
  if (words.length === 0 || new Set(words).size < words.length) {
    refuse(at, "a type, or a list of types without duplicates");
  }
  for (const word of words) {
    if (typeof word !== "string" || !TYPES.includes(word)) {
      refuse(at, `one of ${TYPES.join(", ")}`, typeof word === "string" ? didYouMean(word, TYPES) : undefined);
    }
  }
}

function oneFormat(value: unknown, at: string): void {
  if (typeof value === "string" && FORMATS.includes(value)) return;
  refuse(at, `one of ${FORMATS.join(", ")}`, typeof value === "string" ? didYouMean(value, FORMATS) : undefined);
}

function isExpression(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    new RegExp(value, "u");
    return true;
  } catch {
    return false;
  }
}

function pattern(value: unknown, at: string): void {
  if (!isExpression(value)) refuse(at, "a JavaScript regular expression with the flag u");
}

function names(value: unknown, at: string): void {
  aList(value, at);
  if (value.some((name) => typeof name !== "string") || new Set(value).size < value.length) {
    refuse(at, "a list of names without duplicates");
  }
}

function aMap(value: unknown, at: string): asserts value is Record<string, unknown> {
  if (!isObject(value)) refuse(at, "an object");
}

function namesByName(value: unknown, at: string): void {
  aMap(value, at);
  for (const [name, list] of Object.entries(value)) names(list, pointerTo(at, name));
}

function schema(value: unknown, at: string, check: SchemaChecker): void {
  check.schema(value, at);
}

function schemas(value: unknown, at: string, check: SchemaChecker): void {
  aMap(value, at);
  for (const [name, inner] of Object.entries(value)) check.schema(inner, pointerTo(at, name));
}

function schemaList(value: unknown, at: string, check: SchemaChecker): void {
  nonEmptyList(value, at);
  value.forEach((inner, index) => check.schema(inner, pointerTo(at, index)));
}

function items(value: unknown, at: string, check: SchemaChecker): void {
  if (!Array.isArray(value)) return check.schema(value, at);
  if (check.draft === "2020-12") refuse(at, "one schema", 'write the list as "prefixItems"');
  schemaList(value, at, check);
}

function patternProperties(value: unknown, at: string, check: SchemaChecker): void {
  schemas(value, at, check);
  const wrong = Object.keys(value as object).find((name) => !isExpression(name));
  if (wrong !== undefined) pattern(wrong, pointerTo(at, wrong));
}

function dependencies(value: unknown, at: string, check: SchemaChecker): void {
  aMap(value, at);
  for (const [name, inner] of Object.entries(value)) {
    const place = pointerTo(at, name);
    // The validator would read these keys as keywords.
    if (["id", "$id", "$ref"].includes(name)) throw new SchemaMistake(place, "a dependency cannot have this name");
    if (Array.isArray(inner)) names(inner, place);
    else check.schema(inner, place);
  }
}
