import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { parsePullRequest } from "../../../lib/forge/all.ts";
import { ForgeClient } from "../../../lib/forge/client.ts";
import { GITHUB } from "../../../lib/forge/github.ts";
import type { PullRequestAddress } from "../../../lib/forge/model.ts";
import { pullNeeds } from "../../../lib/forge/needs.ts";
import { aNode, aReview, githubForge, html, type Node, reviews, rollup } from "./github_forge.ts";
import { GITHUB_TOKEN } from "./world.ts";

const address = parsePullRequest("https://github.com/acme/web/pull/7") as PullRequestAddress;

async function needs(node: Node | null, change: (github: ReturnType<typeof githubForge>) => void = () => {}) {
  const github = githubForge();
  const clock = virtualClock();
  github.pulls.set("acme/web#7", node);
  change(github);
  const world = { clock, fetch: github.fetch as never, random: () => 0.5 };
  const token = { token: GITHUB_TOKEN, place: "variable GITHUB_TOKEN" };
  const client = new ForgeClient(world, GITHUB, GITHUB.api("https://github.com"), token);
  return { text: await pullNeeds({ forge: GITHUB, client, address }, clock), requests: github.received.length, clock };
}

test.each<[string, Node | null, string | null]>([
  ["is ready", aNode(), "**Ready to merge:** the newest commit is approved, and its checks are green."],
  [
    "has no checks",
    aNode(rollup(null)),
    "**Ready to merge:** the newest commit is approved. It has no checks.",
  ],
  [
    "lacks everything",
    aNode({ mergeable: "CONFLICTING", mergeStateStatus: "BEHIND", ...rollup("FAILURE"), ...reviews() }),
    "**Not ready to merge:** it conflicts with the target branch; it is behind the target branch; its checks are red; " +
    "the newest commit is not approved.",
  ],
  ["lacks a review alone", aNode(reviews()), "**Needs a review:** the newest commit is not approved."],
  [
    "waits for a reviewer and its checks",
    aNode({ ...rollup("PENDING"), ...reviews(aReview({ state: "CHANGES_REQUESTED" })) }),
    "**Not ready to merge:** its checks have not finished; a review requests changes.",
  ],
  [
    "hides its review",
    aNode(reviews(null)),
    "**Unknown whether it is ready to merge.** GitHub does not show the review to this token.",
  ],
  ["is merged", aNode({ state: "MERGED" }), null],
  ["is not shown", null, null],
])("pullNeeds() says what a pull request needs that %s", async (_name, node, text) => {
  expect(await needs(node)).toMatchObject({ text, requests: 1 });
});

test("pullNeeds() gives up on a forge that does not answer, after ten seconds at most", async () => {
  const { text, clock } = await needs(aNode(), (github) => {
    github.faults.push(...Array.from({ length: 99 }, () => html(502)));
  });
  expect(text).toBeNull();
  expect(clock.now()).toBeLessThanOrEqual(10_000);
});
