import { expect, test } from "bun:test";
import { type VerdictOptions, verdictText } from "../../../../lib/cli/log/live_log.ts";
import { commandVocabulary } from "../../../../lib/cli/verb.ts";
import { UnavailableError } from "../../../../lib/errors.ts";
import {
  type AnyResult,
  emptyAutomationResult,
  emptyRunResult,
  resultError,
  type RunResult,
} from "../../../../lib/run/result.ts";
import { sampleAutomationResult, sampleResult } from "../../report/sample.ts";

const OPTIONS: VerdictOptions = { reports: [], cancel: commandVocabulary().cancel };
const ERROR = new UnavailableError(
  { attempted: "start run", why: "the service is down; it said so", advice: "try again later; or ask" },
  "unavailable",
  { status: 503, code: null, requestId: null, retryAfterMs: null },
);

const TOLD = { repository: "acme/web", task: "# Fix the flaky tests\n\nThey fail.", files: ["a.ts", "b.ts"] };

test("verdictText() does not contradict the verdict of a run that the service failed after its cancellation", () => {
  const rows = (fields: Partial<RunResult>) => verdictText(sampleResult(fields), OPTIONS).split("\n");
  const run = "run           3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21";
  const failed = { status: "failed", resume: null } as const;
  const cancelled = rows({ ...failed, outcome: "cancelled", exitCode: 3 });
  expect(cancelled[0]).toBe("verdict       cancelled (exit code 3)");
  expect(cancelled).toContain(`${run} (failed after the cancellation)`);
  expect(rows({ ...failed, outcome: "failed", exitCode: 1 })).toContain(`${run} (failed)`);
});

test("verdictText() shows where to answer a run that waits for an answer", () => {
  const row = (parts: Partial<RunResult>) =>
    /^answer at .*$/m.exec(verdictText(sampleResult({ outcome: "awaiting_input", ...parts }), OPTIONS))?.[0];
  const runId = "3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21";
  expect([
    row({ origin: "https://www.mogplex.com" }),
    row({ origin: "http://127.0.0.1:4000", runId }),
    row({ origin: "" }),
    row({ origin: "https://www.mogplex.com", outcome: "failed" }),
  ]).toEqual([
    "answer at     https://www.mogplex.com/",
    `answer at     http://127.0.0.1:4000/__runs/${runId}`,
    undefined,
    undefined,
  ]);
});

test("verdictText() compares no run that waits for an answer", () => {
  const row = (outcome: "awaiting_input" | "failed") =>
    verdictText(sampleResult({ outcome }), { ...OPTIONS, compared: "The previous run failed." }).includes("compared");
  expect([row("failed"), row("awaiting_input")]).toEqual([true, false]);
});

test("verdictText() has a row for all that is known of a run", () => {
  const reports = [{ format: "json", path: "out/result.json" }, {
    format: "markdown",
    path: "out/summary.md",
  }] as const;
  expect(verdictText(sampleResult({ ...TOLD, outcome: "deadline", exitCode: 124 }), { ...OPTIONS, reports })).toBe(
    [
      "verdict       did not finish in time (exit code 124)",
      "pull request  https://github.com/acme/web/pull/7",
      "repository    acme/web",
      "task          Fix the flaky tests …",
      "what to do    Follow the run again, or retry the same job (on GitHub: Re-run jobs). The retry attaches to the run, unless you set --key-scope to job. A new pipeline or build starts another run. To wait longer, raise --timeout.",
      "run           3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21 (success)",
      "started       by this command",
      "branch        mogplex/external/70a41ec8-9562673e",
      "files         a.ts, b.ts",
      "time          18 min 5 s",
      "reports       out/: result.json summary.md",
      "resume        mogplex-ci follow 3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21",
      "cancel        mogplex-ci runs cancel 3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21",
    ].join("\n"),
  );
});

test("verdictText() names the branch of the start while no push is known, and never the base", () => {
  const branchOf = (requested: string) =>
    /^branch .*$/m.exec(
      verdictText(
        sampleResult({
          ...{ outcome: "deadline", status: "running" },
          branch: { base: "main", requested, pushed: null },
          changed: null,
          events: [],
        }),
        OPTIONS,
      ),
    )?.[0];
  expect([branchOf("fix/it"), branchOf("main")]).toEqual([
    "branch        fix/it (nothing pushed yet)",
    "branch        unknown",
  ]);
});

test("verdictText() says how to get more time in the words of the program", () => {
  const step = (resume: string | null, parts: Partial<RunResult> = {}) =>
    verdictText(sampleResult({ outcome: "deadline", resume, ...parts }), OPTIONS).match(/^what to do {4}(.*)$/m)?.[1];
  expect([
    step(null),
    step("retry this job", { resumeIsCommand: false }),
    step("mogplex-ci follow x"),
    step("mogplex-ci follow x", { replayed: null, idempotencyKey: null }),
    // Outside CI: no job finds the run by a random key.
    step("mogplex-ci follow x", { idempotencyKey: "0b6f1a52-7c55-4d0e-9c43-0e5a6a1b2c3d" }),
  ]).toEqual([
    "To wait longer, raise the timeout.",
    "Follow the run again. To wait longer, raise the timeout.",
    "Follow the run again, or retry the same job (on GitHub: Re-run jobs). The retry attaches to the run, unless you set --key-scope to job. A new pipeline or build starts another run. To wait longer, raise --timeout.",
    "Follow the run again. To wait longer, raise --timeout.",
    "Follow the run again. To wait longer, raise --timeout.",
  ]);
});

test("verdictText() says nothing of a later push once the run has finished", () => {
  const rows = (outcome: "failed" | "deadline" | "interrupted", status: string) =>
    verdictText(
      sampleResult({
        ...{ outcome, status, changed: null, events: [] },
        branch: { base: "main", requested: "fix/it", pushed: null },
        pullRequest: { url: null, state: "unknown" },
      }),
      OPTIONS,
    ).split("\n").filter((line) => /^(?:branch|pull request) /.test(line));
  const [ended, open] = [
    ["pull request  none reported", "branch        fix/it (nothing pushed)"],
    ["pull request  none yet", "branch        fix/it (nothing pushed yet)"],
  ];
  expect([rows("failed", "failed"), rows("deadline", "running")]).toEqual([ended, open]);
  // A job that was stopped: its clean-up has cancelled the run, or not.
  expect([rows("interrupted", "cancelled"), rows("interrupted", "running")]).toEqual([ended, open]);
});

test("verdictText() says how to open the page where it is given one", () => {
  const failed = sampleResult({ outcome: "failed", exitCode: 1, resume: null });
  expect(verdictText(failed, { ...OPTIONS, page: "mogplex-ci/run.html" })).toContain(
    "\npage          open mogplex-ci/run.html",
  );
  expect(verdictText(failed, OPTIONS)).not.toContain("\npage ");
});

test("verdictText() names the run's own time once when the command did not start the run", () => {
  const times = (result: AnyResult) => verdictText(result, OPTIONS).match(/^(run )?time .*$/gm);
  expect([
    times(sampleResult({ replayed: null, resume: null, durationMs: 200 })),
    times(sampleAutomationResult({ replayed: true, durationMs: 200, runDurationMs: 8_000 })),
  ]).toEqual([["run time      18 min 1 s"], ["run time      8 s"]]);
});

test("verdictText() has a row for all that is known of an automation run, and no command that it lacks", () => {
  const late = sampleAutomationResult({ outcome: "deadline", exitCode: 124, status: "running", resume: "once more" });
  expect(verdictText(late, { reports: [] })).toBe(
    [
      "verdict       did not finish in time (exit code 124)",
      "repository    8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c",
      "what to do    Follow the run again. To wait longer, raise the timeout.",
      "automation    3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d",
      "run           5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 (running)",
      "started       by this command",
      "run time      8 min 5 s",
      "time          10 min 20 s",
      "resume        once more",
    ].join("\n"),
  );
});

test("verdictText() has reason and advice in rows of their own", () => {
  const parts = {
    reason: ERROR.message,
    error: resultError(ERROR),
    exitCode: 69,
    idempotencyKey: "ci1-key",
    mayExist: true,
  };
  const rows = [
    "verdict       unknown (exit code 69)",
    "reason        Cannot start run: the service is down; it said so",
    "what to do    Try again later; or ask",
    "key           ci1-key",
    "time          0 s",
  ];
  for (const empty of [emptyRunResult(), emptyAutomationResult()]) {
    expect(verdictText({ ...empty, ...parts }, OPTIONS)).toBe(rows.join("\n"));
  }
});

test("verdictText() says that a run was not started when no sandbox was free for it", () => {
  const error = { attempted: "begin run", why: "no sandbox was free", value: null, advice: null, code: "NO_SANDBOX" };
  const parts = {
    outcome: "error",
    exitCode: 75,
    reason: error.why,
    error,
    pullRequest: { state: "unknown", url: null },
  } as const;
  const rows = verdictText(sampleResult({ ...parts, status: "failed" }), OPTIONS).split("\n");
  expect(rows.filter((row) => /^(?:verdict|pull request|run|started) /.test(row))).toEqual([
    "verdict       not started: no free sandbox (exit code 75)",
    "pull request  none",
    "run           3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21 (no agent)",
  ]);
});

test("verdictText() shows a reason of the service whole, up to a limit", () => {
  const reason = "tests failed; see the log";
  const failed = sampleResult({ outcome: "failed", exitCode: 1, reason });
  expect(verdictText(failed, OPTIONS)).toContain(`\nreason        ${reason}\n`);
  const long = verdictText({ ...failed, reason: "x".repeat(100_000) }, OPTIONS);
  expect(long.length).toBeLessThan(5_000);
});

test("verdictText() has the key where a start is unknown, and with events and requests when all is to be shown", () => {
  const rows = (fields: object, full: boolean) =>
    verdictText(sampleResult(fields), { ...OPTIONS, full }).split("\n").map((row) => row.split("  ")[0] ?? "");
  const lost = { runId: null, resume: null, outcome: "error", exitCode: 69 };
  const has = (fields: object, full = false) =>
    ["key", "events"].filter((label) => rows(fields, full).includes(label)).join(" ");
  expect([has({}), has({}, true), has(lost), has({ ...lost, mayExist: false }), has(lost, true)])
    .toEqual(["", "key events", "key", "", "key"]);
});

test("verdictText() names the phase in which a run failed, and what to do then", () => {
  const phases = [{ name: "deliver", startedAt: "2026-08-10T12:05:00Z", durationMs: 1 }];
  const failed = sampleResult({ outcome: "failed", exitCode: 1, phases, pullRequest: { state: "unknown", url: null } });
  expect(verdictText(failed, OPTIONS)).toStartWith(
    "verdict       failed during delivery (exit code 1)\npull request  none reported\n",
  );
  expect(verdictText(failed, OPTIONS)).toContain("\nwhat to do    Check what the Git host");
});

test("verdictText() says that events were missed, whatever is to be shown", () => {
  const eventCount = { seen: 7, missed: true, windowFull: true };
  expect(verdictText(sampleResult({ eventCount }), OPTIONS))
    .toContain("\nevents        some were missed, later events are not visible\n");
  expect(verdictText(sampleResult({ eventCount }), { ...OPTIONS, full: true })).toContain(
    "\nevents        7 seen, some",
  );
});
