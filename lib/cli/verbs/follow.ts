import { checkUuid } from "../../service/validate.ts";
import { emptyRunResult } from "../../run/result.ts";
import { attachJob } from "../../run/run.ts";
import { readResultRequest, resultOfRun, resultOptions } from "../job/result_file.ts";
import { withJob } from "../job/with_job.ts";
import { JSON_LINES, LOG, OPEN, REPORTING, RESULTS, SHOW_TASK, STATE, TOKEN_SHARE, WATCHING } from "../options.ts";
import { givenRunId, isUnknownRun, outDirectory, readFollowSettings, requiredRunId } from "../settings.ts";
import type { Context, RunFolder, Verb } from "../verb.ts";
import { OF_RUNS, SHORT_IDS } from "./codes.ts";

export async function followRun(context: Context): Promise<number> {
  const { result } = await withJob(
    context,
    {
      nothing: { ...emptyRunResult(), runId: givenRunId(context) },
      read: () => ({
        ...readFollowSettings(context),
        runId: checkUuid(requiredRunId(context, "follow"), "run id"),
        wanted: readResultRequest(context),
      }),
      async place({ runId }, session): Promise<RunFolder> {
        return await context.laptop?.folderOfRun(context, runId, session, { attempted: "follow run", claims: true }) ??
          { out: outDirectory(context) };
      },
      passes: isUnknownRun(context),
      exists: true,
    },
    ({ asked: { runId, wanted }, folder, places, session, item, complete }) =>
      attachJob(
        runId,
        complete({
          ...resultOptions(context, session),
          task: context.laptop?.taskOfRun(context, runId),
          showTask: context.option(SHOW_TASK),
          resultFile: resultOfRun(context, session, { runId, state: places.state, request: wanted }),
          onItem: item,
          state: { files: context.io, path: places.state, claim: folder.claim },
        }),
      ),
  );
  return result.exitCode;
}

export const followVerb: Verb = {
  name: "follow",
  otherNames: ["attach", "resume", "watch", "tail", "logs"],
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Attach to a run and exit with its verdict",
  remark: SHORT_IDS,
  group: "toolkit",
  flags: [RESULTS, WATCHING, LOG, TOKEN_SHARE, REPORTING, [SHOW_TASK, OPEN], STATE, JSON_LINES],
  variables: ["MOGPLEX_RUN_ID"],
  meanings: OF_RUNS,
  examples: ["mogplex-ci follow 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 --timeout 15m"],
  run: followRun,
};
