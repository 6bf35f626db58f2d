import { checkUuid } from "../../service/validate.ts";
import { UsageError } from "../../errors.ts";
import { emptyRunResult } from "../../run/result.ts";
import { LOOK_MS, lookJob } from "../../run/run.ts";
import { reportFrom } from "../job/report_from.ts";
import { readResultRequest, resultOfRun, resultOptions } from "../job/result_file.ts";
import { withJob } from "../job/with_job.ts";
import { anyText, JSON_LINES, OPEN, REPORTING, RESULTS, SHOW_TASK } from "../options.ts";
import { givenRunId, isUnknownRun, outDirectory, requiredRunId } from "../settings.ts";
import type { Context, Option, Verb } from "../verb.ts";
import { SHORT_IDS } from "./codes.ts";

const FROM: Option<string> = {
  name: "from",
  value: "FILE",
  multiple: true,
  help: "Read result.json, events.ndjson or both instead of sending requests; without --report, write only run.html",
  parse: anyText,
};

async function reportRun(context: Context): Promise<number> {
  const from = context.flags.all(FROM);
  if (from.length > 0 && context.flags.positionals.length > 0) {
    throw new UsageError({
      attempted: "report",
      why: "<run-id> and --from cannot be used together",
      advice: "use only one of them",
    });
  }
  if (from.length > 0) return reportFrom(context, from);
  const { result } = await withJob(context, {
    nothing: { ...emptyRunResult(), runId: givenRunId(context) },
    read: () => ({
      runId: checkUuid(requiredRunId(context, "report"), "run id"),
      timeoutMs: LOOK_MS,
      log: null,
      onInterrupt: "detach",
      wanted: readResultRequest(context),
    }),
    async place({ runId }, session) {
      return await context.laptop?.folderOfRun(context, runId, session, { attempted: "report run", claims: false }) ??
        { out: outDirectory(context) };
    },
    passes: isUnknownRun(context),
    exists: true,
  }, ({ asked: { runId, wanted }, places, session, live, complete }) =>
    lookJob(
      runId,
      complete({
        ...resultOptions(context, session),
        task: context.laptop?.taskOfRun(context, runId),
        showTask: context.option(SHOW_TASK),
        resultFile: resultOfRun(context, session, { runId, state: places.state, request: wanted }),
        onItem: (item) => live.item(item),
      }),
    ));
  return result.exitCode;
}

export const reportVerb: Verb = {
  name: "report",
  usage: "<run-id> | --from FILE",
  maxPositionals: 1,
  summary: "Write reports for an existing run without waiting, and exit with its verdict",
  remark: SHORT_IDS,
  group: "toolkit",
  flags: [[FROM], RESULTS, REPORTING, [SHOW_TASK, OPEN], JSON_LINES],
  variables: ["MOGPLEX_RUN_ID"],
  meanings: { rateLimited: "still rate limited (429) after waiting", deadline: "the run has not ended" },
  examples: [
    'mogplex-ci report "$RUN_ID" --report markdown=summary.md',
    "mogplex-ci report --from result.json --from events.ndjson",
  ],
  run: reportRun,
};
