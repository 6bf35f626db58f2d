import { expect, test } from "bun:test";
import { judgeRun } from "../../../../lib/campaign/work/judge.ts";
import { type EventFacts, noFacts } from "../../../../lib/run/result.ts";

type Evidence = Parameters<typeof judgeRun>[1];

const RUNTIME = { provider: "trigger", runId: "run_1" };
const run = (status: string, error: string | null = null) => ({ status, error, runtime: RUNTIME }) as const;
const evidence = (success: Evidence["success"], facts: EventFacts = noFacts()): Evidence => ({
  facts,
  isUnbegun: true,
  success,
  doubt: () => null,
});
const delivered = (changed: boolean | null, state: EventFacts["pullRequest"]["state"]): EventFacts => ({
  ...noFacts(),
  changed,
  pullRequest: { state, url: state === "open" ? "https://github.com/acme/web/pull/7" : null },
});

test.each(
  [
    ["run", false, delivered(true, "open"), "succeeded"],
    ["run", false, delivered(null, "unknown"), "succeeded"],
    ["run", false, delivered(false, "none"), "unchanged"],
    ["changes", false, delivered(true, "none"), "succeeded"],
    ["changes", false, delivered(null, "unknown"), "unknown"],
    ["changes", false, delivered(false, "none"), "failed"],
    ["changes", true, delivered(false, "none"), "unchanged"],
    ["pull-request", true, delivered(true, "open"), "succeeded"],
    ["pull-request", true, delivered(true, "none"), "failed"],
    ["pull-request", true, delivered(true, "unknown"), "unknown"],
    ["pull-request", true, delivered(null, "unknown"), "unknown"],
    ["pull-request", true, delivered(false, "none"), "unchanged"],
    ["pull-request", false, delivered(false, "none"), "failed"],
  ] as const,
)("judgeRun() with require %s and accept-unchanged %p judges a success by its events: %#", (
  require,
  acceptUnchanged,
  facts,
  as,
) => {
  expect(judgeRun(run("success"), evidence({ require, acceptUnchanged }, facts))?.as).toBe(as);
});

const RUN = { require: "run", acceptUnchanged: false } as const;

test.each(
  [
    ["failed", "Agent run exited with code 1.", "failed"],
    ["failed", "Too many active sandboxes", "quota"],
    ["failed", "Sandbox boot rate limit exceeded", "quota"],
    ["failed", "Daily sandbox boot quota exceeded.", "quota"],
    ["failed", "untracked files remain: too many active sandboxes.md", "failed"],
    ["cancelled", null, "cancelled"],
    ["awaiting_input", null, "needs-input"],
  ] as const,
)("judgeRun() judges a run that is %s with the error %p", (status, error, as) => {
  expect(judgeRun(run(status, error), evidence(RUN))?.as).toBe(as);
});

test("judgeRun() calls a run cancelled that failed after its cancellation", () => {
  const facts = { ...noFacts(), firstEnd: "cancelled" };
  expect(judgeRun(run("failed", "ai_call is not pending"), evidence(RUN, facts))).toEqual({
    as: "cancelled",
    reason: null,
  });
});

for (const error of ["Too many active sandboxes", "Trigger.dev runtime is not configured"]) {
  test.each(
    [
      [true, error, error.startsWith("Too") ? "quota" : "service"],
      [false, error, "failed"],
      [null, `${error}; its events could not be read, so an agent may have run`, "failed"],
    ] as const,
  )(`judgeRun() believes "${error}" only when the events show no agent: %p`, (isUnbegun, reason, as) => {
    const failed = { status: "failed", error, runtime: error.startsWith("Too") ? RUNTIME : null };
    expect(judgeRun(failed, { ...evidence(RUN), isUnbegun })).toEqual({ as, reason });
  });
}

test("judgeRun() takes the reason of a failure from the run, else from its events", () => {
  const facts = { ...noFacts(), failureError: "remote: permission denied", failureMessage: "Harness stream failed" };
  expect(judgeRun(run("failed", "Agent run exited with code 2."), evidence(RUN, facts))?.reason).toBe(
    "Agent run exited with code 2.",
  );
  expect(judgeRun(run("failed"), evidence(RUN, facts))?.reason).toBe("remote: permission denied");
});

test("judgeRun() blames the service for a run that its queue never took", () => {
  const lost = {
    status: "failed",
    error: "Trigger.dev runtime is not configured",
    runtime: { provider: null, runId: null },
  };
  expect(judgeRun(lost, evidence(RUN))?.as).toBe("service");
  expect(judgeRun({ ...lost, runtime: null }, evidence(RUN))?.as).toBe("service");
});

test.each(["pending", "streaming", "hibernating", "constructor", ""])(
  "judgeRun() gives no verdict while the status is %p",
  (status) => {
    expect(judgeRun(run(status), evidence(RUN, delivered(true, "open")))).toBeUndefined();
  },
);
