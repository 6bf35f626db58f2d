/**
 * The end of a run's log, for reports.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import type { Redact } from "../../result/clean.ts";
import { isTerminalType } from "../../result/run_phases.ts";
import { cutText } from "../../text/plain_text.ts";
import { COMPACT_WIDTH, CompactLog } from "./event_text.ts";

/** More is in the log itself and in `events.ndjson`. */
const LINES = 10;

/**
 * The last ten lines of the compact log before the run ended. Untrusted text.
 *
 * @param events Oldest first.
 * @param redact Removes secrets: one can stand in several pieces of prose, which are joined here.
 */
export function lastLines(events: readonly RunEvent[], redact: Redact): string[] {
  const log = new CompactLog(redact);
  const lines = events.filter(({ type }) => !isTerminalType(type)).flatMap((event) => log.lines(event));
  return [...lines, ...log.end()].slice(-LINES).map((line) => cutText(redact(line), COMPACT_WIDTH));
}
