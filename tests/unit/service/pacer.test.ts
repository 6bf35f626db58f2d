import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import type { NoticeFacts } from "../../../lib/notice.ts";
import { Pacer } from "../../../lib/service/pacer.ts";
import type { Failure } from "../../../lib/service/retry.ts";

const LIMITED: Failure = { cause: "rate_limit", detail: "HTTP 429 RATE_LIMITED", namedMs: 60_000, refused: true };
const LOST: Failure = { cause: "network", detail: "reset", namedMs: null, refused: false };

function pacing(deadline = 3_600_000) {
  const clock = virtualClock();
  const reported: NoticeFacts[] = [];
  const counted: NoticeFacts[] = [];
  const pacer = new Pacer({
    clock,
    deadline,
    startedAt: 0,
    signal: undefined,
    notify: (notice, quietly = false) => (quietly ? counted : reported).push(notice),
    requests: () => 1,
    random: () => 0.5,
  });
  const waits = () => reported.filter((notice) => notice.kind === "wait");
  return { clock, pacer, reported, counted, waits };
}

test("waitAfter() waits as long as the rhythm says, and as the service says without one", async () => {
  const { clock, pacer } = pacing();
  expect(await pacer.waitAfter("look", { ...LIMITED, delayMs: 71_000 }, 1)).toBe(true);
  expect(clock.now()).toBe(71_000);
  await pacer.waitAfter("look", LIMITED, 2);
  expect(clock.now()).toBe(131_000);
});

test("waitAfter() waits until the deadline at most, and says so", async () => {
  const { clock, pacer, reported } = pacing(20_000);
  expect(await pacer.waitAfter("look", LIMITED, 1)).toBe(false);
  expect(clock.now()).toBe(20_000);
  expect(reported).toEqual([
    expect.objectContaining({ delayMs: 20_000, fromService: false, untilMs: Date.UTC(2026, 8, 1) + 20_000 }),
  ]);
});

test("waitAfter() tells once of a service that is busy, and counts each wait", async () => {
  const { pacer, reported, counted, waits } = pacing();
  for (let attempt = 1; attempt <= 5; attempt++) await pacer.waitAfter("look", LIMITED, attempt);
  expect(waits()).toEqual([expect.objectContaining({ attempt: 1, untilMs: Date.UTC(2026, 8, 1) + 60_000 })]);
  expect(counted.map((notice) => notice.kind === "wait" && notice.attempt)).toEqual([2, 3, 4, 5]);
  expect(reported.filter((notice) => notice.kind === "heartbeat").length).toBeGreaterThanOrEqual(3);
});

test("waitAfter() tells again of another trouble, and of the same one after ten calm minutes", async () => {
  const { pacer, waits } = pacing();
  const busy: Failure = { ...LIMITED, cause: "unavailable", detail: "HTTP 503" };
  await pacer.waitAfter("look", LIMITED, 1);
  await pacer.waitAfter("look", busy, 2);
  await pacer.pause(599_000);
  await pacer.waitAfter("look", busy, 1);
  expect(waits().length).toBe(2);
  await pacer.pause(601_000);
  await pacer.waitAfter("look", busy, 1);
  expect(waits().length).toBe(3);
});

test("waitAfter() tells of each wait for a start slot, and of each retry of its own", async () => {
  const { pacer, waits } = pacing();
  for (const failure of [{ ...LIMITED, cause: "start_limit" } as const, LOST]) {
    for (let attempt = 1; attempt <= 3; attempt++) await pacer.waitAfter("start run", failure, attempt);
  }
  expect(waits().length).toBe(6);
});
