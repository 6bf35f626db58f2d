import { expect, test } from "bun:test";
import fc from "fast-check";
import { joinWavePlans } from "../../../../lib/campaign/pipeline/wave_plan.ts";

const EVERY = 10;

test("joinWavePlans() makes a wave whenever a lane needs one, none closer than the distance, and the last gate is one of them", () => {
  expect(joinWavePlans([{ delaysMs: [0, 10, 40], gate: null }], EVERY)).toEqual({ delaysMs: [0, 10, 40], gate: null });
  const two = [{ delaysMs: [0, 10, 40], gate: 1 }, { delaysMs: [0, 25, 5], gate: 2 }];
  expect(joinWavePlans(two, EVERY)).toEqual({ delaysMs: [0, 10, 15, 5, 20], gate: 3 });
});

test("joinWavePlans() has a wave at most one distance after each moment of each lane", () => {
  const plan = fc.array(fc.integer({ min: EVERY, max: 100 }), { maxLength: 20 }).map((delays) => ({
    delaysMs: [0, ...delays],
    gate: null,
  }));
  fc.assert(fc.property(fc.array(plan, { minLength: 1, maxLength: 4 }), (plans) => {
    const sums = (delays: readonly number[]) =>
      delays.map((_, index) => delays.slice(0, index + 1).reduce((a, b) => a + b));
    const joined = sums(joinWavePlans(plans, EVERY).delaysMs);
    expect(joined[0]).toBe(0);
    expect(joinWavePlans(plans, EVERY).delaysMs.slice(1).every((delay) => delay >= EVERY)).toBe(true);
    for (const moment of plans.flatMap(({ delaysMs }) => sums(delaysMs))) {
      expect(joined.some((at) => at <= moment && moment - at < EVERY)).toBe(true);
    }
  }));
});
