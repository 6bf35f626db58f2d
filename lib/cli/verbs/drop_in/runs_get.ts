/**
 * `runs get`: prints a run.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn, requiredArgument } from "../../job/open.ts";
import { runLines } from "../../log/drop_in_text.ts";
import type { VerbContext } from "../../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const runId = requiredArgument(context, "runs get", "run-id");
  const { client, call } = openDropIn(context);
  const found = await client.getRun(runId, call);
  if (flags.has("json")) writer.json(found);
  else writer.out(...runLines(found).map((line) => writer.untrusted(line)));
  return EXIT.success;
}
