/** Waves on the virtual clock of the bench: what they wait for, and what they do although something cannot be read. */
import { expect, test } from "bun:test";
import { type CampaignWorld, campaignWorld, type WorldOptions } from "../../../../bench/campaign/world.ts";
import { MogplexError } from "../../../../lib/errors.ts";
import { type Machine, machineIn } from "../machines.ts";

const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** Plays on a machine until nothing is left to do. */
async function play(
  options: Partial<WorldOptions>,
  act: (world: CampaignWorld, machine: Machine) => Promise<void>,
): Promise<void> {
  const world = campaignWorld({ repositories: 6, times: [], seed: 1, scenario: "success", delayMs: 0, ...options });
  try {
    await world.clock.drive(act(world, machineIn(world, "one")));
  } finally {
    await world.close();
  }
}

async function failureOf(act: Promise<unknown>): Promise<number | undefined> {
  try {
    await act;
    return undefined;
  } catch (error) {
    if (error instanceof MogplexError) return error.exitCode;
    throw error;
  }
}

test("a wave waits up to 20 seconds until the next start is possible", async () => {
  await play({ settings: 'windows: ["Mon-Sun 00:15-23:00 UTC"]' }, async ({ clock, wire }, machine) => {
    await clock.sleep(14 * MINUTE_MS + 30 * SECOND_MS);
    await machine.work("wave");
    expect([clock.now(), wire.starts]).toEqual([14 * MINUTE_MS + 30 * SECOND_MS, 0]);
    await clock.sleep(15 * SECOND_MS);
    await machine.work("wave");
    expect([clock.now(), wire.starts]).toEqual([15 * MINUTE_MS, 3]);
  });
});

test("a wave waits up to 20 seconds for a run that ends when those before it did, and starts what that makes room for", async () => {
  const times = [10, 20.2, 20.2, 20.2, 20.2, 20.2].map((minutes) => minutes * MINUTE_MS);
  await play({ times, settings: "limits: { parallel: 1 }" }, async ({ clock }, machine) => {
    await machine.work("wave");
    await clock.sleep(10 * MINUTE_MS);
    expect((await machine.work("wave")).counts).toMatchObject({ succeeded: 1, running: 1 });
    // The mean is 10 minutes now, and the run takes longer: one look more, and no further one.
    await clock.sleep(10 * MINUTE_MS - 10 * SECOND_MS);
    const before = clock.now();
    expect((await machine.work("wave")).counts).toMatchObject({ succeeded: 1, running: 1 });
    expect(clock.now() - before).toBeLessThanOrEqual(20 * SECOND_MS);
  });
  await play({ times: times.slice(1), repositories: 5 }, async ({ clock }, machine) => {
    await machine.work("wave");
    await clock.sleep(30 * MINUTE_MS);
    expect((await machine.work("wave")).counts).toMatchObject({ succeeded: 3, running: 2 });
    await clock.sleep(20 * MINUTE_MS);
    // They end 12 seconds after the wave began.
    expect((await machine.work("wave")).counts).toMatchObject({ succeeded: 5, running: 0 });
  });
});

test("a wave goes on although runs cannot be read, and ends with 69", async () => {
  let unreadable: string[] = [];
  await play({
    between(send, { method, path }) {
      const isBroken = method === "GET" && unreadable.some((id) => path.includes(id));
      return isBroken ? Promise.resolve(new Response(null, { status: 500 })) : send();
    },
  }, async ({ clock, wire }, machine) => {
    const { items } = await machine.work("wave");
    const ids = items.flatMap(({ runId }) => runId === null ? [] : [runId]);
    expect(ids).toHaveLength(3);
    await clock.sleep(30 * MINUTE_MS);
    unreadable = ids.slice(0, 2);
    expect(await failureOf(machine.work("wave"))).toBe(69);
    expect(wire.starts).toBe(4);
    expect((await machine.view()).counts).toMatchObject({ succeeded: 1, running: 3, waiting: 2 });
    unreadable = ids.slice(0, 1);
    expect(await failureOf(machine.work("wave"))).toBe(69);
    expect((await machine.view()).counts).toMatchObject({ succeeded: 2, running: 3, waiting: 1 });
    unreadable = [];
    expect((await machine.work("wave")).counts).toMatchObject({ succeeded: 3, running: 3 });
  });
});

test("a long run that ends between the two requests of a look is judged by the events of its end", async () => {
  let sinceMs = Infinity;
  let looks = 0;
  const world: { clock?: CampaignWorld["clock"] } = {};
  await play({
    repositories: 1,
    times: [40 * MINUTE_MS],
    async between(send, { path }) {
      // The second request of the look waits until the run has ended.
      if (path.includes("/runs/") && (world.clock?.now() ?? 0) >= sinceMs && ++looks === 2) {
        await world.clock?.sleep(15 * SECOND_MS);
      }
      return await send();
    },
  }, async ({ clock }, machine) => {
    world.clock = clock;
    await machine.work("wave");
    await clock.sleep(40 * MINUTE_MS - 10 * SECOND_MS);
    sinceMs = clock.now();
    const { items } = await machine.work("wave");
    expect([looks, items[0]?.verdict, items[0]?.reason]).toEqual([2, "succeeded", null]);
  });
});
