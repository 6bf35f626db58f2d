import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { emptyRunResult } from "../../../lib/run/result.ts";
import * as library from "../../../mod.ts";
import type { RunResult } from "../../../mod.ts";

test("mod.ts exports the values of tests/unit/architecture/exports.txt when it is imported", () => {
  const listed = readFileSync(join(import.meta.dir, "../../unit/architecture/exports.txt"), "utf8").trim().split("\n");
  const values = listed.map((line) => line.split(" ")).filter(([kind]) => !/^(interface|typeAlias)$/.test(kind ?? ""));
  expect(Object.keys(library).sort()).toEqual(values.map(([, name = ""]) => name).sort());
});

const RESULT: RunResult = {
  ...emptyRunResult(),
  runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11",
  status: "failed",
  outcome: "failed",
  exitCode: 1,
  reason: "the key mog_verySecretToken1 leaked",
};

test("report() writes the targets, with secrets masked", async () => {
  const directory = mkdtempSync(join(tmpdir(), "report-"));
  try {
    const path = join(directory, "deep/result.json");
    await library.report(RESULT, [{ format: "json", path }], { token: "mog_verySecretToken1", env: () => undefined });
    const written = readFileSync(path, "utf8");
    expect(JSON.parse(written)).toMatchObject({ outcome: "failed", exitCode: 1 });
    expect(written).not.toContain("mog_verySecretToken1");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("report() throws an error that is no UsageError when a report cannot be written, after writing the others", async () => {
  const directory = mkdtempSync(join(tmpdir(), "report-"));
  try {
    const good = join(directory, "summary.md");
    const bad = join(good, "result.json");
    const targets = [{ format: "markdown", path: good }, { format: "json", path: bad }] as const;
    const error = await library.report(RESULT, targets, { env: () => undefined }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(library.MogplexError);
    expect(error).toMatchObject({ name: "MogplexError", code: "REPORT_NOT_WRITTEN", exitCode: 2 });
    expect(error.message).toContain("result.json");
    expect(readFileSync(good, "utf8")).toContain("failed");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("exitCodeFor() has a code for every public error, and 70 for anything else", () => {
  const { EXIT, exitCodeFor } = library;
  const codes = [
    new library.UsageError("x"),
    new library.UnauthorizedError("x"),
    new library.NetworkError("x"),
    new library.StartUnknownError("x", "k"),
    new library.DeadlineError("x"),
    new library.InterruptedError("SIGINT"),
    new library.InterruptedError("SIGTERM"),
    new library.RunFailedError(RESULT),
    new library.RunCancelledError(RESULT),
    new library.AwaitingInputError(RESULT),
    new TypeError("x"),
  ].map(exitCodeFor);
  expect(codes).toEqual([2, 64, 69, 69, 124, 130, 143, 1, 3, 4, EXIT.internal]);
});
