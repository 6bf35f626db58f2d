/** Two workers that work on copies of one journal by mistake: the fence keeps them from starting anything twice. The bench plays more seeds. */
import { expect, test } from "bun:test";
import { playTwoWorkers } from "../../../bench/campaign/two_workers.ts";

// With these the copy is made at every moment, and each worker works in every way.
test.each([1, 2, 3, 4, 5, 8])(
  "two workers on copies of one journal start as many runs as one does (seed %d)",
  async (seed) => {
    const { runs, verdicts, expected, mostAMinute } = await playTwoWorkers(seed);
    expect(runs).toEqual(expected.runs);
    for (const each of verdicts) expect(each).toEqual(expected.verdicts);
    expect(mostAMinute).toBeLessThanOrEqual(60);
  },
);
