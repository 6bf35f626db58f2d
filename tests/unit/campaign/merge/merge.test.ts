import { expect, test } from "bun:test";
import { notFound } from "../../../../lib/forge/client.ts";
import { writeStop } from "../../../../lib/campaign/journal/stop_request.ts";
import { DIRECTORY, failureOf, project } from "../world.ts";
import { ANN, approval, BEN, commit, MERGER, mergeWorld, user } from "./merge_world.ts";

const HOUR = 3_600_000;

test("mergeCampaign() merges what is approved and green at its head, and says why not of each other one", async () => {
  const world = await mergeWorld(12);
  const { forge } = world;
  const [, draft, conflict, red, pending, unread, none, lacking, changes, stacked, blocked, bypass] = Array.from(
    { length: 12 },
    (_, index) => forge.of(index + 1),
  );
  if (draft) draft.facts.draft = true;
  if (conflict) conflict.facts.conflict = true;
  if (red) red.facts.checks = "red";
  if (pending) pending.facts.checks = "pending";
  if (unread) unread.facts.checks = null;
  if (none) none.facts.checks = "none";
  if (lacking) lacking.opinions = [];
  if (changes) changes.opinions.push(approval(BEN, commit(9), { word: "changes-requested" }));
  if (stacked) stacked.reading.isStacked = true;
  if (blocked) blocked.reading.blocked = "not all discussions are resolved";
  if (bypass) bypass.reading.bypass = "this token can bypass the rules, and not all of them could be read";
  const dry = await world.words({ dryRun: true });
  expect([dry[0], forge.calls.some((call) => call.startsWith("merge "))]).toEqual([
    "would-merge: green; 1 of 1 approval of the newest commit; the requester is unknown on github.com",
    false,
  ]);
  const result = await world.merge();
  expect(result.lines.map(({ word, reason }) => `${word}: ${reason}`)).toEqual([
    "merged: merged",
    "blocked: it is a draft",
    "blocked: it conflicts with the target branch",
    "blocked: its checks are red",
    "checks: its checks have not finished",
    "blocked: its checks could not be read",
    "blocked: it has no checks",
    "review: 0 of 1 approval of the newest commit",
    "blocked: ben requests changes; 1 of 1 approval of the newest commit",
    "blocked: it is part of a stack, so a merge would also merge the pull requests below it",
    "blocked: not all discussions are resolved",
    "blocked: this token can bypass the rules, and not all of them could be read",
  ]);
  expect([result.exitCode, result.lines[0]?.commit, forge.calls.filter((call) => call.startsWith("merge "))]).toEqual([
    0,
    commit(901),
    [`merge ${project(1)}`],
  ]);
  expect(dry.slice(1)).toEqual(result.lines.slice(1).map(({ word, reason }) => `${word}: ${reason}`));
  const again = await world.merge();
  expect([again.mergedBefore, again.lines.length]).toEqual([1, 11]);
});

test("mergeCampaign() writes its intent before it asks the forge, and reads everything again in between", async () => {
  const world = await mergeWorld(1);
  const seen: string[] = [];
  let intents = 0;
  world.forge.before = (call) => {
    const written = world.files.paths().map((path) => world.files.text(path) ?? "").join("\n");
    intents = written.split('"type":"merge-intent"').length - 1;
    seen.push(`${call.split(" ")[0]} ${intents}`);
    return undefined;
  };
  await world.merge();
  expect(seen).toEqual(["me 0", "read 0", "checks 0", "read 1", "checks 1", "merge 1", "read 1"]);
  const records = (await world.records()).filter(({ type }) => type.startsWith("merge"));
  expect(records).toMatchObject([
    {
      type: "merge-intent",
      repositoryId: "1001",
      head: commit(1),
      base: "main",
      method: "merge",
      by: "kim",
      targetChecks: "none",
    },
    { type: "merge", as: "merged", commit: commit(901), reason: null },
  ]);
});

test("mergeCampaign() merges nothing that changed after it was judged", async () => {
  const changes: [string, (world: Awaited<ReturnType<typeof mergeWorld>>) => void, string][] = [
    [
      "a push after the approval",
      (world) => void (world.forge.of(1).facts.commit = commit(77)),
      "ann approved an older commit",
    ],
    ["an approval that is withdrawn", (world) => void (world.forge.of(1).opinions = []), "0 of 1 approval"],
    [
      "another target",
      (world) => void (world.forge.of(1).reading.base = "prod"),
      'retargeted: the target branch is "prod"',
    ],
    ["a draft", (world) => void (world.forge.of(1).facts.draft = true), "it is a draft"],
    [
      "a right that is lost",
      (world) => void (world.forge.of(1).opinions = [approval(ANN, commit(1), { mayPush: false })]),
      "ann cannot push",
    ],
    [
      "another repository",
      (world) => void (world.forge.of(1).reading.repositoryId = "77"),
      "the repository has changed",
    ],
  ];
  for (const [name, change, reason] of changes) {
    const world = await mergeWorld(1);
    let reads = 0;
    // Right after the first look, which is before the intent.
    world.forge.after = (call) => {
      if (call.startsWith("checks") && ++reads === 1) change(world);
    };
    const [line] = await world.words();
    expect([name, line]).toEqual([name, expect.stringMatching(/^withdrawn: changed since it was checked: /)]);
    expect([name, line]).toEqual([name, expect.stringContaining(reason)]);
    expect([name, world.forge.of(1).merges]).toEqual([name, 0]);
  }
});

test("mergeCampaign() counts no approval by a user who asked for work on the pull request in its comments", async () => {
  const world = await mergeWorld(3);
  const { forge } = world;
  for (const number of [1, 2, 3]) forge.of(number).opinions = [approval(ANN, commit(number))];
  forge.of(1).requesters = [{ id: ANN.id, name: "", isBot: null, namedBy: "mogplex" }];
  forge.of(2).requesters = null;
  forge.of(3).requesters = [{ id: ANN.id + 1, name: "", isBot: null, namedBy: "mogplex" }];
  expect(await world.words({ dryRun: true })).toEqual([
    "review: 0 of 1 approval of the newest commit; ann's approval does not count: a comment by mogplex names ann as the requester",
    "review: 0 of 1 approval of the newest commit; the forge does not show whether ann asked for this work",
    "would-merge: green; 1 of 1 approval of the newest commit; the requester is unknown on github.com",
  ]);
});

test("mergeCampaign() counts no approval of a program, of those who asked for the work, wrote it or own the token", async () => {
  const world = await mergeWorld(5, {
    file: { "not-people": ["approver"] },
    env: {
      GITHUB_ACTIONS: "true",
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_ACTOR: "ben",
      GITHUB_ACTOR_ID: "2",
    },
  });
  const { forge } = world;
  const approvers = [user("renovate[bot]", 5, true), BEN, user("writer", 6), MERGER, user("approver", 7)];
  approvers.forEach((by, index) => {
    forge.of(index + 1).opinions = [approval(by, commit(index + 1))];
  });
  forge.of(3).reading.review = { ...forge.of(3).reading.review, writers: [user("writer", 6)] };
  expect(await world.words()).toEqual([
    "review: 0 of 1 approval of the newest commit; renovate[bot] is a bot",
    "review: 0 of 1 approval of the newest commit; ben's approval does not count: ben requested the work",
    "review: 0 of 1 approval of the newest commit; writer wrote some of the commits",
    "review: 0 of 1 approval of the newest commit; merger's approval does not count: the token belongs to merger",
    "review: 0 of 1 approval of the newest commit; approver is listed as a bot",
  ]);
  forge.of(1).opinions = [approval(ANN, commit(1))];
  expect((await world.words({ dryRun: true }))[0]).toBe("would-merge: green; 1 of 1 approval of the newest commit");
  forge.of(1).opinions = [approval(user("renovate[bot]", 5, true), commit(1))];
  // Two of them on the machine of a person who takes the responsibility.
  const { lines } = await world.merge({ ownApproval: true });
  expect(lines.map(({ word }) => word)).toEqual(["review", "merged", "review", "merged", "review"]);
  const intents = (await world.records()).filter((record) => record.type === "merge-intent");
  expect(intents.map((record) => record.type === "merge-intent" && record.exceptions)).toEqual([
    ["own-approval"],
    ["own-approval"],
  ]);
});

test("decideCampaign() lets nobody ask for work under the name of the file's rule, so that their approval would count", async () => {
  const world = await mergeWorld(1);
  const select = { only: [project(1)] };
  for (const by of ["on-failed-checks", " on-failed-checks "]) {
    expect(await failureOf(() => world.decide({ kind: "retry", select, adopt: false }, { by }))).toMatch(
      /^2 Cannot retry items because this name belongs to a rule in the campaign file, not to a person: /,
    );
  }
});

test("mergeCampaign() merges nothing when one of the names is not the name of an item, although a glob matches", async () => {
  const world = await mergeWorld(2);
  expect(await failureOf(() => world.merge({ only: ["acme/projcet-0001", "acme/*"] }))).toMatch(
    /^2 Cannot merge pull requests because no item matches: "acme\/projcet-0001"; did you mean "acme\/project-0001"\? /,
  );
  expect((await world.records()).filter(({ type }) => type.startsWith("merge"))).toEqual([]);
  expect((await world.words({ only: [project(1), "acme/*"] })).map((word) => word.split(":")[0])).toEqual([
    "merged",
    "merged",
  ]);
});

test("mergeCampaign() never takes a fork, another branch or another repository, and a new target only by name", async () => {
  const world = await mergeWorld(4);
  const { forge } = world;
  forge.of(1).facts.isForeign = true;
  forge.of(2).facts.branch = "somebody/else";
  forge.of(3).reading.base = "prod";
  expect((await world.words({ dryRun: true })).slice(0, 3)).toEqual([
    "blocked: its branch is not in this repository",
    'blocked: its branch is "somebody/else", but the run works on "mogplex/replace-moment"',
    'blocked: retargeted: the target branch is "prod", and the planned target is "main"; name the item with --only to merge it',
  ]);
  expect((await world.words({ only: ["acme/*3"] }))[0]).toContain("retargeted");
  expect(await world.words({ only: [project(1), project(3)] })).toEqual([
    "blocked: its branch is not in this repository",
    "merged: merged",
  ]);
  // The repository of the name was deleted, and is another one now.
  await world.words({ only: [project(2)] });
  forge.of(4).facts.draft = true;
  await world.words();
  forge.of(4).facts.draft = false;
  forge.of(4).reading.repositoryId = "4711";
  expect((await world.words())[2] ?? (await world.words()).at(-1)).toBe(
    "blocked: the repository has changed since the pull request was found",
  );
  expect(forge.of(4).merges).toBe(0);
});

test("mergeCampaign() follows a queue, and takes out what is not approved any more", async () => {
  const world = await mergeWorld(3);
  const { forge } = world;
  for (const number of [1, 2, 3]) {
    forge.of(number).facts.hasQueue = true;
    forge.of(number).answers = [{ kind: "queued" }];
  }
  expect(await world.words()).toEqual(Array(3).fill("queued: in the queue of its target"));
  forge.of(1).opinions = [];
  await world.clock.sleep(HOUR);
  expect(await world.words()).toEqual([
    "left: 0 of 1 approval of the newest commit",
    "queued: in the queue of its target",
    "queued: in the queue of its target",
  ]);
  Object.assign(forge.of(2), { waits: null, out: "a required check failed" });
  const dropped = await world.merge();
  expect([dropped.exitCode, dropped.lines.slice(1).map(({ word, reason }) => `${word}: ${reason}`)]).toEqual([1, [
    "out: a required check failed",
    "queued: in the queue of its target",
  ]]);
  await world.clock.sleep(24 * HOUR);
  expect((await world.words({ only: [project(3)] })).at(-1)).toBe("out: it has waited for 24 hours");
  expect([1, 2, 3].map((number) => forge.of(number).merges)).toEqual([0, 0, 0]);
});

test("mergeCampaign() leaves in a queue what a person has allowed, and takes out what was moved to another target", async () => {
  const world = await mergeWorld(3);
  const { forge } = world;
  for (const number of [1, 2, 3]) forge.of(number).answers = [{ kind: "queued" }];
  forge.of(1).opinions = [approval(MERGER, commit(1))];
  forge.of(2).opinions = [];
  forge.of(2).reading.review = { ...forge.of(2).reading.review, required: 0 };
  forge.of(3).reading.base = "prod";
  await world.merge({ only: [project(1)], ownApproval: true });
  await world.merge({ only: [project(2)], withoutReview: true });
  await world.merge({ only: [project(3)] });
  expect(await world.words()).toEqual(Array(3).fill("queued: in the queue of its target"));
  forge.of(3).reading.base = "main";
  expect((await world.words())[2]).toBe('left: retargeted: the target branch is now "main"');
});

test("mergeCampaign() takes merges out of a queue while the campaign is stopped, and merges nothing then", async () => {
  const world = await mergeWorld(2);
  world.forge.of(1).answers = [{ kind: "queued" }];
  expect((await world.words({ only: [project(1)] }))[0]).toBe("queued: in the queue of its target");
  await world.decide({ kind: "stop", cancel: false });
  expect(await world.words()).toEqual([
    "left: the campaign was stopped by kim",
    "blocked: the campaign was stopped by kim",
  ]);
  await world.decide({ kind: "resume" });
  expect(await world.words()).toEqual(["merged: merged", "merged: merged"]);
});

test("mergeCampaign() follows a merge of somebody else, and never takes it for its own", async () => {
  const world = await mergeWorld(2);
  const { forge } = world;
  forge.of(1).answers = [{ kind: "foreign", handle: "h1" }];
  expect((await world.words({ only: [project(1)] }))[0]).toBe("foreign: somebody else asked the forge to merge it");
  for (const number of [1, 2]) {
    Object.assign(forge.of(number).facts, { state: "merged", commit: commit(number === 1 ? 1 : 88) });
    Object.assign(forge.of(number).reading, { mergedHead: forge.of(number).facts.commit, mergeCommit: commit(950) });
    forge.of(number).waits = null;
  }
  expect(await world.words()).toEqual([
    `elsewhere: merged by somebody else at ${commit(1)}`,
    `merged: merged by somebody else at ${commit(88)}`,
  ]);
});

test("mergeCampaign() finds out that somebody else has merged what the forge refuses to merge", async () => {
  const world = await mergeWorld(2);
  for (const number of [1, 2]) world.forge.of(number).answers = [{ kind: "refused", reason: "it is merged" }];
  world.forge.after = (call) => {
    if (call !== `merge ${project(1)}`) return;
    Object.assign(world.forge.of(1).facts, { state: "merged" });
    Object.assign(world.forge.of(1).reading, { mergedHead: commit(1), mergeCommit: commit(950) });
  };
  const { lines, exitCode } = await world.merge();
  expect([exitCode, lines.map(({ word, reason }) => `${word}: ${reason}`)]).toEqual([
    1,
    [`elsewhere: merged by somebody else at ${commit(1)}`, "refused: it is merged"],
  ]);
  expect((await world.merge()).lines).toHaveLength(1);
});

test("mergeCampaign() ends with 1 after three odd refusals in different repositories, and with 1 after one", async () => {
  const one = await mergeWorld(1);
  one.forge.of(1).answers = [{ kind: "refused", reason: "the branch is locked" }];
  const refused = await one.merge();
  expect([refused.exitCode, refused.lines[0]?.reason]).toEqual([1, "the branch is locked"]);
  const world = await mergeWorld(6);
  for (const number of [1, 2, 4]) world.forge.of(number).answers = [{ kind: "refused", reason: "no" }];
  const { exitCode, lines } = await world.merge();
  expect([exitCode, lines.map(({ word }) => word)]).toEqual([
    1,
    ["refused", "refused", "merged", "refused", "withdrawn", "withdrawn"],
  ]);
  // What was refused comes last.
  world.forge.calls.length = 0;
  expect((await world.merge()).exitCode).toBe(0);
  expect(world.forge.calls.filter((call) => call.startsWith("merge "))).toEqual(
    [5, 6, 1, 2, 4].map((number) => `merge ${project(number)}`),
  );
});

test("mergeCampaign() waits while the forge asks for that, and gives up after a while", async () => {
  const world = await mergeWorld(2);
  const later = { kind: "later", reason: "please try again later" } as const;
  world.forge.of(1).answers = [later, later];
  world.forge.of(2).answers = Array(20).fill(later);
  expect(await world.words()).toEqual(["merged: merged", "withdrawn: please try again later"]);
});

test("mergeCampaign() ends with the code of a token that is refused or lacks a right, and nothing more is sent", async () => {
  for (const [exit, code] of [["unauthorized", 64], ["forbidden", 65]] as const) {
    const world = await mergeWorld(3);
    const { MogplexError } = await import("../../../../lib/errors.ts");
    world.forge.before = (call) => {
      if (call.startsWith("merge ")) throw new MogplexError({ attempted: "merge it", why: "the token may not" }, exit);
      return undefined;
    };
    expect(await failureOf(() => world.merge())).toBe(`${code} Cannot merge it: the token may not`);
    expect(world.forge.calls.filter((call) => call.startsWith("merge "))).toHaveLength(1);
    world.forge.before = () => undefined;
    expect((await world.words()).map((line) => line.split(":")[0])).toEqual(["merged", "merged", "merged"]);
  }
});

test("mergeCampaign() ends with 69 when a forge cannot be asked, and asks it no more than twice in a row", async () => {
  const world = await mergeWorld(5);
  world.forge.before = () => "fail";
  const { exitCode, lines, error } = await world.merge();
  expect([exitCode, lines.map(({ word }) => word), error?.message]).toEqual([
    69,
    Array(5).fill("unread"),
    expect.stringContaining("GitHub has a problem"),
  ]);
  expect(world.forge.calls).toHaveLength(2);
});

test("mergeCampaign() asks a forge for the others when it does not show two pull requests any more", async () => {
  const world = await mergeWorld(3);
  const { ApiError } = await import("../../../../lib/errors.ts");
  const facts = { status: 404, code: null, requestId: null, retryAfterMs: null };
  world.forge.before = (call) => {
    if (call === `checks ${project(3)}` || !call.startsWith("checks")) return undefined;
    throw new ApiError({ attempted: "read its checks", why: "it is gone" }, "unavailable", facts as never);
  };
  const { exitCode, lines } = await world.merge();
  expect([exitCode, lines.map(({ word }) => word)]).toEqual([0, ["unread", "unread", "merged"]]);
});

test("mergeCampaign() ends with 65 if the token can read none of the pull requests, but not if it can read one", async () => {
  const { forge, merge } = await mergeWorld(2);
  const at = forge.at;
  const unread = notFound("GitHub");
  let isHidden = (_url: string) => true;
  forge.at = (url) => {
    const place = at(url);
    return place && isHidden(url) ? { ...place, read: () => Promise.resolve(unread) } : place;
  };
  for (const dryRun of [true, false]) {
    const { exitCode, error, lines } = await merge({ dryRun });
    expect([exitCode, lines.map(({ word }) => word), error?.message]).toEqual([
      65,
      ["unread", "unread"],
      "Cannot merge pull requests because the token cannot read any of the 2 pull requests: " +
      `${unread.reason}; give it access to the repositories`,
    ]);
  }
  isHidden = (url) => url.includes(project(1));
  const { exitCode, error, lines } = await merge();
  expect([exitCode, error, lines.map(({ word }) => word)]).toEqual([0, undefined, ["unread", "merged"]]);
});

test("mergeCampaign() needs no review or no checks only within the limits", async () => {
  const world = await mergeWorld(7);
  const { forge } = world;
  for (const number of [1, 2, 3, 4]) {
    forge.of(number).opinions = [];
    forge.of(number).reading.review = { ...forge.of(number).reading.review, required: 0 };
  }
  forge.of(2).reading.changedFiles = ["src/a.ts", ".github/workflows/ci.yml"];
  forge.of(3).reading.changedFiles = null;
  forge.of(4).reading.review = { ...forge.of(4).reading.review, required: 1 };
  for (const number of [5, 6, 7]) forge.of(number).facts.checks = "none";
  forge.of(6).commits.set(commit(506), "green");
  forge.of(7).reading.isCheckRequired = true;
  const only = [1, 2, 3, 4, 5, 6, 7].map(project);
  expect(await world.words({ withoutReview: true, only, dryRun: true })).toEqual([
    "would-merge: without a review; green",
    'review: it changes ".github/workflows/ci.yml", which needs a review',
    "review: not all changed files could be read, and changes to CI files need a review",
    "review: the target branch requires 1 approval",
    "blocked: it has no checks",
    "blocked: it has no checks",
    "blocked: it has no checks",
  ]);
  expect((await world.words({ withoutChecks: true, only, dryRun: true })).slice(4)).toEqual([
    "would-merge: without checks, because the repository has none; 1 of 1 approval of the newest commit; the requester is unknown on github.com",
    "blocked: it has no checks, but the target branch has some",
    "blocked: it has no checks, and the target branch requires at least one",
  ]);
  forge.of(5).reading.headCommittedAt = new Date(world.clock.wallTime() - HOUR / 2).toISOString();
  expect((await world.words({ withoutChecks: true, only, dryRun: true }))[4]).toBe(
    "blocked: it has no checks, and the newest commit is less than an hour old",
  );
  // A commit may be much older than its push.
  forge.of(5).reading.headCommittedAt = new Date(world.clock.wallTime() - 2 * HOUR).toISOString();
  forge.of(5).facts.createdAt = new Date(world.clock.wallTime() - HOUR / 2).toISOString();
  expect((await world.words({ withoutChecks: true, only, dryRun: true }))[4]).toBe(
    "blocked: it has no checks, and was opened less than an hour ago",
  );
  expect(await failureOf(() => world.merge({ withoutChecks: true, withoutReview: true, only }))).toMatch(/^2 /);
  expect(await failureOf(() => world.merge({ withoutReview: true, only: ["acme/*"] }))).toMatch(
    /^2 .*names of the items/,
  );
  const job = (name: string) => name === "GITHUB_ACTIONS" ? "true" : undefined;
  expect(await failureOf(() => world.merge({ ownApproval: true, env: job }))).toMatch(
    /^2 .*--own-approval is not allowed in CI jobs/,
  );
});

test("mergeCampaign() brings a branch up to date once, and only when it is told to", async () => {
  const world = await mergeWorld(2);
  const { forge } = world;
  forge.of(1).facts.isBehind = true;
  forge.of(2).reading.isOutdated = true;
  expect(await world.words({ dryRun: true, requireUpToDate: true })).toEqual([
    "blocked: it is behind the target branch; --update updates the pull request's branch, which can dismiss approvals",
    "blocked: it is behind the target branch; --update updates the pull request's branch, which can dismiss approvals",
  ]);
  expect(await world.words({ dryRun: true, update: true })).toEqual([
    "would-update: it is behind the target branch; the update dismisses 1 approval",
    "would-merge: green; 1 of 1 approval of the newest commit; the requester is unknown on github.com",
  ]);
  expect((await world.words({ update: true, only: [project(1)] }))[0]).toBe(
    "updated: its branch is being updated",
  );
  expect(world.notices.at(-1)).toBe(
    `${project(1)}: updating its branch: it is behind the target branch; the update dismisses 1 approval`,
  );
  expect((await world.words({ update: true, only: [project(1)] }))[0]).toBe(
    "review: 0 of 1 approval of the newest commit; ann approved an older commit",
  );
  expect(forge.calls.filter((call) => call.startsWith("update"))).toHaveLength(1);
});

test("mergeCampaign() counts updates by its limit, after merges", async () => {
  const world = await mergeWorld(3);
  for (const number of [1, 2]) world.forge.of(number).facts.isBehind = true;
  expect(await world.words({ update: true, atMost: 2 })).toEqual([
    "updated: its branch is being updated",
    "checks: the merge limit has been reached",
    "merged: merged",
  ]);
});

test("mergeCampaign() reads the head after a lost answer to an update, and sends no second request in that round", async () => {
  for (const fault of ["lose", "fail"] as const) {
    const world = await mergeWorld(1);
    const { forge } = world;
    forge.of(1).facts.isBehind = true;
    forge.before = (call) => call.startsWith("update") ? fault : undefined;
    const { lines, exitCode } = await world.merge({ update: true, only: [project(1)] });
    const isDone = fault === "lose";
    expect([fault, exitCode, lines[0]?.word, lines[0]?.reason, forge.calls.slice(-2)]).toEqual([
      fault,
      isDone ? 0 : 69,
      isDone ? "updated" : "unread",
      isDone ? "its branch is being updated" : "the update of its branch has had no answer yet",
      [`update ${project(1)}`, `read ${project(1)}`],
    ]);
    expect((await world.records()).filter(({ type }) => type === "merge-update").length).toBe(isDone ? 1 : 0);
  }
});

test("mergeCampaign() deletes the branch of what it has merged at the commit that was merged, and no other", async () => {
  const world = await mergeWorld(2);
  // Somebody pushes right after the merge.
  world.forge.after = (call) => {
    if (call === `merge ${project(2)}`) world.forge.of(2).facts.commit = commit(66);
  };
  await world.merge({ deleteBranch: true });
  expect([1, 2].map((number) => world.forge.of(number).branch)).toEqual(["deleted", "there"]);
});

test("mergeCampaign() warns when merges by its token start no workflow", async () => {
  const world = await mergeWorld(2);
  world.forge.isJobToken = true;
  await world.merge();
  expect(world.notices.filter((text) => text.includes("not start workflow"))).toEqual([
    "merges on github.com with this token do not start workflows, because it is a job token",
  ]);
});

test("mergeCampaign() takes the canary first, and stops when merges break their targets", async () => {
  const world = await mergeWorld(4, { file: { canary: { size: 1 } } });
  const { forge } = world;
  for (const number of [1, 2, 3, 4]) forge.of(number).commits.set(commit(500 + number), "green");
  forge.of(1).commits.set(commit(901), "pending");
  expect((await world.words()).map((line) => line.split(":")[0])).toEqual(["merged", "checks", "checks", "checks"]);
  expect((await world.words())[0]).toBe(`checks: the canary ${project(1)} is waiting for the checks of its target`);
  forge.of(1).commits.set(commit(901), "red");
  const { lines } = await world.merge();
  expect(lines.map(({ reason }) => reason)).toEqual(
    Array(3).fill(`the merge gate is closed: 1 target has been red since the merge: ${project(1)}`),
  );
  await world.decide({ kind: "approve" });
  expect((await world.words()).map((line) => line.split(":")[0])).toEqual(["merged", "merged", "merged"]);
});

test("mergeCampaign() sends no further merge once another process has asked for a stop", async () => {
  const world = await mergeWorld(4);
  world.forge.after = (call) => {
    if (call === `merge ${project(2)}`) writeStop(DIRECTORY, world.files, { by: "ann", cancel: false });
  };
  const reason = "the campaign was stopped by ann";
  expect(await world.words()).toEqual([
    "merged: merged",
    "merged: merged",
    `withdrawn: ${reason}`,
    `withdrawn: ${reason}`,
  ]);
  expect((await world.records()).filter(({ type }) => type === "stopped").length).toBe(1);
});

test("mergeCampaign() takes the canary first also when another item is named", async () => {
  const world = await mergeWorld(2, { file: { canary: { size: 1 } } });
  world.forge.of(1).facts.draft = true;
  expect(await world.words({ only: [project(2)] })).toEqual([`checks: the canary ${project(1)} must be merged first`]);
  expect(world.forge.of(2).merges).toBe(0);
});

test("mergeCampaign() merges nothing while the canary waits for approval", async () => {
  const world = await mergeWorld(3, { file: { canary: { size: 1, gate: "manual" } } }, undefined, false);
  await world.waves(["gated"]);
  expect(await world.words()).toEqual([
    "blocked: the campaign is waiting for approval: the canary item succeeded",
  ]);
  await world.decide({ kind: "approve" });
  expect((await world.words())[0]).toBe("merged: merged");
});

test("mergeCampaign() lets no more than five merges wait for the checks of their targets", async () => {
  const world = await mergeWorld(8);
  for (let number = 1; number <= 8; number++) {
    world.forge.of(number).commits.set(commit(500 + number), "green");
    world.forge.of(number).commits.set(commit(901), "pending");
  }
  const count = async () => (await world.words()).filter((line) => line.startsWith("merged")).length;
  expect([await count(), await count()]).toEqual([5, 0]);
  for (let number = 1; number <= 5; number++) world.forge.of(number).commits.set(commit(901), "green");
  expect(await count()).toBe(3);
});
