/**
 * `campaign status`: what a campaign looks like, and what needs a person. Read-only; with a token of a forge it
 * reads the pull requests.
 *
 * @module
 */
import { FORGE, JSON_OBJECT, PLACE } from "../../campaign/flags.ts";
import { status } from "../../campaign/verbs/status.ts";
import { ALL_ROWS, STATUS_EXIT, WATCH } from "../../campaign/own_flags.ts";
import type { Verb } from "../../verb.ts";

export const campaignStatusVerb: Verb = {
  name: "campaign status",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Print what a campaign looks like and what needs a person",
  group: "toolkit",
  flags: [PLACE, FORGE, [ALL_ROWS, WATCH, STATUS_EXIT], JSON_OBJECT],
  codes: [
    "success",
    "failed",
    "usage",
    "awaitingInput",
    "unavailable",
    "internal",
    "rateLimited",
    "sigint",
    "sigterm",
  ],
  meanings: {
    success: "it was printed",
    failed: "with --exit-status: done with failures or unknowns, or stopped after too many failures",
    usage: "nothing was planned; a mistake in file or arguments; a lock or journal that was changed",
    awaitingInput: "with --exit-status: only items are left that wait for a person",
    unavailable: "the directory cannot be read",
    rateLimited: "with --exit-status: it goes on",
  },
  examples: ["mogplex-ci campaign status campaign.yml", "mogplex-ci campaign status campaign.yml --json"],
  run: status,
};
