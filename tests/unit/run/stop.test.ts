import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { runJob } from "./detecting.ts";
import { aRun, fakeClient, page, REQUEST, started } from "./fake_client.ts";

test.each([["failed", "failed", 1], ["streaming", "deadline", 124], ["cancelled", "deadline", 124]])(
  "runJob() takes no verdict from the words of a cancel, but from its run, which is %s",
  async (status, outcome, exitCode) => {
    const clock = virtualClock();
    const client = fakeClient(clock, {
      start: [started("pending")],
      events: [page("streaming")],
      cancel: [{ run: aRun(status), status: "success", alreadyTerminal: false }],
    });
    const { result } = await runJob(REQUEST, {
      client,
      clock,
      identity: null,
      timeoutMs: 5_000,
      cancelOn: ["timeout"],
    });
    expect(result).toMatchObject({ outcome, exitCode, status });
  },
);
