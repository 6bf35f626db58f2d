import { expect, test } from "bun:test";
import { bareValue } from "../../../lib/text/escape.ts";
import { githubRecord } from "../../../lib/ci/platform.ts";
import { REPORT_FORMATS, type ReportFormatName, type ReportTarget, writeReports } from "../../../lib/report/write.ts";
import type { AutomationResult, RunResult } from "../../../lib/run/result.ts";
import { memoryIo } from "../report/memory_io.ts";
import { CORPUS } from "./corpus.ts";
import { parseDotenv, parseGithubFile, parseNdjson } from "./parsers/file_parsers.ts";
import { automationResultOf, resultOf } from "./hostile_result.ts";
import { terminalCommands } from "./parsers/log_parsers.ts";
import { outlineMarkdown } from "./parsers/markup_parsers.ts";

const TARGETS: ReportTarget[] = (Object.keys(REPORT_FORMATS) as ReportFormatName[])
  .map((format) => ({ format, path: format }));
const FILES = { outputs: "outputs", summary: "summary" };
const OUTPUTS = ["run_id", "status", "outcome", "branch", "pull_request_url", "replayed"];
const VARIABLES = ["MOGPLEX_RUN_ID", "MOGPLEX_RUN_STATUS", "MOGPLEX_OUTCOME", "MOGPLEX_BRANCH"]
  .concat("MOGPLEX_PULL_REQUEST_URL", "MOGPLEX_REPLAYED");

function written(result: RunResult | AutomationResult): Map<string, string> {
  const io = memoryIo();
  expect(writeReports(result, TARGETS, io, (text) => text, { redactToken: (text) => text, files: FILES })).toEqual([]);
  return io.files;
}

/** Every string in a value, keys included. */
function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...strings(item)]);
}

/** Both kinds of results, and how many events each has. */
const KINDS: [kind: string, resultOf: (text: string) => RunResult | AutomationResult, events: number][] = [
  ["run", resultOf, 2],
  ["automation run", automationResultOf, 0],
];

const CASES = KINDS.flatMap(([kind, resultOf, eventCount]) => {
  const benign = outlineMarkdown(written(resultOf(Array(9).fill("harmless").join("\n"))).get("markdown") as string);
  return CORPUS.map(({ name, text }) => ({ kind, resultOf, eventCount, benign, name, text }));
});

for (const { kind, resultOf, eventCount, benign, name, text } of CASES) {
  let kept: Map<string, string> | undefined;
  /** The reports: the test that comes first writes them, the other one releases them. */
  const reports = () => {
    const files = kept ?? written(resultOf(text));
    kept = kept === undefined ? files : undefined;
    return files;
  };

  test(`writeReports() writes nothing but its own records, whatever the ${kind} says: ${name}`, () => {
    const files = reports();
    for (const [file, content] of files) {
      const found = terminalCommands(content).map((each) => JSON.stringify(each));
      expect(found, `Characters in "${file}" that a terminal obeys`).toEqual([]);
    }

    const pairs = parseGithubFile(files.get("outputs") as string);
    expect(pairs.map(([key]) => key)).toEqual(OUTPUTS);
    expect(pairs[2]).toEqual(["outcome", "failed"]);
    for (const [, value] of pairs) expect(value).toBe(bareValue(value));

    const variables = parseDotenv(files.get("dotenv") as string);
    expect(variables.map(([key]) => key)).toEqual(VARIABLES);
    expect(variables[2]).toEqual(["MOGPLEX_OUTCOME", "failed"]);

    const json = JSON.parse(files.get("json") as string);
    expect(Object.keys(json).sort()).toEqual(Object.keys(resultOf("")).filter((key) => key !== "events").sort());
    expect(json.outcome).toBe("failed");
    expect(strings(json).flatMap(terminalCommands)).toEqual([]);

    const events = parseNdjson(files.get("ndjson") as string);
    expect(events.length).toBe(eventCount);
    expect(events.map((event) => Object.keys(event).sort())).toEqual(
      Array(eventCount).fill(["createdAt", "id", "message", "payload", "toolName", "type"]),
    );
    expect(strings({ ...events[0] }).flatMap(terminalCommands)).toEqual([]);
  });

  test(`renderMarkdown() is the same document but for the text in its code, whatever the ${kind} says: ${name}`, () => {
    const files = reports();
    const markdown = files.get("markdown") as string;
    expect(new TextEncoder().encode(files.get("summary") as string).length).toBeLessThan(1024 * 1024);
    const outline = outlineMarkdown(markdown);
    const known = new Set(benign.elements);
    const strange = outline.elements.filter((element) =>
      !known.has(element) && !/^a href=https:\/\/github\.com\//.test(element)
    );
    expect(strange).toEqual([]);
    // Rows can be missing (an empty text has none), words of others cannot come in.
    const words = new Set(benign.prose.split(/\s+/));
    expect(outline.prose.split(/\s+/).filter((word) => !words.has(word))).toEqual([]);
  });
}

for (const { name, text } of CORPUS) {
  test(`githubRecord() carries any text unchanged and cannot be left: ${name}`, () => {
    const value = text.replace(/\r\n?/g, "\n");
    const pairs = parseGithubFile(`before=1\n${githubRecord("branch", value)}${githubRecord("outcome", "failed")}`);
    expect(pairs.map(([key]) => key)).toEqual(["before", "branch", "outcome"]);
    expect(pairs[1]?.[1] === value).toBe(true);
  });
}

test("githubRecord() refuses names of others and a delimiter that the value contains", () => {
  for (const bad of ["", "a b", "a=b", "a<<b", "a\nb", "1a"]) expect(() => githubRecord(bad, "")).toThrow(RangeError);
  expect(() => githubRecord("a", "x\nEND\ny", "END")).toThrow(RangeError);
  const delimiters = [1, 2].map(() => /<<(\S+)/.exec(githubRecord("a", "b"))?.[1]);
  expect(delimiters[0]).not.toBe(delimiters[1]);
});
