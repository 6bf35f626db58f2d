import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { trimmedOrNull } from "../../../../lib/emulator/service/runs.ts";
import { parseLimit, readKey } from "../../../../lib/emulator/wire/request.ts";

test("parseLimit() always gives a number in range", () => {
  fc.assert(fc.property(fc.option(fc.string()), (text) => {
    const limit = parseLimit(text, 20, 50);
    expect(Number.isInteger(limit) && limit >= 1 && limit <= 50).toBeTrue();
  }));
});

test("parseLimit() takes the leading number", () => {
  const read = ["10abc", " 3", "+2", "-1", "0", "2.9", "", "abc", "1e9", "0x10", "999"].map((text) => parseLimit(text));
  expect(read).toEqual([10, 3, 2, 1, 1, 2, 100, 100, 1, 1, 200]);
});

test("trimmedOrNull() takes texts that say something", () => {
  expect([" a ", "\u3000", "", 5, null, undefined, ["a"]].map(trimmedOrNull)).toEqual([
    "a",
    null,
    null,
    null,
    null,
    null,
    null,
  ]);
});

test("readKey() counts after trimming", () => {
  const read = (key: string) => readKey(new Request("http://localhost", { headers: { "idempotency-key": key } }));
  expect(read(` ${"k".repeat(200)} `)).toBe("k".repeat(200));
  expect(() => read("k".repeat(201))).toThrow("exceeds maximum length of 200 characters");
  expect(() => read(" ")).toThrow("Idempotency-Key is required");
});
