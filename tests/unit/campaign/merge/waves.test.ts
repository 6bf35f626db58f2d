import { expect, test } from "bun:test";
import { attentionOf } from "../../../../lib/campaign/report/attention.ts";
import { nextStep } from "../../../../lib/campaign/report/next_step.ts";
import { ANY_COMMAND, stateClause } from "../../../../lib/campaign/report/words.ts";
import { plainWords } from "../../../../lib/text/document.ts";
import { aNode, githubForge, rollup } from "../../forge/github_forge.ts";
import { GITHUB_TOKEN } from "../../forge/world.ts";
import { failureOf, project } from "../world.ts";
import { ANN, approval, BEN, commit, type FakeForge, type MergeWorld, mergeWorld } from "./merge_world.ts";

const [MINUTE, HOUR] = [60_000, 3_600_000];
const ISO = (ms: number) => new Date(ms).toISOString();

/** A campaign whose waves merge, as it is when its runs have succeeded. */
async function waveWorld(
  count: number,
  rules: Record<string, unknown> = {},
  file: Record<string, unknown> = {},
  prepare?: (forge: FakeForge) => void,
): Promise<MergeWorld & { wave(): Promise<string> }> {
  const world = await mergeWorld(count, { file: { ...file, merge: { when: "approved", ...rules } } }, prepare);
  return Object.assign(world, {
    /** Makes a wave. @returns How often each pull request was merged. */
    async wave() {
      await world.clock.sleep(15 * MINUTE);
      await world.advance();
      return mergesOf(world);
    },
  });
}

const mergesOf = ({ forge }: MergeWorld) => [...forge.pulls.values()].map(({ merges }) => merges).join("");

test("waves merge nothing unless the file says so", async () => {
  const world = await mergeWorld(2);
  await world.clock.sleep(HOUR);
  await world.advance();
  expect([mergesOf(world), world.forge.calls]).toEqual(["00", []]);
});

test("waves merge what is approved, also after the campaign is done, and record the file as the one who asked", async () => {
  const world = await waveWorld(3, { method: "squash" }, {}, (forge) => void (forge.of(2).opinions = []));
  expect(mergesOf(world)).toBe("101");
  world.forge.of(2).opinions = [approval(BEN, commit(2))];
  expect(await world.wave()).toBe("111");
  const intents = (await world.records()).filter(({ type }) => type === "merge-intent");
  expect(intents).toMatchObject(Array(3).fill({ by: "merge", method: "squash" }));
  expect(world.notices).toContain(`${project(2)}: merged`);
});

test("waves merge only some time after the last approval that was needed", async () => {
  let since = 0;
  const world = await waveWorld(2, { after: "24h" }, {}, (forge) => {
    forge.of(1).reading.review = { ...forge.of(1).reading.review, required: 2 };
  });
  since = world.clock.wallTime();
  world.forge.of(1).opinions = [
    approval(ANN, commit(1), { at: ISO(since - 48 * HOUR) }),
    approval(BEN, commit(1), { at: ISO(since) }),
  ];
  world.forge.of(2).opinions = [approval(ANN, commit(2), { at: null })];
  await world.clock.sleep(23 * HOUR);
  expect(await world.wave()).toBe("01");
  expect((await world.words({ dryRun: true }))[0]).toMatch(/^would-merge/);
  await world.clock.sleep(HOUR);
  expect(await world.wave()).toBe("11");
});

test("waves merge no more a day than the file allows, those of people included", async () => {
  const world = await waveWorld(5, { "at-most": 2 }, {}, (forge) => {
    for (const pull of forge.pulls.values()) pull.facts.draft = true;
  });
  for (const pull of world.forge.pulls.values()) pull.facts.draft = false;
  await world.merge({ only: [project(5)] });
  expect([await world.wave(), await world.wave()]).toEqual(["10001", "10001"]);
  await world.clock.sleep(24 * HOUR);
  expect(await world.wave()).toBe("11101");
});

test("waves count what waits in a queue among the merges of the day", async () => {
  const world = await waveWorld(2, { "at-most": 1 }, {}, (forge) => void forge.of(1).answers.push({ kind: "queued" }));
  expect([await world.wave(), world.forge.of(1).waits]).toEqual(["00", "queued"]);
});

test("waves merge only while a window is open, and follow queues at all times", async () => {
  // The clock of the tests begins at midnight of a Thursday.
  const world = await waveWorld(2, {}, { windows: ["daily 00:00-12:00 UTC"] }, (forge) => {
    for (const pull of forge.pulls.values()) pull.facts.draft = true;
  });
  for (const pull of world.forge.pulls.values()) pull.facts.draft = false;
  const hour = new Date(world.clock.wallTime()).getUTCHours();
  await world.clock.sleep((13 - hour) * HOUR);
  expect(await world.wave()).toBe("00");
  await world.clock.sleep(12 * HOUR);
  expect(await world.wave()).toBe("11");
});

/** A campaign whose branches must be up to date, and were brought up to date by no wave so far. */
async function outdatedWorld(count: number, rules: Record<string, unknown>, file: Record<string, unknown> = {}) {
  const world = await waveWorld(count, { update: true, ...rules }, file, (forge) => {
    for (const pull of forge.pulls.values()) pull.facts.draft = true;
  });
  for (const { facts } of world.forge.pulls.values()) Object.assign(facts, { draft: false, isBehind: true });
  return world;
}

const updatesOf = ({ forge }: MergeWorld) => forge.calls.filter((call) => call.startsWith("update")).length;

test("waves update branches only while a window is open", async () => {
  const world = await outdatedWorld(2, {}, { windows: ["daily 00:00-12:00 UTC"] });
  const hour = new Date(world.clock.wallTime()).getUTCHours();
  await world.clock.sleep((13 - hour) * HOUR);
  await world.wave();
  expect(updatesOf(world)).toBe(0);
  await world.clock.sleep(12 * HOUR);
  await world.wave();
  expect(updatesOf(world)).toBe(2);
});

test("waves count an updated branch among the merges of the day, and merge it without counting it again", async () => {
  const world = await outdatedWorld(3, { "at-most": 2 });
  await world.wave();
  expect(updatesOf(world)).toBe(2);
  const head = commit(700);
  for (const pull of world.forge.pulls.values()) {
    if (pull.facts.commit === head) pull.opinions = [approval(ANN, head)];
  }
  expect([await world.wave(), updatesOf(world)]).toEqual(["110", 2]);
  await world.clock.sleep(24 * HOUR);
  await world.wave();
  expect(updatesOf(world)).toBe(3);
});

test("waves update no branch before the canary is merged", async () => {
  const world = await outdatedWorld(2, {}, { canary: { size: 1 } });
  await world.wave();
  expect(world.forge.calls.filter((call) => call.startsWith("update"))).toEqual([`update ${project(1)}`]);
});

test("waves take a repository for one without CI only where the file names it", async () => {
  const world = await waveWorld(2, { "without-checks": ["acme/*-0002"] }, {}, (forge) => {
    for (const pull of forge.pulls.values()) pull.facts.checks = "none";
  });
  expect(mergesOf(world)).toBe("01");
});

test("waves never merge a second time what has left the queue; a person can", async () => {
  const world = await waveWorld(1, {}, {}, (forge) => void (forge.of(1).answers = [{ kind: "queued" }]));
  Object.assign(world.forge.of(1), { waits: null, out: "a required check failed" });
  expect([await world.wave(), await world.wave()]).toEqual(["0", "0"]);
  expect(world.notices).toContain(`${project(1)}: out: a required check failed`);
  await world.merge();
  expect(mergesOf(world)).toBe("1");
});

test("waves close the gate of merges when two targets have turned red, tell the webhook, and go on after an approval", async () => {
  const told: string[] = [];
  const world = await waveWorld(4, {}, {}, (forge) => {
    for (const pull of forge.pulls.values()) pull.facts.draft = true;
    for (const number of [1, 2, 3, 4]) forge.of(number).commits.set(commit(500 + number), "green");
  });
  for (const number of [1, 2, 3]) world.forge.of(number).facts.draft = false;
  for (const number of [1, 2]) world.forge.of(number).commits.set(commit(901), "red");
  expect(await world.wave()).toBe("1110");
  world.forge.of(4).facts.draft = false;
  await world.clock.sleep(15 * MINUTE);
  const { view } = await world.advance({
    notifier: ({ event, text }) => void told.push(`${event}: ${text.split(".")[0]}`),
  });
  const reason = `2 targets have been red since the merge: ${project(1)}, ${project(2)}`;
  expect([mergesOf(world), told, view.state, view.mergesStopped]).toEqual([
    "1110",
    [
      "gated: Campaign replace-moment is gated: nothing more is merged until somebody approves, because merges broke their target branches",
    ],
    "merging",
    reason,
  ]);
  expect(attentionOf(view, ANY_COMMAND, null).map(({ title, cause, steps }) => [title, cause, steps.at(-1)?.command]))
    .toContainEqual(["merges stopped", reason, "mogplex-ci campaign approve FILE"]);
  await world.decide({ kind: "approve" });
  expect(await world.wave()).toBe("1111");
});

test("waves need a token that merges for every forge, before anything is merged", async () => {
  const world = await waveWorld(2, {}, {}, (forge) => {
    for (const pull of forge.pulls.values()) pull.facts.draft = true;
  });
  for (const pull of world.forge.pulls.values()) pull.facts.draft = false;
  const { at } = world.forge;
  world.forge.at = (url) => url.includes(project(2)) ? undefined : at(url);
  await world.clock.sleep(15 * MINUTE);
  expect(await failureOf(() => world.advance())).toBe(
    "2 Cannot merge pull requests: no merge token is set for github.com; " +
      "set MOGPLEX_MERGE_TOKEN_VARIABLE=github.com=VARIABLE, with the name of the variable that holds the token",
  );
  expect(mergesOf(world)).toBe("00");
});

test("waves never merge with the token that reads, also outside of a job", async () => {
  const world = await waveWorld(1, {}, {}, (forge) => void (forge.of(1).opinions = []));
  world.forge.of(1).opinions = [approval(ANN, commit(1))];
  Object.assign(world.internals, { places: undefined });
  await world.clock.sleep(15 * MINUTE);
  const env = (name: string) => name === "GITHUB_TOKEN" ? GITHUB_TOKEN : name === "MOGPLEX_DEV" ? "1" : undefined;
  expect(await failureOf(() => world.advance({ env, forge: undefined }))).toMatch(
    /^2 Cannot merge pull requests: no merge token is set for github.com; set MOGPLEX_MERGE_TOKEN_VARIABLE/,
  );
});

test("waves go on when a forge cannot be asked", async () => {
  const world = await waveWorld(1, {}, {}, (forge) => void (forge.before = () => "fail"));
  expect(world.notices.some((text) => text.startsWith("not all pull requests could be checked"))).toBe(true);
  world.forge.before = () => undefined;
  expect(await world.wave()).toBe("1");
});

test("a process that stays merges while runs are at work", async () => {
  const file = { merge: { when: "approved" }, limits: { parallel: 1 } };
  const world = await mergeWorld(2, { file, runDuration: () => 30 * MINUTE }, undefined, false);
  const merged: string[] = [];
  const { code } = await world.run({
    onEvent(event) {
      if (event.type === "item" && event.item.pullRequestState?.state === "merged") {
        merged.push(`${event.item.repository}: ${event.progress.done} of ${event.progress.total} have finished`);
      }
    },
  });
  expect([code, merged[0]]).toEqual([0, `${project(1)}: 1 of 2 have finished`]);
});

test("waves read only what may be merged by their last reading", async () => {
  const github = githubForge();
  const nodes = [aNode(rollup("FAILURE")), aNode({ isDraft: true }), aNode(), aNode(rollup("PENDING"))];
  nodes.forEach((node, index) =>
    github.pulls.set(`${project(index + 1)}#7`, { ...node, baseRepository: { databaseId: 1001 + index } })
  );
  const world = await mergeWorld(4, { github, file: { merge: { when: "approved" } } });
  const read = world.forge.calls.filter((call) => call.startsWith("read ")).map((call) => call.slice("read ".length));
  expect([mergesOf(world), new Set(read)]).toEqual(["0010", new Set([project(3)])]);
});

/** The state of a campaign, and the number of its pull requests by what they wait for. */
async function stateOf(world: MergeWorld) {
  const { state, exitCode, pending } = await world.read();
  const waits = pending?.groups.map(({ reason, items }) => [reason, items.length]) ?? [];
  return [state, exitCode, Object.fromEntries(waits)];
}

test("a campaign is merging until its waves have merged every pull request", async () => {
  const world = await waveWorld(3, {}, {}, (forge) => {
    forge.of(2).opinions = [];
    forge.of(2).facts.review = "requested";
    forge.of(3).facts.checks = "red";
  });
  expect(await stateOf(world)).toEqual(["merging", 0, { review: 1, "failed-checks": 1 }]);
  Object.assign(world.forge.of(3).facts, { state: "closed" });
  Object.assign(world.forge.of(2).facts, { review: "approved" });
  world.forge.of(2).opinions = [approval(BEN, commit(2))];
  await world.wave();
  expect(await stateOf(world)).toEqual(["done", 0, {}]);
});

test("a campaign without the key merge is done when its runs have ended", async () => {
  expect(await stateOf(await mergeWorld(2))).toEqual(["done", 0, {}]);
});

test("a campaign is done when the pull requests that are left are closed", async () => {
  const world = await waveWorld(1, {}, {}, (forge) => void (forge.of(1).facts.draft = true));
  expect(await stateOf(world)).toEqual(["merging", 0, { blocked: 1 }]);
  world.forge.of(1).facts.state = "closed";
  await world.wave();
  expect(await stateOf(world)).toEqual(["done", 0, {}]);
});

test("a campaign is merging while the checks of a target have not finished after a merge", async () => {
  const world = await waveWorld(1, {}, {}, (forge) => {
    forge.of(1).commits.set(commit(501), "green").set(commit(901), "pending");
  });
  expect(await stateOf(world)).toEqual(["merging", 0, { target: 1 }]);
});

test("a campaign that a person has stopped stays merging, and merges nothing until it is resumed", async () => {
  const world = await waveWorld(1, {}, {}, (forge) => void (forge.of(1).facts.draft = true));
  await world.decide({ kind: "stop", cancel: false });
  world.forge.of(1).facts.draft = false;
  expect(await world.wave()).toBe("0");
  const view = await world.read();
  expect([view.state, view.pending?.hold, nextStep(view, "advance")?.command]).toEqual([
    "merging",
    "stopped",
    ["resume"],
  ]);
  expect(plainWords(stateClause(view))).toContain(
    "1 pull request is waiting to be merged: 1 blocked; stopped by kim; nothing is merged until somebody resumes the campaign",
  );
  expect(attentionOf(view, ANY_COMMAND, null)[0]?.steps[0]?.command).toBe("mogplex-ci campaign resume FILE");
  await world.decide({ kind: "resume" });
  expect([await world.wave(), (await world.read()).state]).toEqual(["1", "done"]);
});

test("a campaign notifies people when all pull requests that are left wait for people, and once nothing is left", async () => {
  const events: string[] = [];
  const world = await waveWorld(1, {}, {}, (forge) => {
    forge.of(1).opinions = [];
    forge.of(1).facts.review = "requested";
  });
  const notifier = ({ event, text }: { event: string; text: string }) =>
    void events.push(`${event}: ${text.split("\n")[0]}`);
  await world.advance({ notifier });
  await world.advance({ notifier });
  world.forge.of(1).facts.review = "approved";
  world.forge.of(1).opinions = [approval(BEN, commit(1))];
  await world.clock.sleep(15 * MINUTE);
  await world.advance({ notifier });
  const finished = "1 of 1 has finished: 1 succeeded";
  expect(events).toEqual([
    `stuck: Campaign replace-moment is stuck until somebody acts. ${finished}. ` +
    "1 pull request is waiting to be merged: 1 for a review",
    `done: Campaign replace-moment is done. ${finished}`,
  ]);
});
