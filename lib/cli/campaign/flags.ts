/**
 * Flags that several campaign verbs have.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { DURATION_FORMS, parseDuration } from "../../result/duration.ts";
import { option } from "../options/table.ts";
import { anyText } from "../options/values.ts";
import type { Option, VerbFlag } from "../verb.ts";

/** Directory of the campaign. */
export const DIR: Option<string> = {
  name: "dir",
  value: "DIR",
  help: "Directory with lock, journal and reports (mogplex-campaign)",
  parse: anyText,
};

/** Where lock and journal are kept between two waves. */
export const HOME: Option<string> = option("home", anyText);

/** Permits files outside of the campaign file's folder. */
export const ALLOW_OUTSIDE: VerbFlag = {
  name: "allow-outside",
  help: "Permit files outside of the folder of the campaign file",
};

/** A variable with the address of a webhook. */
export const WEBHOOK_VARIABLE: Option<string> = {
  name: "webhook-variable",
  value: "NAME",
  help: "Variable that the file may name for its webhook, although its name is not a usual one",
  parse: anyText,
};

/** Sends and writes nothing. */
export const DRY_RUN: VerbFlag = { name: "dry-run", help: "Print what would be done; send, start and write nothing" };

/** The answer is one object. */
export const JSON_OBJECT: VerbFlag = { name: "json", help: "Print one JSON object" };

/** Ends with 75 while the campaign goes on. */
export const EXIT_STATUS: VerbFlag = {
  name: "exit-status",
  help: `End with ${EXIT.rateLimited} while the campaign goes on`,
};

/** Who decides. */
export const BY: Option<string> = {
  name: "by",
  value: "NAME",
  help: "Who decides, for the journal (the user of the CI job, or of this machine)",
  parse: anyText,
};

/** Keeps what cannot be used as invalid items. */
export const SKIP_INVALID: VerbFlag = {
  name: "skip-invalid",
  help: "Keep repositories that cannot be used as invalid items, in place of an error",
};

/** A length of time: `20m`, `1h30m`, or seconds. In milliseconds, more than 0. */
export function duration(text: string, source: string): number {
  const ms = parseDuration(text.trim());
  if (ms !== undefined && ms > 0) return ms;
  const why = `it must be a time like ${DURATION_FORMS}`;
  throw new UsageError({ attempted: `use ${source}`, why, value: JSON.stringify(text) });
}

/** Mean time of a run. */
export const MEAN_RUN: Option<number> = {
  name: "mean-run",
  value: "TIME",
  help: "Mean time of a run, until runs have ended (20m)",
  parse: duration,
};

/** Which items a decision is about. */
export const FAILED: VerbFlag = { name: "failed", help: "Items that failed or were overdue" };
/** See {@linkcode FAILED}. */
export const CAUSE: Option<string> = {
  name: "cause",
  value: "WORD",
  help: "Items with this cause, by its word in `campaign status`",
  parse: anyText,
};
/** See {@linkcode FAILED}. */
export const ONLY: Option<string> = {
  name: "only",
  value: "GLOB",
  multiple: true,
  help: "Items of repositories whose name fits, as in acme/legacy-*",
  parse: anyText,
};

/** Further hosts that get a token of a forge. */
export const FORGE_HOST: Option<string> = {
  name: "forge-host",
  value: "HOST[=VARIABLE]",
  multiple: true,
  help:
    "Host of a forge, beside github.com and gitlab.com, that gets the token in GITHUB_TOKEN, GITLAB_TOKEN or VARIABLE",
  parse: anyText,
};

/** Days, hours, minutes and seconds: `3d`, `12h`. In milliseconds, more than 0. */
function days(text: string, source: string): number {
  const [, count] = /^\s*(\d{1,4})d\s*$/.exec(text) ?? [];
  return duration(count === undefined ? text : `${Number(count) * 24}h`, source);
}

/** When a pull request counts as stuck. */
export const STUCK_AFTER: Option<number> = {
  name: "stuck-after",
  value: "TIME",
  help: "How long nothing happens to a pull request until it is stuck, as in 3d or 12h (3d)",
  parse: days,
};

/** Flags of verbs that read pull requests. */
export const FORGE: readonly VerbFlag[] = [FORGE_HOST, STUCK_AFTER];

/** Flags that say which campaign a verb is about. */
export const PLACE: readonly VerbFlag[] = [DIR, HOME, ALLOW_OUTSIDE, WEBHOOK_VARIABLE];

/** Flags of every decision. */
export const DECISION: readonly VerbFlag[] = [BY, DRY_RUN, JSON_OBJECT];

/** The flags that choose items. */
export const SELECTION: readonly VerbFlag[] = [FAILED, CAUSE, ONLY];
