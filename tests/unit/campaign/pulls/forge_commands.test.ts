import { expect, test } from "bun:test";
import { forgeCommands } from "../../../../lib/campaign/pulls/forge_commands.ts";
import type { ItemView, PullRequestView } from "../../../../lib/campaign/view.ts";
import { anItem } from "../report/sample_view.ts";

const READY: PullRequestView = {
  state: "open",
  draft: false,
  checks: "green",
  review: "approved",
  conflict: false,
  owner: null,
  createdAt: null,
  updatedAt: null,
  reason: null,
};

const item = (number: number, pull: Partial<PullRequestView> | null, pullRequest?: string): ItemView =>
  anItem(number, "succeeded", {
    pullRequestState: pull === null ? null : { ...READY, ...pull },
    ...(pullRequest !== undefined && { pullRequest }),
  });

const MERGE_REQUEST = "https://git.example.com:8443/acme/tools/web/-/merge_requests/12";

test("forgeCommands() merges what is approved and green, and says what it left out", () => {
  const items = [
    item(1, {}),
    item(2, { checks: "none", conflict: null }),
    item(3, { checks: "red" }),
    item(4, { checks: null }),
    item(5, { review: "asked" }),
    item(6, { draft: true }),
    item(7, { conflict: true }),
    item(8, null),
    item(9, { state: "unreadable" }),
    item(10, { state: "merged" }),
    item(11, { state: "closed" }),
    item(12, {}, "https://forge.example/pulls/1"),
  ];
  const names = (numbers: number[]) => numbers.map((number) => `acme/service-${number}@main`);
  const { lines, unready, unread } = forgeCommands(items, "merge");
  expect(lines).toEqual(
    [8, 9].map((number) => `gh pr merge https://github.com/acme/service-${number - 7}/pull/${number} --merge`),
  );
  expect([unready, unread]).toEqual([names([3, 4, 5, 6, 7]), names([8, 9, 12])]);
  expect(forgeCommands(items, "merge", { all: true })).toMatchObject({ unready: [], unread: names([12]) });
  expect(forgeCommands(items, "close").lines).toHaveLength(7);
});

test("forgeCommands() leaves out a pull request of another repository, whoever has approved it", () => {
  const items = [
    item(1, {}, "https://github.com/acme/payments/pull/7"),
    item(2, {}, "https://github.com/Acme/Service-2/pull/8"),
    { ...item(3, {}, "https://github.com/acme/hidden/pull/9"), repository: "6f1c1b1e-0000-4000-8000-000000000003" },
  ];
  for (const action of ["merge", "close"] as const) {
    const { lines, elsewhere } = forgeCommands(items, action);
    expect(lines.map((line) => line.split(" ")[3])).toEqual([
      "https://github.com/Acme/Service-2/pull/8",
      "https://github.com/acme/hidden/pull/9",
    ]);
    expect(elsewhere).toEqual(["acme/service-1@main"]);
    expect(forgeCommands(items, action, { all: true })).toMatchObject({ elsewhere: [], lines: { length: 3 } });
  }
});

test("forgeCommands() knows glab, methods, and a pull request that two items share", () => {
  const items = [1, 2].map((number) => ({ ...item(number, {}, MERGE_REQUEST), repository: "acme/tools/web" }));
  expect(forgeCommands(items, "merge", { method: "squash" }).lines).toEqual([
    "glab mr merge 12 --repo https://git.example.com:8443/acme/tools/web --yes --squash",
  ]);
  expect(forgeCommands(items, "close").lines).toEqual([
    "glab mr close 12 --repo https://git.example.com:8443/acme/tools/web",
  ]);
});
