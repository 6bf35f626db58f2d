import { expect, test } from "bun:test";
import fc from "fast-check";
import { backoffMs, MAX_BACKOFF_MS } from "../../../lib/service/retry.ts";

test("backoffMs() doubles up to its ceiling", () => {
  expect([1, 2, 3, 4, 5, 6, 60, 5000].map((attempt) => backoffMs(attempt, 1000, 1))).toEqual(
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
  );
});

test("backoffMs() stays between half and the whole of its step", () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 60_000 }),
      unit,
      (attempt, base, random) => {
        const full = Math.min(base * 2 ** (attempt - 1), MAX_BACKOFF_MS);
        const delay = backoffMs(attempt, base, random);
        return Number.isInteger(delay) && delay >= Math.floor(full / 2) && delay <= Math.ceil(full);
      },
    ),
  );
});
