/** Jobs that share a token, against the emulator's real limiter; `bench/fleet.ts` plays more and larger fleets. */
import { expect, test } from "bun:test";
import { barsFor, fleetRow, playFleets } from "../../../bench/fleet.ts";
import { playFleet } from "../../../bench/fleet_world.ts";

for (const [jobs, fleets] of [[3, 3], [10, 4]] as const) {
  test(`follow() keeps ${jobs} jobs on one token within every bar`, async () => {
    const row = fleetRow("polling", jobs, await playFleets({ way: "polling", jobs }, fleets), barsFor(jobs));
    expect(row).toMatchObject({ "right %": 100, met: "yes" });
  });
}

test("follow() ends 30 jobs on one token within two seconds where there is a stream", async () => {
  const played = await playFleet({ way: "stream", jobs: 30, seed: 1 });
  expect(played.filter((job) => !job.right || job.refusals > 0)).toEqual([]);
  expect(Math.max(...played.map((job) => job.delayMs ?? Infinity))).toBeLessThan(2_000);
});

test("follow() spends at most 72 requests on ten quiet minutes, and at most 10 where there is a stream", async () => {
  for (const [way, most] of [["polling", 72], ["stream", 10]] as const) {
    const fleets = await playFleets({ way, jobs: 1, quiet: true, lengthSeconds: [600, 600] }, 5);
    // The start is one more.
    expect(Math.max(...fleets.flat().map((job) => job.requests)) + 1).toBeLessThanOrEqual(most);
  }
});

test("playFleet() plays the same fleet for the same seed", async () => {
  const options = { way: "polling", jobs: 10, seed: 7 } as const;
  expect(await playFleet(options)).toEqual(await playFleet(options));
});

test("playFleet() shows that the documented way ends red from two jobs upward", async () => {
  const alone = await playFleet({ way: "documented", jobs: 1, seed: 1 });
  expect(alone).toEqual([expect.objectContaining({ right: true, refusals: 0 })]);
  const three = await playFleet({ way: "documented", jobs: 3, seed: 1 });
  expect(three).toEqual(Array(3).fill(expect.objectContaining({ right: false, refusals: 3 })));
});
