import { expect, test } from "bun:test";
import {
  groupStuck,
  pullRequestsSentence,
  pullRequestText,
  STUCK_CAUSES,
  stuckCause,
} from "../../../lib/campaign/pulls.ts";
import type { CampaignItem, PullRequestTrouble, PullRequestView } from "../../../lib/campaign/view/view.ts";
import { anItem, NOW } from "./report/sample_view.ts";

const DAY = 86_400_000;
const NOW_MS = Date.parse(NOW);

/** A pull request with which nothing is wrong. */
export function aPull(more: Partial<PullRequestView> = {}): PullRequestView {
  const updatedAt = new Date(NOW_MS - DAY).toISOString();
  const good = {
    state: "open",
    draft: false,
    checks: "green",
    review: "approved",
    conflict: false,
    owner: null,
  } as const;
  return { ...good, createdAt: updatedAt, updatedAt, reason: null, ...more };
}

const causeOf = (item: Partial<CampaignItem>, changed: boolean | null = true) =>
  stuckCause(anItem(1, item.verdict ?? "succeeded", item), changed, NOW_MS, 3 * DAY);

const old = new Date(NOW_MS - 3 * DAY).toISOString();
test.each<[Partial<PullRequestView>, PullRequestTrouble | null]>([
  [{}, null],
  [{ state: "merged", conflict: true }, null],
  [{ state: "closed", checks: "red" }, "closed-unmerged"],
  [{ state: "unreadable" }, "unreadable"],
  [{ conflict: true, checks: "red" }, "conflict"],
  [{ checks: "red", review: "changes-requested" }, "failed-checks"],
  [{ checks: "none" }, null],
  [{ checks: null, review: null, conflict: null }, null],
  [{ review: "changes-requested" }, "changes-requested"],
  [{ review: "not-requested" }, "no-reviewer"],
  [{ review: "not-requested", draft: true }, null],
  [{ review: "not-requested", checks: "pending" }, null],
  [{ review: "requested" }, null],
  [{ review: "requested", updatedAt: old }, "inactive"],
  [{ draft: true, updatedAt: old }, "inactive"],
  [{ updatedAt: null }, null],
])("stuckCause() of the pull request %j is %p", (pull, expected) => {
  expect(causeOf({ pullRequestState: aPull(pull) })).toBe(expected);
});

test("stuckCause() looks only at items that ended well", () => {
  expect(causeOf({ pullRequestState: null })).toBeNull();
  expect(causeOf({ pullRequest: null })).toBe("no-pull-request");
  expect(causeOf({ pullRequest: null }, false)).toBeNull();
  expect(causeOf({ pullRequest: null }, null)).toBeNull();
  for (const verdict of ["failed", "skipped", "running"] as const) {
    expect(causeOf({ verdict, pullRequestState: aPull({ checks: "red" }) })).toBeNull();
  }
});

test("groupStuck() puts items of one cause together, with the people who have to act", () => {
  const items = [
    anItem(1, "succeeded", { stuck: "failed-checks", pullRequestState: aPull({ owner: "kim" }) }),
    anItem(2, "succeeded", { stuck: "conflict", pullRequestState: aPull() }),
    anItem(3, "succeeded", { stuck: "failed-checks", pullRequestState: aPull() }),
    anItem(4, "succeeded"),
  ];
  expect(groupStuck(items).map(({ word, owners, items: ids }) => [word, owners, ids.length])).toEqual([
    ["conflict", ["acme"], 1],
    ["failed-checks", ["kim", "acme"], 2],
  ]);
  expect(new Set(STUCK_CAUSES).size).toBe(8);
});

test("pullRequestText() and pullRequestsSentence() never call pull requests absent that were not read", () => {
  const of = (pull: PullRequestView | null) => pullRequestText(anItem(1, "succeeded", { pullRequestState: pull }));
  expect([of(null), of(aPull()), of(aPull({ checks: null, review: null })), of(aPull({ state: "closed" }))]).toEqual([
    null,
    "open, green, approved",
    "open, checks not read, review not read",
    "closed",
  ]);
  expect(of(aPull({ draft: true, checks: "none", review: "not-requested", conflict: true }))).toBe(
    "draft, conflict, no review requested",
  );
  const items = [null, aPull({ state: "merged" }), aPull()].map((pull, index) =>
    anItem(index, "succeeded", { pullRequestState: pull, stuck: index === 2 ? "failed-checks" : null })
  );
  expect(pullRequestsSentence(items)).toBe("3 pull requests: 1 open (1 stuck), 1 merged, 1 not read");
  expect(pullRequestsSentence([anItem(1, "succeeded"), anItem(2, "succeeded")])).toBe("2 pull requests");
  expect(pullRequestsSentence([anItem(1, "failed")])).toBeNull();
});
