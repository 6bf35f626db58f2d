import { expect, test } from "bun:test";
import fc from "fast-check";
import { escapeLabel } from "../../../lib/text/escape.ts";
import { renderOpenmetrics } from "../../../lib/report/metrics.ts";
import { readGitlabMetrics } from "./gitlab_readers.ts";
import { type MetricFamily, parseOpenmetrics } from "./openmetrics_parser.ts";
import { EVERY_AUTOMATION_OUTCOME, EVERY_OUTCOME } from "./outcomes.ts";
import { sampleAutomationResult, sampleResult } from "./sample.ts";

function samples(families: MetricFamily[], name: string): MetricFamily["samples"] | undefined {
  return families.find((family) => family.name === name)?.samples;
}

/** One family whose only label has each of the texts. */
function labelled(texts: readonly string[]): string {
  const lines = texts.map((text, index) => `a{index="${index}",text="${escapeLabel(text)}"} 1`);
  return ["# HELP a Texts.", "# TYPE a gauge", ...lines, "# EOF", ""].join("\n");
}

/** What a label can hold of a text. */
function holdable(text: string): string {
  return text.replace(/\0|\p{Cs}/gu, "\ufffd").replaceAll("#", "＃").replace(/\r\n?|[\v\f\x85\u2028\u2029]/g, "\n");
}

test("renderOpenmetrics() has every figure of a run, in base units, and no id that differs from run to run", () => {
  const text = renderOpenmetrics(sampleResult({ replayed: true }));
  const families = parseOpenmetrics(text);
  expect(families.map(({ name }) => name)).toEqual([
    "mogplex_run_info",
    "mogplex_run_outcome",
    "mogplex_run_exit_code",
    "mogplex_run_replayed",
    "mogplex_run_changed",
    "mogplex_run_duration_seconds",
    "mogplex_run_phase_duration_seconds",
    "mogplex_run_waits",
    "mogplex_run_wait_duration_seconds",
    "mogplex_run_http_requests",
    "mogplex_run_events_seen",
    "mogplex_run_events_missed",
    "mogplex_run_events_window_full",
  ]);
  for (const { name, help, unit } of families) {
    expect([name, help.endsWith("."), unit]).toEqual([name, true, name.endsWith("_seconds") ? "seconds" : ""]);
  }
  expect(samples(families, "mogplex_run_info")).toEqual([[
    { repository_id: "8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c", harness: "codex", status: "success" },
    1,
  ]]);
  expect(samples(families, "mogplex_run_duration_seconds")).toEqual([[{}, 1_085]]);
  expect(samples(families, "mogplex_run_phase_duration_seconds"))
    .toEqual([[{ phase: "queue" }, 180], [{ phase: "prepare" }, 120]]);
  expect(samples(families, "mogplex_run_waits")?.filter(([, count]) => count > 0)).toEqual([[
    { cause: "rate_limit" },
    2,
  ]]);
  expect(samples(families, "mogplex_run_wait_duration_seconds")?.[0]).toEqual([{ cause: "rate_limit" }, 61]);
  expect(samples(families, "mogplex_run_http_requests")).toEqual([[{}, 34]]);
  expect(samples(families, "mogplex_run_events_seen")).toEqual([[{}, 6]]);
  expect(samples(families, "mogplex_run_replayed")).toEqual([[{}, 1]]);
  expect(text).not.toContain("3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21");
});

test("renderOpenmetrics() has 1 for the one outcome of the run, and its exit code", () => {
  for (const result of EVERY_OUTCOME) {
    const families = parseOpenmetrics(renderOpenmetrics(result));
    const outcomes = samples(families, "mogplex_run_outcome") ?? [];
    expect(outcomes.map(([labels]) => labels.outcome)).toEqual(EVERY_OUTCOME.map(({ outcome }) => outcome));
    expect(outcomes.filter(([, value]) => value !== 0)).toEqual([[{ outcome: result.outcome }, 1]]);
    expect(samples(families, "mogplex_run_exit_code")).toEqual([[{}, result.exitCode]]);
  }
});

test("renderOpenmetrics() has families of their own for automation runs, without those of agents", () => {
  const text = renderOpenmetrics(sampleAutomationResult());
  const families = parseOpenmetrics(text);
  expect(families.map(({ name }) => name)).toEqual([
    "mogplex_automation_run_info",
    "mogplex_automation_run_outcome",
    "mogplex_automation_run_exit_code",
    "mogplex_automation_run_replayed",
    "mogplex_automation_run_duration_seconds",
    "mogplex_automation_run_service_duration_seconds",
    "mogplex_automation_run_waits",
    "mogplex_automation_run_wait_duration_seconds",
    "mogplex_automation_run_http_requests",
  ]);
  expect(samples(families, "mogplex_automation_run_info")).toEqual([[{
    automation_id: "3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d",
    repository_id: "8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c",
    status: "success",
  }, 1]]);
  expect(samples(families, "mogplex_automation_run_service_duration_seconds")).toEqual([[{}, 485]]);
  expect(text).not.toContain("5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11");
  for (const result of EVERY_AUTOMATION_OUTCOME) {
    const outcomes = samples(parseOpenmetrics(renderOpenmetrics(result)), "mogplex_automation_run_outcome") ?? [];
    expect(outcomes.map(([labels]) => labels.outcome)).toEqual(EVERY_AUTOMATION_OUTCOME.map(({ outcome }) => outcome));
    expect(outcomes.filter(([, value]) => value !== 0)).toEqual([[{ outcome: result.outcome }, 1]]);
  }
});

test("renderOpenmetrics() has the same series in every run but for what is not known", () => {
  const series = (text: string) => readGitlabMetrics(text).map(([name]) => name);
  const other = sampleResult({
    runId: "other",
    requests: 1,
    waits: [],
    durationMs: 5,
    eventCount: { seen: 0, missed: true, windowFull: true },
  });
  expect(series(renderOpenmetrics(other))).toEqual(series(renderOpenmetrics(sampleResult())));
  const unknown = sampleResult({
    replayed: null,
    changed: null,
    phases: [],
    repoId: null,
    harness: null,
    status: null,
  });
  expect(series(renderOpenmetrics(unknown)).slice(0, 10)).toEqual(
    ["mogplex_run_info", ...series(renderOpenmetrics(sampleResult())).slice(1, 10)],
  );
  expect(renderOpenmetrics(unknown)).not.toMatch(/replayed|changed|phase/);
});

test("escapeLabel() gives back every text that a label can hold, in OpenMetrics and on GitLab", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."\\\"\n\r#{}, n=\0\ud800'") }),
  );
  fc.assert(fc.property(fc.array(texts, { minLength: 1, maxLength: 5 }), (all) => {
    const text = labelled(all);
    expect(parseOpenmetrics(text)[0]?.samples.map(([{ text }]) => text)).toEqual(all.map(holdable));
    expect(readGitlabMetrics(text).map(([, value]) => value)).toEqual(all.map(() => "1"));
  }));
});
