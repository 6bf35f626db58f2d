/** What a scheduler that is late, drops ticks and loses waves makes of a campaign on a branch. The bench plays more seeds. */
import { expect, test } from "bun:test";
import { playGitClock } from "../../../bench/campaign/git_clock.ts";

// With this seed waves are cancelled, are lost with their machine, and are made two at once.
test("a campaign on a branch has one run an item, and a record of each, whatever its scheduler does", async () => {
  const { runs, unknown, wrong, verdicts, ...befell } = await playGitClock(9);
  expect([unknown, wrong]).toEqual([0, 0]);
  expect(new Set(Object.values(runs))).toEqual(new Set([1]));
  expect(new Set(Object.values(verdicts))).toEqual(new Set(["succeeded"]));
  expect(Object.keys(verdicts).sort()).toEqual(Object.keys(runs).sort());
  for (const what of ["together", "cancelled", "lost", "again"] as const) {
    expect([what, befell[what]]).toEqual([what, expect.any(Number)]);
    expect(befell[what]).toBeGreaterThan(0);
  }
});
