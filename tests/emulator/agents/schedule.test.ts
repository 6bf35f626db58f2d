import { expect, test } from "bun:test";
import { matches, schedule } from "../../../lib/emulator/agents/schedule.ts";

const RUN = { repo: "acme/api", key: "nightly-7", prompt: "Fix the tests", harness: "codex" };
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

test("matches() refuses a field that a run does not have", () => {
  expect(matches({ automation: "Nightly" }, RUN)).toBe(false);
  expect([matches({ prompt: "Fix" }, AUTOMATION_RUN), matches({ harness: "codex" }, AUTOMATION_RUN)]).toEqual([
    false,
    false,
  ]);
  expect(matches({ automation: "Nightly", key: "7" }, AUTOMATION_RUN)).toBe(true);
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
