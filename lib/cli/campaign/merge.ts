import { mergeCampaign, type MergeResult } from "../../campaign/merge/merge_campaign.ts";
import type { MergeLineWord } from "../../campaign/merge/round.ts";
import type { MergeMethod } from "../../forge/model.ts";
import { own } from "../../text/safe_line.ts";
import { isInteractive } from "../log/writer.ts";
import { isLaptop } from "../settings.ts";
import { oneOf, wholeNumber } from "../options.ts";
import type { Context, Option, Verb, VerbFlag } from "../verb.ts";
import { maskToken } from "../context.ts";
import { campaignVerb, readPlace, refreshReports } from "./campaign_job.ts";
import { decider } from "./decisions.ts";
import { BY, CAUSE, CHANGE_CODES, DRY_RUN, FORGE, JSON_OBJECT, ONLY, WHERE } from "./flags.ts";

const AT_MOST: Option<number> = {
  name: "at-most",
  value: "N",
  help: "Maximum number of merges and branch updates in this call",
  parse: wholeNumber(1, 10_000),
};

const METHOD: Option<MergeMethod> = {
  name: "method",
  value: "METHOD",
  help: "merge, squash or rebase (default: the file's method, otherwise one that the repository allows)",
  parse: oneOf(["merge", "squash", "rebase"]),
};

const UPDATE: VerbFlag = {
  name: "update",
  help: "Update branches if the target requires it; this can dismiss approvals",
};

const REQUIRE_UP_TO_DATE: VerbFlag = {
  name: "require-up-to-date",
  help: "Merge only branches that contain all commits of their target",
};

const DELETE_BRANCH: VerbFlag = { name: "delete-branch", help: "Delete the branch after the merge" };

const WITHOUT_REVIEW: VerbFlag = {
  name: "without-review",
  help: "Merge without approval, unless CI files change; needs --only outside a terminal",
};

const WITHOUT_CHECKS: VerbFlag = {
  name: "without-checks",
  help: "Merge without checks in repositories without CI; needs --only outside a terminal",
};

const OWN_APPROVAL: VerbFlag = {
  name: "own-approval",
  help: "Accept approvals by the requester and the token's user; not allowed in CI jobs",
};

export const campaignMergeVerb: Verb = campaignVerb("merge", {
  summary: "Merge the pull requests that people have approved and whose checks have passed",
  flags: [
    WHERE,
    [CAUSE, ONLY, AT_MOST],
    [METHOD, UPDATE, REQUIRE_UP_TO_DATE, DELETE_BRANCH],
    [WITHOUT_REVIEW, WITHOUT_CHECKS, OWN_APPROVAL],
    FORGE,
    [BY, DRY_RUN, JSON_OBJECT],
  ],
  codes: CHANGE_CODES,
  meanings: {
    success: "all qualifying pull requests were merged or queued, or none qualified",
    failed: "a forge refused a pull request that qualified; three refusals in different repositories end the command",
    usage: "there is no plan; no item matches; a token is missing; a modified journal",
    unauthorized: "a forge refuses the token",
    forbidden: "the token lacks a permission; the message shows which",
    unavailable: "a forge or the directory is unreachable; run the command again to continue",
    rateLimited: "another process is running in the directory",
  },
  examples: [
    "mogplex-ci campaign merge campaign.yml --dry-run",
    "mogplex-ci campaign merge campaign.yml --at-most 5 --method squash",
  ],
  run: merge,
});

async function merge(context: Context): Promise<number> {
  const { flags, option, writer } = context;
  const place = readPlace(context, "campaign merge");
  maskToken(context);
  const dryRun = flags.has(DRY_RUN);
  const result = await mergeCampaign(place.path, {
    ...place.options,
    by: decider(context),
    ...{ cause: option(CAUSE), only: flags.all(ONLY), atMost: option(AT_MOST), method: option(METHOD) },
    shortIds: isLaptop(context),
    update: flags.has(UPDATE),
    requireUpToDate: flags.has(REQUIRE_UP_TO_DATE),
    deleteBranch: flags.has(DELETE_BRANCH),
    withoutReview: flags.has(WITHOUT_REVIEW),
    withoutChecks: flags.has(WITHOUT_CHECKS),
    ownApproval: flags.has(OWN_APPROVAL),
    dryRun,
    isAttended: isInteractive(context),
  }, place.internals);
  if (!dryRun) await refreshReports(context, place, result.view);
  if (flags.has(JSON_OBJECT)) {
    const { lines, mergedBefore, exitCode } = result;
    writer.json(writer.clean({ dryRun, pullRequests: lines, mergedBefore, exitCode }));
  } else print(context, result);
  if (result.error !== undefined) writer.error(result.error.message);
  return result.exitCode;
}

const LABELS: Readonly<Record<MergeLineWord, string>> = {
  "would-merge": "would merge",
  "would-update": "would update",
  merged: "merged",
  elsewhere: "merged",
  queued: "queued",
  pending: "queued",
  foreign: "queued",
  updated: "updating",
  review: "needs review",
  checks: "waiting",
  blocked: "blocked",
  refused: "refused",
  out: "left queue",
  left: "left queue",
  withdrawn: "not merged",
  unanswered: "not merged",
  closed: "closed",
  unread: "not read",
};

const LABEL_WIDTH = 13;

function print({ writer }: Context, { lines, mergedBefore }: MergeResult): void {
  const width = lines.reduce((most, { repository }) => Math.max(most, writer.untrusted(repository).length), 0);
  for (const { word, repository, url, reason, commit } of lines) {
    const label = writer.untrusted(LABELS[word]).padEnd(LABEL_WIDTH);
    const text = [commit === null ? "" : `at ${commit}`, reason === word ? "" : reason].filter((part) => part !== "");
    writer.out(
      own`${label} ${writer.untrusted(repository).padEnd(width)}  ${writer.untrusted(url)}  ${
        writer.untrusted(text.join("; "))
      }`.trimEnd(),
    );
  }
  const counts = new Map<string, number>();
  for (const { word } of lines) counts.set(LABELS[word], (counts.get(LABELS[word]) ?? 0) + 1);
  const parts = [...counts].map(([label, count]) => `${count} ${label}`);
  if (mergedBefore > 0) parts.push(`${mergedBefore} already merged`);
  writer.out(writer.untrusted(parts.length === 0 ? "there is no pull request to merge" : parts.join(", ")));
}
