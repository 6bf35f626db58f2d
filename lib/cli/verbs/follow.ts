/**
 * `follow`: attaches to a run and ends with its verdict.
 *
 * @module
 */
import { checkUuid } from "../../service/validate.ts";
import { emptyRunResult } from "../../run/result.ts";
import { attachJob } from "../../run/run.ts";
import { runWholeJob, withReports } from "../job/run_job.ts";
import {
  givenRunId,
  JSON_LINES,
  LOG,
  OPEN,
  readFollowSettings,
  REPORTING,
  requiredRunId,
  STATE,
  TIMEOUT,
  WATCHING,
} from "../options.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { OF_RUNS } from "./codes.ts";

/** Attaches to a run that exists, for command and component. See {@linkcode runWholeJob}. */
export async function followRun(context: VerbContext): Promise<number> {
  return await withReports(context, async (places) => {
    const { timeoutMs, tokenShare, onTimeout, onInterrupt, log } = readFollowSettings(context);
    const runId = checkUuid(requiredRunId(context, "follow"), "run id");
    return await runWholeJob(context, {
      places,
      log,
      timeoutMs,
      runId,
      work: (options, more) =>
        attachJob(runId, { ...options, timeoutMs, tokenShare, onTimeout }, {
          ...more,
          onInterrupt,
          statePath: places.state,
        }),
    });
  }, { ...emptyRunResult(), runId: givenRunId(context) });
}

export const followVerb: Verb = {
  name: "follow",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Attach to a run and end with its verdict",
  group: "toolkit",
  flags: [TIMEOUT, WATCHING, LOG, REPORTING, [OPEN], STATE, JSON_LINES],
  variables: ["MOGPLEX_RUN_ID"],
  meanings: OF_RUNS,
  examples: ["mogplex-ci follow 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 --timeout 15m"],
  run: followRun,
};
