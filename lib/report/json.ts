/**
 * `schema/result.schema.json` describes the result of a run, and `schema/automation-result.schema.json` the result of an automation run.
 *
 * @module
 */
import type { AnyResult } from "../run/result.ts";
import { jsonText } from "../text/escape.ts";

/** Events are left out because they are in `events.ndjson`. The value of a result file is the top-level `value`. */
export function resultFields(result: AnyResult): object {
  if (result.kind !== "run") return result;
  const { events: _events, ...rest } = result;
  if (rest.resultFile === null) return rest;
  const { value, ...resultFile } = rest.resultFile;
  return { ...rest, value, resultFile };
}

export function renderJson(result: AnyResult): string {
  return `${jsonText(resultFields(result), 2)}\n`;
}
