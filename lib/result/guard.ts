/**
 * What a result prints by itself: a copy with secrets masked. The fields of the result keep the texts of the service.
 *
 * @module
 */
import type { Redactor } from "../text/redact.ts";
import type { AnyResult } from "./any_result.ts";
import { cleanResult } from "./clean.ts";

/** The method that `console.log` calls for an object, on Node, Deno and Bun. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

type Fields = Record<string, unknown>;

/** Makes `JSON.stringify` and `console.log` show something else for an object or a list. */
function showInstead(value: object, masked: () => unknown): void {
  const show = { value: masked, configurable: true };
  Object.defineProperties(value, { toJSON: show, [INSPECT]: show });
}

/** Makes a field one that `console.dir` names but does not read: on Node it asks no object how to show it. */
function hideFromDir(fields: Fields, name: string): void {
  let value = fields[name];
  Object.defineProperty(fields, name, {
    get: () => value,
    set: (next: unknown) => void (value = next),
    enumerable: true,
    configurable: true,
  });
}

/** The fields whose texts have something to mask. Events are many: they count without being looked at. */
function maskedFields(result: AnyResult, redact: Redactor): string[] {
  const own = { ...result, events: [] } as unknown as AnyResult;
  const shown = cleanResult(own, redact, redact.token) as unknown as Fields;
  const differs = ([name, value]: [string, unknown]) => JSON.stringify(shown[name]) !== JSON.stringify(value);
  return Object.entries(result).filter(differs).map(([name]) => name);
}

/**
 * Makes `JSON.stringify` and `console.log` show a masked copy of a result, and of each list or object in it that has something to mask. Does
 * nothing to a result that has it already.
 *
 * @returns The same object. A copy of it, by spreading for example, prints its texts as they are, and so does `console.table`, which takes
 * text by text and asks no object.
 */
export function guardResult<R extends AnyResult>(result: R, redact: Redactor): R {
  if (Object.hasOwn(result, "toJSON")) return result;
  const fields = result as unknown as Fields;
  const masked = () => cleanResult(result, redact, redact.token);
  for (const name of maskedFields(result, redact)) {
    const value = fields[name];
    hideFromDir(fields, name);
    if (typeof value === "object" && value !== null) showInstead(value, () => (masked() as unknown as Fields)[name]);
  }
  showInstead(result, masked);
  return result;
}
