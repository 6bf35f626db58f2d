import { expect, test } from "bun:test";
import process from "node:process";
import { combinations } from "../../property_runs.ts";

const ALL = ["github", "gitlab", "azure_pipelines", "terminal"];

function systems(runs: string, index: number, name: string, text: string): readonly string[] {
  const { MOGPLEX_TEST_RUNS: before } = process.env;
  process.env.MOGPLEX_TEST_RUNS = runs;
  try {
    return combinations(ALL, index, { name, text }, (system) => system);
  } finally {
    if (before === undefined) delete process.env.MOGPLEX_TEST_RUNS;
    else process.env.MOGPLEX_TEST_RUNS = before;
  }
}

test("combinations() in `npm test` and in the gate after it are together those of the whole gate, and none is in both", () => {
  for (const name of ["gitlab: section", "long text"]) {
    for (const text of ["x", "x".repeat(100_000)]) {
      for (const index of [0, 1, 2, 3, 4]) {
        const [tenth, rest, full] = ["tenth", "rest", "full"].map((runs) => systems(runs, index, name, text));
        expect([...tenth ?? [], ...rest ?? []]).toEqual([...full ?? []]);
      }
    }
  }
  expect(["tenth", "rest", "full"].map((runs) => systems(runs, 0, "long text", "x").length)).toEqual([2, 1, 3]);
});
