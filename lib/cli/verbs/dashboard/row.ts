/**
 * The row of `dashboard`.
 *
 * @module
 */
import type { Option, Verb, VerbFlag } from "../../verb.ts";
import { anyText, wholeNumber } from "../../options/values.ts";
import { JSON_LINES } from "../../options/table.ts";
import { ASKING } from "../codes.ts";

/** Where the files go. */
export const DASHBOARD_OUT: Option<string> = {
  name: "out",
  value: "DIR",
  help: "Write index.html, data.json, metrics.prom and history.jsonl into this directory",
  parse: anyText,
};

/** Files of runs and campaigns. */
export const RESULTS: VerbFlag = {
  name: "results",
  value: "GLOB",
  multiple: true,
  help: "Show these result.json and campaign.json: a path, or a pattern with *, ? and **, in quotes",
};

/** Whether the token may start something. */
export const ALLOW_WRITE: VerbFlag = {
  name: "allow-write-token",
  help: "Take a token that could start something, too (default: refuse it)",
};

/** Whether a part of the lists is enough. */
export const PARTIAL: VerbFlag = { name: "partial", help: "End with 0 as long as one list could be read" };

/** Seconds between two looks: one look may take half of what a token has in a minute. */
export const DASHBOARD_WATCH: Option<number> = {
  name: "watch",
  value: "SECONDS",
  help: "Show a table and read everything again after so many seconds, 60 to 86400, until Ctrl-C",
  parse: wholeNumber(60, 86_400),
};

export const dashboardVerb: Verb = {
  name: "dashboard",
  usage: "",
  maxPositionals: 0,
  summary: "Show repositories, sandboxes, automations, runs and campaigns as a page, as data and as metrics",
  group: "toolkit",
  flags: [[DASHBOARD_OUT, RESULTS, ALLOW_WRITE, PARTIAL, DASHBOARD_WATCH], JSON_LINES],
  codes: [ASKING, "sigint", "sigterm"],
  meanings: {
    success: "everything was read",
    usage: "bad arguments; the token could start something; a file cannot be written",
    unauthorized: "no token, or the service refused it, maybe after some lists: the page says which",
    forbidden: "the token may not read a list: the page says which",
    unavailable: "the service failed at a list: the page says which",
    rateLimited: "429 for longer than two minutes: the page says what is missing",
  },
  examples: [
    "mogplex-ci dashboard --out public --results 'out/**/result.json' --results 'campaigns/*/campaign.json'",
    "mogplex-ci dashboard --watch 300",
  ],
  run: async (context) => await (await import("../../dashboard/show_dashboard.ts")).showDashboard(context),
};
