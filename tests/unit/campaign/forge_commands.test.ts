import { expect, test } from "bun:test";
import { forgeCommands } from "../../../lib/campaign/forge_commands.ts";
import { item, MERGE_REQUEST } from "./pull_request_items.ts";

const PIN = `--match-head-commit ${"a".repeat(40)}`;
const names = (numbers: number[]) => numbers.map((number) => `acme/service-${number}@main`);

test("forgeCommands() merges what is approved and green, and says what it left out", () => {
  const items = [
    item(1, {}),
    item(2, { checks: "none", conflict: null }),
    item(3, { checks: "red" }),
    item(4, { checks: null }),
    item(5, { review: "requested" }),
    item(6, { draft: true }),
    item(7, { conflict: true }),
    item(8, null),
    item(9, { state: "unreadable" }),
    item(10, { state: "merged" }),
    item(11, { state: "closed" }),
    item(12, {}, "https://forge.example/changes/1"),
  ];
  const { lines, unready, unread } = forgeCommands(items, "merge");
  expect(lines).toEqual(
    [8, 9].map((number) => `gh pr merge https://github.com/acme/service-${number - 7}/pull/${number} --merge ${PIN}`),
  );
  expect([unready, unread]).toEqual([names([3, 4, 5, 6, 7]), names([8, 9, 12])]);
  // What is red, a draft, in conflict or not read is never merged.
  const all = forgeCommands(items, "merge", { all: true });
  expect(all).toMatchObject({ unready: names([3, 4, 6, 7]), unread: names([8, 9, 12]), lines: { length: 3 } });
  const green = forgeCommands(items, "merge", { ready: "green" });
  expect(green.lines.map((line) => line.split(" ")[3]?.split("/").at(-1))).toEqual(["8", "12"]);
  expect(forgeCommands(items, "close").lines).toHaveLength(7);
});

test("forgeCommands() leaves out a pull request of another repository, even if it is approved", () => {
  const items = [
    item(1, {}, "https://github.com/acme/payments/pull/7"),
    item(2, {}, "https://github.com/Acme/Service-2/pull/8"),
    // Only its id is known, so nothing says that the pull request is there.
    { ...item(3, {}, "https://github.com/acme/hidden/pull/9"), repository: "6f1c1b1e-0000-4000-8000-000000000003" },
    item(4, { foreign: "it comes from another branch" }),
  ];
  for (const action of ["merge", "close"] as const) {
    const { lines, elsewhere } = forgeCommands(items, action);
    expect(lines.map((line) => line.split(" ")[3])).toEqual(["https://github.com/Acme/Service-2/pull/8"]);
    expect(elsewhere).toEqual(names([1, 3, 4]));
    const { length } = forgeCommands(items, action, { all: true }).lines;
    expect(length).toBe(action === "close" ? 4 : 1);
  }
});

test("forgeCommands() merges only the commit that was judged, none that is behind, and leaves the method to a merge queue", () => {
  const items = [
    item(1, { queue: true }),
    item(2, { behind: true }),
    item(3, { commit: null }),
    item(4, { commit: undefined, foreign: undefined }),
    item(5, { commit: "$(touch x)" }),
    item(6, { review: "changes-requested" }),
  ];
  for (const options of [{}, { all: true }, { ready: "green" as const }]) {
    expect(forgeCommands(items, "merge", { method: "squash", ...options })).toEqual({
      lines: [`gh pr merge https://github.com/acme/service-1/pull/8 ${PIN}`],
      behind: names([2]),
      unread: names([3, 4, 5]),
      unready: names([6]),
      elsewhere: [],
    });
  }
});

test("forgeCommands() knows glab, methods, and a pull request that two items share", () => {
  const items = [1, 2].map((number) => ({ ...item(number, {}, MERGE_REQUEST), repository: "acme/tools/web" }));
  expect(forgeCommands(items, "merge", { method: "squash" }).lines).toEqual([
    `glab mr merge 12 --repo https://git.example.com:8443/acme/tools/web --yes --squash --sha ${
      "a".repeat(40)
    } --auto-merge=false`,
  ]);
  expect(forgeCommands(items, "close").lines).toEqual([
    "glab mr close 12 --repo https://git.example.com:8443/acme/tools/web",
  ]);
});

test("forgeCommands() calls Gitea's API, with the judged commit, and the token from the shell", () => {
  const items = [{ ...item(1, {}, "https://git.example.com:8443/acme/web/pulls/7"), repository: "acme/web" }];
  const line = (rest: string) =>
    `printf 'header = "Authorization: token %s"' "$GITEA_TOKEN" | ` +
    `curl --fail-with-body --silent --show-error --config - --request ${rest}`;
  const url = "https://git.example.com:8443/api/v1/repos/acme/web/pulls/7";
  expect(forgeCommands(items, "merge", { method: "squash" }).lines).toEqual([
    line(
      `POST --header 'Content-Type: application/json' --data '{"Do":"squash","head_commit_id":"${"a".repeat(40)}"}' ` +
        `${url}/merge`,
    ),
  ]);
  expect(forgeCommands(items, "close").lines).toEqual([
    line(`PATCH --header 'Content-Type: application/json' --data '{"state":"closed"}' ${url}`),
  ]);
});
