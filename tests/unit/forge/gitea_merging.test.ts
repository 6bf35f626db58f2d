import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { judgeApprovals, type NotCounted } from "../../../lib/forge/approvals.ts";
import { ForgeClient } from "../../../lib/forge/client.ts";
import { GITEA } from "../../../lib/forge/gitea.ts";
import { parsePullRequest } from "../../../lib/forge/all.ts";
import type { MergeReading } from "../../../lib/forge/merging.ts";
import { isUnread, type PullRequestAddress } from "../../../lib/forge/model.ts";
import { type Exchange, giteaForge } from "./gitea_forge.ts";
import RECORDED from "./gitea_merging_answers.json" with { type: "json" };
import { GITEA_TOKEN } from "./world.ts";

// Answers of a real Gitea 1.24.6: `MOGPLEX_LAB_RECORD=1 npm run lab -- gitea-approvals`.

interface Recording {
  name: string;
  url: string;
  notCounted: NotCounted;
  expected: { state: string; reason: string; reading?: Partial<MergeReading> };
  exchanges: Exchange[];
}
const RECORDINGS = RECORDED.recordings as unknown as Recording[];

function recording(name: string): Recording {
  const found = RECORDINGS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no recording ${JSON.stringify(name)}`);
  return structuredClone(found);
}

async function read(
  { url, exchanges }: Recording,
  answers: readonly [asked: RegExp, status: number, body: unknown][] = [],
): Promise<MergeReading> {
  const forge = giteaForge({ exchanges });
  for (const [asked, status, body] of answers) {
    for (const each of forge.exchanges) if (asked.test(each.asked)) Object.assign(each, { status, body });
  }
  const world = { clock: virtualClock(), fetch: forge.fetch as never, random: () => 0.5 };
  const address = { ...parsePullRequest(url) as PullRequestAddress, forge: "gitea" };
  const token = { token: GITEA_TOKEN, place: "variable GITEA_TOKEN" };
  const client = new ForgeClient(world, GITEA, GITEA.api(address.origin), token);
  const reading = await GITEA.merging?.read(client, address);
  if (reading === undefined || isUnread(reading)) throw new Error(reading?.reason);
  return reading;
}

test.each(RECORDINGS.map((each) => [each.name, each] as const))(
  "GITEA.merging.read() reads a pull request %s",
  async (_name, each) => {
    const reading = await read(each);
    const { state, reason } = judgeApprovals(reading.review, each.notCounted);
    expect([state, reason]).toEqual([each.expected.state as never, expect.stringContaining(each.expected.reason)]);
    expect(reading).toMatchObject(each.expected.reading ?? {});
  },
);

const GOOD = "with an approval";
const judge = ({ review }: MergeReading) => judgeApprovals(review, recording(GOOD).notCounted);

test("GITEA.merging.read() reads that a branch is behind where its target does not take that", async () => {
  const strict = recording("of a target that requires two approvals, a check, and its newest commit");
  const isBehind = async (...answers: [RegExp, number, unknown][]) => (await read(strict, answers)).facts.isBehind;
  expect(await isBehind()).toBe(true);
  expect(await isBehind([/branch_protections/, 200, { block_on_outdated_branch: false }])).toBe(false);
  expect(await isBehind([/branch_protections/, 403, {}])).toBe(false);
});

test("GITEA.merging.read() does not know the rights that only administrators see", async () => {
  const reading = await read(recording(GOOD), [[/collaborators/, 403, { message: "" }]]);
  expect(judge(reading).state).toBe("unknown");
  expect(judge(reading).reason).toContain("the forge does not show whether lee can push");
});

test("GITEA.merging.read() does not know what is hidden", async () => {
  const hidden = async (asked: RegExp) => await read(recording(GOOD), [[asked, 404, {}]]);
  expect(judge(await hidden(/\/reviews/)).state).toBe("unknown");
  const { review, isCheckRequired, baseCommit } = await hidden(/\/branches\/main/);
  expect([review.required, isCheckRequired, baseCommit]).toEqual([null, null, null]);
  const { headCommittedAt, review: { writers } } = await hidden(/\/commits\?/);
  expect([headCommittedAt, writers]).toEqual([null, null]);
  expect((await hidden(/\/files/)).changedFiles).toBeNull();
});

test("GITEA.merging.read() reads who has pushed, and when its target changed, if the token may read issues", async () => {
  const lee = (await read(recording(GOOD))).review.opinions?.[0]?.by;
  const time = "2026-03-01T10:00:00Z";
  const events = (type: string) => [
    { id: 1, type, body: "", user: { id: lee?.id, login: lee?.name }, created_at: time, updated_at: time },
  ];
  const state = async (status: number, body: unknown) =>
    judge(await read(recording(GOOD), [[/\/timeline\?.*page=1$/, status, body]])).state;
  expect(await state(200, events("comment"))).toBe("approved");
  expect(await state(200, events("pull_push"))).toBe("missing");
  const later = events("change_target_branch").map((each) => ({ ...each, created_at: "2099-01-01T00:00:00Z" }));
  expect(await state(200, later)).toBe("missing");
  expect(await state(200, events("change_target_branch"))).toBe("approved");
  expect(await state(403, {})).toBe("approved");
});

test("GITEA.merging.read() does not believe an account that has taken over the name of a reviewer", async () => {
  const other = { permission: "admin", user: { id: 999, login: "lee" } };
  const reading = await read(recording(GOOD), [[/collaborators/, 200, other]]);
  expect(judge(reading)).toMatchObject({ state: "missing", have: 0 });
});
