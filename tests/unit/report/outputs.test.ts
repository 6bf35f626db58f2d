import { expect, test } from "bun:test";
import {
  type Outputs,
  outputsOf,
  outputVariables,
  renderGithubOutputs,
  REPORT_FORMATS,
} from "../../../lib/report/write.ts";
import type { AnyResult } from "../../../lib/run/result.ts";
import { renderDotenvFile } from "../../../lib/text/escape.ts";
import { parseDotenv, parseGithubFile } from "../hostile/parsers/file_parsers.ts";
import { EVERY_AUTOMATION_OUTCOME, EVERY_OUTCOME } from "./outcomes.ts";
import { sampleAutomationResult, sampleResult } from "./sample.ts";

const renderDotenv = (result: AnyResult) => REPORT_FORMATS.dotenv.render(result, { redact: (text) => text });
const renderVariables = (outputs: Outputs) => renderDotenvFile(outputVariables(outputs));

test("report dotenv writes the six public variables", () => {
  expect(renderDotenv(sampleResult())).toBe(`MOGPLEX_RUN_ID=3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21
MOGPLEX_RUN_STATUS=success
MOGPLEX_OUTCOME=success
MOGPLEX_BRANCH=mogplex/external/70a41ec8-9562673e
MOGPLEX_PULL_REQUEST_URL=https://github.com/acme/web/pull/7
MOGPLEX_REPLAYED=false
`);
});

test("renderGithubOutputs() writes the six public outputs", () => {
  expect(parseGithubFile(renderGithubOutputs(outputsOf(sampleResult())))).toEqual([
    ["run_id", "3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21"],
    ["status", "success"],
    ["outcome", "success"],
    ["branch", "mogplex/external/70a41ec8-9562673e"],
    ["pull_request_url", "https://github.com/acme/web/pull/7"],
    ["replayed", "false"],
  ]);
});

test("outputsOf() has the same names for an automation run, whose id is the run's", () => {
  expect(outputsOf(sampleAutomationResult({ replayed: true }))).toEqual({
    run_id: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11",
    status: "success",
    outcome: "success",
    branch: "",
    pull_request_url: "",
    replayed: "true",
  });
});

test("outputsOf() leaves empty what is not known, and never gives a branch that was only asked for", () => {
  const outputs = outputsOf(sampleResult({
    runId: null,
    status: null,
    outcome: "error",
    replayed: null,
    branch: { base: "main", requested: "fix/it", pushed: null },
    pullRequest: { state: "unknown", url: null },
  }));
  expect(outputs).toEqual({ run_id: "", status: "", outcome: "error", branch: "", pull_request_url: "", replayed: "" });
  expect(parseDotenv(renderVariables(outputs)).map(([, value]) => value)).toEqual(["", "", "error", "", "", ""]);
});

test("outputVariables() and renderGithubOutputs() leave a value empty that would be harmful in a script", () => {
  const outputs = { run_id: "run-1", branch: "x$(id)", pull_request_url: "https://a.example/?a=1&b=2" };
  expect(renderVariables(outputs)).toBe("MOGPLEX_RUN_ID=run-1\nMOGPLEX_BRANCH=\nMOGPLEX_PULL_REQUEST_URL=\n");
  expect(parseGithubFile(renderGithubOutputs(outputs)).map(([, value]) => value)).toEqual(["run-1", "", ""]);
});

test("report dotenv keeps to GitLab's rules for every outcome", () => {
  for (const result of [...EVERY_OUTCOME, ...EVERY_AUTOMATION_OUTCOME]) {
    expect(parseDotenv(renderDotenv(result))).toContainEqual(["MOGPLEX_OUTCOME", result.outcome]);
  }
});

test("report dotenv leaves a value empty in which GitLab would put a variable", () => {
  for (const name of ["%CI_JOB_TOKEN%", "a/%41%CI_JOB_TOKEN%", "%%x", "%_%"]) {
    const text = renderDotenv(sampleResult({ branch: { base: null, requested: null, pushed: name } }));
    expect(text).toContain("MOGPLEX_BRANCH=\n");
  }
  const url = "https://github.com/acme/web/pull/7?q=%E4%B8%AD%20100%25";
  expect(parseDotenv(renderDotenv(sampleResult({ pullRequest: { state: "open", url } }))))
    .toContainEqual(["MOGPLEX_PULL_REQUEST_URL", url]);
});
