/**
 * `campaign plan`: freezes the list of items, and computes when the campaign will be done. Starts nothing.
 *
 * @module
 */
import { DRY_RUN, FORGE_HOST, JSON_OBJECT, MEAN_RUN, PLACE, SKIP_INVALID } from "../../campaign/flags.ts";
import { plan } from "../../campaign/verbs/plan.ts";
import { ALL_PLANNED } from "../../campaign/own_flags.ts";
import type { Verb } from "../../verb.ts";

export const campaignPlanVerb: Verb = {
  name: "campaign plan",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Freeze the list of repositories, and compute when it will be done; starts nothing",
  group: "toolkit",
  flags: [PLACE, FORGE_HOST, [SKIP_INVALID, MEAN_RUN, ALL_PLANNED], DRY_RUN, JSON_OBJECT],
  codes: ["success", "usage", "unauthorized", "forbidden", "unavailable", "internal", "rateLimited"],
  meanings: {
    success: "the plan is written",
    usage: "a mistake in the file; repositories that cannot be used; a list that the service does not show in full",
    rateLimited: "429 for longer than it waits; another process is at work in the directory",
  },
  examples: ["mogplex-ci campaign plan campaign.yml", "mogplex-ci campaign plan campaign.yml --dry-run --json"],
  run: plan,
};
