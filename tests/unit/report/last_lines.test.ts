import { expect, test } from "bun:test";
import { CompactLog, lastAgentLines, lastLines } from "../../../lib/report/event_text.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { sampleEvent } from "./sample.ts";

const piece = (message: string) => sampleEvent(1, { message, payload: { kind: "assistant_delta" } });

test("lastLines() has the last ten lines of the log, with the one that says failed", () => {
  const events = Array.from({ length: 30 }, (_, index) => sampleEvent(1, { message: `step ${index}` }));
  const failed = sampleEvent(2, { type: "failed", message: "Harness run failed" });
  const lines = lastLines([...events, failed], (text) => text);
  expect(lines.map((line) => line.slice(20))).toEqual([
    ...Array.from({ length: 9 }, (_, index) => `step ${index + 21}`),
    "Harness run failed",
  ]);
});

test("lastLines() marks a failure that the service reports after a cancellation", () => {
  const failed = sampleEvent(2, { type: "failed", message: "ai_call is not pending" });
  const cancelled = sampleEvent(1, { type: "cancelled", message: "Run cancelled" });
  const textOf = (events: Parameters<typeof lastLines>[0]) =>
    lastLines(events, (text) => text).map((line) => line.slice(20));
  expect(textOf([cancelled, failed])).toEqual(["Run cancelled", "ai_call is not pending (after the cancellation)"]);
  expect(textOf([failed, cancelled])).toEqual(["ai_call is not pending", "Run cancelled"]);
});

test("lastLines() masks a secret that stands in two pieces of prose", () => {
  const redact = (text: string) => text.replaceAll("mog_secret", "[redacted]");
  expect(lastLines([piece("it is mog_se"), piece("cret\n")], redact)[0]).toEndWith("it is [redacted]");
});

test("lastAgentLines() has what the agent wrote and its tools, without the service's own steps, and masks secrets in two pieces", () => {
  const redact = (text: string) => text.replaceAll("mog_secret", "[redacted]");
  const events = [
    sampleEvent(1, { type: "started", message: "Harness run started: codex" }),
    sampleEvent(2, { message: "Synchronized main", payload: { stage: "git_sync" } }),
    piece("I look at the tests.\nThe key is mog_se"),
    piece("cret\n"),
    sampleEvent(5, { type: "tool_started", message: "npm test", toolName: "shell", payload: { toolCallId: "1" } }),
    sampleEvent(6, { type: "tool_finished", message: "npm test", toolName: "shell", payload: { toolCallId: "1" } }),
    sampleEvent(7, { type: "failed", message: "Harness run failed" }),
  ];
  expect(lastAgentLines(events, redact, 3)).toEqual([
    "I look at the tests.",
    "The key is [redacted]",
    expect.stringMatching(/^npm test/),
  ]);
  expect(lastAgentLines(events, redact, 1)).toEqual([expect.stringMatching(/^npm test/)]);
});

test("CompactLog.lines() masks five million characters at most for an event, whatever an agent writes", () => {
  const masker = createRedactor({ token: "mog_aaaaaaaaaaaaaaaaaaaaaaaaaa", secrets: ["correct horse battery staple"] });
  for (const words of ["A ", "bearer ", "mog_aaaaaaaa ", "-----BEGIN PRIVATE KEY----- ", "correct horse ", "x"]) {
    for (const length of [900, 9_900, 65_536]) {
      let masked = 0;
      const redact = Object.assign((text: string) => {
        masked += text.length;
        return masker(text);
      }, { longest: masker.longest });
      new CompactLog(redact).lines(piece(words.repeat(length / words.length + 1).slice(0, length)));
      expect([words, length, masked < 5_000_000]).toEqual([words, length, true]);
    }
  }
});
