import { expect, test } from "bun:test";
import { campaignWorld, failureOf, project, REVISIONS } from "../world.ts";

const MINUTE = 60_000;
const id = (number: number) => `${project(number)}@main`;

test("previewWave() says what the next wave reads and starts, without a request and without a record", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE, file: { canary: { size: 1 } } });
  await world.plan();
  const [requests, files] = [world.requests.length, world.files.paths()];
  expect(await world.preview()).toMatchObject({ reads: [], cancels: [], starts: [id(1)] });
  expect([world.requests.length, world.files.paths()]).toEqual([requests, files]);
  await world.advance();
  expect(await world.preview()).toMatchObject({ reads: [id(1)], starts: [] });
  await world.clock.sleep(30 * MINUTE);
  await world.advance();
  expect(await world.preview()).toMatchObject({ reads: [2, 3, 4].map(id), starts: [] });
  // The wave does as it says.
  const before = world.requests.length;
  await world.advance();
  expect(world.requests.slice(before).length).toBe(3);
});

test("previewWave() says that runs would be cancelled, and that a gate would be closed first", async () => {
  const world = campaignWorld({ count: 4, runDuration: () => 20 * MINUTE });
  await world.advance();
  await world.decide({ kind: "stop", cancel: true }, { token: undefined });
  expect(await world.preview()).toMatchObject({ reads: [], cancels: [1, 2, 3].map(id), starts: [] });
});

test("previewWave() of a campaign that is done says that nothing happens", async () => {
  const world = campaignWorld({ count: 2 });
  await world.run();
  expect(await world.preview()).toMatchObject({ reads: [], cancels: [], starts: [] });
});

test("previewWave() starts nothing while a start has no answer, and then its probe", async () => {
  const world = campaignWorld({ count: 3, file: { limits: { parallel: 1 } } });
  world.emulator.control("fault", { kind: "html502", route: "POST /runs", times: 3 });
  await world.advance();
  expect((await world.preview()).starts).toEqual([]);
  await world.clock.sleep(6 * MINUTE);
  expect((await world.preview()).starts).toEqual([id(1)]);
  await world.advance();
  expect((await world.preview()).view.counts.running).toBe(1);
});

test("previewWave() reads runs that wait for an answer", async () => {
  const world = campaignWorld({ count: 1, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  await world.run();
  expect(await world.preview()).toMatchObject({ reads: [id(1)], starts: [] });
});

test("previewWave() needs a plan", async () => {
  expect(await failureOf(() => campaignWorld().preview())).toStartWith(
    "2 Cannot preview the next wave: there is no plan",
  );
});
