/**
 * `follow`: attaches to a run and ends with its verdict.
 *
 * @module
 */
import { checkUuid } from "../../service/validate.ts";
import { emptyRunResult, type RunResult } from "../../run/result.ts";
import { attachJob } from "../../run/run.ts";
import { CommandJob } from "../job/run_job.ts";
import { JSON_LINES, LOG, OPEN, REPORTING, STATE, TOKEN_SHARE, WATCHING } from "../options.ts";
import { givenRunId, readFollowSettings, requiredRunId } from "../settings.ts";
import type { Context, Verb } from "../verb.ts";
import { OF_RUNS } from "./codes.ts";

/** Attaches to a run that exists, for command and component. @returns The exit code. */
export async function followRun(context: Context): Promise<number> {
  const job = new CommandJob<RunResult>(context, { ...emptyRunResult(), runId: givenRunId(context) });
  try {
    const { state: statePath } = job.openPlaces();
    const { timeoutMs, tokenShare, cancelOn, onInterrupt, log } = readFollowSettings(context);
    const runId = checkUuid(requiredRunId(context, "follow"), "run id");
    job.limitTo(timeoutMs);
    const { item, internals, sink } = await job.open(log, { exists: true, hasEvents: true });
    const options = { tokenShare, cancelOn, onItem: item };
    return await job.end(attachJob(runId, options, { ...internals, files: context.io, statePath, sink, onInterrupt }));
  } catch (error) {
    return await job.refuse(error);
  }
}

export const followVerb: Verb = {
  name: "follow",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Attach to a run and end with its verdict",
  group: "toolkit",
  flags: [WATCHING, LOG, TOKEN_SHARE, REPORTING, [OPEN], STATE, JSON_LINES],
  variables: ["MOGPLEX_RUN_ID"],
  meanings: OF_RUNS,
  examples: ["mogplex-ci follow 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 --timeout 15m"],
  run: followRun,
};
