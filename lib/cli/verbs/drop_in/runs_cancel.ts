/**
 * `runs cancel`: cancels a run.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn } from "../../job/open.ts";
import { requiredArgument } from "../../options/arguments.ts";
import { JSON_LINES } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";

export const runsCancelVerb: Verb = {
  name: "runs cancel",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Cancel a run; a run that has ended is not an error",
  group: "drop-in",
  flags: [JSON_LINES],
  examples: ['mogplex-ci runs cancel "$RUN_ID"'],
  async run(context) {
    const { flags, writer } = context;
    const runId = requiredArgument(context, "runs cancel", "run-id");
    const { client, call } = openDropIn(context);
    const result = await client.cancelRun(runId, call);
    if (flags.has("json")) writer.json(result);
    else {
      writer.out(`cancellation requested for run ${writer.untrusted(result.run.runId)}`);
      writer.out(`status: ${writer.untrusted(result.status)}`);
    }
    return EXIT.success;
  },
};
