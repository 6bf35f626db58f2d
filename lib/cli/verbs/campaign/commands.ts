/**
 * `campaign commands`: prints command lines that merge or close pull requests. It runs none of them.
 *
 * @module
 */
import { CAUSE, FORGE, JSON_OBJECT, ONLY, PLACE } from "../../campaign/flags.ts";
import { commands } from "../../campaign/verbs/commands.ts";
import { ALL_OPEN, CLOSE, MERGE, METHOD } from "../../campaign/own_flags.ts";
import type { Verb } from "../../verb.ts";

export const campaignCommandsVerb: Verb = {
  name: "campaign commands",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Print command lines of gh and glab that merge or close the open pull requests",
  group: "toolkit",
  flags: [PLACE, [MERGE, CLOSE, METHOD, ALL_OPEN], [CAUSE, ONLY], FORGE, JSON_OBJECT],
  codes: ["success", "usage", "unavailable", "internal"],
  meanings: {
    success: "they were printed; none was run",
    usage: "nothing was planned; a mistake in file or arguments; a lock or journal that was changed",
    unavailable: "the directory cannot be read",
  },
  examples: [
    "mogplex-ci campaign commands campaign.yml --merge",
    "mogplex-ci campaign commands campaign.yml --close --all",
  ],
  run: commands,
};
