import { expect, test } from "bun:test";
import type { RunEvent } from "../../../lib/model.ts";
import { endOfRun, factsFromEvents, finalMessageOf } from "../../../lib/run/result.ts";
import { sampleEvent, successEvents } from "../report/sample.ts";

test("factsFromEvents() reads branch, pull request and changes from the delivery event", () => {
  expect(factsFromEvents(successEvents())).toEqual({
    workingBranch: "mogplex/external/70a41ec8-9562673e",
    pushedBranch: "mogplex/external/70a41ec8-9562673e",
    pullRequest: { state: "open", url: "https://github.com/acme/web/pull/7" },
    changed: true,
    files: [],
    said: null,
    speaking: false,
    firstEnd: "finished",
    failureCode: null,
    failureError: null,
    failureMessage: null,
  });
});

test("factsFromEvents() says unknown, not none, when the delivery event was not seen", () => {
  const facts = factsFromEvents(successEvents().slice(0, 4));
  expect(facts.pullRequest).toEqual({ state: "unknown", url: null });
  expect([facts.changed, facts.pushedBranch]).toEqual([null, null]);
  expect(facts.workingBranch).toBe("mogplex/external/70a41ec8-9562673e");
});

test("factsFromEvents() says none when the service did", () => {
  const facts = factsFromEvents([
    sampleEvent(0, {
      message: "No code changes to deliver",
      payload: { stage: "git_delivery", changed: false, pull_request_url: null, working_branch: "mogplex/agent-1" },
    }),
  ]);
  expect(facts.pullRequest).toEqual({ state: "none", url: null });
  expect([facts.changed, facts.pushedBranch, facts.workingBranch]).toEqual([false, null, "mogplex/agent-1"]);
});

test("factsFromEvents() takes no address that may not be a link", () => {
  const events = [
    sampleEvent(0, { payload: { stage: "git_delivery", changed: true, pull_request_url: "https://u:p@a.example/1" } }),
  ];
  expect(factsFromEvents(events).pullRequest).toEqual({ state: "unknown", url: null });
});

test("factsFromEvents() believes log events only, and survives payloads of any shape", () => {
  const payload = {
    stage: "git_delivery",
    changed: true,
    pull_request_url: "https://evil.example/1",
    working_branch: "x",
  };
  const facts = factsFromEvents([
    sampleEvent(0, { type: "tool_finished", payload }),
    sampleEvent(1, { payload: { stage: "git_delivery", changed: "yes", pull_request_url: 7, working_branch: {} } }),
    sampleEvent(2, { type: "failed", message: null, payload: { error: ["x"], failure_code: 3 } }),
    sampleEvent(3, { payload: { truncated: true, payloadPreview: '{"stage":"git_delivery"' } }),
  ]);
  expect(facts).toEqual({
    workingBranch: null,
    pushedBranch: null,
    pullRequest: { state: "unknown", url: null },
    changed: null,
    files: null,
    said: null,
    speaking: false,
    firstEnd: "failed",
    failureCode: null,
    failureError: null,
    failureMessage: null,
  });
});

test("endOfRun() takes a failure for a cancellation only if the service's own event of it came first", () => {
  const [failed, cancelled] = ["failed", "cancelled"].map((type) => sampleEvent(0, { type }));
  if (failed === undefined || cancelled === undefined) throw new Error("unreachable");
  const request = sampleEvent(0, { type: "cancel_requested" });
  // The text and the tools of an agent are events of these types.
  const written = ["log", "tool_started", "tool_finished"].map((type) =>
    sampleEvent(0, {
      type,
      message: "External Mogplex run cancelled",
      payload: { kind: "assistant_delta", type: "cancelled" },
    })
  );
  const end = (...events: RunEvent[]) => endOfRun("failed", factsFromEvents(events));
  expect([end(request, cancelled, failed), end(cancelled)]).toEqual(["cancelled", "cancelled"]);
  expect([end(failed, cancelled), end(request, failed), end(...written, failed), end()]).toEqual(
    Array(4).fill("failed"),
  );
  expect(endOfRun("success", factsFromEvents([cancelled]))).toBe("success");
});

test("factsFromEvents() takes the last error and the last message of a failure", () => {
  const facts = factsFromEvents([
    sampleEvent(0, {
      type: "failed",
      message: "Harness run failed",
      payload: { exit_code: 1, failure_code: "rate_limited" },
    }),
    sampleEvent(1, { type: "failed", message: "Harness stream failed", payload: { error: "pipe broke" } }),
    sampleEvent(2, { type: "failed", message: "External Mogplex run failed", payload: { error: "gave up" } }),
    sampleEvent(3, { type: "failed", message: " ", payload: { error: "" } }),
  ]);
  expect([facts.failureCode, facts.failureError, facts.failureMessage]).toEqual([
    "rate_limited",
    "gave up",
    "External Mogplex run failed",
  ]);
});

function words(kind: string, message: string, fields: Partial<RunEvent> = {}): RunEvent {
  return sampleEvent(0, { message, payload: { kind }, ...fields });
}

function lastSaid(...events: RunEvent[]): string | null {
  return finalMessageOf(factsFromEvents(events));
}

test("factsFromEvents() has the files that the delivery event names, and no other value of the list", () => {
  const event = (auto_committed_files: unknown) =>
    sampleEvent(0, { payload: { stage: "git_delivery", changed: true, auto_committed_files } });
  expect(factsFromEvents([event(["a.ts", "", 7, null, { a: 1 }, "b.ts"])]).files).toEqual(["a.ts", "b.ts"]);
  for (const odd of [undefined, null, "a.ts", { 0: "a.ts" }]) expect(factsFromEvents([event(odd)]).files).toBeNull();
});

test("finalMessageOf() joins the pieces since the last tool, and takes a whole message as it is", () => {
  const tool = words("tool", "bash started", { type: "tool_started" });
  const delta = (text: string) => words("assistant_delta", text);
  expect(lastSaid(delta("I look. "), delta("Now"), tool, delta("All "), words("", "heartbeat"), delta("done.\n")))
    .toBe("All done.");
  expect(lastSaid(delta("All done."), tool)).toBe("All done.");
  expect(lastSaid(delta("All"), words("assistant_final", "Summary"), words("assistant_delta", "\n"))).toBe("Summary");
  expect(lastSaid(words("run_progress", "one"), words("run_progress", "two"))).toBe("two");
  expect(lastSaid(tool, words("assistant_final", " "))).toBeNull();
});

test("finalMessageOf() is cut between two words, however long the message and its words are", () => {
  const long = lastSaid(words("assistant_final", "mog_secret1234 ".repeat(9_000))) ?? "";
  expect(long).toMatch(/^(mog_secret1234 ){1333} ?…$/);
  const piece = words("assistant_delta", "0123456789");
  expect(lastSaid(...Array.from({ length: 50_000 }, () => piece))).toBe(" …");
});
