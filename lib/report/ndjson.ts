/**
 * `events.ndjson`: every event that was seen, one JSON object a line, oldest first.
 *
 * @module
 */
import { jsonText } from "../text/escape/json.ts";
import type { RunResult } from "../result/run_result.ts";

/** Renders all events; an empty text when none were seen. */
export function renderNdjson(result: RunResult): string {
  return result.events.map((event) => `${jsonText(event)}\n`).join("");
}
