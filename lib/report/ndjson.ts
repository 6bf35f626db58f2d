/**
 * `events.ndjson`: every event that was seen, one JSON object a line, oldest first.
 *
 * @module
 */
import { jsonText } from "../text/escape/json.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { viewOf } from "../result/result_view.ts";
import type { RunResult } from "../result/run_result.ts";

/** Renders all events; an empty text when none were seen. An automation run has no events. */
export function renderNdjson(result: RunResult | AutomationResult): string {
  return viewOf(result).events.map((event) => `${jsonText(event)}\n`).join("");
}
