import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GrowingFile, processIo } from "../../../lib/io.ts";
import { EventFile, renderNdjson } from "../../../lib/run/event_file.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { sampleEvent, sampleResult, successEvents } from "./sample.ts";

const folder = mkdtempSync(join(tmpdir(), "mogplex-events-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mask = (text: string) => text.replaceAll("s3cr3t", "[redacted]");
const redacting = { redact: mask, redactToken: mask };

test("EventFile.add() writes what the report has for the same events, each line at once", async () => {
  const path = join(folder, "a/b/events.ndjson");
  const file = new EventFile(path, await processIo(), redacting);
  const hostile = CORPUS.map(({ text }, index) => sampleEvent(index, { type: text, message: text, payload: { text } }));
  const events = [sampleEvent(0, { message: "s3\u200bcr3t", payload: { s3cr3t: 1 } }), ...successEvents(), ...hostile];
  expect(file.begun).toBe(false);
  for (const [index, event] of events.entries()) {
    file.add(event);
    const expected = renderNdjson(cleanResult(sampleResult({ events: events.slice(0, index + 1) }), mask, mask));
    expect(readFileSync(path, "utf8")).toBe(mask(expected));
  }
  file.close();
  expect([file.begun, file.problem]).toEqual([true, undefined]);
});

test("EventFile.open() replaces an old file, and follows no link", async () => {
  const path = join(folder, "old.ndjson");
  writeFileSync(path, "old");
  const file = new EventFile(path, await processIo(), redacting);
  file.open();
  expect(readFileSync(path, "utf8")).toBe("");
  file.close();
  const link = join(folder, "link.ndjson");
  symlinkSync(path, link);
  const linked = new EventFile(link, await processIo(), redacting);
  expect(() => linked.open()).toThrow("symbolic link");
});

test("EventFile.add() tells once that the file cannot be written, and keeps the lines before", () => {
  const lines: string[] = [];
  const problems: unknown[] = [];
  const full = new Error("ENOSPC: no space left on device");
  const growing: GrowingFile = {
    write(text) {
      if (lines.length === 2) throw full;
      lines.push(text);
    },
    close() {},
  };
  const options = { ...redacting, onProblem: (error: unknown) => problems.push(error) };
  const file = new EventFile("x", { growFile: () => growing }, options);
  for (const event of successEvents()) file.add(event);
  expect([lines.length, problems, file.problem]).toEqual([2, [full], full]);
});

test("growFile() leaves no part of a text that does not fit", async () => {
  const io = await processIo();
  const path = join(folder, "grown");
  const file = io.growFile(path);
  file.write("one\n");
  file.write("☃\n");
  expect(readFileSync(path, "utf8")).toBe("one\n☃\n");
  file.close();
  expect(() => file.write("late")).toThrow();
  expect(() => io.growFile("/dev/null")).toThrow("it is not a regular file");
});
