/**
 * The flags of `dashboard`.
 *
 * @module
 */
import { anyText, wholeNumber } from "../options/values.ts";
import type { Option, VerbFlag } from "../verb.ts";

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
  help: "Show these result.json, events.ndjson and campaign.json: a path, or a pattern with *, ? and **, in quotes",
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
