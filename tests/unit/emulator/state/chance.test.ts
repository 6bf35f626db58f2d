import { expect, test } from "bun:test";
import { chance, logNormal, numberOf } from "../../../../lib/emulator/state/chance.ts";

test("numberOf() tells similar names apart", () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `acme/project-${index}`);
  expect(new Set(names.map(numberOf)).size).toBe(names.length);
});

test("chance() depends on its arguments alone, and spreads over [0, 1)", () => {
  const values = Array.from({ length: 1_000 }, (_, n) => chance(7, n, 1));
  expect(values).toEqual(Array.from({ length: 1_000 }, (_, n) => chance(7, n, 1)));
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = values.filter((value) => Math.floor(value * 10) === tenth).length;
    expect(share).toBeGreaterThan(60);
    expect(share).toBeLessThan(140);
  }
});

test("logNormal() has the median and the spread that were asked for, and another seed gives other values", () => {
  const names = Array.from({ length: 2_000 }, (_, index) => `acme/project-${index}`);
  const values = (seed: number) => names.map((name) => logNormal({ median: 20, sigma: 0.5, seed }, name));
  const logs = values(1).map((value) => Math.log(value / 20));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const sigma = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length);
  expect(mean).toBeCloseTo(0, 1);
  expect(sigma).toBeCloseTo(0.5, 1);
  expect(values(1)).toEqual(values(1));
  expect(values(1)).not.toEqual(values(2));
  expect(logNormal({ median: 20, sigma: 0, seed: 1 }, "any")).toBe(20);
});
