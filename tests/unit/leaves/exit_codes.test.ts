import { expect, test } from "bun:test";
import { EXIT, EXIT_TABLE } from "../../../lib/exit_codes.ts";

test("EXIT_TABLE has a row for each code and for nothing else", () => {
  const listed = EXIT_TABLE.flatMap((row) => row.code.split("/").map(Number)).sort((a, b) => a - b);
  expect(listed).toEqual(Object.values(EXIT).sort((a, b) => a - b));
});

test("EXIT keeps the documented codes", () => {
  expect(EXIT).toMatchObject({
    success: 0,
    failed: 1,
    usage: 2,
    unauthorized: 64,
    forbidden: 65,
    unavailable: 69,
    rateLimited: 75,
  });
  expect(new Set(Object.values(EXIT)).size).toBe(Object.keys(EXIT).length);
});
