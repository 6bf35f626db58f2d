import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { escapeLabel } from "../../../lib/text/escape.ts";
import { renderOpenmetrics } from "../../../lib/report/metrics.ts";
import { CORPUS } from "../../unit/hostile/corpus.ts";
import { EVERY_AUTOMATION_OUTCOME, EVERY_OUTCOME } from "../../unit/report/outcomes.ts";
import { isInstalled, judge } from "./programs.ts";
import { sampleResult } from "../../unit/report/sample.ts";

const withPromtool = test.skipIf(!isInstalled("promtool"));

/** One family whose only label has each of the texts. */
function labelled(texts: readonly string[]): string {
  const lines = texts.map((text, index) => `a{index="${index}",text="${escapeLabel(text)}"} 1`);
  return ["# HELP a Texts.", "# TYPE a gauge", ...lines, "# EOF", ""].join("\n");
}

withPromtool("renderOpenmetrics() passes promtool's checks without a remark, for every outcome", () => {
  for (const result of [...EVERY_OUTCOME, ...EVERY_AUTOMATION_OUTCOME]) {
    expect(judge("promtool", ["check", "metrics"], renderOpenmetrics(result))).toEqual({ code: 0, said: "" });
  }
  const nameless = renderOpenmetrics(sampleResult()).replace(/^# HELP .*\n/gm, "");
  expect(judge("promtool", ["check", "metrics"], nameless).said).toContain("no help text");
});

/** What Prometheus' own parser of OpenMetrics says; it wants a time on every sample. */
function importIntoPrometheus(text: string): { code: number | null; said: string } {
  const directory = mkdtempSync(join(tmpdir(), "metrics-"));
  try {
    const file = join(directory, "metrics.txt");
    writeFileSync(file, text.replace(/^[^#].*$/gm, "$& 1700000000"));
    return judge("promtool", ["tsdb", "create-blocks-from", "openmetrics", file, join(directory, "blocks")], "");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

withPromtool("renderOpenmetrics() and escapeLabel() are OpenMetrics to Prometheus, whatever a label says", () => {
  expect(importIntoPrometheus(renderOpenmetrics(sampleResult())).code).toBe(0);
  const text = labelled(CORPUS.map((hostile) => hostile.text.slice(0, 2_000)));
  expect(judge("promtool", ["check", "metrics"], text)).toEqual({ code: 0, said: "" });
  expect(importIntoPrometheus(text).code).toBe(0);
  expect(importIntoPrometheus(text.replace('"} 1', "} 1")).code).not.toBe(0);
  expect(importIntoPrometheus(text.replace("# EOF\n", "")).code).not.toBe(0);
});
