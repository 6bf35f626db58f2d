import { expect, test } from "bun:test";
import { lastLines } from "../../../lib/report/event_text.ts";
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

test("lastLines() masks a secret that stands in two pieces of prose", () => {
  const redact = (text: string) => text.replaceAll("mog_secret", "[redacted]");
  expect(lastLines([piece("it is mog_se"), piece("cret\n")], redact)[0]).toEndWith("it is [redacted]");
});
