/**
 * `campaign report`: writes the reports again, from lock and journal; with a token of a forge it reads the pull
 * requests.
 *
 * @module
 */
import { FORGE, JSON_OBJECT, PLACE } from "../../campaign/flags.ts";
import { report } from "../../campaign/verbs/report.ts";
import { WITH_PROMPT } from "../../campaign/own_flags.ts";
import { NOTE } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";

export const campaignReportVerb: Verb = {
  name: "campaign report",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Write the reports of a campaign again, from its lock and journal",
  group: "toolkit",
  flags: [PLACE, FORGE, [WITH_PROMPT], NOTE, JSON_OBJECT],
  codes: ["success", "usage", "unavailable", "internal"],
  meanings: {
    success: "the reports are written",
    usage:
      "nothing was planned; a mistake in file or arguments; a changed lock or journal; a file that cannot be written",
    unavailable: "the directory cannot be read",
  },
  examples: ["mogplex-ci campaign report campaign.yml"],
  run: report,
};
