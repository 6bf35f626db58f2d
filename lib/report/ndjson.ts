/**
 * `events.ndjson`: one JSON object a line for each event, oldest first.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import type { AnyResult } from "../result/any_result.ts";
import { viewOf } from "../result/result_view.ts";
import { jsonText } from "../text/escape/json.ts";

/** The line of one event, with its line break. The event must have passed `cleanEvent`. */
export function ndjsonLine(event: RunEvent): string {
  return `${jsonText(event)}\n`;
}

/**
 * Renders the events that the result has kept; an empty text when there are none. An automation run has no events. The command writes the
 * file while it follows the run, with all events: see `EventFile`.
 */
export function renderNdjson(result: AnyResult): string {
  return viewOf(result).events.map(ndjsonLine).join("");
}
