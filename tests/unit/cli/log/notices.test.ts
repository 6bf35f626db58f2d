import { expect, test } from "bun:test";
import { noticeText } from "../../../../lib/cli/log/live_log.ts";

test("noticeText() has words for each kind", () => {
  const untilMs = Date.UTC(2026, 8, 1, 12, 0, 5);
  const wait = {
    kind: "wait",
    what: "read run",
    cause: "rate_limit",
    detail: "HTTP 429",
    attempt: 1,
    untilMs,
  } as const;
  expect([
    noticeText({ ...wait, delayMs: 60_000, fromService: true }),
    noticeText({ ...wait, delayMs: 400, fromService: false }),
    noticeText({ kind: "heartbeat", status: "streaming", elapsedMs: 185_000, requests: 41 }),
    noticeText({ kind: "window_full" }),
    noticeText({ kind: "events_missed" }),
    noticeText({ kind: "unknown_status", status: "paused" }),
    noticeText({ kind: "restart", runId: "r", status: "failed", suffix: 2 }),
    noticeText({ kind: "no_sandbox", runId: "r", cause: "no sandbox was free", delayMs: 600_000, untilMs }),
    noticeText({ kind: "no_sandbox", runId: "r", cause: "no sandbox was free", delayMs: 0, untilMs }),
    noticeText({ kind: "random_key", missing: ["pipeline", "job"] }),
    noticeText({ kind: "shared_key", runId: "r" }),
    noticeText({ kind: "text", message: "as it is" }),
  ]).toEqual([
    "Cannot read run yet (HTTP 429, attempt 1): trying again in 1 min, as the service requested, at 12:00:05 UTC",
    "Cannot read run yet (HTTP 429, attempt 1): trying again in 0.4 s, at 12:00:05 UTC",
    "... streaming after 3 min 5 s",
    "The feed is full at 200 events: later steps are not visible, but the status is still checked",
    "Some events were missed: the feed shows only the newest 200",
    `The service reports an unknown status, "paused": it is treated as not finished`,
    "Run r with this key has ended (failed): starting a new run, unless there is already a newer one",
    "No sandbox was free for run r, and no agent has started: trying again in 10 min",
    "No sandbox was free for run r, and no agent has started: trying again now",
    "Cannot identify this job (missing: pipeline, job): the key is random, so a retry starts another run; set MOGPLEX_CI_JOB to a value that contains the build number",
    "Run r was already started with the key of this job, although this is the job's first attempt: matrix jobs and repeated steps look the same here, so give each its own `--key-part`",
    "as it is",
  ]);
});
