import type { RunStatus } from "./model.ts";

/** Why a request waits. */
export type WaitCause = "rate_limit" | "unavailable" | "network" | "start_limit" | "invalid_answer" | "unauthorized";

/**
 * A message about a call in progress, worth a line in the log.
 *
 * Not every wait is reported. If the service repeatedly requests a delay for the same reason, only the first wait is reported. After ten minutes
 * without such a wait, the next one is reported again. If nothing else is reported for a minute, a `heartbeat` shows that the call is still in
 * progress. Every wait of a start is reported. A result's `waits` counts all waits.
 */
export type Notice =
  | {
    /** A request is repeated or delayed because the last attempt failed. */
    kind: "wait";
    /** What is attempted, worded as in error messages: `read events of run …`. */
    what: string;
    /** Why the request waits. */
    cause: WaitCause;
    /** The last answer or network error, shortened and masked. */
    detail: string;
    /** Number of the attempt that failed; the first is 1. */
    attempt: number;
    /** Milliseconds until the next attempt. */
    delayMs: number;
    /** Whether the service requested this delay (`Retry-After`). */
    fromService: boolean;
    /** Wall time of the next attempt, in milliseconds since 1970. */
    untilMs: number;
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** Nothing else was reported for a minute. */
    kind: "heartbeat";
    /** Status of the run, or a few words about what the call is waiting for, such as `waiting for a sandbox`. */
    status: RunStatus;
    /** Milliseconds since the call began. */
    elapsedMs: number;
    /** Number of requests sent so far. */
    requests: number;
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** The feed shows only the first 200 events of the run. Later events are not visible, but the status still is. */
    kind: "window_full";
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** Some events were missed. */
    kind: "events_missed";
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** The service sent an unknown status, which is treated as unfinished. */
    kind: "unknown_status";
    /** The status, as the service sent it. Untrusted text. */
    status: string;
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** The run with this key has already ended and is not used, so the next key of the series is tried. */
    kind: "restart";
    /** UUID of the run that had ended. */
    runId: string;
    /** Status of the run that had ended. */
    status: RunStatus;
    /** Number of the next key in the series. */
    suffix: number;
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** A run ended because no sandbox was free. No agent had started, so the toolkit starts another run after a wait. */
    kind: "no_sandbox";
    /** UUID of the run that ended. */
    runId: string;
    /** Which limit was reached, as a clause: `no sandbox was free`. */
    cause: string;
    /** Milliseconds until the next start; 0 if it follows at once. */
    delayMs: number;
    /** Wall time of the next start, in milliseconds since 1970. */
    untilMs: number;
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** The CI system does not identify the job completely, so the key is random. */
    kind: "random_key";
    /** What is missing to identify the job. */
    missing: string[];
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /**
     * The job's first attempt found an existing run with its key. Another job of the same matrix might have started this run, because the CI
     * system does not distinguish these jobs.
     */
    kind: "shared_key";
    /** UUID of the run that was found. */
    runId: string;
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** A function that you passed, such as `onItem`, threw an error or rejected. Each function is reported once per call. The call continues. */
    kind: "hook_failed";
    /** Name of the function. */
    hook: string;
    /** What the function threw or rejected with. */
    error: unknown;
    /** The notice as one line of text, with secrets masked. */
    message: string;
  }
  | {
    /** Any other message. It may contain untrusted text, such as the name of a branch. */
    kind: "text";
    /** The message as one line of text, with secrets masked. */
    message: string;
  };

/** The facts of a notice, without its message. A `text` notice consists only of its message. */
export type NoticeFacts = WithoutWords<Notice>;

type WithoutWords<N> = N extends { kind: "text" } ? N : Omit<N, "message">;

/** Receives notices. If it throws or rejects, the error is ignored. */
export type OnNotice = (notice: Notice) => unknown;
