/**
 * `runs cancel`: cancels a run.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn, requiredArgument } from "../../job/open.ts";
import type { VerbContext } from "../../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
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
}
