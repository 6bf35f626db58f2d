import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { NOT_APPLICABLE } from "./not_applicable.ts";

/** Numbers of traps, from the names of the tests in this folder. Source: wire contract, section 7. */
function tested(): Set<number> {
  const numbers = new Set<number>();
  for (
    const file of readdirSync(import.meta.dir).filter((name) =>
      name.endsWith(".test.ts") && name !== "complete.test.ts"
    )
  ) {
    const text = readFileSync(`${import.meta.dir}/${file}`, "utf8");
    for (const match of text.matchAll(/\btest\(\s*["'`]trap (\d\d): /g)) numbers.add(Number(match[1]));
  }
  return numbers;
}

test("each of the 53 traps is either tested or listed with the reason why it does not apply", () => {
  const numbers = tested();
  const excused = Object.keys(NOT_APPLICABLE).map(Number);
  expect([...numbers, ...excused].sort((a, b) => a - b)).toEqual(Array.from({ length: 53 }, (_, index) => index + 1));
  for (const number of excused) expect(NOT_APPLICABLE[number]?.length).toBeGreaterThan(40);
});
