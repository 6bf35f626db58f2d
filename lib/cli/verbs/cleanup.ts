/**
 * `cleanup`: cancels the run of a job that was cancelled or killed. It succeeds unless the caller or the token is at fault: the job already has its
 * verdict.
 * @module
 */
import type { Connection } from "../../service/connection.ts";
import { UnauthorizedError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { cleanup, type CleanupEnd } from "../../run/cleanup.ts";
import { connectOptions } from "../context.ts";
import { JSON_LINES, OUT, STATE } from "../options.ts";
import { statePath } from "../settings.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";

const ALWAYS: VerbFlag = {
  name: "always",
  help: "Cancel the run even if nothing shows that the job was cancelled",
};

/** Undefined without a token, which is not needed if there is nothing to cancel. */
function connectionOf(context: Context): Connection | undefined {
  try {
    return context.connection();
  } catch (error) {
    if (error instanceof UnauthorizedError) return undefined;
    throw error;
  }
}

/** Cancels what the job left running, and prints the result. For command and component. */
export async function cleanUp(context: Context): Promise<CleanupEnd> {
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
    // Without the token nothing proves its id, and a process that died while starting the run knows no id.
    writer.out(
      writer.untrusted(`${runId === null ? "a run may still be running" : `run "${runId}" is still running`}: ${text}`),
    );
  } else writer.out(writer.untrusted(`${action === "nothing" ? "nothing to clean up" : "cleaned up"}: ${text}`));
  return end;
}

async function cleanUpJob(context: Context): Promise<number> {
  await cleanUp(context);
  return EXIT.success;
}

export const cleanupVerb: Verb = {
  name: "cleanup",
  summary: "Cancel the run of a cancelled or killed job (for after_script or if: always())",
  group: "toolkit",
  flags: [ALWAYS, OUT, STATE, JSON_LINES],
  variables: ["MOGPLEX_JOB_STATUS"],
  codes: ["success", "usage", "unauthorized", "internal"],
  meanings: { success: "the run is cancelled or needed no cancellation, or stderr shows why it was not cancelled" },
  examples: ["mogplex-ci cleanup"],
  run: cleanUpJob,
};
