import { expect, test } from "bun:test";
import { REPORT_FORMATS, writeReports } from "../../../lib/report/write.ts";
import type { AnyResult } from "../../../lib/run/result.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { readGitlabAnnotations } from "./gitlab_readers.ts";
import { EVERY_AUTOMATION_OUTCOME, EVERY_OUTCOME } from "./outcomes.ts";
import { sampleResult } from "./sample.ts";

const renderAnnotations = (result: AnyResult) => REPORT_FORMATS.annotations.render(result, { redact: (text) => text });

test("report annotations links the pull request, and the service with the run's id, for every outcome", () => {
  for (const result of EVERY_OUTCOME) {
    expect(readGitlabAnnotations(renderAnnotations(result))).toEqual([["Mogplex", [
      { label: "Pull request https://github.com/acme/web/pull/7", url: "https://github.com/acme/web/pull/7" },
      { label: "Mogplex (run 3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21)", url: "https://mogplex.com/" },
    ]]]);
  }
});

test("report annotations links the service with the automation run's id, for every outcome", () => {
  for (const result of EVERY_AUTOMATION_OUTCOME) {
    expect(readGitlabAnnotations(renderAnnotations(result))).toEqual([["Mogplex", [
      { label: "Mogplex (automation run 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11)", url: "https://mogplex.com/" },
    ]]]);
  }
});

test("report annotations is an empty object when there is nothing to link", () => {
  const nothing = { runId: null, pullRequest: { state: "none", url: null } } as const;
  expect(renderAnnotations(sampleResult(nothing))).toBe("{}\n");
  expect(readGitlabAnnotations("{}\n")).toEqual([]);
});

test("report annotations links web addresses alone, and none that is too long", () => {
  for (
    const url of [
      "javascript:alert(1)",
      "data:text/html,x",
      "https://u:p@a.example/",
      `https://a.example/${"x".repeat(3_000)}`,
    ]
  ) {
    const links = readGitlabAnnotations(
      renderAnnotations(sampleResult({ pullRequest: { state: "open", url }, origin: url })),
    );
    expect(links).toEqual([]);
  }
});

test("report annotations links the page of the run first, where its address is known", () => {
  const page = "https://gitlab.example.com/acme/ci/-/jobs/4711/artifacts/file/mogplex-ci/run.html";
  const io = fakeIo();
  const targets = [
    { format: "annotations", path: "annotations.json" } as const,
    { format: "html", path: "mogplex-ci/run.html" } as const,
  ];
  const file = "https://gitlab.example.com/acme/ci/-/jobs/4711/artifacts/file/";
  expect(writeReports(sampleResult(), targets, io, (text) => text, { redactToken: (text) => text, links: { file } }))
    .toEqual([]);
  const [, links] = readGitlabAnnotations(io.files.get("annotations.json") ?? "")[0] ?? [];
  expect(links?.[0]).toEqual({ label: "Page of this run", url: page });
  expect(links?.length).toBe(3);
});
