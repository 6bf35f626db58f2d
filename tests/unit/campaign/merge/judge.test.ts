import { expect, test } from "bun:test";
import { judgeMerge, type MergePolicy } from "../../../../lib/campaign/merge/judge.ts";
import type { RecordBody } from "../../../../lib/campaign/journal/record.ts";
import { judgeApprovals } from "../../../../lib/forge/approvals.ts";
import { ended, foldJournal, intent, keyOf, lockItem, lockOf, recordsOf, started, uuidOf } from "../journal/sample.ts";
import { project } from "../world.ts";
import { aPull, BRANCH } from "./merge_world.ts";

const ITEM = lockItem(0, { repository: project(1) });
const POLICY: MergePolicy = {
  ...{ afterMs: 0, method: null, update: false, requireUpToDate: false, withoutReview: false, withoutChecks: false },
  ...{ ownApproval: false, isNamed: false },
};

/** Judges an approved and green pull request. Its item has these records after the success of its task. */
async function judge(
  bodies: readonly RecordBody[],
  { policy = {}, files = [] }: { policy?: Partial<MergePolicy>; files?: string[] } = {},
) {
  const { reading, facts, opinions } = aPull(1);
  const success = ended(ITEM.id, 1, "succeeded", {
    ...{ runId: uuidOf(1), status: "success", branch: BRANCH, pullRequest: facts.url },
  });
  const task = [intent(ITEM.id, 1, { branch: BRANCH }), started(ITEM.id, 1, uuidOf(1)), success];
  const item = foldJournal(lockOf([ITEM]), await recordsOf([...task, ...bodies])).items.get(ITEM.id);
  if (item === undefined) throw new Error("there is no item");
  const review = { ...reading.review, required: 0, opinions: policy.withoutReview ? [] : opinions };
  return judgeMerge({
    item,
    reading: { ...reading, review, changedFiles: files },
    verdict: judgeApprovals(review, { requesters: [], token: null, notPeople: [] }),
    targetChecks: null,
    policy: { ...POLICY, ...policy },
    nowMs: Date.parse("2026-03-02T00:00:00Z"),
  });
}

test("judgeMerge() blocks a merge while a follow-up is due, while its start has no answer, and while a run works on the item", async () => {
  const retry: RecordBody = { type: "retry", items: [ITEM.id], adopt: false, by: "kim", followUp: "review" };
  const followUp: Partial<RecordBody> = { kind: "follow-up", followUp: "review", key: keyOf(2), branch: BRANCH };
  const start = intent(ITEM.id, 2, followUp);
  const again = [retry, start, started(ITEM.id, 2, uuidOf(2))];
  const end = ended(ITEM.id, 2, "succeeded", { runId: uuidOf(2), status: "success", branch: BRANCH });
  const judgements = await Promise.all(
    [[], [retry], [retry, start], again, [...again, end]].map((each) => judge(each)),
  );
  expect(judgements.map(({ kind, reason }) => `${kind}: ${reason}`)).toEqual([
    "merge: green; 1 of 1 approval of the newest commit",
    "blocked: a follow-up will work on it",
    "blocked: a run is working on it",
    "blocked: a run is working on it",
    "merge: green; 1 of 1 approval of the newest commit",
  ]);
});

// The places are from the documentation of each system: see RULE_FILES.
test.each([
  ".azure-pipelines/ci.yml",
  ".build.yml",
  ".builds/alpine.yml",
  "zuul.yaml",
  ".zuul.yaml",
  "zuul.d/jobs.yaml",
  ".zuul.d/jobs.yaml",
  ".asf.yaml",
  ".bazelci/presubmit.yml",
  "actions/build/action.yml",
  "action.yaml",
  "ci/jobs/build.yml",
  "renovate.json",
  "renovate.json5",
  ".renovaterc",
  ".renovaterc.json5",
])("judgeMerge() needs a review of a change to %s", async (file) => {
  const { kind, reason } = await judge([], { policy: { withoutReview: true }, files: ["src/a.ts", file] });
  expect([kind, reason]).toEqual(["review", `it changes ${JSON.stringify(file)}, which needs a review`]);
});

test.each([
  "src/transaction.yml",
  "src/ci/a.ts",
  "src/zuul.d/a.ts",
  "docs/renovate.json.md",
  "src/renovate.json",
  "builds/a.yml",
  "zuul.txt",
  "build.yml",
])(
  "judgeMerge() needs no review of a change to %s",
  async (file) => {
    const { kind } = await judge([], { policy: { withoutReview: true }, files: [file] });
    expect(kind).toBe("merge");
  },
);
