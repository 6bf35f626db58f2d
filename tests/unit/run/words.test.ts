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
    "⏳ Mogplex run waits for a person",
    "⏳ Mogplex run did not end in time",
    "🚫 Following the Mogplex run was interrupted",
    "🚀 Mogplex run started, not followed",
    "❌ The verdict on the Mogplex run is not known",
    "✅ Mogplex automation run succeeded",
    "❌ Mogplex automation run failed",
    "🚫 Mogplex automation run was cancelled",
    "⏳ Mogplex automation run did not end in time",
    "⏳ The automation was not started",
    "🚫 Following the Mogplex automation run was interrupted",
    "❌ The verdict on the Mogplex automation run is not known",
  ]);
});

/** Whether a start whose job ended with the code says that nothing was started. */
function saysNotStarted(exitCode: number, idempotencyKey: string | null): boolean[] {
  return [emptyRunResult(), emptyAutomationResult()].map((empty) => {
    // As a result of an older version.
    const { word, headline } = verdictWords({ ...empty, exitCode, idempotencyKey, mayExist: undefined });
    const refused = headline === `The ${empty.kind === "run" ? "Mogplex run" : "automation"} was not started`;
    expect(word).toBe(refused ? "not started" : "not known");
    return refused;
  });
}

test("verdictWords() says that nothing was started when the start was refused or never sent", () => {
  for (const refusal of [2, 64, 65, 75]) expect(saysNotStarted(refusal, "ci1-key")).toEqual([true, true]);
  for (const code of [2, 64, 69, 70]) expect(saysNotStarted(code, null)).toEqual([true, true]);
});

test("verdictWords() believes a result that says whether there may be a run, whatever the exit code", () => {
  for (const exitCode of [2, 64, 69, 70, 75]) {
    const words = [true, false].map((mayExist) =>
      verdictWords({ ...emptyRunResult(), exitCode, idempotencyKey: "ci1-key", mayExist }).word
    );
    expect(words).toEqual(["not known", "not started"]);
  }
});

test("verdictWords() does not say so when a start without an answer may have worked, or the run is known", () => {
  for (const code of [69, 70]) expect(saysNotStarted(code, "ci1-key")).toEqual([false, false]);
  const attached = { ...emptyRunResult(), runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", exitCode: 64 };
  expect(verdictWords(attached).word).toBe("not known");
});
