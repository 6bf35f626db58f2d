import { expect, test } from "bun:test";
import { emptyAutomationResult, emptyRunResult } from "../../../lib/run/result.ts";
import { kindWords, verdictWords } from "../../../lib/run/result_view.ts";
import { EVERY_AUTOMATION_OUTCOME, EVERY_OUTCOME } from "../report/outcomes.ts";

test("kindWords() lists every outcome of its kind, in the order of the type", () => {
  for (const results of [EVERY_OUTCOME, EVERY_AUTOMATION_OUTCOME]) {
    for (const result of results) {
      expect(kindWords(result).outcomes as readonly string[]).toEqual(results.map(({ outcome }) => outcome));
    }
  }
});

test("verdictWords() has a headline for every outcome of both kinds", () => {
  const headlines = [...EVERY_OUTCOME, ...EVERY_AUTOMATION_OUTCOME].map((result) => {
    const { mark, headline } = verdictWords(result);
    return `${mark} ${headline}`;
  });
  expect(headlines).toEqual([
    "✅ Mogplex run succeeded",
    "❌ Mogplex run failed",
    "🚫 Mogplex run was cancelled",
    "⏳ Mogplex run needs an answer",
    "⏳ Mogplex run did not finish in time",
    "🚫 Interrupted while following the Mogplex run",
    "🚀 Mogplex run started, not followed",
    "❌ The result of the Mogplex run is unknown",
    "✅ Mogplex automation run succeeded",
    "❌ Mogplex automation run failed",
    "🚫 Mogplex automation run was cancelled",
    "⏳ Mogplex automation run did not finish in time",
    "⏳ The automation was not started",
    "🚫 Interrupted while following the Mogplex automation run",
    "❌ The result of the Mogplex automation run is unknown",
  ]);
});

test("verdictWords() says that nothing was started when there is no run and can be none, whatever the exit code", () => {
  for (const exitCode of [2, 64, 69, 70, 75]) {
    const words = [emptyRunResult(), emptyAutomationResult()].flatMap((empty) =>
      [true, false].map((mayExist) => {
        const { word, headline } = verdictWords({ ...empty, exitCode, idempotencyKey: "ci1-key", mayExist });
        return [word, headline];
      })
    );
    expect(words).toEqual([
      ["unknown", "The result of the Mogplex run is unknown"],
      ["not started", "The Mogplex run was not started"],
      ["unknown", "The result of the Mogplex automation run is unknown"],
      ["not started", "The automation was not started"],
    ]);
  }
});

test("verdictWords() does not say so when the run is known", () => {
  const attached = { ...emptyRunResult(), runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", exitCode: 64 };
  expect(verdictWords(attached).word).toBe("unknown");
});
