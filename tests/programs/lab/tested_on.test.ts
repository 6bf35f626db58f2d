import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../tools/setup.mjs";
import { BY_HAND } from "../../../lab/by_hand.ts";
import { EXPERIMENTS } from "../../../lab/experiments.ts";
import { DOCUMENT, fixedColumns, readTables, renderTestedOn, resultOf } from "../../../lab/tested_on.ts";

const document = readFileSync(join(root, DOCUMENT), "utf8");

test("docs/tested-on.md has a row for each experiment of the lab, and for each trial by hand", () => {
  const [byLab = [], byHand = []] = readTables(document);
  expect(byLab.map(([system, , tried]) => [system, tried])).toEqual(EXPERIMENTS.map((each) => [...fixedColumns(each)]));
  expect(byHand).toEqual(
    BY_HAND.map(({ system, version, tried, found, date }) => [system, version, tried, found, date]),
  );
});

test("docs/tested-on.md tells version, result and date of every row", () => {
  for (const row of readTables(document).flat()) {
    expect(row).toHaveLength(5);
    for (const cell of row) expect(cell).not.toBe("");
    expect(row[4]).toMatch(/^\d{4}-\d{2}(-\d{2})?$/);
  }
});

test("experiments have names of their own", () => {
  const names = EXPERIMENTS.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]+$/);
});

test("renderTestedOn() writes what readTables() reads, failures and skips included", () => {
  const [experiment] = EXPERIMENTS;
  if (experiment === undefined) throw new Error("There is no experiment");
  const checks = [
    { what: "a", outcome: "passed", why: "" },
    { what: "b", outcome: "failed", why: "it was | 3" },
    { what: "c", outcome: "skipped", why: "not possible here: no | kernel" },
  ] as const;
  const finished = { experiment, checks, tookMs: 1 };
  expect(resultOf(finished)).toBe("1 passed, 1 failed, 1 skipped: not possible here: no | kernel");
  const [[row = []] = []] = readTables(renderTestedOn([finished], "2026-11-25"));
  expect(row.slice(2)).toEqual([experiment.tried, resultOf(finished), "2026-11-25"]);
});
