/**
 * A job that ends with a verdict: open, log live, work under signals, publish. It knows no kind of operation.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { UsageError } from "../../errors.ts";
import type { Fetch } from "../../http/transport.ts";
import type { Io } from "../../io.ts";
import { interruptible } from "../../job/interrupt.ts";
import type { JobEnd } from "../../job/job.ts";
import type { JobInternals } from "../../job/options.ts";
import type { OnNotice } from "../../notice.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { preferSmallHeap } from "../../runtime.ts";
import { isInteractive, logWidth } from "../log/interactive.ts";
import { LiveLog } from "../log/live_log.ts";
import type { VerbContext } from "../verb.ts";
import { AT_END, type JobResult, prepare, type Prepared, type Published, WHEN_REFUSED } from "./publish.ts";

/** What the work of a job gets. */
export interface Wiring<I> {
  /** Options that every kind of operation takes. */
  options: {
    env: ReadEnv;
    clock: Clock;
    fetch: Fetch | undefined;
    onNotice: OnNotice;
    onItem: (item: I) => void;
  };
  /** Signals, connection and CI system. */
  internals: JobInternals;
  /** The log, to be opened once the operation is known. */
  live: LiveLog;
  /** Publishes the id, once it is known. */
  publish: Pick<Prepared<JobResult>, "started">;
}

/** What a verb adds. */
export interface WholeJob<I, R extends JobResult> extends Published {
  /** Whether the operation exists already, so that the log is opened at once. @default {false} */
  exists?: boolean | undefined;
  /** Prints an item. */
  show(live: LiveLog, item: I): void;
  /** Starts or finds the operation, and follows it. */
  work(wiring: Wiring<I>): Promise<JobEnd<R>>;
}

/** The process, with a log that is closed properly even when the process has to end at once. */
function closingLog({ io, platform }: VerbContext, live: LiveLog): Pick<Io, "onSignal" | "isTerminal" | "exitNow"> {
  return {
    onSignal: (handler) => io.onSignal(handler),
    isTerminal: (stream) => isInteractive({ io, platform }, stream),
    exitNow(code) {
      live.leave();
      io.exitNow(code);
    },
  };
}

/**
 * Does a job and ends with its verdict.
 *
 * @returns The exit code.
 * @throws {MogplexError} when the job could not be opened: token, service or a setting is wrong, or the state file cannot be written.
 */
export async function endWithVerdict<I, R extends JobResult>(
  context: VerbContext,
  job: WholeJob<I, R>,
): Promise<number> {
  const { io, flags, writer, clock, fetch, platform, vocabulary } = context;
  const connection = context.connection();
  const extra = await context.extras?.open(context);
  const published = { ...job, extra };
  const publish = prepare(AT_END, context, published);
  preferSmallHeap();
  const json = flags.has("json");
  const times = !platform.stampsLines(io.env);
  const interactive = isInteractive(context);
  if (!json) writer.beginLog();
  const { log: form, timeoutMs } = job;
  const width = logWidth(io);
  const live = new LiveLog({ writer, platform, clock, form, json, interactive, times, timeoutMs, width });
  if (job.exists) live.open();
  const options: Wiring<I>["options"] = {
    env: io.env,
    clock,
    fetch,
    onNotice(notice) {
      extra?.onNotice(notice);
      live.notice(notice);
    },
    onItem: (item) => job.show(live, item),
  };
  const more: JobInternals = {
    connection,
    platform,
    onSession(session) {
      extra?.onSession(session);
      live.countRequests(session.requests);
    },
    onRequest: extra && ((request) => extra.onRequest(request)),
  };
  try {
    const { result: found, error } = await interruptible({ io: closingLog(context, live), clock }, (interrupts) => {
      return job.work({ options, internals: { ...more, interrupts }, live, publish });
    }).finally(() => live.close());
    const result = { ...found, resume: vocabulary.resume(found) };
    if (error instanceof UsageError && result.runId === null) {
      await prepare(WHEN_REFUSED, context, published).ended({ result, error });
      writer.error(error.message);
    } else await publish.ended({ result, error });
    return result.exitCode;
  } finally {
    writer.unfence();
  }
}
