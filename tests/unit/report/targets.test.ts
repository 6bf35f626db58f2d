import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../../lib/errors.ts";
import { processIo } from "../../../lib/io.ts";
import { checkTargets, defaultTargets, parseReportTarget, REPORT_FORMATS } from "../../../lib/report/write.ts";
import { memoryIo } from "./memory_io.ts";

const io = await processIo();

function inTemporaryDirectory(body: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "reports-"));
  try {
    body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("parseReportTarget() takes a format with and without a path", () => {
  expect(parseReportTarget("json", "mogplex-ci")).toEqual({ format: "json", path: "mogplex-ci/result.json" });
  expect(parseReportTarget("ndjson", "out/")).toEqual({ format: "ndjson", path: "out/events.ndjson" });
  expect(parseReportTarget("dotenv=a=b.env", "out")).toEqual({ format: "dotenv", path: "a=b.env" });
  expect(parseReportTarget(" markdown ", "out")).toEqual({ format: "markdown", path: "out/summary.md" });
});

test("parseReportTarget() throws UsageError when the format is unknown or the path names no file", () => {
  for (const bad of ["", "xml", "JSON", "toString", "json=", "json= ", "json=-", "json=dir/"]) {
    expect(() => parseReportTarget(bad, "out")).toThrow(UsageError);
  }
  const known = Object.keys(REPORT_FORMATS).join(", ");
  expect(() => parseReportTarget("xml=a", "out")).toThrow(
    `Cannot write report because its format must be one of ${known}: "xml"`,
  );
  expect(() => parseReportTarget("markdwn", "out")).toThrow(': "markdwn"; did you mean "markdown"?');
  expect(() => parseReportTarget("junit:j.xml", "out")).toThrow(
    'the format and the path must be separated by "=": "junit:j.xml"; did you mean "junit=j.xml"?',
  );
});

test("parseReportTarget() and checkTargets() throw errors in parts", () => {
  const parts = (body: () => void) => {
    try {
      body();
    } catch (error) {
      const { attempted, why, value } = error as UsageError;
      return [attempted, why, value];
    }
  };
  expect(parts(() => parseReportTarget("json=", "out"))).toEqual([
    'write report "json"',
    "its path must point to a file",
    '""',
  ]);
  expect(parts(() => checkTargets([{ format: "json", path: "/readonly/a" }], memoryIo()))).toEqual([
    'write report "json" to "/readonly/a"',
    "EACCES: permission denied",
    null,
  ]);
});

test("defaultTargets() are the files of all formats, in the directory", () => {
  const paths = defaultTargets("mogplex-ci").map(({ path }) => path);
  expect(paths).toEqual(Object.values(REPORT_FORMATS).map(({ file }) => `mogplex-ci/${file}`));
  expect(paths.slice(0, 2)).toEqual(["mogplex-ci/result.json", "mogplex-ci/events.ndjson"]);
});

test("checkTargets() throws UsageError when two reports go to one file", () => {
  const targets = [{ format: "json", path: "out/a" }, { format: "dotenv", path: "./out//./a" }] as const;
  expect(() => checkTargets(targets, memoryIo())).toThrow(
    'Cannot write report "dotenv" because report "json" is written to the same file: "./out//./a"',
  );
});

test("checkTargets() throws UsageError when a file cannot be written", () => {
  expect(() => checkTargets([{ format: "json", path: "/readonly/a" }], memoryIo())).toThrow(
    new UsageError('Cannot write report "json" to "/readonly/a": EACCES: permission denied'),
  );
});

test("checkTargets() throws one UsageError that says what to do when the disk is full, though it has room for an empty file", () => {
  const io = memoryIo();
  const writeFile = (_path: string, text: string) => {
    if (text !== "") throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  expect(() => checkTargets(defaultTargets("out"), { ...io, writeFile, removeFile: () => {} } as never)).toThrow(
    new UsageError(
      'Cannot write report "json" to "out/result.json": ENOSPC: no space left on device, write; free some space on the disk, or write to another disk',
    ),
  );
});

test("checkTargets() removes old reports and leaves no file of its own", () => {
  inTemporaryDirectory((directory) => {
    const out = join(directory, "out");
    mkdirSync(out);
    writeFileSync(join(out, "result.json"), '{"outcome":"success"}');
    checkTargets(defaultTargets(out), io);
    expect(readdirSync(out)).toEqual([]);
  });
});

test("checkTargets() leaves the reports that are kept as they are, and no file of its own", () => {
  inTemporaryDirectory((out) => {
    const [kept, removed] = ["result.json", "summary.md"].map((name) => join(out, name)) as [string, string];
    for (const path of [kept, removed]) writeFileSync(path, "earlier");
    checkTargets(defaultTargets(out), io, [kept]);
    expect(readdirSync(out)).toEqual(["result.json"]);
    expect(readFileSync(kept, "utf8")).toBe("earlier");
  });
});

test("checkTargets() throws UsageError when the directory or the file is a symbolic link, and follows neither", () => {
  inTemporaryDirectory((directory) => {
    const victim = join(directory, "victim");
    mkdirSync(victim);
    writeFileSync(join(victim, "result.json"), "precious");
    symlinkSync(victim, join(directory, "out"));
    mkdirSync(join(directory, "real"));
    symlinkSync(join(victim, "result.json"), join(directory, "real", "result.json"));
    for (const out of ["out", "real"]) {
      const target = { format: "json", path: join(directory, out, "result.json") } as const;
      for (const kept of [[], [target.path]]) expect(() => checkTargets([target], io, kept)).toThrow(UsageError);
    }
    expect(readFileSync(join(victim, "result.json"), "utf8")).toBe("precious");
    expect(readdirSync(victim)).toEqual(["result.json"]);
  });
});

test("checkTargets() throws UsageError when there is something else than a regular file, and leaves it alone", () => {
  inTemporaryDirectory((directory) => {
    const path = join(directory, "result.json");
    mkdirSync(path);
    const target = { format: "json", path } as const;
    for (const kept of [[], [path]]) {
      expect(() => checkTargets([target], io, kept)).toThrow("it is not a regular file");
    }
    expect(readdirSync(directory)).toEqual(["result.json"]);
  });
});
