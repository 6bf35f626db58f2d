/**
 * `report`: writes the reports of a run; ends with its verdict, or 124 when it has not ended.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import { lookJob } from "../../runs/run.ts";
import { withReports } from "../job/refused_job.ts";
import { requiredRunId } from "../options/settings.ts";
import { runToolkitJob } from "../job/whole_job.ts";
import type { VerbContext } from "../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  return await withReports(context, async (places) => {
    const runId = checkUuid(requiredRunId(context, "report"), "run id");
    return await runToolkitJob(context, {
      places,
      log: null,
      runId,
      work: (options, more) => lookJob(runId, options, { ...more, onInterrupt: "detach" }),
    });
  });
}
