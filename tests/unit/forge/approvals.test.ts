import { expect, test } from "bun:test";
import fc from "fast-check";
import { judgeApprovals, type NotCounted, type Opinion, type ReviewReading } from "../../../lib/forge/approvals.ts";
import type { ForgeUser } from "../../../lib/forge/findings.ts";
import { propertyRuns } from "../../property_runs.ts";

const HEAD = "a".repeat(40);
const OLDER = "b".repeat(40);
const ANN: ForgeUser = { id: 1, name: "ann", isBot: false };
const BOB: ForgeUser = { id: 2, name: "bob", isBot: false };
const CAT: ForgeUser = { id: 3, name: "cat", isBot: false };
const AGENT: ForgeUser = { id: 9, name: "agent[bot]", isBot: true };
const NOBODY: NotCounted = { requesters: [], token: null, notPeople: [] };

function opinion(by: ForgeUser, more: Partial<Opinion> = {}): Opinion {
  return { by, word: "approved", commit: HEAD, at: `2026-03-01T1${by.id}:00:00Z`, mayPush: true, ...more };
}

function reading(opinions: readonly Opinion[] | null, more: Partial<ReviewReading> = {}): ReviewReading {
  return { head: HEAD, required: 1, opinions, author: AGENT, writers: [AGENT], pushers: [], ...more };
}

test("judgeApprovals() approves when the pushes are hidden, and says that", () => {
  const { pushers: _, ...hidden } = reading([opinion(ANN)]);
  const { state, reason } = judgeApprovals(hidden, NOBODY);
  expect([state, reason]).toEqual([
    "approved",
    "1 of 1 approval of the newest commit; the forge does not show who pushed to the branch",
  ]);
});

test("judgeApprovals() approves when a person who can push has approved the newest commit", () => {
  expect(judgeApprovals(reading([opinion(ANN)]), NOBODY)).toEqual({
    state: "approved",
    have: 1,
    needed: 1,
    by: [ANN],
    lastAt: "2026-03-01T11:00:00Z",
    reason: "1 of 1 approval of the newest commit",
  });
});

test.each<[string, Opinion[], Partial<ReviewReading>, Partial<NotCounted>, string]>([
  ["no opinion is there", [], {}, {}, "0 of 1 approval of the newest commit"],
  ["the approval is of an earlier commit", [opinion(ANN, { commit: OLDER })], {}, {}, "ann approved an older commit"],
  ["a program has approved", [opinion(AGENT)], { author: null, writers: [] }, {}, "agent[bot] is a bot"],
  ["a deleted account has approved", [opinion({ id: 0, name: "ghost", isBot: null })], {}, {}, "ghost has no account"],
  ["a program that looks like a person has approved", [opinion({ id: 5, name: "Renovate", isBot: null })], {}, {
    notPeople: ["renovate"],
  }, "Renovate is listed as a bot"],
  [
    "the person can no longer push",
    [opinion(ANN, { mayPush: false })],
    {},
    {},
    "ann's approval does not count: ann cannot push",
  ],
  [
    "the person has asked for it",
    [opinion(ANN)],
    {},
    { requesters: [ANN] },
    "ann's approval does not count: ann requested the work",
  ],
  ["the person has asked, and only the name is known", [opinion(ANN)], {}, {
    requesters: [{ id: 0, name: "Ann", isBot: null }],
  }, "ann's approval does not count: ann requested the work"],
  ["the person has opened it", [opinion(ANN)], { author: ANN }, {}, "ann opened the pull request"],
  ["the person has written a commit", [opinion(ANN)], { writers: [AGENT, ANN] }, {}, "ann wrote some of the commits"],
  [
    "the person has pushed under another name",
    [opinion(ANN)],
    { pushers: [AGENT, ANN] },
    {},
    "ann pushed some of the commits",
  ],
  [
    "the person owns the token",
    [opinion(ANN)],
    {},
    { token: ANN },
    "ann's approval does not count: the token belongs to ann",
  ],
  [
    "it got another target after the approval",
    [opinion(ANN)],
    { retargetedAt: "2026-03-01T11:00:00Z" },
    {},
    "ann approved before the target branch changed",
  ],
  ["the target requires more", [opinion(ANN)], { required: 2 }, {}, "1 of 2 approvals of the newest commit"],
])("judgeApprovals() finds approvals missing when %s", (_name, opinions, more, notCounted, reason) => {
  const verdict = judgeApprovals(reading(opinions, more), { ...NOBODY, ...notCounted });
  expect([verdict.state, verdict.lastAt]).toEqual(["missing", null]);
  expect(verdict.reason).toContain(reason);
});

test.each<[string, Opinion[] | null, Partial<ReviewReading>, string]>([
  ["reviews are not shown", null, {}, "the forge does not show the reviews"],
  ["the head is not shown", [opinion(ANN)], { head: null }, "the forge does not show the newest commit"],
  [
    "the commit is not shown",
    [opinion(ANN, { commit: null })],
    {},
    "the forge does not show which commit ann approved",
  ],
  ["the right is not shown", [opinion(ANN, { mayPush: null })], {}, "the forge does not show whether ann can push"],
  [
    "it is not shown who wrote it",
    [opinion(ANN)],
    { writers: null },
    "0 of 1 approval of the newest commit; the forge does not show whether ann wrote some of the commits",
  ],
  [
    "it got another target, and the time of the approval is not shown",
    [opinion(ANN, { at: null })],
    { retargetedAt: "2026-03-01T10:00:00Z" },
    "the forge does not show for which target branch ann approved",
  ],
  ["not all pushes are shown", [opinion(ANN)], { pushers: null }, "whether ann pushed some of the commits"],
  ["one of two is sure", [opinion(ANN), opinion(BOB, { mayPush: null })], { required: 2 }, "whether bob can push"],
  [
    "it is not shown whether a request for changes counts",
    [opinion(ANN), opinion(BOB, { word: "changes-requested", mayPush: null })],
    {},
    "bob requests changes, and the forge does not show whether bob can push",
  ],
])("judgeApprovals() does not know when %s", (_name, opinions, more, reason) => {
  const verdict = judgeApprovals(reading(opinions, more), NOBODY);
  expect(verdict.state).toBe("unknown");
  expect(verdict.reason).toContain(reason);
});

test("judgeApprovals() counts an approval after the target was changed", () => {
  const review = reading([opinion(ANN)], { retargetedAt: "2026-03-01T10:59:59Z" });
  expect(judgeApprovals(review, NOBODY).state).toBe("approved");
});

test("judgeApprovals() needs no unsure approval when others are enough", () => {
  expect(judgeApprovals(reading([opinion(ANN), opinion(BOB, { mayPush: null })]), NOBODY).state).toBe("approved");
});

test("judgeApprovals() is blocked by a request for changes at any commit, until its author loses the right", () => {
  const wish = (more: Partial<Opinion>) => opinion(BOB, { word: "changes-requested", ...more });
  const judge = (each: Opinion) => judgeApprovals(reading([opinion(ANN), each]), NOBODY);
  expect(judge(wish({ commit: OLDER })).state).toBe("changes-requested");
  expect(judge(wish({ commit: null })).reason).toBe("bob requests changes; 1 of 1 approval of the newest commit");
  expect(judge(wish({ mayPush: false })).state).toBe("approved");
  expect(judge(opinion(AGENT, { word: "changes-requested" })).state).toBe("approved");
});

test("judgeApprovals() is blocked by the person who asked for the work, too", () => {
  const opinions = [opinion(ANN), opinion(BOB, { word: "changes-requested" })];
  expect(judgeApprovals(reading(opinions), { ...NOBODY, requesters: [BOB], token: BOB }).state).toBe(
    "changes-requested",
  );
});

test("judgeApprovals() takes one approval when the number is unknown, and leaves that unknown", () => {
  const verdict = judgeApprovals(reading([opinion(ANN)], { required: null }), NOBODY);
  expect([verdict.state, verdict.have, verdict.needed]).toEqual(["approved", 1, null]);
  expect(verdict.reason).toContain("the forge does not show how many approvals the target requires");
  expect(judgeApprovals(reading([opinion(ANN)], { required: 0 }), NOBODY).needed).toBe(1);
});

test("judgeApprovals() takes the time of the last approval that was needed", () => {
  const opinions = [opinion(CAT), opinion(ANN), opinion(BOB)];
  const at = (required: number) => judgeApprovals(reading(opinions, { required }), NOBODY).lastAt;
  expect([at(1), at(2), at(3)]).toEqual(["2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"]);
  expect(judgeApprovals(reading([opinion(ANN, { at: null }), opinion(BOB)]), NOBODY).lastAt).toBeNull();
});

test("judgeApprovals() names no more than five users", () => {
  const crowd = Array.from(
    { length: 9 },
    (_, index) => opinion({ id: index + 10, name: `u${index}`, isBot: false }, { mayPush: false }),
  );
  expect(judgeApprovals(reading(crowd), NOBODY).reason).toBe(
    [
      "0 of 1 approval of the newest commit",
      ...["u0", "u1", "u2", "u3", "u4"].map((name) => `${name}'s approval does not count: ${name} cannot push`),
      "and 4 more",
    ].join("; "),
  );
});

test("judgeApprovals() approves only what enough sure, independent people have approved, whatever it is given", () => {
  const users = [ANN, BOB, CAT, AGENT, { id: 0, name: "ghost", isBot: null }];
  const user = fc.constantFrom(...users);
  const opinions = fc.uniqueArray(
    fc.record({
      by: user,
      word: fc.constantFrom("approved" as const, "changes-requested" as const),
      commit: fc.constantFrom(HEAD, OLDER, null),
      at: fc.constantFrom("2026-03-01T10:00:00Z", null),
      mayPush: fc.constantFrom(true, false, null),
    }),
    { selector: ({ by }) => by.id },
  );
  const any = fc.record({
    head: fc.constantFrom(HEAD, null),
    required: fc.constantFrom(0, 1, 2, null),
    opinions,
    author: fc.option(user),
    writers: fc.option(fc.array(user)),
    pushers: fc.option(fc.array(user)),
  });
  const notCounted = fc.record({ requesters: fc.array(user), token: fc.option(user), notPeople: fc.constant(["cat"]) });
  fc.assert(
    fc.property(any, notCounted, (review, not) => {
      const verdict = judgeApprovals(review, not);
      const { writers, pushers } = review;
      const others = [...not.requesters, ...writers ?? [], ...pushers ?? [], review.author, not.token]
        .map((each) => each?.id);
      const sure = review.opinions.filter(({ by, word, commit, mayPush }) =>
        word === "approved" && [1, 2].includes(by.id) && !others.includes(by.id) && mayPush === true &&
        review.head !== null && commit === review.head && writers !== null && pushers !== null
      );
      const isBlocked = review.opinions.some(({ by, word, mayPush }) =>
        word === "changes-requested" && [1, 2].includes(by.id) && mayPush !== false
      );
      expect(verdict.have).toBe(sure.length);
      expect(verdict.state === "approved").toBe(sure.length >= Math.max(review.required ?? 1, 1) && !isBlocked);
    }),
    { numRuns: propertyRuns(500) },
  );
});
