import { expect, jest, test } from "bun:test";
import { systemClock, virtualClock } from "../../../lib/clock.ts";

async function reason(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => "resolved", (error) => error);
}

test("virtualClock() moves to each sleeper in turn, and records the waits", async () => {
  const clock = virtualClock({ startMs: 1_000 });
  const order: string[] = [];
  const nap = async (ms: number) => {
    await clock.sleep(ms);
    order.push(`${ms}@${clock.now()}`);
  };
  await Promise.all([nap(300), nap(100), nap(200)]);
  expect(order).toEqual(["100@100", "200@200", "300@300"]);
  expect(clock.slept).toEqual([300, 100, 200]);
  expect(clock.wallTime()).toBe(1_300);
});

test("virtualClock() wakes sleepers of the same time in the order of their calls", async () => {
  const clock = virtualClock();
  const order: number[] = [];
  await Promise.all([1, 2, 3].map((n) => clock.sleep(50).then(() => order.push(n))));
  expect(order).toEqual([1, 2, 3]);
});

test("virtualClock() moves only by advance() when it is not automatic", async () => {
  const clock = virtualClock({ auto: false });
  let awake = false;
  const nap = clock.sleep(100).then(() => awake = true);
  clock.advance(99);
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(awake).toBe(false);
  clock.advance(1);
  await nap;
  expect(clock.now()).toBe(100);
});

test("jumpWallTime() moves the wall time only", () => {
  const clock = virtualClock({ startMs: 5_000 });
  clock.jumpWallTime(-1_000);
  expect([clock.now(), clock.wallTime()]).toEqual([0, 4_000]);
});

test("virtualClock() rejects a sleep with the signal's reason, and forgets the sleeper", async () => {
  const clock = virtualClock();
  const controller = new AbortController();
  const nap = reason(clock.sleep(1_000, { signal: controller.signal }));
  controller.abort("enough");
  expect(await nap).toBe("enough");
  expect(await reason(clock.sleep(1, { signal: controller.signal }))).toBe("enough");
  await clock.sleep(10);
  expect(clock.now()).toBe(10);
});

test("virtualClock() does not record limits, and lets real work end before one expires", async () => {
  const clock = virtualClock();
  const controller = new AbortController();
  const limit = reason(clock.sleep(1_000, { signal: controller.signal, limit: true }));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  expect(clock.now()).toBe(0);
  controller.abort("done");
  expect(await limit).toBe("done");
  await clock.sleep(1_000, { limit: true });
  expect([clock.now(), clock.slept]).toEqual([1_000, []]);
});

test("virtualClock() wakes an earlier sleeper before a limit", async () => {
  const clock = virtualClock();
  const times: number[] = [];
  await Promise.all([
    clock.sleep(500, { limit: true }).then(() => times.push(clock.now())),
    clock.sleep(200).then(() => times.push(clock.now())),
  ]);
  expect(times).toEqual([200, 500]);
});

test("virtualClock() does not move for a sleeper in the background, and wakes it on its way", async () => {
  const clock = virtualClock();
  const times: number[] = [];
  const background = clock.sleep(100, { background: true }).then(() => times.push(clock.now()));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  expect(clock.now()).toBe(0);
  await clock.sleep(250);
  await background;
  expect([times, clock.slept, clock.now()]).toEqual([[100], [250], 250]);
  const controller = new AbortController();
  const aborted = reason(clock.sleep(100, { background: true, signal: controller.signal }));
  controller.abort("enough");
  expect(await aborted).toBe("enough");
  const due = clock.sleep(100, { background: true });
  clock.advance(100);
  await due;
});

test("virtualClock() sleeps one turn for zero, a negative number and NaN", async () => {
  const clock = virtualClock();
  for (const ms of [0, -5, NaN]) await clock.sleep(ms);
  expect([clock.now(), clock.slept]).toEqual([0, [0, 0, 0]]);
});

test("systemClock sleeps in parts beyond the longest timer, and not at all after an abort", async () => {
  jest.useFakeTimers();
  try {
    let awake = false;
    const nap = systemClock.sleep(2 ** 31 + 100).then(() => awake = true);
    jest.advanceTimersByTime(2 ** 31 - 1);
    await Promise.resolve();
    await Promise.resolve();
    expect(awake).toBe(false);
    jest.advanceTimersByTime(101);
    await nap;
    expect(awake).toBe(true);
    const controller = new AbortController();
    const other = reason(systemClock.sleep(1_000, { signal: controller.signal }));
    controller.abort("enough");
    expect(await other).toBe("enough");
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test("virtualClock() stands still for half a minute of real time at most, for each piece of work", async () => {
  jest.useFakeTimers();
  try {
    const clock = virtualClock();
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 100) {
        jest.advanceTimersByTime(100);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const never = new Promise<never>(() => {});
    void clock.during(never);
    const nap = clock.sleep(1_000);
    await pass(20_000);
    let end = () => {};
    const later = clock.during(new Promise<void>((resolve) => end = resolve));
    await pass(25_000);
    // The first one counts no longer.
    expect(clock.now()).toBe(0);
    end();
    await later;
    await pass(1_000);
    await nap;
    const another = clock.sleep(1_000);
    await pass(1_000);
    await another;
    expect(clock.now()).toBe(2_000);
    void clock.during(new Promise(() => {}));
    const last = clock.sleep(1_000);
    await pass(31_000);
    await last;
    expect(clock.now()).toBe(3_000);
  } finally {
    jest.useRealTimers();
  }
});

test("systemClock gives wall time in milliseconds and a monotonic time", async () => {
  const before = systemClock.now();
  await systemClock.sleep(0);
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  expect(Math.abs(systemClock.wallTime() - Date.now())).toBeLessThan(60_000);
});

test("virtualClock() stands still during work that takes real time, however long", async () => {
  const clock = virtualClock();
  const nap = clock.sleep(1_000).then(() => clock.now());
  const work = clock.during((async () => {
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    return clock.now();
  })());
  expect(await work).toBe(0);
  expect(await reason(clock.during(Promise.reject(new Error("no"))))).toEqual(new Error("no"));
  expect(await nap).toBe(1_000);
});
