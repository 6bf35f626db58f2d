import { hookFailure } from "../hook.ts";
import type { Notice, NoticeFacts } from "../notice.ts";
import { formatDuration } from "./duration.ts";
import { capital } from "./plain_text.ts";

export function withMessage<F extends NoticeFacts>(facts: F): Extract<Notice, { kind: F["kind"] }> {
  return { ...facts, message: noticeLine(facts) } as unknown as Extract<Notice, { kind: F["kind"] }>;
}

function timeText(wallTimeMs: number): string {
  return `${new Date(wallTimeMs).toISOString().slice(11, 19)} UTC`;
}

interface NoticeWords {
  keyPart: string;
}

/** The result may contain untrusted text. */
export function noticeLine(notice: NoticeFacts, { keyPart }: NoticeWords = { keyPart: "`keyPart`" }): string {
  switch (notice.kind) {
    case "wait": {
      const named = notice.fromService ? ", as the service requested" : "";
      return `Cannot ${notice.what} yet (${notice.detail}, attempt ${notice.attempt}): trying again in ${
        formatDuration(notice.delayMs)
      }${named}, at ${timeText(notice.untilMs)}`;
    }
    case "heartbeat":
      return `... ${notice.status} after ${formatDuration(notice.elapsedMs)}`;
    case "window_full":
      return "The feed is full at 200 events: later steps are not visible, but the status is still checked";
    case "events_missed":
      return "Some events were missed: the feed shows only the newest 200";
    case "unknown_status":
      return `The service reports an unknown status, "${notice.status}": it is treated as not finished`;
    case "restart":
      return `Run ${notice.runId} with this key has ended (${notice.status}): starting a new run, unless there is already a newer one`;
    case "no_sandbox":
      return `${capital(notice.cause)} for run ${notice.runId}, and no agent has started: trying again ${
        notice.delayMs > 0 ? `in ${formatDuration(notice.delayMs)}` : "now"
      }`;
    case "random_key":
      return `Cannot identify this job (missing: ${
        notice.missing.join(", ")
      }): the key is random, so a retry starts another run; set MOGPLEX_CI_JOB to a value that contains the build number`;
    case "shared_key":
      return `Run ${notice.runId} was already started with the key of this job, although this is the job's first attempt: ` +
        "matrix jobs and repeated steps look the same here, so give each its own " + keyPart;
    case "hook_failed":
      return hookFailure(notice.hook, notice.error);
    case "text":
      return notice.message;
    default: {
      // A new kind of notice without text does not compile.
      const unknown: never = notice;
      return String(unknown);
    }
  }
}
