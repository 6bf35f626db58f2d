import { expect, test } from "bun:test";
import fc from "fast-check";
import { type CadenceEvent, nextDelay, startCadence } from "../../lib/runs/cadence.ts";

/** Delays after a series of looks. */
function delays(kinds: CadenceEvent["kind"][], tokenShare = 1): number[] {
  let state = startCadence(tokenShare);
  return kinds.map((kind) => {
    const step = nextDelay(state, { kind });
    state = step.state;
    return step.delayMs;
  });
}

const quiet = (count: number) => Array<CadenceEvent["kind"]>(count).fill("quiet");

test("nextDelay() is fast while the run is young, then slows down to 15 s", () => {
  expect(delays(quiet(8))).toEqual([1_000, 2_000, 3_000, 4_000, 5_200, 6_760, 8_788, 10_000]);
  expect(delays(quiet(200)).at(-1)).toBe(15_000);
});

test("nextDelay() goes back to 4 s when something happens", () => {
  expect(delays([...quiet(30), "news", "quiet"]).slice(-2)).toEqual([4_000, 5_200]);
});

test("nextDelay() looks within a second after an event that comes before the end, then less and less often", () => {
  expect(delays([...quiet(30), "ending", ...quiet(6)]).slice(-7)).toEqual([
    300,
    600,
    1_200,
    2_400,
    5_000,
    4_000,
    5_200,
  ]);
});

test("nextDelay() is slow after a refusal, whatever burst was under way", () => {
  expect(delays(["ending", "refused", "quiet"])).toEqual([300, 15_000, 15_000]);
});

const kind = fc.constantFrom<CadenceEvent["kind"]>("news", "quiet", "ending", "refused");

test("nextDelay() stays between 300 ms and 15 s for a token of its own", () => {
  fc.assert(fc.property(fc.array(kind, { maxLength: 300 }), (kinds) => {
    for (const delay of delays(kinds)) expect(delay >= 300 && delay <= 15_000).toBe(true);
  }));
});

test("nextDelay() leaves each of N jobs its share of 48 requests a minute outside of bursts", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("news", "quiet", "refused"), { maxLength: 60 }),
      fc.integer({ min: 1, max: 100 }),
      (kinds, share) => {
        const young = 3;
        for (const delay of delays([...quiet(young), ...kinds], share).slice(young)) {
          expect(delay).toBeGreaterThanOrEqual(share * 1_250);
        }
      },
    ),
  );
});

test("nextDelay() does not change the state that it is given", () => {
  const state = startCadence(2);
  const before = structuredClone(state);
  nextDelay(state, { kind: "ending" });
  expect(state).toEqual(before);
});
