import { JSON_LINES, wholeNumber } from "../options.ts";
import { printRecent } from "../setup/recent.ts";
import type { Option, Verb } from "../verb.ts";

const SHOWN = 20;

const LIMIT: Option<number> = {
  name: "limit",
  value: "N",
  help: `Show the newest N runs (default ${SHOWN})`,
  parse: wholeNumber(1, 1_000),
};

export const runsRecentVerb: Verb = {
  name: "runs recent",
  otherNames: ["list", "ls"],
  summary: "List the runs that this machine started outside CI, with their status",
  group: "toolkit",
  flags: [LIMIT, JSON_LINES],
  variables: ["MOGPLEX_RECENT"],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the list was printed", usage: "bad arguments, or Deno is not allowed to read the list" },
  examples: ["mogplex-ci runs recent --json | jq -r .pullRequest"],
  run: async (context) => await printRecent(context, context.option(LIMIT) ?? SHOWN),
};
