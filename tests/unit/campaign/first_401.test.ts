/** A 401 that comes first: the service's database may be failing, or the token is refused. */
import { expect, test } from "bun:test";
import { gitlab } from "../../../lib/ci/gitlab.ts";
import { type CampaignWorld, campaignWorld } from "./world.ts";

const MINUTE = 60_000;

/** A campaign with active runs. */
async function begun(): Promise<CampaignWorld> {
  const world = campaignWorld({ count: 6, runDuration: () => 30 * MINUTE });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  return world;
}

/** Answers the next requests with 401. @param count How many. */
function refuse(world: CampaignWorld, count: number): void {
  let left = count;
  world.before = () =>
    left-- > 0
      ? Response.json({ ok: false, error: { code: "UNAUTHORIZED", message: "Unauthorized" } }, { status: 401 })
      : undefined;
}

test("the first 401 of a wave passes, three times within a minute", async () => {
  const world = await begun();
  refuse(world, 3);
  const before = world.clock.now();
  const { code, problem } = await world.advance();
  expect([code, problem, Math.round((world.clock.now() - before) / 1_000)]).toEqual([75, null, 55]);
});

test("a first 401 ends a run of the campaign at once, outside CI", async () => {
  for (const [isCi, code] of [[false, 64], [true, 0]] as const) {
    const world = await begun();
    refuse(world, isCi ? 3 : Infinity);
    const before = world.clock.now();
    const ended = await world.run({ internals: isCi ? { platform: gitlab } : {} });
    expect([ended.code, world.clock.now() - before < 10_000]).toEqual([code, !isCi]);
  }
});

test("a first 401 ends a wave at once that a person watches", async () => {
  const world = await begun();
  refuse(world, Infinity);
  const before = world.clock.now();
  const { code } = await world.advance({ internals: { isAttended: true } });
  expect([code, world.clock.now() - before < 10_000]).toEqual([64, true]);
});

test("a token that is refused ends the wave with 64 after four requests, and the next one after one", async () => {
  const world = await begun();
  for (const requests of [4, 1, 1]) {
    refuse(world, Infinity);
    world.requests.length = 0;
    const { code, problem } = await world.advance();
    expect([code, world.requests.length]).toEqual([64, requests]);
    expect(problem).toContain("token");
  }
  // A wave that went well makes the next one patient again.
  world.before = undefined;
  expect((await world.advance()).problem).toBe(null);
  refuse(world, 3);
  expect((await world.advance()).problem).toBe(null);
});

test("a refused start counts as a wave that ended with 64", async () => {
  const world = campaignWorld({ count: 6, runDuration: () => 5 * MINUTE });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  world.before = (request) =>
    request === "POST /runs"
      ? Response.json({ ok: false, error: { code: "UNAUTHORIZED", message: "Unauthorized" } }, { status: 401 })
      : undefined;
  expect((await world.advance()).code).toBe(64);
  refuse(world, Infinity);
  world.requests.length = 0;
  expect([(await world.advance()).code, world.requests.length]).toEqual([64, 1]);
});

test("a first 401 ends a campaign that has started nothing at once, and so does a 401 of its plan", async () => {
  const world = campaignWorld();
  refuse(world, 1);
  await expect(world.plan()).rejects.toMatchObject({ exitCode: 64 });
  await world.plan();
  refuse(world, 1);
  expect((await world.advance()).code).toBe(64);
});

test("a plan that is made again, and a decision that asks the service, are as patient as a wave", async () => {
  const world = await begun();
  refuse(world, 3);
  await world.plan();
  world.before = (request) => request === "POST /runs" ? Response.json({ ok: false }, { status: 502 }) : undefined;
  await world.clock.sleep(20 * MINUTE);
  await world.advance();
  refuse(world, 3);
  const { error } = await world.decide({ kind: "stop", cancel: true });
  expect(error).toBe(undefined);
});
