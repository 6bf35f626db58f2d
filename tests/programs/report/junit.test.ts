import { expect, test } from "bun:test";
import { join } from "node:path";
import { renderJunit } from "../../../lib/report/junit.ts";
import { EVERY_AUTOMATION_OUTCOME, EVERY_OUTCOME } from "../../unit/report/outcomes.ts";
import { isInstalled, judge } from "./programs.ts";
import { sampleResult } from "../../unit/report/sample.ts";

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

test.skipIf(!isInstalled("xmllint"))(
  "renderJunit() is valid for xmllint against our own schema of the form, for every outcome",
  () => {
    const args = ["--noout", "--nonet", "--schema", join(import.meta.dir, "junit.xsd"), "-"];
    for (const result of [...EVERY_OUTCOME, ...EVERY_AUTOMATION_OUTCOME, FAILED]) {
      expect(judge("xmllint", args, renderJunit(result, (text) => text))).toEqual({ code: 0, said: "- validates\n" });
    }
    expect(judge("xmllint", args, renderJunit(FAILED, (text) => text).replace(' time="844.500"', "")).code).not.toBe(0);
  },
);
