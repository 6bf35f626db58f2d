import { expect, test } from "bun:test";
import fc from "fast-check";
import { hasMoreValues } from "../../../lib/service/answer.ts";

/** Commas, arrays and objects of a value: what the text of it has outside of strings. */
function marks(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const items = Object.values(value);
  return 1 + Math.max(items.length - 1, 0) + items.reduce((sum: number, item) => sum + marks(item), 0);
}

test("hasMoreValues() counts arrays, objects and commas, and nothing in strings", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.nat(5), (value, indent) => {
    const text = JSON.stringify(value, null, indent);
    const count = marks(value);
    expect([count - 1, count].map((limit) => hasMoreValues(text, limit))).toEqual([true, false]);
  }));
});

test("hasMoreValues() is not deceived by quotes and backslashes in strings", () => {
  for (const inner of ['\\",,,,', '"', "\\", '\\\\\\"[[[', ",[{".repeat(100)]) {
    const text = JSON.stringify([inner, { [inner]: inner }]);
    expect([hasMoreValues(text, 2), hasMoreValues(text, 3)]).toEqual([true, false]);
  }
});

test("hasMoreValues() ends at texts that are no JSON", () => {
  for (const text of ["", '"', '"\\', '["\\"', "\\".repeat(1000), '"'.repeat(1001), "[".repeat(1000)]) {
    expect(hasMoreValues(text, 10)).toBe(text.startsWith("[["));
  }
});
