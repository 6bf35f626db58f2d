/**
 * The JSON Schema of a campaign file and the table of its keys. Both are generated from the schema that reads the file.
 *
 * @module
 */
import * as z from "zod/mini";
import { MAX_PROMPT_LENGTH } from "../../lib/service/contract.ts";
import { MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TITLE } from "../../lib/campaign/file/items.ts";
import { MAX_BRANCH } from "../../lib/campaign/file/rules.ts";
import { campaignSchema, MAX_ENTRIES } from "../../lib/campaign/file/schema.ts";
import { MAX_DEPTH } from "../../lib/campaign/file/syntax.ts";
import { CAMPAIGN_KEYS } from "./campaign_keys.ts";
import { table } from "./markdown_table.ts";

export interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: readonly unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: readonly string[];
  properties?: Readonly<Record<string, JsonSchema>>;
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  propertyNames?: JsonSchema;
  anyOf?: readonly JsonSchema[];
}

function partsOf(schema: JsonSchema, path: string): [path: string, part: JsonSchema][] {
  const { properties = {}, propertyNames, additionalProperties, items, anyOf = [] } = schema;
  const below: [string, JsonSchema | undefined | boolean][] = [
    ...Object.entries(properties).map((
      [name, part],
    ): [string, JsonSchema] => [path === "" ? name : `${path}.${name}`, part]),
    [`${path}.name`, propertyNames],
    [`${path}.value`, additionalProperties],
    [`${path}[]`, items],
    ...anyOf.map((part, index): [string, JsonSchema] => [`${path}|${index + 1}`, part]),
  ];
  return [...below.flatMap(([at, part]) => typeof part === "object" ? partsOf(part, at) : []), [path, schema]];
}

export function campaignJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(campaignSchema(), { io: "input" });
  const parts = new Map(partsOf(rest as JsonSchema, ""));
  const missing = [...parts.keys()].filter((path) =>
    /(?:^|\.)[a-z$-]+$/.test(path) && !/\.(?:name|value)$/.test(path) && CAMPAIGN_KEYS[path]?.description === undefined
  );
  const strange = Object.keys(CAMPAIGN_KEYS).filter((path) => !parts.has(path));
  if (missing.length + strange.length > 0) {
    throw new Error(
      `Cannot describe the campaign file: keys without a description: "${missing}", descriptions without a key: "${strange}"`,
    );
  }
  for (const [path, facts] of Object.entries(CAMPAIGN_KEYS)) Object.assign(parts.get(path) ?? {}, facts);
  return { $schema, title: "campaign file of @mogplex/ci", ...rest } as JsonSchema;
}

function code(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(", ");
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(", or ");
  switch (schema.type) {
    case "integer":
      return `whole number from ${schema.minimum} to ${schema.maximum}`;
    case "boolean":
      return "`true`, `false`";
    case "array":
      return `list of at most ${schema.maxItems}`;
    case "object":
      return schema.maxProperties === undefined ? "map" : `map of at most ${schema.maxProperties} texts`;
    default:
      return schema.maxLength === undefined ? "text" : `text of at most ${schema.maxLength} characters`;
  }
}

function defaultOf(schema: JsonSchema, isRequired: boolean): string {
  if (isRequired) return "required";
  const isMap = schema.type === "object" && schema.maxProperties === undefined;
  if (schema.default === undefined || isMap) return "–";
  return schema.default === "" ? "empty" : code(schema.default);
}

function rowsOf(schema: JsonSchema, above: string): string[][] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).flatMap(([name, property]) => {
    const key = `${above}${name}`;
    const forms = property.items?.anyOf ?? (property.items === undefined ? [property] : [property.items]);
    const below = property.items === undefined ? `${key}.` : `${key}[].`;
    return [
      [code(key), typeOf(property), defaultOf(property, required.includes(name)), property.description ?? ""],
      ...forms.flatMap((form) => rowsOf(form, below)),
    ];
  });
}

export function campaignKeysTable(): string {
  return table(["Key", "Type", "Default", "Meaning"], rowsOf(campaignJsonSchema(), ""));
}

function size(bytes: number): string {
  return `${bytes / 1024 / 1024} MiB`;
}

export function campaignLimitsTable(): string {
  return table(["What", "At most"], [
    ["The campaign file, the file with the task, and the result schema", size(MAX_FILE_BYTES)],
    ["A list, and the file of `exclude-file`", `${size(MAX_LIST_BYTES)}, ${MAX_ENTRIES} lines`],
    ["Entries, including entries of lists", String(MAX_ENTRIES)],
    ["Nesting", `${MAX_DEPTH} levels`],
    ["The prompt: title, blank line and task with their variables", `${MAX_PROMPT_LENGTH} characters`],
    ["The title with its variables", `${MAX_TITLE} characters`],
    ["The branch with its variables", `${MAX_BRANCH} characters`],
  ]);
}
