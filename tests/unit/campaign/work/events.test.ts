/** Runs whose events cannot be read: their verdict comes from the run's own record, and nothing else stops. */
import { expect, test } from "bun:test";
import { campaignWorld, type CampaignWorldOptions, project, verdicts } from "../world.ts";

const MINUTE = 60_000;
const BROKEN = () => new Response(null, { status: 500 });

/** A world in which the events of the first run that is started are never read; or the record, or both. */
function brokenWorld(options: CampaignWorldOptions, what: RegExp = /\/events/) {
  const world = campaignWorld(options);
  let first: string | undefined;
  world.before = (request) => {
    first ??= world.emulator.world.store.runs.keys().next().value;
    if (first !== undefined && request.startsWith(`GET /runs/${first}`) && what.test(request)) return BROKEN();
  };
  return world;
}

for (const [require, verdict, code] of [["run", "succeeded", 0], ["pull-request", "unknown", 1]] as const) {
  test(`a run that succeeded and whose events are never readable is ${verdict} when ${require} is required`, async () => {
    for (const way of ["waves", "run"] as const) {
      const world = brokenWorld({ count: 5, file: { success: { require } } });
      const { view, problem, ...end } = way === "run" ? await world.run() : await world.waves(["done"]);
      expect([way, problem, end.code]).toEqual([way, null, code]);
      expect(verdicts(view)).toEqual({
        ...Object.fromEntries([2, 3, 4, 5].map((number) => [project(number), "succeeded"])),
        [project(1)]: verdict,
      });
      if (code === 1) expect(view.items[0]?.reason).toBe("the run succeeded, but its events could not be read");
      expect(world.starts.length).toBe(5);
      const told = world.notices.filter((notice) => notice.includes("cannot be read (")).length;
      expect(told).toBeGreaterThan(0);
    }
  });
}

test("a run that succeeded waits half an hour for events that can be read later, and is then judged by them", async () => {
  const world = brokenWorld({
    count: 1,
    scenarios: "play: no-changes",
    file: { success: { require: "pull-request" } },
  });
  await world.advance();
  await world.clock.sleep(50 * MINUTE);
  // Long after its end, and nothing has failed to read them before.
  expect((await world.advance()).view.items[0]).toMatchObject({ verdict: "running" });
  world.before = undefined;
  expect((await world.advance()).view.items[0]).toMatchObject({ verdict: "failed", reason: "no change" });
});

test("a run that failed is judged at once by its record, and the others are started", async () => {
  const world = brokenWorld({ count: 4, scenarios: "play: agent-failure" });
  await world.advance();
  await world.clock.sleep(20 * MINUTE);
  const { view, code, problem } = await world.advance();
  expect([problem, view.counts.failed, view.counts.running]).toEqual([null, 3, 1]);
  expect([code, view.items[0]?.reason]).toEqual([75, "Agent run exited with code 1."]);
});

test("an old run whose record cannot be read is judged by the answer that has its events", async () => {
  const world = brokenWorld({ count: 1 }, /^GET \/runs\/[^/]+$/);
  await world.advance();
  await world.clock.sleep(40 * MINUTE);
  const { view, problem } = await world.advance();
  expect([problem, verdicts(view)]).toEqual([null, { [project(1)]: "succeeded" }]);
});

test("events that could not be read are asked for again in the first look, and once in each further one", async () => {
  const world = brokenWorld({ count: 1, runDuration: () => 60 * MINUTE });
  await world.advance();
  world.requests.length = 0;
  const counts: number[] = [];
  const { before } = world;
  world.before = (request) => {
    // The record is read when the events cannot be.
    if (/^GET \/runs\/[^/]+$/.test(request)) {
      counts.push(world.requests.filter((each) => each.includes("/events")).length);
      world.requests.length = 0;
    }
    return before?.(request);
  };
  await world.run({ timeoutMs: 15 * MINUTE });
  expect([(counts[0] ?? 0) > 1, ...counts.slice(1, 4)]).toEqual([true, 1, 1, 1]);
});
