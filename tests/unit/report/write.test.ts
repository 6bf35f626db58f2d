import { expect, test } from "bun:test";
import { cleanResult } from "../../../lib/run/clean.ts";
import { defaultTargets, writeReports, writeRunId } from "../../../lib/report/write.ts";
import { parseDotenv, parseGithubFile, parseNdjson } from "../hostile/parsers/file_parsers.ts";
import { memoryIo } from "./memory_io.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "./sample.ts";

function unchanged(text: string): string {
  return text;
}

function mask(text: string): string {
  return text.replaceAll("s3cr3t", "[redacted]");
}

test("writeReports() writes every target, and appends to the files of the CI system", () => {
  const io = memoryIo();
  io.appendFile("outputs", "before=1");
  io.appendFile("summary", "before");
  const files = { outputs: "outputs", summary: "summary" };
  expect(writeReports(sampleResult(), defaultTargets("out"), io, unchanged, { redactToken: (text) => text, files }))
    .toEqual([]);
  expect([...io.files.keys()]).toEqual(["outputs", "summary", ...defaultTargets("out").map(({ path }) => path)]);
  expect(parseNdjson(io.files.get("out/events.ndjson") as string) as unknown[]).toEqual(sampleResult().events);
  expect(parseGithubFile(io.files.get("outputs") as string)[0]).toEqual(["before", "1"]);
  expect(io.files.get("summary")).toBe(`before\n${io.files.get("out/summary.md")}`);
});

test("writeReports() writes every target for an automation run, which has no events", () => {
  const io = memoryIo();
  const files = { outputs: "outputs", summary: "summary" };
  expect(
    writeReports(sampleAutomationResult(), defaultTargets("out"), io, unchanged, {
      redactToken: (text) => text,
      files,
    }),
  ).toEqual([]);
  expect([...io.files.keys()]).toEqual([...defaultTargets("out").map(({ path }) => path), "outputs", "summary"]);
  expect(io.files.get("out/events.ndjson")).toBe("");
  expect(JSON.parse(io.files.get("out/result.json") as string)).toEqual(sampleAutomationResult());
  expect(io.files.get("summary")).toBe(`\n${io.files.get("out/summary.md")}`);
});

test("writeReports() appends variables where the system keeps them, each once", () => {
  const io = memoryIo();
  const files = { variables: "variables.env" };
  expect(writeRunId("run-1", [], io, { redactToken: (text) => text, files })).toEqual([]);
  expect(io.files.size).toBe(0);
  const result = sampleResult({ branch: { base: "main", requested: null, pushed: "$(id)" } });
  expect(writeReports(result, [], io, unchanged, { redactToken: (text) => text, files })).toEqual([]);
  const variables = Object.fromEntries(parseDotenv(io.files.get("variables.env") as string));
  expect(variables).toMatchObject({ MOGPLEX_RUN_ID: result.runId, MOGPLEX_OUTCOME: "success", MOGPLEX_BRANCH: "" });
  const problem = writeReports(result, [], io, unchanged, {
    redactToken: (text) => text,
    files: { variables: "/readonly/v" },
  });
  expect(problem.map(({ format }) => format)).toEqual(["pipeline-variables"]);
});

test("writeReports() begins a line of its own in a file of the CI system, and leaves no line empty", () => {
  for (const before of [undefined, "", "before=1", "before=1\n"]) {
    const io = memoryIo();
    for (const path of ["outputs", "variables"]) if (before !== undefined) io.appendFile(path, before);
    const options = { files: { outputs: "outputs", variables: "variables" }, redactToken: unchanged };
    expect(writeRunId("run-1", [], io, options)).toEqual([]);
    expect(writeReports(sampleResult(), [], io, unchanged, options)).toEqual([]);
    const names = parseGithubFile(io.files.get("outputs") as string).map(([name]) => name);
    expect(names.slice(0, before ? 3 : 2)).toEqual([...(before ? ["before"] : []), "run_id", "run_id"]);
    expect(io.files.get("variables")?.split("\n").filter((line) => line === "")).toEqual([""]);
    expect(io.files.get("variables")).toMatch(/^MOGPLEX_RUN_ID=/m);
  }
});

test("writeReports() appends to a file that it may not read", () => {
  const io = memoryIo();
  const files = { outputs: "/unreadable/outputs" };
  expect(writeReports(sampleResult(), [], io, unchanged, { redactToken: (text) => text, files })).toEqual([]);
  expect(parseGithubFile(io.files.get(files.outputs) as string)).toHaveLength(6);
});

test("writeReports() touches no file of the CI system when there is none", () => {
  const io = memoryIo();
  writeReports(sampleResult(), [], io, unchanged, { redactToken: (text) => text });
  expect(io.files.size).toBe(0);
});

test("writeReports() returns what could not be written, and writes the rest", () => {
  const io = memoryIo();
  const targets = [{ format: "json", path: "/readonly/a" }, { format: "dotenv", path: "b" }] as const;
  const problems = writeReports(sampleResult(), targets, io, unchanged, {
    redactToken: (text) => text,
    files: { summary: "/readonly/s" },
  });
  expect(problems).toEqual([
    {
      format: "json",
      path: "/readonly/a",
      message: 'Cannot write report "json" to "/readonly/a": EACCES: permission denied',
    },
    {
      format: "github-summary",
      path: "/readonly/s",
      message: 'Cannot write report "github-summary" to "/readonly/s": EACCES: permission denied',
    },
  ]);
  expect([...io.files.keys()]).toEqual(["b"]);
});

test("writeReports() redacts every text before it is escaped, also when invisible characters split the secret", () => {
  const io = memoryIo();
  const secret = "s3\u200bcr\x1b[0m3t";
  const result = sampleResult({
    reason: `failed with ${secret}`,
    error: { attempted: secret, why: secret, value: secret, advice: `take ${secret} out`, code: secret },
    failureCode: secret,
    harness: secret,
    resume: `mogplex-ci follow ${secret}`,
    branch: { base: secret, requested: secret, pushed: secret },
    pullRequest: { state: "open", url: "https://github.com/acme/s3cr3t/pull/1" },
    events: [
      sampleEvent(0, { message: secret, toolName: secret, payload: { a: [{ b: secret }], s3cr3t: 1 } }),
      { ...sampleEvent(1), later: { field: secret } } as ReturnType<typeof sampleEvent>,
    ],
  });
  const files = { outputs: "outputs", summary: "summary" };
  writeReports(result, defaultTargets("out"), io, mask, { files, redactToken: mask });
  for (const [path, text] of io.files) expect([path, text.includes("s3cr3t")]).toEqual([path, false]);
  expect(io.files.get("out/result.json")).toContain("failed with [redacted]");
});

test("writeReports() redacts every text of an automation run", () => {
  const io = memoryIo();
  const secret = "s3\u200bcr\x1b[0m3t";
  const ids = { automationId: secret, runId: secret, repoId: secret, status: secret, idempotencyKey: secret };
  const times = { createdAt: secret, startedAt: secret, completedAt: secret };
  const error = { attempted: secret, why: secret, value: secret, advice: `take ${secret} out`, code: secret };
  const result = sampleAutomationResult({ ...ids, ...times, reason: secret, error, resume: secret });
  const files = { outputs: "outputs", summary: "summary" };
  writeReports(result, defaultTargets("out"), io, mask, { files, redactToken: mask });
  for (const [path, text] of io.files) expect([path, text.includes("s3cr3t")]).toEqual([path, false]);
  const { automationId, startedAt, error: { advice } } = JSON.parse(io.files.get("out/result.json") as string);
  expect([automationId, startedAt, advice]).toEqual(["[redacted]", "[redacted]", "take [redacted] out"]);
});

test("cleanResult() never redacts ids, statuses, times and keys", () => {
  const event = sampleEvent(0, { payload: { stage: "x" } });
  const result = sampleResult({ events: [event] });
  const clean = cleanResult(result, () => "#", (text) => text);
  expect([clean.runId, clean.repoId, clean.status, clean.outcome, clean.createdAt, clean.idempotencyKey])
    .toEqual([result.runId, result.repoId, result.status, result.outcome, result.createdAt, result.idempotencyKey]);
  expect(clean.events).toEqual([{ ...event, payload: { stage: "#" } }]);
});

test("cleanResult() keeps __proto__ a plain key, and ends at payloads that are nested too deeply", () => {
  let deep: unknown = "end";
  for (let level = 0; level < 100_000; level++) deep = [deep];
  const payload = JSON.parse('{"__proto__":{"changed":true}}');
  const clean = cleanResult(
    sampleResult({ events: [sampleEvent(0, { payload: { ...payload, deep } })] }),
    unchanged,
    (text) => text,
  );
  expect(JSON.stringify(clean.events[0]?.payload)).toContain("[nested too deeply]");
  const [event] =
    cleanResult(sampleResult({ events: [sampleEvent(0, { payload })] }), unchanged, (text) => text).events;
  expect(JSON.stringify(event?.payload)).toBe('{"__proto__":{"changed":true}}');
  expect(event?.payload.changed).toBeUndefined();
});

test("cleanResult() takes away an address that may not be a link, and the state that rested on it", () => {
  const clean = cleanResult(
    sampleResult({ pullRequest: { state: "open", url: "javascript:alert(1)" } }),
    unchanged,
    (text) => text,
  );
  expect(clean.pullRequest).toEqual({ state: "unknown", url: null });
});

test("writeRunId() publishes the id at once, as output and in the dotenv report, and nothing else", () => {
  const io = memoryIo();
  expect(
    writeRunId("run-1", defaultTargets("out"), io, {
      redactToken: (text) => text,
      files: { outputs: "outputs", summary: "summary" },
    }),
  ).toEqual(
    [],
  );
  expect([...io.files.keys()].sort()).toEqual(["out/outputs.env", "outputs"]);
  expect(parseGithubFile(io.files.get("outputs") as string)).toEqual([["run_id", "run-1"]]);
  expect(parseDotenv(io.files.get("out/outputs.env") as string)).toEqual([["MOGPLEX_RUN_ID", "run-1"]]);
});

test("writeRunId() returns what could not be written", () => {
  const targets = [{ format: "dotenv", path: "/readonly/x" }] as const;
  expect(writeRunId("run-1", targets, memoryIo(), { redactToken: (text) => text }).map(({ format }) => format)).toEqual(
    ["dotenv"],
  );
});

test("writeRunId() and writeReports() keep the token out of outputs that a service took for the id or the branch", () => {
  const redactToken = (text: string) => text.replaceAll("mog_AAAAbbbb", "[redacted]");
  const io = memoryIo();
  const options = { files: { outputs: "outputs" }, redactToken };
  writeRunId("mog_AAAAbbbb", defaultTargets("out"), io, options);
  const branch = { base: null, requested: null, pushed: "mog_AAAAbbbb" };
  writeReports(sampleResult({ runId: "mog_AAAAbbbb", branch }), defaultTargets("out"), io, unchanged, options);
  expect([...io.files].filter(([, text]) => text.includes("mog_AAAAbbbb")).map(([path]) => path)).toEqual([]);
});
