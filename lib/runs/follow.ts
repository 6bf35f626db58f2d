/**
 * Follows a run to its end, as a generator of items.
 *
 * @module
 */
import { checkOptions, checkSources } from "../api/option_check.ts";
import { KnownRepos, runReads } from "../api/calls/run_reads.ts";
import type { RunReads } from "../api/mogplex_client.ts";
import { checkUuid } from "../api/validate.ts";
import type { Run } from "../model.ts";
import { checkWait } from "../job/options.ts";
import { tellingRun } from "../job/settle.ts";
import { type Connected, type ConnectOptions, connectWith } from "../job/session.ts";
import { systemName } from "../platforms/marks.ts";
import { environmentVariable } from "../runtime.ts";
import { runKeys } from "./start_plan.ts";
import { openEventsFile } from "./events_file.ts";
import { type FollowItem, RunFollower, type RunFollowerOptions } from "./run_items.ts";

/** Options of {@linkcode follow}. */
export interface FollowOptions extends ConnectOptions {
  /** Whole wait in milliseconds: more than 0, at most 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** How many jobs use the token at the same time: a whole number from 1 to 1 000. @default {1} */
  tokenShare?: number | undefined;
  /**
   * Whether to use the service's event stream if it has one: it takes fewer requests and shows the end at once. Else the run is
   * polled. @default {true}
   */
  stream?: boolean | undefined;
  /**
   * Path of a file for all events: one JSON object per line, written as the events come, with secrets masked as in reports. Replaces the
   * file and creates missing directories. If writing fails later, `onNotice` gets one notice and the run is followed all the same.
   * @default {undefined} (no file)
   */
  eventsFile?: string | undefined;
}

/**
 * Follows a run until it ends.
 *
 * Yields a `status` item first and at each change, each event once (by id, oldest first), a `gap` if events cannot be seen, and
 * an `end` item last. A run that fails or is cancelled is not an error; an unknown status counts as not finished. After a 429, a
 * 5xx or a network failure the follower waits and tries again, as long as `timeoutMs` permits. Leaving the loop early stops
 * following and does not touch the run.
 *
 * @param runId UUID of the run.
 * @param options See {@linkcode FollowOptions}; all durations in milliseconds.
 * @returns A generator; its return value is the run at its end.
 * @throws {DeadlineError} if `timeoutMs` passes first. The run goes on; call again to resume.
 * @throws {UnauthorizedError | ForbiddenError | NotFoundError} when the service refuses the request for good.
 * @throws {RateLimitedError | UnavailableError | NetworkError} when even the last read, at the deadline, did not work.
 * @throws {UsageError} when an option or the id is out of range, or `eventsFile` cannot be written.
 * @throws `signal.reason` if `signal` aborts.
 * @example Print events as they come
 * ```ts ignore
 * const { line } = createLogText();
 * for await (const item of follow("5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11")) {
 *   if (item.type === "event") console.error(line(item.event.message ?? ""));
 * }
 * ```
 * Source: API reference, "List run events", "Rate limits" (60 requests per 60 s per token).
 */
export function follow(runId: string, options: FollowOptions = {}): AsyncGenerator<FollowItem, Run, void> {
  options = checkOptions("follow run", options, runKeys());
  checkSources("follow run", options);
  return tellingRun(followRun(runId, options), runId, options.signal);
}

/** {@linkcode follow} for the command line, whose options are checked already. */
export function followRun(runId: string, options: FollowOptions = {}): AsyncGenerator<FollowItem, Run, void> {
  const id = checkUuid(runId, "run id");
  const { timeoutMs, tokenShare } = checkWait(options);
  const system = systemName(options.env ?? environmentVariable);
  const session = connectWith(options, {}, system, (caller) => runReads(caller, new KnownRepos()));
  const deadline = session.startedAt + timeoutMs;
  const how = { deadline, tokenShare, stream: options.stream };
  if (options.eventsFile === undefined) return new RunFollower(session, id, how).items();
  return followIntoFile(session, id, how, options);
}

async function* followIntoFile(
  session: Connected<RunReads>,
  runId: string,
  how: RunFollowerOptions,
  { eventsFile = "", token }: FollowOptions,
): AsyncGenerator<FollowItem, Run, void> {
  const sink = openEventsFile(eventsFile, session, token);
  try {
    return yield* new RunFollower(session, runId, { ...how, sink }).items();
  } finally {
    sink.close();
  }
}
