import { expect, test } from "bun:test";
import { loopTurn, systemClock, virtualClock } from "../../../lib/clock.ts";
import { PROCESS } from "../../../lib/service/memory.ts";

test("PROCESS.turn() lets 5 calls go on in a turn of the event loop, and the others later, in their order", async () => {
  await loopTurn(true);
  const done: number[] = [];
  const calls = Array.from({ length: 45 }, (_, index) => PROCESS.turn(systemClock).then(() => done.push(index)));
  for (let step = 0; step < 100; step++) await Promise.resolve();
  expect(done.length).toBe(5);
  await Promise.all(calls);
  expect(done).toEqual(Array.from({ length: 45 }, (_, index) => index));
});

test("PROCESS.turn() keeps a virtual clock still while a call waits", async () => {
  await loopTurn(true);
  const clock = virtualClock();
  const times: number[] = [];
  const calls = Array.from({ length: 200 }, () => PROCESS.turn(clock).then(() => times.push(clock.now())));
  await Promise.all([clock.sleep(1_000), ...calls]);
  expect(new Set(times)).toEqual(new Set([0]));
});
