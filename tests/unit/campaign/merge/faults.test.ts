/** Merges while the forge fails at each request in turn, and while the machine dies at each step. */
import { expect, test } from "bun:test";
import { mergeCampaign } from "../../../../lib/campaign/merge/merge_campaign.ts";
import type { CampaignInternals } from "../../../../lib/campaign/open_campaign.ts";
import { processesOf } from "../journal/rooms.ts";
import { DIRECTORY, FILE } from "../world.ts";
import { commit, type MergeWorld, mergeWorld } from "./merge_world.ts";

const MINUTE = 60_000;
const PULLS = 3;
/** Of the last one the approval is of an earlier commit. */
const APPROVED = 2;

async function madeWorld(): Promise<MergeWorld> {
  const world = await mergeWorld(PULLS);
  world.forge.of(PULLS).facts.commit = commit(77);
  return world;
}

/** What may never happen, whatever fails. */
function judge(world: MergeWorld, name: string): void {
  const merges = Array.from({ length: PULLS }, (_, index) => world.forge.of(index + 1).merges);
  expect([name, merges.every((count) => count <= 1), merges.at(-1)]).toEqual([name, true, 0]);
}

async function toEnd(world: MergeWorld, name: string): Promise<void> {
  for (let round = 0; round < 5; round++) {
    await world.clock.sleep(2 * MINUTE);
    await world.merge();
    judge(world, name);
  }
  const merges = Array.from({ length: APPROVED }, (_, index) => world.forge.of(index + 1).merges);
  expect([name, merges]).toEqual([name, Array(APPROVED).fill(1)]);
  const ends = (await world.records()).filter((record) => record.type === "merge" && record.as === "merged");
  expect([name, ends.length]).toEqual([name, APPROVED]);
}

test.each(["fail", "lose"] as const)(
  "mergeCampaign() merges each pull request once when request N of the forge comes to nothing (%s)",
  async (fault) => {
    const whole = await madeWorld();
    await whole.merge();
    for (let at = 1; at <= whole.forge.calls.length; at++) {
      const world = await madeWorld();
      world.forge.before = () => world.forge.calls.length === at ? fault : undefined;
      const { exitCode } = await world.merge();
      judge(world, `${fault} ${at}`);
      expect([at, [0, 69].includes(exitCode)]).toEqual([at, true]);
      await toEnd(world, `${fault} ${at}`);
    }
  },
);

test("mergeCampaign() reads a lost answer back, and sends no second request, even if the forge merges late", async () => {
  const world = await mergeWorld(1);
  const { forge, clock } = world;
  // The request is on its way for ten seconds after its answer was lost.
  forge.before = (call) => call.startsWith("merge ") ? "fail" : undefined;
  const late = clock.sleep(10_000, { background: true }).then(() => {
    forge.of(1).merges++;
    Object.assign(forge.of(1).facts, { state: "merged" });
    Object.assign(forge.of(1).reading, { mergedHead: commit(1), mergeCommit: commit(901) });
  });
  const first = await world.merge();
  expect([first.exitCode, first.lines[0]?.word, first.lines[0]?.reason]).toEqual([
    69,
    "unread",
    "the forge has not answered the merge yet",
  ]);
  const at = forge.calls.length;
  const early = await world.merge();
  expect(early.lines[0]?.reason).toBe("the forge has not answered the merge yet");
  await clock.sleep(MINUTE);
  await late;
  expect((await world.words())[0]).toBe("merged: merged");
  expect([forge.calls.slice(at).filter((call) => call.startsWith("merge ")), forge.of(1).merges]).toEqual([[], 1]);
});

test.each<[string, string | null | undefined, string | null, string[], number]>([
  ["its target contains the merge", commit(901), commit(801), [
    "merged",
    '"main" contains the merge, although the forge shows the pull request as open',
  ], 1],
  ["its target has other commits", null, commit(801), ["merged", "merged"], 2],
  ["its target is as it was", commit(901), null, ["merged", "merged"], 2],
  ["it is not shown what its target contains", undefined, commit(801), [
    "out",
    'the forge\'s answer to the merge was lost, and "main" has changed since: check whether "main" contains the merge',
  ], 1],
])(
  "mergeCampaign() looks at the target of a lost merge that the forge shows as open, when %s",
  async (_, landed, base, end, sent) => {
    const world = await mergeWorld(1);
    const pull = world.forge.of(1);
    world.forge.before = (call) => call.startsWith("merge ") ? "fail" : undefined;
    await world.merge();
    world.forge.before = () => undefined;
    pull.landed = landed;
    if (base !== null) pull.reading.baseCommit = base;
    await world.clock.sleep(2 * MINUTE);
    const { lines, exitCode } = await world.merge();
    expect([lines[0]?.word as string, lines[0]?.reason]).toEqual(end);
    expect(exitCode).toBe(end[0] === "out" ? 1 : 0);
    expect(world.forge.calls.filter((call) => call.startsWith("merge ")).length).toBe(sent);
  },
);

class Death extends Error {}

/** Steps that change a disk. */
const CHANGES: readonly string[] = ["append", "truncate", "replace", "create", "move", "remove"];

/** Merges on the disk of the world, as a process that dies at a step of the disk or of the forge. @returns Its steps; undefined if it died. */
async function life(world: MergeWorld, pid: number, dieAt: number, afterEffect: boolean): Promise<number | undefined> {
  let steps = 0;
  let isDead = false;
  const step = () => {
    if (isDead) throw new Death();
    if (++steps !== dieAt) return;
    isDead = true;
    throw new Death();
  };
  world.files.before = (name) => {
    if (CHANGES.includes(name)) step();
  };
  world.forge.before = () => {
    if (!afterEffect) step();
    else if (isDead) throw new Death();
    return undefined;
  };
  world.forge.after = () => void (afterEffect && step());
  const internals: CampaignInternals = { ...world.internals, processes: processesOf({ pid }) };
  const options = { by: "kim", directory: DIRECTORY, clock: world.clock, env: () => undefined };
  try {
    await mergeCampaign(FILE, options, Object.assign(internals, { places: world.forge }));
    return steps;
  } catch (error) {
    if (!isDead) throw error;
    return undefined;
  } finally {
    world.files.before = undefined;
    world.forge.before = () => undefined;
    world.forge.after = () => {};
  }
}

test.each([false, true])(
  "mergeCampaign() merges each pull request once when its process dies at step N (after the effect: %s)",
  async (after) => {
    const steps = await life(await madeWorld(), 20, Infinity, after) ?? 0;
    expect(steps).toBeGreaterThan(15);
    for (let dieAt = 1; dieAt <= steps; dieAt++) {
      const world = await madeWorld();
      await life(world, 20, dieAt, after);
      judge(world, `${dieAt}`);
      // The next process dies as well.
      await world.clock.sleep(dieAt % 2 === 0 ? 2 * MINUTE : 0);
      await life(world, 21, 1 + (dieAt * 7) % steps, after);
      judge(world, `${dieAt}`);
      await toEnd(world, `${dieAt}`);
    }
  },
);
