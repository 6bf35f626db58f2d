/**
 * `result.json`: the result for programs. The schema of a run's is `schema/result.schema.json`, that of an automation run's
 * `schema/automation-result.schema.json`; `kind` tells them apart.
 *
 * @module
 */
import { jsonText } from "../text/escape/json.ts";
import type { AnyResult } from "../result/any_result.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import type { RunResult } from "../result/run_result.ts";

/**
 * Renders the result without its events: `events.ndjson` has them.
 *
 * @param result Result after `cleanResult`.
 */
export function renderJson(result: AnyResult): string {
  const { events: _events, ...rest }: Partial<RunResult> | AutomationResult & { events?: undefined } = result;
  return `${jsonText(rest, 2)}\n`;
}
