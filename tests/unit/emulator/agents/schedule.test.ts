import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseScenarios } from "../../../../lib/emulator/agents/scenario.ts";
import { Chooser, matches, schedule, secondsOf, stretch } from "../../../../lib/emulator/agents/schedule.ts";
import { createRevision } from "../../../../lib/emulator/state/store.ts";

const RUN = { repo: "acme/api", key: "nightly-7", prompt: "Fix the tests", harness: "codex", root: null, attempt: 2 };
const AUTOMATION_RUN = { repo: "acme/api", key: "nightly-7", automation: "Nightly clean-up" };

test("matches() wants every field to fit, and an empty match fits every run", () => {
  expect([{}, { prompt: "tests" }, { repo: "acme/api", key: "nightly" }].every((match) => matches(match, RUN))).toBe(
    true,
  );
  expect(
    [{ prompt: "docs" }, { repo: "acme" }, { key: "nightly", harness: "claude-code" }].some((match) =>
      matches(match, RUN)
    ),
  ).toBe(false);
});

test("matches() takes patterns and lists of repositories, numbers of attempts, and switches of the revision", () => {
  const later = { ...RUN, revision: createRevision("later") };
  const fits = [{ repo: "acme/*" }, { repo: ["x", "*/a?i"] }, { attempt: 2 }, { attempt: [1, 2] }];
  expect(fits.map((match) => matches(match, RUN))).toEqual([true, true, true, true]);
  const others = [{ repo: "acme/*b" }, { repo: ["x", "y"] }, { attempt: 1 }, { attempt: [1, 3] }];
  expect(others.map((match) => matches(match, RUN))).toEqual([false, false, false, false]);
  const match = { with: "stream" as const };
  expect([matches(match, later), matches(match, { ...RUN, revision: createRevision() }), matches(match, RUN)]).toEqual(
    [true, false, false],
  );
});

const fitsPattern = (repo: string, pattern: string) => matches({ repo: pattern }, { ...RUN, repo });

test("matches() takes every other character as it is", () => {
  const name = "acme/a.b+c(d)[e]{f}^$|g";
  expect([fitsPattern(name, name), fitsPattern("acme/axb", "acme/a.b"), fitsPattern("acme/a", "acme/a*")]).toEqual([
    true,
    false,
    true,
  ]);
  fc.assert(fc.property(fc.string(), fc.string(), (before, after) => {
    if (/[*?]/.test(before + after)) return;
    expect(fitsPattern(`${before}middle${after}`, `${before}*${after}`)).toBe(true);
  }));
});

test("matches() refuses a field that a run does not have", () => {
  expect(matches({ automation: "Nightly" }, RUN)).toBe(false);
  expect([
    matches({ prompt: "Fix" }, AUTOMATION_RUN),
    matches({ harness: "codex" }, AUTOMATION_RUN),
    matches({ attempt: 1 }, AUTOMATION_RUN),
  ]).toEqual([false, false, false]);
  expect(matches({ automation: "Nightly", key: "7" }, AUTOMATION_RUN)).toBe(true);
});

test("Chooser.choose() takes the first scenario that fits, and counts only the runs that come to one with every", () => {
  const chooser = new Chooser(parseScenarios(
    `
scenarios:
  - { name: monolith, match: { repo: acme/monolith } }
  - { name: third, match: { every: 3, attempt: 1 } }
  - { name: rest }`,
    "test",
  ));
  const choose = (repo: string, attempt = 1) => chooser.choose({ ...RUN, repo, attempt })?.name;
  const names = ["a", "acme/monolith", "b", "c", "d"].map((repo) => choose(repo));
  expect(names).toEqual(["rest", "monolith", "rest", "third", "rest"]);
  expect([choose("a", 2), choose("e"), choose("f")]).toEqual(["rest", "rest", "third"]);
  chooser.reset();
  expect([choose("a"), choose("b"), choose("c")]).toEqual(["rest", "rest", "third"]);
  expect(new Chooser([]).choose(RUN)).toBeUndefined();
});

test("secondsOf() depends on seed, repository, root directory and attempt alone", () => {
  const of = (seed: number, run: object) =>
    secondsOf({ duration: { median: 1_200, sigma: 0.5, seed } }, { ...RUN, ...run });
  expect(of(1, {})).toBe(of(1, { key: "other", prompt: "other" }));
  const all = [of(1, {}), of(2, {}), of(1, { repo: "acme/web" }), of(1, { root: "a" }), of(1, { attempt: 1 })];
  expect(new Set(all).size).toBe(5);
  expect([secondsOf({ duration: 90 }, RUN), secondsOf({}, RUN)]).toEqual([90, undefined]);
});

test("schedule() adds up the pauses, repeats a step at its own pace, and divides all times by the speed", () => {
  const steps = [{ after: 2 }, { after: 4, repeat: 3, every: 1 }, { after: 0 }];
  expect(schedule(steps, 2).map(({ dueMs, index }) => [dueMs, index])).toEqual([
    [1_000, 1],
    [3_000, 1],
    [3_500, 2],
    [4_000, 3],
    [4_000, 1],
  ]);
});

test("stretch() lengthens the longest pause, or shortens all of them", () => {
  const moments = schedule([{ after: 2 }, { after: 10 }, { after: 3 }], 1);
  const at = (lengthMs: number) => stretch(moments, lengthMs).map(({ dueMs }) => dueMs);
  expect([at(60_000), at(15_000), at(1_500)]).toEqual([[2_000, 57_000, 60_000], [2_000, 12_000, 15_000], [
    200,
    1_200,
    1_500,
  ]]);
  expect([stretch([], 5), stretch(schedule([{ after: 0 }], 1), 7_000)[0]?.dueMs]).toEqual([[], 7_000]);
});
