/**
 * `runs get`: prints a run.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn } from "../../job/open.ts";
import { runLines } from "../../log/drop_in_text.ts";
import { requiredArgument } from "../../options/arguments.ts";
import { JSON_LINES } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";

export const runsGetVerb: Verb = {
  name: "runs get",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Print a run",
  group: "drop-in",
  flags: [JSON_LINES],
  examples: ['mogplex-ci runs get "$RUN_ID" --json | jq -r .status'],
  async run(context) {
    const { flags, writer } = context;
    const runId = requiredArgument(context, "runs get", "run-id");
    const { client, call } = openDropIn(context);
    const found = await client.getRun(runId, call);
    if (flags.has("json")) writer.json(found);
    else writer.out(...runLines(found).map((line) => writer.untrusted(line)));
    return EXIT.success;
  },
};
