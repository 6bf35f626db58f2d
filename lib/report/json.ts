/**
 * `result.json`: the result for programs. `schema/result.schema.json` describes it.
 *
 * @module
 */
import { jsonText } from "../text/escape/json.ts";
import type { RunResult } from "../result/run_result.ts";

/** Renders the result without its events, which have a file of their own. */
export function renderJson(result: RunResult): string {
  const { events: _events, ...rest } = result;
  return `${jsonText(rest, 2)}\n`;
}
