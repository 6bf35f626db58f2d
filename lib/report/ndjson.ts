/**
 * `events.ndjson`: every event that was seen, one JSON object a line, oldest first.
 *
 * @module
 */
import { jsonText } from "../text/escape/json.ts";
import type { AnyResult } from "../result/any_result.ts";
import { viewOf } from "../result/result_view.ts";

/** Renders all events; an empty text when none were seen. An automation run has no events. */
export function renderNdjson(result: AnyResult): string {
  return viewOf(result).events.map((event) => `${jsonText(event)}\n`).join("");
}
