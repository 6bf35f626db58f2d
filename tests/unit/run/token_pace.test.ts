/** Followers of one process on one token, against the emulator's real limiter. */
import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { makeEmulator } from "../../../lib/emulator/emulator.ts";
import { start } from "../../../lib/run/request.ts";
import { Connector } from "../../../lib/library/connect.ts";
import { PROCESS } from "../../../lib/service/memory.ts";
import { parseScenario } from "../emulator/scenarios.ts";
import { follow } from "./detecting.ts";

const STUCK = parseScenario("steps: [{ sandbox: up }]", "stuck");

/** Follows runs for two minutes. @param others Requests of the token that another process sends at the beginning. */
async function followed(runs: number, others: number, sharedClient: boolean) {
  const clock = virtualClock();
  const emulator = makeEmulator({ clock, scenarios: [STUCK] });
  const [token] = [...emulator.world.store.tokens.values()].map((each) => each.token);
  const [repo] = emulator.world.store.repos.values();
  const looks = new Map<string, number[]>();
  let refusals = 0;
  const fetch = async (url: string, init: RequestInit) => {
    const answer = await emulator.fetch(url, init);
    if (answer.status === 429) refusals++;
    const id = /runs\/([^/?]+)\/events(?:\?|$)/.exec(url)?.[1];
    if (id !== undefined && answer.ok) looks.set(id, [...looks.get(id) ?? [], clock.now()]);
    return answer;
  };
  const connect = { token, clock, fetch, env: () => undefined };
  const ids: string[] = [];
  for (let index = 0; index < runs; index++) {
    const request = { repoId: repo?.id ?? "", prompt: `Task ${index}` };
    ids.push((await start(request, { ...connect, idempotencyKey: `k${index}` })).runId);
  }
  // The starts are forgotten by then, but not what others send now.
  clock.advance(61_000);
  const headers = { authorization: `Bearer ${token}` };
  for (let index = 0; index < others; index++) {
    await emulator.fetch("https://x.example/api/v1/mogplex/repos", { headers });
  }
  const from = clock.now();
  const one = sharedClient ? { client: new Connector(connect).client, clock } : connect;
  await Promise.all(ids.map(async (id) => {
    try {
      for await (const _ of follow(id, { ...one, timeoutMs: 120_000 })) { /* items do not matter here */ }
    } catch { /* the deadline */ }
  }));
  const gaps = [...looks.values()].flatMap((times) =>
    [from, ...times].map((time, index, all) => (all[index + 1] ?? Math.max(time, from + 120_000)) - time)
  );
  return { refusals, looks: looks.size, longest: Math.max(...gaps) };
}

for (const shared of [false, true]) {
  test(`eight followers on one token see at most two refusals in two minutes (${shared ? "one client" : "a client each"})`, async () => {
    const { refusals, looks, longest } = await followed(8, 10, shared);
    expect(refusals).toBeLessThanOrEqual(2);
    expect(looks).toBe(8);
    expect(longest).toBeLessThan(14_000);
  });
}

test("a follower alone is not slowed down by the pace of its token", async () => {
  const { refusals, longest } = await followed(1, 10, false);
  expect(refusals).toBe(0);
  expect(longest).toBeLessThan(12_000);
});

test("TokenPace.turn() gives turns in the order of the calls, and none before a refusal has passed", () => {
  const pace = PROCESS.paceOf(virtualClock(), "a", "https://x");
  const leave = pace.join();
  expect(pace.turn(0, 1)).toBe(0);
  pace.join();
  expect([pace.turn(0, 1), pace.turn(0, 1), pace.turn(0, 1)]).toEqual([0, 1_200, 2_400]);
  pace.refused(3_000, 60_000);
  expect(pace.turn(3_000, 1)).toBe(60_000);
  leave();
  leave();
  expect(pace.followers).toBe(1);
  expect(pace.turn(3_000, 1)).toBe(0);
});

test("paceOf() is one for each clock, token and origin, and forgets tokens without a follower", () => {
  const clock = virtualClock();
  const paceOf = PROCESS.paceOf.bind(PROCESS);
  const first = paceOf(clock, "a", "https://x");
  expect(paceOf(clock, "a", "https://x")).toBe(first);
  expect(paceOf(clock, "b", "https://x")).not.toBe(first);
  expect(paceOf(clock, "a", "https://y")).not.toBe(first);
  expect(paceOf(virtualClock(), "a", "https://x")).not.toBe(first);
  for (let index = 0; index < 200; index++) paceOf(clock, `t${index}`, "https://x");
  expect(paceOf(clock, "a", "https://x")).not.toBe(first);
});
