/** Reading recipes strictly: what the models of the CI systems do not know is an error, so that nothing passes by being skipped. */
import { parseDocument } from "yaml";

/** A mapping as it was read. */
export type Fields = Record<string, unknown>;

/** Reads YAML; a warning is an error. */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, { strict: true, uniqueKeys: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw problem;
  return document.toJS();
}

/** A mapping that has no other keys than these. */
export function fields(value: unknown, where: string, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${where} is no mapping`);
  }
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) throw new TypeError(`${where} has a key that is not known here: "${other}"`);
  return value as Fields;
}

export function list(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${where} is no list`);
  return value;
}

export function text(value: unknown, where: string): string {
  if (typeof value !== "string") throw new TypeError(`${where} is no text: ${JSON.stringify(value)}`);
  return value;
}

/** A list of texts. */
export function texts(value: unknown, where: string): string[] {
  return list(value, where).map((each) => text(each, where));
}

/** A mapping of texts; numbers and switches become texts, as in every environment. */
export function textFields(value: unknown, where: string): Record<string, string> {
  const entries = Object.entries(fields(value ?? {}, where, Object.keys(value ?? {})));
  return Object.fromEntries(entries.map(([key, each]) => {
    if (!["string", "number", "boolean"].includes(typeof each)) throw new TypeError(`${where}.${key} is no text`);
    return [key, String(each)];
  }));
}
