/**
 * `result.json`: the result for programs. The schema of a run's is `schema/result.schema.json`, that of an automation run's
 * `schema/automation-result.schema.json`; `kind` distinguishes them.
 * @module
 */
import type { AnyResult, AutomationResult, RunResult } from "../run/result.ts";
import { jsonText } from "../text/escape.ts";

/** A result for programs, without its events, which are in `events.ndjson`. */
export function resultFields(result: AnyResult): Partial<RunResult> | AutomationResult {
  const { events: _events, ...rest }: Partial<RunResult> | AutomationResult & { events?: undefined } = result;
  return rest;
}

/**
 * Renders {@linkcode resultFields}.
 *
 * @param result Result after `cleanResult`.
 */
export function renderJson(result: AnyResult): string {
  return `${jsonText(resultFields(result), 2)}\n`;
}
