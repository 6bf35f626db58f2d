import { expect, test } from "bun:test";
import { idKey, SeenIds } from "../../../lib/run/events.ts";

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `id-${from + index}`);

test("SeenIds.add() tells new ids from known ones", () => {
  const seen = new SeenIds();
  expect(seen.empty).toBe(true);
  expect([seen.add("a"), seen.add("b"), seen.add("a")]).toEqual([true, true, false]);
  expect([seen.empty, seen.has("b"), seen.has("c")]).toEqual([false, true, false]);
});

test("SeenIds knows the first 1 000 and the last 20 000 ids for ever, and forgets those between", () => {
  const seen = new SeenIds();
  for (const id of ids(0, 100_000)) expect(seen.add(id)).toBe(true);
  expect([...ids(0, 1_000), ...ids(80_000, 100_000)].filter((id) => !seen.has(id))).toEqual([]);
  expect(ids(1_000, 50_000).filter((id) => seen.has(id))).toEqual([]);
});

test("idKey() is the id of the service, and short for any other text", () => {
  const uuid = "0d5a7c3e-91c4-4f0e-8a55-000000000001";
  expect(idKey(uuid)).toBe(uuid);
  const long = "x".repeat(1_000_000);
  expect(idKey(long).length).toBeLessThan(50);
  expect(new Set([long, `${long}x`, `y${long.slice(1)}`, `${long.slice(1)}y`].map(idKey)).size).toBe(4);
  const seen = new SeenIds();
  expect([seen.add(long), seen.add(long), seen.has(`${long}x`)]).toEqual([true, false, false]);
});
