import { expect, test } from "bun:test";
import { judgeRun } from "../../../../lib/campaign/work/judge.ts";
import { type EventFacts, noFacts } from "../../../../lib/run/result.ts";

const RUNTIME = { provider: "trigger", runId: "run_1" };
const run = (status: string, error: string | null = null) => ({ status, error, runtime: RUNTIME }) as const;
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
  expect(judgeRun(run("success"), facts, { require, acceptUnchanged })?.as).toBe(as);
});

const RUN = { require: "run", acceptUnchanged: false } as const;

test.each(
  [
    ["failed", "Agent run exited with code 1.", "failed"],
    ["failed", "Too many active sandboxes", "quota"],
    ["failed", "Sandbox launch failed: too many active sandboxes for this user", "quota"],
    ["cancelled", null, "cancelled"],
    ["awaiting_input", null, "needs-input"],
  ] as const,
)("judgeRun() judges a run that is %s with the error %p", (status, error, as) => {
  expect(judgeRun(run(status, error), noFacts(), RUN)?.as).toBe(as);
});

test("judgeRun() takes the reason of a failure from the run, else from its events", () => {
  const facts = { ...noFacts(), failureError: "remote: permission denied", failureMessage: "Harness stream failed" };
  expect(judgeRun(run("failed", "Agent run exited with code 2."), facts, RUN)?.reason).toBe(
    "Agent run exited with code 2.",
  );
  expect(judgeRun(run("failed"), facts, RUN)?.reason).toBe("remote: permission denied");
});

test("judgeRun() blames the service for a run that its queue never took", () => {
  const lost = {
    status: "failed",
    error: "Trigger.dev runtime is not configured",
    runtime: { provider: null, runId: null },
  };
  expect(judgeRun(lost, noFacts(), RUN)?.as).toBe("service");
  expect(judgeRun({ ...lost, runtime: null }, noFacts(), RUN)?.as).toBe("service");
});

test.each(["pending", "streaming", "hibernating", "constructor", ""])(
  "judgeRun() gives no verdict while the status is %p",
  (status) => {
    expect(judgeRun(run(status), delivered(true, "open"), RUN)).toBeUndefined();
  },
);
