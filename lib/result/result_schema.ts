import { isObject } from "../lookup.ts";
import { checkJsonSchema, type Draft, MAX_LEVELS, SchemaMistake } from "./json_schema.ts";
import { pointerTo } from "./strict_json.ts";

export interface ResultSchema {
  /** One line of JSON. */
  readonly text: string;
  readonly draft: Draft;
  readonly outputs: readonly string[];
}

/** A schema must fit into a prompt, which has at most 100,000 characters. */
const MAX_BYTES = 32_768;
/** GitLab limits a dotenv file to 5 KB, so the number of outputs is limited. */
const MAX_OUTPUTS = 10;
const SCALARS: readonly unknown[] = ["string", "number", "integer", "boolean"];

export function checkResultSchema(value: unknown): ResultSchema {
  const text = shownSchema(value);
  return { text, draft: checkJsonSchema(value), outputs: outputNames(value) };
}

/** `JSON.stringify` changes or drops some values. Without this check, a different schema would be sent and checked. */
function checkIsJson(value: unknown, at = ""): void {
  if (at.split("/").length > MAX_LEVELS) throw new SchemaMistake(at, `a schema can have at most ${MAX_LEVELS} levels`);
  if (Array.isArray(value)) return value.forEach((item, index) => checkIsJson(item, pointerTo(at, index)));
  if (isObject(value) && Object.prototype.toString.call(value) === "[object Object]" && !isFunction(value.toJSON)) {
    for (const [name, inner] of Object.entries(value)) {
      if (inner !== undefined) checkIsJson(inner, pointerTo(at, name));
    }
    return;
  }
  const isScalar = value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value);
  if (!isScalar) {
    throw new SchemaMistake(at, at === "" ? "a schema must be an object" : "JSON cannot contain this value");
  }
}

const isFunction = (value: unknown) => typeof value === "function";

export function shownSchema(value: unknown): string {
  if (!isObject(value)) throw new SchemaMistake("", "a schema must be an object");
  checkIsJson(value);
  const text = JSON.stringify(value);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= MAX_BYTES) return text;
  throw new SchemaMistake("", `the schema must have at most ${MAX_BYTES} bytes as one line of JSON, not ${bytes}`);
}

export function outputNames(schema: unknown): string[] {
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {};
  const names = Object.keys(properties).filter((name) => {
    const property = properties[name];
    return isObject(property) && SCALARS.includes(property.type);
  });
  const advice = "rename it, or move it into an object";
  names.forEach((name, index) => {
    const at = pointerTo("/properties", name);
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
      throw new SchemaMistake(at, `an output cannot have the name ${JSON.stringify(name)}`, advice);
    }
    const lower = name.toLowerCase();
    if (lower === "path") throw new SchemaMistake(at, `"result_path" is reserved for the path of value.json`, advice);
    if (names.slice(0, index).some((other) => other.toLowerCase() === lower)) {
      throw new SchemaMistake(at, `two outputs differ only in case: ${JSON.stringify(name)}`, advice);
    }
    if (index >= MAX_OUTPUTS) {
      throw new SchemaMistake(
        at,
        `more than ${MAX_OUTPUTS} properties would become outputs`,
        "move some into an object",
      );
    }
  });
  return names;
}
