/**
 * `campaign import`: takes in the journal of a campaign from elsewhere. Sends nothing to the service.
 *
 * @module
 */
import { DRY_RUN, JSON_OBJECT, PLACE } from "../../campaign/flags.ts";
import { importFrom } from "../../campaign/verbs/import.ts";
import type { Verb } from "../../verb.ts";
import { LOCAL_CODES } from "./codes.ts";

export const campaignImportVerb: Verb = {
  name: "campaign import",
  usage: "<file> <source>",
  maxPositionals: 2,
  summary: "Take in the journal of a campaign from another directory or branch",
  group: "toolkit",
  flags: [PLACE, DRY_RUN, JSON_OBJECT],
  codes: LOCAL_CODES,
  meanings: {
    success: "it is taken in, or it has nothing new",
    usage:
      "no lock there; another campaign; a changed lock or journal; the two contradict each other; a mistake in the file",
  },
  examples: [
    "mogplex-ci campaign import campaign.yml ./downloaded/mogplex-campaign",
    "mogplex-ci campaign import campaign.yml git:origin#mogplex-campaign/NAME",
  ],
  run: importFrom,
};
