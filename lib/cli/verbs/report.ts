/**
 * `report`: writes the reports of a run and ends with its verdict; a run that has not ended counts as past its deadline.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import { emptyRunResult } from "../../result/run_result.ts";
import { lookJob } from "../../runs/run.ts";
import { historyByWeek } from "../extras/extras.ts";
import { withReports } from "../job/refused_job.ts";
import { runWholeJob } from "../job/run_job.ts";
import { givenRunId, namesRun, requiredRunId } from "../options/arguments.ts";
import { HISTORY, JSON_LINES, REPORTING } from "../options/table.ts";
import type { Verb, VerbContext } from "../verb.ts";

async function reportRun(context: VerbContext): Promise<number> {
  const history = context.option(HISTORY);
  if (history !== undefined && !namesRun(context)) {
    context.guard();
    return await historyByWeek(context, history);
  }
  return await withReports(context, async (places) => {
    const runId = checkUuid(requiredRunId(context, "report"), "run id");
    return await runWholeJob(context, {
      places,
      log: null,
      runId,
      work: (options, more) => lookJob(runId, options, { ...more, onInterrupt: "detach" }),
    });
  }, { ...emptyRunResult(), runId: givenRunId(context) });
}

export const reportVerb: Verb = {
  name: "report",
  usage: "<run-id> | --history <file>",
  maxPositionals: 1,
  summary: "Write reports for an existing run and end with its verdict, without waiting",
  group: "toolkit",
  flags: [REPORTING, JSON_LINES],
  variables: ["MOGPLEX_RUN_ID"],
  meanings: { rateLimited: "429 for longer than it waits", deadline: "the run has not ended" },
  examples: ['mogplex-ci report "$RUN_ID" --report markdown=summary.md', "mogplex-ci report --history runs.ndjson"],
  run: reportRun,
};
