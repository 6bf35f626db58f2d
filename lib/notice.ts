/**
 * What the toolkit has to say about itself while it works: a closed set of kinds, so that each has one formatter.
 *
 * @module
 */
import type { RunStatus } from "./model.ts";

/** Why something waits. */
export type WaitCause = "rate_limit" | "unavailable" | "network" | "start_limit" | "invalid_answer" | "unauthorized";

/** One thing worth a log line. */
export type Notice =
  /** A request is repeated, or held back, because of what the last attempt met. */
  | {
    kind: "wait";
    /** What is attempted, as in error messages: `read events of run …`. */
    what: string;
    cause: WaitCause;
    /** The last answer or network error in a few masked words. */
    detail: string;
    /** Number of the attempt that failed; the first is 1. */
    attempt: number;
    /** Milliseconds until the next one. */
    delayMs: number;
    /** Whether the service named the delay (`Retry-After`). */
    named: boolean;
    /** Wall time of the next attempt, in milliseconds since 1970. */
    untilMs: number;
  }
  /** Nothing else was said for a while. */
  | { kind: "heartbeat"; status: RunStatus; elapsedMs: number; requests: number }
  /** The feed shows its first 200 events for ever: later steps are not visible, the status still is. */
  | { kind: "window_full" }
  /** Events went by unseen. */
  | { kind: "events_missed" }
  /** The service uses a status that is not known; it counts as not finished. */
  | { kind: "unknown_status"; status: string }
  /** A replayed run was dead, so the next key of the series is tried. */
  | { kind: "restart"; runId: string; status: RunStatus; suffix: number }
  /** The identity of the job is incomplete, so the key is random. */
  | { kind: "random_key"; missing: string[] }
  /** A first attempt found a run under its key where the nodes of a matrix look the same. */
  | { kind: "shared_key"; runId: string }
  /** Anything else, in words of ours. */
  | { kind: "text"; message: string };

/** Takes notices; must not throw. */
export type OnNotice = (notice: Notice) => void;
