/**
 * What `campaign ask` and `campaign close` share: the list of changes, a person's confirmation, and the results.
 * @module
 */
import {
  type ChangePlan,
  changePullRequests,
  errorOfChange,
  type PlannedChange,
  type PullChange,
  whyConfirm,
} from "../../campaign/change_pulls.ts";
import { UsageError } from "../../errors.ts";
import { EXIT, type ExitName } from "../../exit_codes.ts";
import { formatCount } from "../../text/duration.ts";
import { own, type SafeLine } from "../../text/safe_line.ts";
import { exitCodeFor } from "../../errors.ts";
import { explain } from "../explain.ts";
import { isInteractive } from "../log/writer.ts";
import type { Context, Meanings, VerbFlag } from "../verb.ts";
import { decider, maskToken, readPlace, refreshReports } from "./campaign_job.ts";
import { DRY_RUN, JSON_OBJECT } from "./flags.ts";

export const YES: VerbFlag = {
  name: "yes",
  help: "Confirm the list: required outside a terminal, for more than 20 items, and if people have worked on one",
};

export const CHANGE_CODES: readonly ExitName[] = [
  "success",
  "failed",
  "usage",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
];

export const OF_CHANGES: Meanings = {
  success: "the pull requests were changed, or with --dry-run would be",
  failed: "the forge refused one of them",
  usage: "no item is selected, or none matches; --yes is missing; a mistake in the file or the arguments",
  unauthorized: "the forge refuses the token",
  forbidden: "the token lacks a permission, which the message names",
  unavailable: "the forge or the directory could not be reached; the same command finishes it",
  rateLimited: "another process is using the directory",
};

/** Most lines of a list. */
const MAX_LINES = 100;

/** Words before the list, for each verb: what is done, and what would be done. */
const WORDS = {
  ask: { now: "requests reviews of", would: "would request reviews of" },
  close: { now: "closes", would: "would close" },
} as const;

function lineOf(context: Context, { url, whom, people }: PlannedChange): SafeLine {
  const { writer } = context;
  const words = [
    ...whom.length === 0 ? [] : [`from ${whom.join(", ")}`],
    ...people === null ? ["the forge does not show who has worked on it"] : [],
    ...people !== null && people.length > 0 ? [`worked on by ${people.slice(0, 5).join(", ")}`] : [],
  ];
  return own`  ${writer.untrusted(words.length === 0 ? url : `${url}: ${words.join("; ")}`)}`;
}

/** Changes pull requests, prints the list before and the results after, and returns the exit code. @throws as `changePullRequests` does. */
export async function changePulls(context: Context, change: PullChange): Promise<number> {
  const { flags, writer, vocabulary } = context;
  const attempted = change.kind === "ask" ? "request reviews" : "close pull requests";
  const place = readPlace(context, `campaign ${change.kind}`);
  maskToken(context);
  const dryRun = flags.has(DRY_RUN);
  const json = flags.has(JSON_OBJECT);

  function onPlan(plan: ChangePlan): void {
    const { changes, left } = plan;
    if (!json && changes.length + left.length > 0) {
      const words = WORDS[change.kind][dryRun ? "would" : "now"];
      writer.out(
        writer.untrusted(`${words} ${formatCount(changes.length, "pull request")}${changes.length > 0 ? ":" : ""}`),
      );
      writer.out(...changes.slice(0, MAX_LINES).map((each) => lineOf(context, each)));
      if (changes.length > MAX_LINES) writer.out(own`  and ${changes.length - MAX_LINES} more`);
      for (const { item, reason } of left.slice(0, MAX_LINES)) writer.note(`left out: ${item}: ${reason}`);
    }
    if (dryRun || changes.length === 0 || flags.has(YES)) return;
    const why = isInteractive(context) ? whyConfirm(plan) : "nobody can confirm the list outside a terminal";
    if (why !== null) throw new UsageError({ attempted, why, advice: "check the list, then add --yes" });
  }

  const options = { ...place.options, by: decider(context), dryRun, onPlan };
  const masked = change.kind === "close" ? { ...change, reason: writer.redact(change.reason) } : change;
  const { plan, results, view } = await changePullRequests(place.path, masked, options, place.internals);
  if (!dryRun) await refreshReports(context, place, view);
  const error = errorOfChange(attempted, results);
  if (json) writer.json(writer.clean({ change: change.kind, dryRun, ...plan, results }));
  else {
    const done = results.filter(({ state }) => state === "done").length;
    if (done > 0) writer.out(own`done: ${done} of ${results.length}`);
    for (const { url, state, reason } of results) {
      if (state === "refused") writer.note(`the forge refuses ${url}: ${reason}`);
    }
  }
  if (error === undefined) return EXIT.success;
  explain(error, writer, vocabulary);
  return exitCodeFor(error);
}
