/**
 * Events of the harness `mogplex` in later revisions. They differ from those of the other harnesses.
 *
 * @module
 */
import type { NewEvent } from "../service/runs.ts";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** Error text of an event about a failure. */
function errorOf(payload: Record<string, unknown>): string | undefined {
  if (typeof payload.error === "string") return payload.error;
  return typeof payload.exit_code === "number" ? `Agent run exited with code ${payload.exit_code}.` : undefined;
}

/**
 * Turns an event of another harness into the one that the harness `mogplex` writes in its place.
 *
 * @returns Undefined for an event that it does not write.
 * Source: contract notes of November 2026, harness `mogplex`.
 */
export function nativeEvent(event: NewEvent): NewEvent | undefined {
  const payload = isRecord(event.payload) ? event.payload : {};
  const isHarness = event.message?.startsWith("Harness ") === true;
  switch (event.type) {
    case "started":
      return isHarness ? { ...event, message: "Mogplex agent run started" } : event;
    case "finished":
      return { ...event, payload: {} };
    case "failed":
      return isHarness ? { ...event, message: errorOf(payload) ?? event.message } : event;
    case "tool_started":
    case "tool_finished": {
      const { kind: _kind, state: _state, ...rest } = payload;
      return { ...event, payload: rest };
    }
    case "log":
      if (payload.stage === "git_delivery") return undefined;
      return payload.kind === "assistant_delta" ? { ...event, payload: { ...payload, kind: "run_progress" } } : event;
    default:
      return event;
  }
}
