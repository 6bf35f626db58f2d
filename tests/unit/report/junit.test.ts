import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "junit2json";
import { escapeMarkup } from "../../../lib/text/escape.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import { renderJunit } from "../../../lib/report/junit.ts";
import { outlineXml } from "../hostile/parsers/markup_parsers.ts";
import { readGitlabJunit } from "./gitlab_readers.ts";
import { EVERY_AUTOMATION_OUTCOME, EVERY_OUTCOME } from "./outcomes.ts";
import { sampleAutomationResult, sampleResult } from "./sample.ts";

const FAILED = sampleResult({
  outcome: "failed",
  exitCode: 1,
  status: "failed",
  reason: "The agent finished, but delivery failed:\nfatal: <rejected>",
  failureCode: "command_failed",
  resume: null,
  repository: "acme/web",
  task: "Fix the <flaky> tests",
  files: ["a.ts"],
  finalMessage: "I & you",
  phases: [
    { name: "queue", startedAt: "2026-08-10T12:00:00.021Z", durationMs: 180_000 },
    { name: "agent", startedAt: "2026-08-10T12:03:00.021Z", durationMs: 60_500 },
  ],
});

test("renderJunit() tells a failure: the verdict with its reason, the phases before it, what the run was", () => {
  expect(renderJunit(FAILED, (text) => text)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="Mogplex" tests="3" failures="1" errors="0" time="1085.000">
  <testsuite name="Mogplex run in repository acme/web" tests="3" failures="1" errors="0" time="1085.000" skipped="1" timestamp="2026-08-10T12:00:00">
    <properties>
      <property name="run_id" value="3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21"/>
      <property name="repository" value="acme/web"/>
      <property name="repository_id" value="8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c"/>
      <property name="task" value="Fix the &lt;flaky&gt; tests"/>
      <property name="harness" value="codex"/>
      <property name="status" value="failed"/>
      <property name="outcome" value="failed"/>
      <property name="exit_code" value="1"/>
      <property name="failure_code" value="command_failed"/>
      <property name="failed_phase" value="agent"/>
      <property name="branch" value="mogplex/external/70a41ec8-9562673e"/>
      <property name="base_branch" value="main"/>
      <property name="pull_request" value="https://github.com/acme/web/pull/7"/>
      <property name="replayed" value="false"/>
      <property name="idempotency_key" value="ci1-0123456789abcdef0123456789abcdef01234567"/>
      <property name="requests" value="34"/>
      <property name="events" value="6"/>
      <property name="origin" value="https://mogplex.com"/>
    </properties>
    <testcase classname="Mogplex run" name="Verdict" time="844.500">
      <failure message="The agent finished, but delivery failed: fatal: &lt;rejected&gt;" type="failed">acme/web: Fix the &lt;flaky&gt; tests → failed: the agent failed (1 file, 18 min 5 s)&#10;&#10;Mogplex run failed (exit code 1)&#10;&#10;The agent finished, but delivery failed:&#10;fatal: &lt;rejected&gt;&#10;&#10;What to do now: Read what the agent said and did last, make the task more precise, then start again.&#10;&#10;Failure code: command_failed&#10;&#10;Task:&#10;Fix the &lt;flaky&gt; tests&#10;&#10;Last message from the agent:&#10;I &amp; you&#10;&#10;Last lines of the log:&#10;12:00:00  started   External Mogplex run accepted&#10;12:03:00  started   Harness run started: codex&#10;12:04:00  log       Synchronized mogplex/external/70a41ec8-9562673e&#10;12:05:00  status&#10;12:17:00  log       Pull request ready&#10;12:18:00  finished  Harness run finished</failure>
    </testcase>
    <testcase classname="Mogplex run" name="Phase queue" time="180.000"/>
    <testcase classname="Mogplex run" name="Phase agent" time="60.500">
      <skipped message="The run failed in this phase: see the verdict" type="phase">The run failed in this phase: see the verdict</skipped>
    </testcase>
  </testsuite>
</testsuites>
`);
});

test("renderJunit() gives GitLab a verdict that is red unless the job ends with 0, and a phase that is told once", () => {
  const read = EVERY_OUTCOME.map((result) => {
    const [verdict, ...phases] = readGitlabJunit(renderJunit(result, (text) => text));
    return [
      result.outcome,
      verdict?.status,
      verdict?.output?.split("\n")[2] ?? null,
      ...phases.map(({ status }) => status),
    ];
  });
  const phases = ["success", "success", "skipped"];
  expect(read).toEqual([
    ["success", "success", null, ...phases],
    ["failed", "failed", "Mogplex run failed (exit code 1)", ...phases],
    ["cancelled", "error", "Mogplex run was cancelled (exit code 3)", ...phases],
    ["awaiting_input", "error", "Mogplex run needs an answer (exit code 4)", ...phases],
    ["deadline", "error", "Mogplex run did not finish in time (exit code 124)", ...phases],
    ["interrupted", "error", "Interrupted while following the Mogplex run (exit code 143)", ...phases],
    ["started", "skipped", "Mogplex run started, not followed (exit code 0)", ...phases],
    ["error", "error", "The result of the Mogplex run is unknown (exit code 69)", ...phases],
  ]);
});

test("renderJunit() names an automation run and its automation", () => {
  const suppressed = {
    outcome: "suppressed",
    exitCode: 75,
    runId: null,
    replayed: null,
    status: null,
    runDurationMs: null,
  } as const;
  const error = {
    attempted: "trigger automation",
    why: "too many runs are active",
    value: null,
    advice: "try again when some runs have finished",
    code: null,
  };
  const reason = "Cannot trigger automation: too many runs are active; try again when some runs have finished";
  expect(renderJunit(sampleAutomationResult({ ...suppressed, reason, error }), (text) => text)).toBe(
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="Mogplex" tests="1" failures="0" errors="1" time="620.000">
  <testsuite name="Mogplex automation run of automation 3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d in repository 8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c" tests="1" failures="0" errors="1" time="620.000" skipped="0" timestamp="2026-08-10T12:00:00">
    <properties>
      <property name="automation_id" value="3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d"/>
      <property name="repository_id" value="8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c"/>
      <property name="outcome" value="suppressed"/>
      <property name="exit_code" value="75"/>
      <property name="idempotency_key" value="3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d/ci1-0123456789abcdef0123456789abcdef01234567"/>
      <property name="requests" value="21"/>
      <property name="origin" value="https://mogplex.com"/>
    </properties>
    <testcase classname="Mogplex automation run" name="Verdict" time="620.000">
      <error message="Cannot trigger automation: too many runs are active" type="suppressed">8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c → nothing was started (10 min 20 s)&#10;&#10;The automation was not started (exit code 75)&#10;&#10;Cannot trigger automation: too many runs are active&#10;&#10;What to do now: Try again when some runs have finished</error>
    </testcase>
  </testsuite>
</testsuites>
`,
  );
});

test("renderJunit() gives GitLab a verdict on an automation run that is red unless the job ends with 0", () => {
  const read = EVERY_AUTOMATION_OUTCOME.map((result) => {
    const [verdict] = readGitlabJunit(renderJunit(result, (text) => text));
    return [result.outcome, verdict?.classname, verdict?.status];
  });
  const statuses = ["success", "failed", "error", "error", "error", "error", "error"];
  expect(read).toEqual(
    EVERY_AUTOMATION_OUTCOME.map(({ outcome }, index) => [outcome, "Mogplex automation run", statuses[index] ?? ""]),
  );
});

test("renderJunit() is red when a run succeeded in the moment of a signal, and when a started one is no good", () => {
  for (const outcome of ["success", "started"] as const) {
    const [verdict] = readGitlabJunit(
      renderJunit(sampleResult({ outcome, exitCode: 130, reason: "SIGINT" }), (text) => text),
    );
    expect(verdict).toMatchObject({ status: "error", output: expect.stringContaining("(exit code 130)\n\nSIGINT") });
  }
});

test("renderJunit() has times that add up to what was spent here, and no less than the phases took", () => {
  const sum = (xml: string) => readGitlabJunit(xml).reduce((total, { time }) => total + time, 0);
  expect(sum(renderJunit(FAILED, (text) => text))).toBeCloseTo(1_085, 6);
  expect(sum(renderJunit({ ...FAILED, durationMs: 2_000 }, (text) => text))).toBeCloseTo(240.5, 6);
  expect(readGitlabJunit(renderJunit(sampleResult({ phases: [] }), (text) => text))).toEqual([
    { classname: "Mogplex run", name: "Verdict", status: "success", time: 1_085, output: null },
  ]);
});

test("renderJunit() names suite and cases alike in every run of a repository, so that GitLab can compare them", () => {
  const names = (xml: string) => [...xml.matchAll(/<test\w+ .*?name="([^"]*)"/g)].map((match) => match[1]);
  const other = sampleResult({
    runId: "other",
    idempotencyKey: "other",
    createdAt: "2027-01-01T00:00:00Z",
    durationMs: 1,
  });
  expect(names(renderJunit(other, (text) => text))).toEqual(names(renderJunit(sampleResult(), (text) => text)));
});

test("renderJunit() leaves out unknown values", () => {
  const xml = renderJunit(
    sampleResult({
      runId: null,
      repoId: null,
      harness: null,
      status: null,
      outcome: "error",
      exitCode: 64,
      replayed: null,
      idempotencyKey: null,
      branch: { base: null, requested: "asked/for", pushed: null },
      pullRequest: { state: "unknown", url: null },
      createdAt: "never",
      phases: [],
    }),
    (text) => text,
  );
  expect([...xml.matchAll(/property name="(\w+)"/g)].map((match) => match[1]))
    .toEqual(["outcome", "exit_code", "pull_request", "requests", "events", "origin"]);
  expect(xml).toContain(`<testsuite name="Mogplex run" tests="1" failures="0" errors="1" time="1085.000" skipped="0">`);
});

test("renderJunit() means to junit2json what it means to us, for every outcome", async () => {
  for (const result of EVERY_OUTCOME) {
    const read = await parse(renderJunit(result, (text) => text));
    if (read === undefined || read === null || !("testsuite" in read)) throw new Error("No suites");
    const [suite, ...others] = read.testsuite ?? [];
    expect(others).toEqual([]);
    const cases = suite?.testcase ?? [];
    expect(suite).toMatchObject({
      tests: 4,
      failures: cases.filter((each) => each.failure).length,
      errors: cases.filter((each) => each.error).length,
      skipped: cases.filter((each) => each.skipped).length,
    });
    const red = cases.some((each) => each.failure ?? each.error);
    expect([result.outcome, red]).toEqual([result.outcome, result.exitCode !== 0]);
    expect(cases.map(({ name }) => name)).toEqual(["Verdict", "Phase queue", "Phase prepare", "Phase agent"]);
    expect(suite?.properties).toContainEqual({ name: "run_id", value: result.runId as string });
  }
});

test("renderJunit() stays far below 30 MB with the longest texts", () => {
  const long = "<".repeat(1_000_000);
  const phases = Array(5_000).fill({ name: long, startedAt: long, durationMs: 1 });
  const result = {
    reason: long,
    failureCode: long,
    resume: long,
    harness: long,
    repoId: long,
    error: { attempted: long, why: long, value: long, advice: `>${long}`, code: long },
    outcome: "failed" as const,
  };
  expect(
    renderJunit(cleanResult(sampleResult({ ...result, phases }), (text) => text, (text) => text), (text) => text)
      .length,
  )
    .toBeLessThan(1_000_000);
});

test("escapeMarkup() and an XML parser give back every text that XML can hold, as content and as attribute", () => {
  // deno-lint-ignore no-control-regex
  const unholdable = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu;
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."<>&'\"]\t\r\n \0\ud800;#x0") }),
  );
  fc.assert(fc.property(texts, (text) => {
    const { elements, attributes, text: content } = outlineXml(
      `<a b="${escapeMarkup(text)}">${escapeMarkup(text)}</a>`,
    );
    const expected = text.replace(unholdable, "\ufffd");
    expect([elements, attributes.b, content]).toEqual([["a"], expected, expected]);
  }));
});

test("renderJunit() shows an instruction to continue as a sentence, and a command after a colon", () => {
  const text = (resume: string, resumeIsCommand: boolean) =>
    renderJunit(sampleResult({ outcome: "deadline", exitCode: 124, resume, resumeIsCommand }), (each) => each);
  expect(text("retry this job", false)).toContain("To follow it again: retry this job.&#10;");
  expect(text("mogplex-ci follow x", true)).toContain("Follow it again: mogplex-ci follow x&#10;");
});
