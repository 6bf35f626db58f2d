/**
 * `cleanup` cancels the run of a job that was cancelled or killed. It succeeds unless the user or the token is at fault, because the job already has
 * its verdict.
 *
 * @module
 */
import type { RunStatus } from "../../model.ts";
import type { Connection } from "../../service/connection.ts";
import { MogplexError, UnauthorizedError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { cleanup, type CleanupEnd } from "../../run/cleanup.ts";
import { completeJob } from "../../run/options.ts";
import { hasEnded, type RunResult } from "../../run/result.ts";
import { lookJob } from "../../run/run.ts";
import { connectOptions, openOneShot } from "../context.ts";
import { addRun, hasHistory } from "../history.ts";
import { endKilledJobNote, planNote } from "../job/note.ts";
import { JSON_LINES, KEY_PART, NOTE, OUT, SHOW_TASK, STATE } from "../options.ts";
import { statePath } from "../settings.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";

const ALWAYS: VerbFlag = {
  name: "always",
  help: "Cancel the run even if nothing shows that the job was cancelled",
};

/** This flag is not derived from `HISTORY`, because the bundler would then keep this verb in programs that print no help. */
const ADDS_TO: VerbFlag = {
  name: "history",
  value: "FILE",
  help: "Add the run to the job's history if the job could not",
};

/** No token is needed if there is nothing to cancel. */
function connectionOf(context: Context): Connection | undefined {
  try {
    return context.connection();
  } catch (error) {
    if (error instanceof UnauthorizedError) return undefined;
    throw error;
  }
}

export interface Outdated {
  /** Only called after a cancellation. */
  exists(): boolean;
  text: string;
  update(end: RunResult): Promise<void>;
}

export async function cleanUpJob(context: Context, by: string, outdated: Outdated): Promise<number> {
  const { writer } = context;
  const end = await cleanUp(context);
  const { action, runId, unended } = end;
  const isUnrecorded = hasHistory(context) && unended !== null && action !== "failed";
  const isOutdated = action === "cancelled" && outdated.exists();
  if (runId === null || !isUnrecorded && !isOutdated) return EXIT.success;
  const look = await lookAtStopped(context, runId, end, by);
  if ("end" in look) {
    if (isUnrecorded) addRun(context, look.end);
    if (isOutdated) await outdated.update(look.end);
  } else {
    if (isUnrecorded) writer.note(`the run is missing from the history: ${look.why}`);
    if (isOutdated) writer.note(`${outdated.text}: ${look.why}`);
  }
  return EXIT.success;
}

async function cleanUp(context: Context): Promise<CleanupEnd> {
  const { io, flags, writer, platform } = context;
  const end = await cleanup({
    ...connectOptions(context),
    connection: connectionOf(context),
    platform,
    readFile: io.readFile,
    files: io,
    statePath: statePath(context),
    always: flags.has(ALWAYS),
  });
  const { action, text, runId, status } = end;
  if (flags.has(JSON_LINES)) writer.json({ action, runId, status, words: text });
  else if (action === "failed") writer.error(`Cannot clean up: ${text}`);
  else if (action === "left") {
    // Without the token, nothing proves the id of the run. A process that was killed while it started the run did not know the id.
    writer.out(
      writer.untrusted(`${runId === null ? "a run may still be running" : `run "${runId}" is still running`}: ${text}`),
    );
  } else writer.out(writer.untrusted(`${action === "nothing" ? "nothing to clean up" : "cleaned up"}: ${text}`));
  return end;
}

/** Time limit for reading the run. GitLab gives `after_script` two minutes. */
const LOOK_MS = 20_000;

async function lookAtStopped(
  context: Context,
  runId: string,
  { action, unended }: CleanupEnd,
  by: string,
): Promise<{ end: RunResult } | { why: string }> {
  const { session } = openOneShot(context, LOOK_MS);
  const { result, error } = await lookJob(
    runId,
    completeJob({
      openSession: () => session,
      // The request of a mention quotes its thread.
      showTask: context.isMention !== true && (context.option(SHOW_TASK) ?? true),
      task: unended?.task ?? undefined,
    }),
  );
  const { status, outcome } = result;
  if (status === null) return { why: error instanceof MogplexError ? error.message : String(error) };
  const end: RunResult = {
    ...result,
    ...(unended !== null && {
      idempotencyKey: unended.idempotencyKey,
      durationMs: Math.max(0, context.clock.wallTime() - Date.parse(unended.startedAt)),
    }),
    outcome: outcome === "success" || outcome === "failed" ? outcome : "interrupted",
    exitCode: EXIT.sigterm,
    reason: stopReason(status, action === "cancelled" ? by : null),
    error: null,
    resume: null,
    resumeIsCommand: false,
  };
  return { end };
}

function stopReason(status: RunStatus, by: string | null): string {
  if (by === null && !hasEnded(status)) {
    return `The job was stopped; the status of its run was ${JSON.stringify(status)}`;
  }
  if (by !== null && status === "cancelled") return `The job was stopped, so ${by} cancelled the run`;
  if (hasEnded(status)) return `The job was stopped; its run has ended with status ${JSON.stringify(status)}`;
  return `The job was stopped, so ${by} requested cancellation of its run, which is still ${JSON.stringify(status)}`;
}

export const cleanupVerb: Verb = {
  name: "cleanup",
  summary: "Cancel the run of a cancelled or killed job (for after_script or if: always())",
  group: "toolkit",
  flags: [ALWAYS, ADDS_TO, SHOW_TASK, NOTE, KEY_PART, OUT, STATE, JSON_LINES],
  variables: ["MOGPLEX_JOB_STATUS"],
  codes: ["success", "usage", "unauthorized", "forbidden", "internal"],
  meanings: { success: "the run is cancelled or needed no cancellation, or stderr shows why it was not cancelled" },
  examples: ["mogplex-ci cleanup"],
  run: (context) =>
    cleanUpJob(context, "cleanup", {
      exists: () => planNote(context).kind === "write",
      text: "the note of the job still shows the run as running",
      update: (end) => endKilledJobNote(context, end, []),
    }),
};
