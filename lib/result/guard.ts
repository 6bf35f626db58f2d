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

/**
 * Makes `JSON.stringify` and `console.log` show a masked copy of a result. Does nothing to a result that has it already.
 *
 * @returns The same object. A copy of it, by spreading for example, prints its texts as they are.
 */
export function guardResult<R extends AnyResult>(result: R, redact: Redactor): R {
  if (Object.hasOwn(result, "toJSON")) return result;
  const show = { value: () => cleanResult(result, redact, redact.token), configurable: true };
  return Object.defineProperties(result, { toJSON: show, [INSPECT]: show });
}
