/**
 * A job that ends with a verdict on a run: open, log live, work under signals, publish.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { interruptible } from "../../job/interrupt.ts";
import type { JobEnd } from "../../runs/job.ts";
import type { JobOptions, RunOptions } from "../../runs/run.ts";
import type { StartedRun } from "../../runs/start_plan.ts";
import { LiveLog } from "../log/live_log.ts";
import type { VerbContext } from "../verb.ts";
import { AT_END, prepare, type Published, WHEN_REFUSED } from "./publish.ts";

/** What a verb adds. */
export interface WholeJob extends Published {
  /** The run, when it exists already. */
  runId?: string | undefined;
  /** Starts or finds the run, and follows it. */
  work(options: RunOptions, more: JobOptions): Promise<JobEnd>;
}

function announce({ flags, writer }: VerbContext, { run, replayed, idempotencyKey }: StartedRun): void {
  if (flags.has("json")) return writer.json(run);
  const { working, base, createBranch } = run.branch;
  const lines = [
    `${replayed ? "attached to" : "started"} run ${run.runId} (${run.status})`,
    `repository ${run.repoId}, ${run.harness}, branch ${working} (base ${base}${createBranch ? ", created" : ""})`,
    `key ${idempotencyKey}`,
  ];
  writer.out(...lines.map((line) => writer.untrusted(line)));
}

/** The process, with a log that is closed properly even when the process has to end at once. */
function closingLog({ io, platform }: VerbContext, live: LiveLog): Pick<Io, "onSignal" | "isTerminal" | "exitNow"> {
  return {
    onSignal: (handler) => io.onSignal(handler),
    // Some CI systems give their jobs a terminal, but no person sits there who wants the run to go on.
    isTerminal: (stream) => !platform.isCi && io.isTerminal(stream),
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
export async function runWholeJob(context: VerbContext, job: WholeJob): Promise<number> {
  const { io, flags, writer, clock, fetch, platform, vocabulary } = context;
  const connection = context.connection();
  const publish = prepare(AT_END, context, job);
  const json = flags.has("json");
  const live = new LiveLog({ writer, platform, clock, form: job.log, json, terminal: io.isTerminal("stdout") });
  if (job.runId !== undefined) live.open();
  const options: RunOptions = {
    env: io.env,
    clock,
    fetch,
    onNotice: (notice) => live.notice(notice),
    onItem: (item) => live.item(item),
    onStarted: (started) => {
      announce(context, started);
      publish.started(started.run.runId);
      live.open(started.run.status);
    },
  };
  const more: JobOptions = {
    connection,
    platform,
    files: io,
    onSession: (session) => live.countRequests(session.requests),
  };
  try {
    const { result: found, error } = await interruptible({ io: closingLog(context, live), clock }, (interrupts) => {
      return job.work(options, { ...more, interrupts });
    }).finally(() => live.close());
    const result = { ...found, resume: vocabulary.resume(found) };
    if (error instanceof UsageError && result.runId === null) {
      await prepare(WHEN_REFUSED, context, job).ended({ result, error });
      writer.error(error.message);
    } else await publish.ended({ result, error });
    return result.exitCode;
  } finally {
    writer.unfence();
  }
}
