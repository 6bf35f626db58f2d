import {
  type ChangePlan,
  changePullRequests,
  errorOfChange,
  type PlannedChange,
  type PullChange,
  whyConfirm,
} from "../../campaign/change_pulls.ts";
import { reviewer } from "../../campaign/file/rules.ts";
import { UsageError } from "../../errors.ts";
import { formatCount } from "../../text/duration.ts";
import { own, type SafeLine } from "../../text/safe_line.ts";
import { isInteractive } from "../log/writer.ts";
import { anyText, wholeNumber } from "../options.ts";
import type { Context, Meanings, Option, Verb, VerbFlag } from "../verb.ts";
import { maskToken } from "../context.ts";
import { campaignVerb, readPlace, refreshReports } from "./campaign_job.ts";
import { codeOf, decider, readSelection, requiredReason } from "./decisions.ts";
import { BY, CHANGE_CODES, DECISION, DRY_RUN, FORGE, JSON_OBJECT, SELECTION, WHERE } from "./flags.ts";

const YES: VerbFlag = {
  name: "yes",
  help: "Confirm the list. Required outside a terminal, for more than 20 items, and if people have worked on a branch",
};

const OF_CHANGES: Meanings = {
  success: "the pull requests were changed, or would be without --dry-run",
  failed: "a forge refused at least one change",
  usage: "no item is selected, or none matches; --yes is missing; a mistake in the file or the arguments",
  unauthorized: "the forge refuses the token",
  forbidden: "the token lacks a permission; the message shows which",
  unavailable: "the forge or the directory is unreachable; run the command again to finish",
  rateLimited: "another process is using the directory",
};

const REVIEWER: Option<string> = {
  name: "reviewer",
  value: "NAME",
  multiple: true,
  help: "Reviewer: a user, team:NAME or codeowners (default: pull-requests.reviewers of the plan)",
  parse: anyText,
};

const DAILY = 20;

const AT_MOST: Option<number> = {
  name: "at-most",
  value: "N",
  help: `Maximum number of requests in 24 hours, including earlier ones (${DAILY})`,
  parse: wholeNumber(1, 10_000),
};

export const campaignAskVerb: Verb = campaignVerb("ask", {
  summary: "Request reviews of pull requests that have no reviewer",
  flags: [WHERE, SELECTION, [REVIEWER, AT_MOST, YES], [BY, DRY_RUN, JSON_OBJECT], FORGE],
  codes: CHANGE_CODES,
  meanings: OF_CHANGES,
  examples: ["mogplex-ci campaign ask campaign.yml --only acme/web --dry-run"],
  // deno-lint-ignore require-await
  async run(context) {
    const { option, flags } = context;
    const [reviewers, atMost] = [flags.all(REVIEWER), option(AT_MOST) ?? DAILY];
    for (const name of reviewers) {
      const why = reviewer(name);
      if (why !== undefined) throw new UsageError({ attempted: "use --reviewer", why, value: JSON.stringify(name) });
    }
    return changePulls(context, { kind: "ask", select: readSelection(context), reviewers, atMost });
  },
});

export const campaignCloseVerb: Verb = campaignVerb("close", {
  summary: "Close pull requests with a comment, and skip their items; --reason is required",
  flags: [WHERE, SELECTION, [YES], DECISION, FORGE],
  codes: CHANGE_CODES,
  meanings: OF_CHANGES,
  examples: ["mogplex-ci campaign close campaign.yml --only acme/web --reason 'not wanted'"],
  // deno-lint-ignore require-await
  async run(context) {
    const advice = "use --reason TEXT, which the comment and the reports show";
    const reason = requiredReason(context, "close pull requests", advice);
    return changePulls(context, { kind: "close", select: readSelection(context), reason });
  },
});

const MAX_LINES = 100;

const WORDS = {
  ask: { now: "requesting reviews of", would: "would request reviews of" },
  close: { now: "closing", would: "would close" },
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

async function changePulls(context: Context, change: PullChange): Promise<number> {
  const { flags, writer } = context;
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
    const why = isInteractive(context) ? whyConfirm(plan) : "the list cannot be confirmed outside a terminal";
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
      if (state === "refused") writer.note(`the forge refused ${url}: ${reason}`);
    }
  }
  return codeOf(context, error);
}
