import { expect, test } from "bun:test";
import { reasonCleaner, serviceNow } from "../../../../lib/campaign/work/work.ts";
import { isoTime } from "../../../../lib/run/result.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { CORPUS } from "../../hostile/corpus.ts";
import { terminalCommands } from "../../hostile/parsers/log_parsers.ts";

const TOKEN = "mog_0123456789abcdef01234567";

test("reasonCleaner() masks secrets before it cuts, so that no half of one is left", () => {
  const clean = reasonCleaner(createRedactor({ token: TOKEN }));
  for (let before = 430; before < 500; before++) {
    const reason = clean(`${"x".repeat(before)}${TOKEN} and more ${"y".repeat(600)}`) ?? "";
    expect(reason.length).toBeLessThanOrEqual(500);
    expect(reason).not.toContain("mog_");
  }
});

test("reasonCleaner() makes every text visible and short, and nothing of what is empty", () => {
  const clean = reasonCleaner((text) => text);
  for (const { text } of CORPUS) {
    const reason = clean(text) ?? "";
    expect(reason.length).toBeLessThanOrEqual(500);
    expect(terminalCommands(reason)).toEqual([]);
  }
  expect([clean(null), clean(""), clean(" \u200b\n ")]).toEqual([null, null, null]);
});

test("serviceNow() is this machine's time, corrected by what the last answer said", () => {
  const clock = { wallTime: () => 1_000_000 };
  const at = (clockSkewMs: number | null) => serviceNow({ client: { clockSkewMs }, clock } as never);
  expect([at(null), at(5_000), at(-5_000)]).toEqual([1_000_000, 995_000, 1_005_000]);
  expect(isoTime(0)).toBe("1970-01-01T00:00:00.000Z");
});
