/**
 * What the verbs that end with a verdict share: the job runs under signals, then reports are written and the verdict is shown.
 *
 * @module
 */
import { resolveConnection } from "../../api/connection/connection.ts";
import { InterruptedError, UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { detectPlatform } from "../../platforms/detect.ts";
import type { Platform } from "../../platforms/platform.ts";
import { createRedactor } from "../../text/redact.ts";
import type { Outcome, RunResult } from "../../result/run_result.ts";
import type { ReportTarget } from "../../report/targets.ts";
import { writeReports, writeRunId } from "../../report/write.ts";
import { interruptible } from "../../job/interrupt.ts";
import type { JobEnd } from "../../job/job.ts";
import type { JobOptions, RunOptions } from "../../runs/run.ts";
import type { StartedRun } from "../../runs/start_plan.ts";
import { guardCheckout } from "../options/checkout_guard.ts";
import { commandOutputs, commandResult } from "../log/ci_commands.ts";
import { LiveLog } from "../log/live_log.ts";
import { noteSecrets, planNote, writeJobNote } from "./note.ts";
import type { LogForm, Places } from "../options/settings.ts";
import type { VerbContext } from "../verb.ts";
import { verdictText } from "../log/verdict.ts";

const COLOURS: Partial<Record<Outcome, "green" | "red">> = { success: "green", failed: "red", error: "red" };

/** What a verb adds. */
export interface ToolkitJob {
  /** Where files go. */
  places: Places;
  /** Events in the log; null shows none. */
  log: LogForm | null;
  /** The run, when it exists already. */
  runId?: string | undefined;
  /** Does it. */
  work(options: RunOptions, more: JobOptions): Promise<JobEnd<RunResult>>;
}

/**
 * Finds the token, so that it is masked from here on. It is not registered with the CI system's own masking (`::add-mask::`):
 * that would print it, and what is printed can be piped into a file.
 *
 * @throws {UnauthorizedError | UsageError} See `resolveConnection` and `guardCheckout`.
 */
export function protectToken({ io, writer }: VerbContext): void {
  guardCheckout(io);
  const { token } = resolveConnection({ env: io.env, readFile: io.readFile });
  writer.redactWith(createRedactor({ token, env: io.env, secrets: noteSecrets(io.env) }));
}

function announce({ io, flags, writer }: VerbContext, started: StartedRun, places: Places, platform: Platform): void {
  const { run, replayed, idempotencyKey } = started;
  if (flags.has("json")) writer.json(run);
  else {
    const branch = `branch ${run.branch.working} (base ${run.branch.base}${
      run.branch.createBranch ? ", created" : ""
    })`;
    const lines = [
      `${replayed ? "attached to" : "started"} run ${run.runId} (${run.status})`,
      `repository ${run.repoId}, ${run.harness}, ${branch}`,
      `key ${idempotencyKey}`,
    ];
    writer.out(...lines.map((line) => writer.untrusted(line)));
  }
  const options = { files: platform.files(io.env), redactToken: writer.redact.token };
  const problems = writeRunId(run.runId, places.targets, io, options);
  for (const problem of problems) writer.error(problem.message);
  if (!flags.has("json")) commandOutputs(writer, platform, { run_id: run.runId });
}

/** Writes the reports; what cannot be written is told and does not change the verdict. */
function report({ io, writer }: VerbContext, result: RunResult, places: Places, platform: Platform): ReportTarget[] {
  const { redact } = writer;
  const options = { files: platform.files(io.env), links: platform.links(io.env), redactToken: redact.token };
  const problems = writeReports(result, places.targets, io, redact, options);
  for (const problem of problems) writer.error(problem.message);
  return places.targets.filter((target) => !problems.some((problem) => problem.path === target.path));
}

/** Writes the reports, and tells the CI system, without a word in the log. */
export function publish(context: VerbContext, result: RunResult, places: Places, platform: Platform): void {
  const written = report(context, result, places, platform);
  if (!context.flags.has("json")) commandResult(context, platform, result, written);
}

/** Prints the block at the end. @param told Whether an error line says the reason. */
function printVerdict(context: VerbContext, result: RunResult, reports: readonly ReportTarget[], told: boolean): void {
  const { writer, words: { cancel } } = context;
  const text = verdictText(writer.clean(result), { reports, cancel, inErrorLine: told });
  const [verdict = "", ...rest] = writer.untrustedLines(text);
  writer.out(writer.paint(COLOURS[result.outcome] ?? "yellow", verdict), ...rest);
}

/** The process, which leaves the log in order even when it has to leave at once. */
function leaving(
  io: Io,
  live: LiveLog,
  platform: Platform,
): Pick<Io, "onSignal" | "isTerminal" | "exitNow"> {
  return {
    onSignal: (handler) => io.onSignal(handler),
    // Some CI systems give their jobs a terminal; nobody sits there who wanted to leave the run alone.
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
 * @throws {MogplexError} when nothing was started because of what the caller gave.
 */
export async function runToolkitJob(context: VerbContext, job: ToolkitJob): Promise<number> {
  const { io, flags, writer, clock, fetch } = context;
  const { places } = job;
  protectToken(context);
  const note = planNote(context);
  const platform = detectPlatform(io.env);
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
      announce(context, started, places, platform);
      live.open(started.run.status);
    },
  };
  const more: JobOptions = {
    readFile: io.readFile,
    files: io,
    onSession: (session) => live.countRequests(session.requests),
  };
  try {
    const end = await interruptible({ io: leaving(io, live, platform), clock }, (interrupts) => {
      return job.work(options, { ...more, interrupts });
    }).finally(() => live.close());
    const { error } = end;
    const result = { ...end.result, resume: context.words.resume(end.result) };
    if (error instanceof UsageError && result.runId === null) {
      publish(context, result, places, platform);
      writer.error(error.message);
      return result.exitCode;
    }
    const written = report(context, result, places, platform);
    const same = error instanceof Error && result.reason === error.message;
    // On a terminal the block says it.
    const block = !json && io.isTerminal("stdout") && io.isTerminal("stderr");
    if (json) {
      const { runId, status, outcome, exitCode } = result;
      writer.json({ runId, status, outcome, exitCode });
    } else {
      if (job.log !== null) writer.out("");
      printVerdict(context, result, written, same && !block);
      commandResult(context, platform, result, written);
    }
    if (error instanceof Error && !(block && same)) writer.error(error.message);
    // After a signal there are seconds left, and they belong to the run.
    if (!(error instanceof InterruptedError)) await writeJobNote(context, note, result);
    return result.exitCode;
  } finally {
    writer.unfence();
  }
}
