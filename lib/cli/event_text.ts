/**
 * Events as lines of the log. The lines are not yet safe to print: they go through `Writer.untrustedLines`.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";

/** Most UTF-16 units of a line in the compact form; the reports have the rest. */
export const COMPACT_WIDTH = 300;

/** Time of day of the service's own clock, in UTC, or the text itself when it is no time. */
function timeOf(createdAt: string): string {
  const ms = Date.parse(createdAt);
  return Number.isNaN(ms) ? createdAt : new Date(ms).toISOString().slice(11, 19);
}

function headOf(event: RunEvent): string {
  return `${timeOf(event.createdAt)}  ${event.type}  ${event.toolName === null ? "" : `tool=${event.toolName}  `}`;
}

/** One line: time, type, tool, and the first line of the message. */
export function compactEvent(event: RunEvent): string {
  const [first = "", ...rest] = (event.message ?? "").trim().split(/\r\n|[\n\r]/);
  return `${headOf(event)}${first}${rest.length > 0 ? ` (+${rest.length} lines)` : ""}`.trimEnd();
}

/** Time, type and tool, all lines of the message, and the payload as JSON. */
export function fullEvent(event: RunEvent): string {
  const payload = Object.keys(event.payload).length > 0 ? `\n${JSON.stringify(event.payload)}` : "";
  return `${headOf(event)}${event.message ?? ""}${payload}`.trimEnd().replace(/\n/g, "\n    ");
}
