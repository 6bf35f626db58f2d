import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Failure, failureDelay } from "../../../lib/service/retry.ts";

const FAILURE: Failure = { cause: "unavailable", detail: "HTTP 502", namedMs: null, refused: false };

test("failureDelay() doubles up to its ceiling", () => {
  expect([1, 2, 3, 4, 5, 6, 60, 5000].map((attempt) => failureDelay(FAILURE, attempt, () => 1))).toEqual(
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
  );
});

test("failureDelay() stays between half and the whole of its step", () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 60_000 }),
      unit,
      (attempt, baseMs, random) => {
        const full = Math.min(baseMs * 2 ** (attempt - 1), 30_000);
        const delay = failureDelay({ ...FAILURE, baseMs }, attempt, () => random);
        return Number.isInteger(delay) && delay >= Math.floor(full / 2) && delay <= Math.ceil(full);
      },
    ),
  );
});
