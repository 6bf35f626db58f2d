import { expect, test } from "bun:test";
import { CompactLog, lastLines } from "../../../lib/report/event_text.ts";
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

test("lastLines() masks a secret that stands in two pieces of prose", () => {
  const redact = (text: string) => text.replaceAll("mog_secret", "[redacted]");
  expect(lastLines([piece("it is mog_se"), piece("cret\n")], redact)[0]).toEndWith("it is [redacted]");
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
