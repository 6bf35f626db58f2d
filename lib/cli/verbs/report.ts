/**
 * `report`: writes the reports of a run and ends with its verdict; a run that has not ended counts as past its deadline.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import { UsageError } from "../../errors.ts";
import { emptyRunResult } from "../../result/run_result.ts";
import { lookJob } from "../../runs/run.ts";
import { printHistory } from "../extras/history.ts";
import { reportFrom } from "../job/report_from.ts";
import { withReports } from "../job/refused_job.ts";
import { runWholeJob } from "../job/run_job.ts";
import { givenRunId, namesRun, requiredRunId } from "../options/arguments.ts";
import { HISTORY, JSON_LINES, OPEN, REPORTING } from "../options/table.ts";
import { anyText } from "../options/values.ts";
import type { Option, Verb, VerbContext } from "../verb.ts";

const FROM: Option<string> = {
  name: "from",
  value: "FILE",
  multiple: true,
  help: "Read this result.json or events.ndjson, or both, and send no request; without --report, write run.html alone",
  parse: anyText,
};

async function reportRun(context: VerbContext): Promise<number> {
  const from = context.flags.all(FROM.name);
  if (from.length > 0 && context.flags.positionals.length > 0) {
    throw new UsageError({
      attempted: "report",
      why: "<run-id> and --from exclude each other",
      advice: "give one of them",
    });
  }
  if (from.length > 0) return reportFrom(context, from);
  const history = context.option(HISTORY);
  if (history !== undefined && !namesRun(context)) {
    context.guard();
    return printHistory(context, history);
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
  usage: "<run-id> | --from FILE | --history FILE",
  maxPositionals: 1,
  summary: "Write reports for an existing run and end with its verdict, without waiting",
  group: "toolkit",
  flags: [[FROM], REPORTING, [OPEN], JSON_LINES],
  variables: ["MOGPLEX_RUN_ID"],
  meanings: { rateLimited: "429 for longer than it waits", deadline: "the run has not ended" },
  examples: [
    'mogplex-ci report "$RUN_ID" --report markdown=summary.md',
    "mogplex-ci report --from result.json --from events.ndjson",
    "mogplex-ci report --history runs.ndjson",
  ],
  run: reportRun,
};
