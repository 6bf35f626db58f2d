/**
 * `follow`: attaches to a run and ends with its verdict.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import { attachJob } from "../../runs/run.ts";
import { withReports } from "../job/refused_job.ts";
import { readFollowSettings, requiredRunId, statePath } from "../options/settings.ts";
import { runToolkitJob } from "../job/whole_job.ts";
import type { VerbContext } from "../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  return await withReports(context, async () => {
    const settings = readFollowSettings(context);
    const { timeoutMs, tokenShare, onTimeout, onInterrupt } = settings;
    const runId = checkUuid(requiredRunId(context, "follow"), "run id");
    return await runToolkitJob(context, {
      places: settings,
      log: settings.log,
      runId,
      work: (options, more) =>
        attachJob(runId, { ...options, timeoutMs, tokenShare, onTimeout }, {
          ...more,
          onInterrupt,
          statePath: statePath(context),
        }),
    });
  });
}
