/**
 * Notices as lines of text: one formatter a kind.
 *
 * @module
 */
import type { Notice } from "../../notice.ts";
import { formatDuration } from "../../result/duration.ts";

function timeText(wallTimeMs: number): string {
  return `${new Date(wallTimeMs).toISOString().slice(11, 19)} UTC`;
}

/** One line about a notice. It may hold untrusted text, so it is not yet safe to print. */
export function noticeText(notice: Notice): string {
  switch (notice.kind) {
    case "wait": {
      const named = notice.named ? ", as the service asks" : "";
      return `Cannot ${notice.what} yet (${notice.detail}, attempt ${notice.attempt}): trying again in ${
        formatDuration(notice.delayMs)
      }${named}, at ${timeText(notice.untilMs)}`;
    }
    case "heartbeat":
      return `... ${notice.status} after ${formatDuration(notice.elapsedMs)}`;
    case "window_full":
      return "The feed is full at 200 events: later steps are not visible, the status is still watched";
    case "events_missed":
      return "Some events were missed: the feed shows only its newest 200";
    case "unknown_status":
      return `The service reports an unknown status, "${notice.status}": it counts as not finished`;
    case "restart":
      return `Run ${notice.runId} of this key had already ended ${notice.status}: starting afresh with suffix .${notice.suffix}`;
    case "random_key":
      return `Cannot identify this job (missing: ${
        notice.missing.join(", ")
      }): the key is random, so a retry starts another run (MOGPLEX_CI_JOB names the job)`;
    case "shared_key":
      return `Run ${notice.runId} was already started under the key of this job, although this is its first attempt: ` +
        "nodes of a matrix and repeated steps look the same here, a key part tells them apart";
    case "text":
      return notice.message;
    default: {
      // A new kind without a text does not compile.
      const unknown: never = notice;
      return String(unknown);
    }
  }
}
