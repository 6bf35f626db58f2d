/**
 * `campaign ask`: requests reviews of pull requests for which nobody was asked.
 * @module
 */
import { reviewer } from "../../campaign/file/rules.ts";
import { UsageError } from "../../errors.ts";
import { anyText, wholeNumber } from "../options.ts";
import type { Context, Option, Verb } from "../verb.ts";
import { readSelection } from "./campaign_job.ts";
import { CHANGE_CODES, changePulls, OF_CHANGES, YES } from "./change_job.ts";
import { BY, DRY_RUN, FORGE, JSON_OBJECT, SELECTION, WHERE } from "./flags.ts";

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

export const campaignAskVerb: Verb = {
  name: "campaign ask",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Request reviews of pull requests for which nobody was asked",
  group: "toolkit",
  flags: [WHERE, SELECTION, [REVIEWER, AT_MOST, YES], [BY, DRY_RUN, JSON_OBJECT], FORGE],
  codes: CHANGE_CODES,
  meanings: OF_CHANGES,
  examples: ["mogplex-ci campaign ask campaign.yml --only acme/web --dry-run"],
  run: ask,
};

// deno-lint-ignore require-await
async function ask(context: Context): Promise<number> {
  const { option, flags } = context;
  const [reviewers, atMost] = [flags.all(REVIEWER), option(AT_MOST) ?? DAILY];
  for (const name of reviewers) {
    const why = reviewer(name);
    if (why !== undefined) throw new UsageError({ attempted: "use --reviewer", why, value: JSON.stringify(name) });
  }
  return changePulls(context, { kind: "ask", select: readSelection(context), reviewers, atMost });
}
