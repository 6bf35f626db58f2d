import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { RequestLimiter, StartLimiter } from "../../../../lib/emulator/state/limiter.ts";

const gaps = (most: number) => fc.array(fc.integer({ min: 0, max: most }), { maxLength: 400 });

function moments(steps: readonly number[]): number[] {
  let now = 0;
  return steps.map((step) => now += step);
}

test("RequestLimiter admits a request when fewer than 60 accepted ones lie in the last minute", () => {
  fc.assert(fc.property(gaps(3_000), (steps) => {
    const limiter = new RequestLimiter();
    const accepted: number[] = [];
    for (const now of moments(steps)) {
      const expected = accepted.filter((time) => time > now - 60_000).length < 60;
      expect(limiter.admit("a", now)).toBe(expected);
      if (expected) accepted.push(now);
    }
  }));
});

test("RequestLimiter keeps a budget for each token, and resets", () => {
  const limiter = new RequestLimiter();
  for (let count = 0; count < 60; count++) limiter.admit("a", 0);
  expect([limiter.admit("a", 59_999), limiter.admit("b", 0), limiter.admit("a", 60_000)]).toEqual([false, true, true]);
  for (let count = 0; count < 60; count++) limiter.admit("b", 0);
  limiter.reset();
  expect(limiter.admit("b", 0)).toBeTrue();
});

test("StartLimiter admits a start when all three windows have room", () => {
  const windows = [[10, 60_000], [30, 3_600_000], [150, 86_400_000]] as const;
  fc.assert(fc.property(gaps(400_000), (steps) => {
    const limiter = new StartLimiter();
    const accepted: number[] = [];
    for (const now of moments(steps)) {
      const full = windows.find(([count, length]) => accepted.filter((time) => time >= now - length).length >= count);
      const decision = limiter.claim("a", now);
      expect(decision.allowed).toBe(full === undefined);
      if (full === undefined) accepted.push(now);
      else if (!decision.allowed) {
        const oldest = accepted.find((time) => time >= now - full[1]) ?? 0;
        expect(decision.retryAfterSeconds).toBe(Math.max(1, Math.ceil((oldest + full[1] - now) / 1_000)));
      }
    }
  }));
});

test("StartLimiter names the daily quota when that one is full", () => {
  const limiter = new StartLimiter();
  for (let count = 0; count < 150; count++) limiter.claim("a", count * 480_000);
  expect(limiter.claim("a", 150 * 480_000)).toEqual({
    allowed: false,
    message: "Daily external Mogplex run quota exceeded",
    retryAfterSeconds: 14_400,
  });
});
