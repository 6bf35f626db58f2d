import { ALL_FORGES, PUBLIC_HOSTS } from "../../forge/all.ts";
import { UsageError } from "../../errors.ts";
import type { ExitName } from "../../exit_codes.ts";
import { DURATION_FORMS, parseDuration } from "../../text/duration.ts";
import { anyText, HISTORY, HOME } from "../options.ts";
import type { Meanings, Option, VerbFlag } from "../verb.ts";

export const DIR: Option<string> = {
  name: "dir",
  value: "DIR",
  help: "Directory with lock, journal and reports (mogplex-campaign)",
  parse: anyText,
};

export const ALLOW_OUTSIDE: VerbFlag = {
  name: "allow-outside",
  help: "Allow files outside the folder of the campaign file",
};

export const WEBHOOK_VARIABLE: Option<string> = {
  name: "webhook-variable",
  value: "NAME",
  help: "Allow the file to use this variable for its webhook, whatever the variable's name",
  parse: anyText,
};

export const DRY_RUN: VerbFlag = { name: "dry-run", help: "Show what would happen; start and change nothing" };

export const JSON_OBJECT: VerbFlag = { name: "json", help: "Print one JSON object", heading: "Following" };

export const BY: Option<string> = {
  name: "by",
  value: "NAME",
  help: "Name of the person who decides, for the journal (default: the user of the CI job or of this machine)",
  parse: anyText,
};

export const RUN_HISTORY: Option<string> = { ...HISTORY, help: "Add each finished run of an item to this file" };

export const REASON: Option<string> = {
  name: "reason",
  value: "TEXT",
  help: "Reason, recorded in the journal",
  otherNames: ["note", "message", "comment", "because"],
  parse: anyText,
};

export const SKIP_INVALID: VerbFlag = {
  name: "skip-invalid",
  help: "Keep unusable repositories as invalid items instead of failing",
};

/** @returns Milliseconds, more than 0. */
export function duration(text: string, source: string): number {
  const ms = parseDuration(text.trim());
  if (ms !== undefined && ms > 0) return ms;
  const why = `it must be a duration such as ${DURATION_FORMS}`;
  throw new UsageError({ attempted: `use ${source}`, why, value: JSON.stringify(text) });
}

/** In milliseconds. */
export const MEAN_RUN: Option<number> = {
  name: "mean-run",
  value: "TIME",
  help: "Expected duration of a run, used until one has finished (20m)",
  parse: duration,
};

export const FAILED: VerbFlag = { name: "failed", help: "Select items that failed or were overdue" };
export const CAUSE: Option<string> = {
  name: "cause",
  value: "WORD",
  help: "Select items with this cause, as shown by `campaign status`",
  parse: anyText,
};
export const ONLY: Option<string> = {
  name: "only",
  value: "GLOB",
  multiple: true,
  help: "Select items whose repository matches, such as acme/legacy-*, or the item with this run id",
  parse: anyText,
};

export const FORGE_HOST: Option<string> = {
  name: "forge-host",
  value: "HOST[=VARIABLE]",
  multiple: true,
  help: `Another forge host (besides ${PUBLIC_HOSTS.join(" and ")}) that gets the token in ${
    ALL_FORGES.map(({ variable }) => variable).join(", ")
  } or VARIABLE`,
  parse: anyText,
};

/** @returns Milliseconds, more than 0. */
function days(text: string, source: string): number {
  const [, count] = /^\s*(\d{1,4})d\s*$/.exec(text) ?? [];
  return duration(count === undefined ? text : `${Number(count) * 24}h`, source);
}

/** In milliseconds. */
export const STUCK_AFTER: Option<number> = {
  name: "stuck-after",
  value: "TIME",
  help: "Treat a pull request without activity for this long as stuck: 3d or 12h (3d)",
  parse: days,
};

export const FORGE: readonly VerbFlag[] = [FORGE_HOST, STUCK_AFTER];

export const WHERE: readonly VerbFlag[] = [DIR, HOME];

export const PLACE: readonly VerbFlag[] = [...WHERE, ALLOW_OUTSIDE, WEBHOOK_VARIABLE];

export const DECISION: readonly VerbFlag[] = [REASON, BY, DRY_RUN, JSON_OBJECT];

export const SELECTION: readonly VerbFlag[] = [FAILED, CAUSE, ONLY];

export const CANCEL: VerbFlag = {
  name: "cancel",
  help: "Cancel the active runs now, including runs whose starts got no answer",
};

export const WAVE_CODES: readonly ExitName[] = [
  "success",
  "failed",
  "usage",
  "awaitingInput",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
  "sighup",
  "sigint",
  "sigterm",
];

export function waveCodesWithout(...others: readonly ExitName[]): readonly ExitName[] {
  return WAVE_CODES.filter((code) => !others.includes(code));
}

export const OF_WAVES: Meanings = {
  success: "all runs have ended without failures, or the campaign continues",
  failed:
    "all runs have ended, but items failed or are unknown; or the campaign stopped after too many failures; with --exit-status also: a start has had no answer for two hours",
  usage: "a mistake in the file or the arguments; a modified lock or journal; another user's token",
  awaitingInput:
    "only items waiting for an answer are left; with --exit-status also: these items keep others from starting, a gate is closed, or the campaign was stopped",
  unavailable: "the service or directory is unreachable; nothing is lost, and the next wave continues",
  rateLimited: "with --exit-status: the campaign is not done; or another process is running in its directory",
};

export const LOCAL_CODES: readonly ExitName[] = ["success", "usage", "unavailable", "internal", "rateLimited"];

export const OF_DECISIONS: Meanings = {
  success: "the decision is recorded, and the next wave applies it",
  usage:
    "there is no plan, or the decision does not apply now; a mistake in the file or the arguments; a modified journal",
  unavailable: "the directory is not writable",
  rateLimited: "another process is running in the directory",
};

export const SETTLE_CODES: readonly ExitName[] = waveCodesWithout("failed", "awaitingInput");

export const CHANGE_CODES: readonly ExitName[] = waveCodesWithout("awaitingInput", "sighup", "sigint", "sigterm");

export const OF_SETTLING: Meanings = {
  ...OF_DECISIONS,
  success: "the decision is recorded, and the next wave applies it; the service has answered all starts of these items",
  usage:
    "there is no plan, no item matches, or the decision does not apply now; a mistake in the file or the arguments; a modified journal",
  unavailable:
    "the directory is not writable; the forge did not answer; or the service did not answer, and the next wave tries again",
  rateLimited:
    "another process is running in the directory; or the start quota is used up, and the next wave looks up the starts that got no response",
};
