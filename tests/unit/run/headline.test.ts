import { expect, test } from "bun:test";
import { emptyRunResult, type RunResult } from "../../../lib/run/result.ts";
import { headlineText, viewOf } from "../../../lib/run/result_view.ts";
import { sampleAutomationResult, sampleResult } from "../report/sample.ts";

const line = (fields: Partial<RunResult>) => headlineText(viewOf(sampleResult({ durationMs: 240_000, ...fields })));
const DELIVERY = [{ name: "deliver", startedAt: "2026-08-10T12:05:00Z", durationMs: 1 }];
const NONE = { state: "none", url: null } as const;

test("headlineText() says where, what was asked, what came of it and in how long", () => {
  const told = { repository: "acme/web", task: "Fix the flaky tests\n\nThey fail.", files: ["a", "b", "c"] };
  expect([
    line(told),
    line({ ...told, pullRequest: { state: "open", url: "https://gitlab.example/a/-/merge_requests/12/" } }),
    line({ ...told, pullRequest: { state: "open", url: "https://forge.example/changes/new" } }),
    line({ ...told, files: [], changed: false, pullRequest: NONE }),
    line({ ...told, files: null, changed: true, pullRequest: NONE }),
    line({ ...told, files: Array(25).fill("a") }),
    line({ ...told, outcome: "failed", exitCode: 1, phases: DELIVERY }),
    line({ ...told, outcome: "deadline", exitCode: 124 }),
    line({ repository: null }),
  ]).toEqual([
    "acme/web: Fix the flaky tests … → PR #7 (3 files, 4 min)",
    "acme/web: Fix the flaky tests … → PR #12 (3 files, 4 min)",
    "acme/web: Fix the flaky tests … → pull request (3 files, 4 min)",
    "acme/web: Fix the flaky tests … → no changes (4 min)",
    "acme/web: Fix the flaky tests … → success, no pull request (4 min)",
    "acme/web: Fix the flaky tests … → PR #7 (25 files or more, 4 min)",
    "acme/web: Fix the flaky tests … → failed during delivery (3 files, 4 min)",
    "acme/web: Fix the flaky tests … → did not finish in time (3 files, 4 min)",
    "8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c → PR #7 (4 min)",
  ]);
  expect(headlineText(viewOf(emptyRunResult()))).toBe("Mogplex run → not started (0 s)");
  expect(headlineText(viewOf(sampleAutomationResult({ repoId: null })))).toBe(
    "automation 3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d → success (10 min 20 s)",
  );
});

test("headlineText() takes the first line that says something, at most 72 characters of it", () => {
  const title = (task: string) => / → /.exec(line({ repository: "r", task }))?.input.split(" → ")[0];
  expect(title("\n\n  ## Fix it\nmore")).toBe("r: Fix it …");
  expect(title("- [ ] one\n- [ ] two")).toBe("r: [ ] one …");
  expect(title(" \n---\n\n")).toBe("r");
  expect(title("תקן את הבדיקות")).toBe("r: תקן את הבדיקות");
  expect(title("word ".repeat(1_000))).toBe(`r: ${"word ".repeat(14).trim()}…`);
  expect(title(`${"a".repeat(71)} b`)).toBe(`r: ${"a".repeat(71)}…`);
  expect(title("a".repeat(1_000))).toBe(`r: ${"a".repeat(71)}…`);
  expect(title(`${"x".repeat(66)} now. And more`)).toBe(`r: ${"x".repeat(66)} now…`);
  expect(title("😀".repeat(100))).toBe(`r: ${"😀".repeat(35)}…`);
});

test("headlineText() names the run's own time when the command did not start it, as far as that is known", () => {
  const attached = { durationMs: 200, updatedAt: "2026-08-10T12:00:08.021234+00:00" };
  const time = (fields: Partial<RunResult>) => /\(.*\)$/.exec(line({ ...attached, ...fields }))?.[0];
  expect([
    time({ replayed: true }),
    time({ replayed: null }),
    time({ replayed: false }),
    time({ replayed: true, status: "streaming" }),
    time({ replayed: true, updatedAt: null }),
  ]).toEqual(["(8 s)", "(8 s)", "(0.2 s)", "(0.2 s)", "(0.2 s)"]);
  const automation = (replayed: boolean) =>
    headlineText(viewOf(sampleAutomationResult({ replayed, durationMs: 200, runDurationMs: 8_000 })));
  expect([automation(true), automation(false)].map((text) => /\(.*\)$/.exec(text)?.[0])).toEqual(["(8 s)", "(0.2 s)"]);
});
