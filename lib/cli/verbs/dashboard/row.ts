/**
 * The row of `dashboard`.
 *
 * @module
 */
import { ALLOW_WRITE, DASHBOARD_OUT, DASHBOARD_WATCH, PARTIAL, RESULTS } from "../../dashboard/flags.ts";
import { showDashboard } from "../../dashboard/show_dashboard.ts";
import { JSON_LINES } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";
import { ASKING } from "../codes.ts";

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
    "mogplex-ci dashboard --out public --results '*/result.json'",
    "mogplex-ci dashboard --watch 300",
  ],
  run: showDashboard,
};
