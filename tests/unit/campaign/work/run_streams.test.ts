import { expect, test } from "bun:test";
import { RequestPace } from "../../../../lib/campaign/plan/resolve.ts";
import { RunStreams } from "../../../../lib/campaign/work/run_streams.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { makeEmulator } from "../../../../lib/emulator/emulator.ts";
import { createRevision } from "../../../../lib/emulator/state/store.ts";
import { openSession } from "../../run/detecting.ts";
import { builtInScenario } from "../../emulator/scenarios.ts";

const MINUTE = 60_000;

async function startedRun(revision: "base" | "later") {
  const clock = virtualClock();
  const emulator = makeEmulator({
    clock,
    revision: createRevision(revision),
    projects: [{ owner: "acme", count: 1 }],
    runDuration: () => 20 * MINUTE,
    scenarios: [builtInScenario("success")],
  });
  const [token = ""] = emulator.world.store.tokens.keys();
  const env = (name: string) => name === "MOGPLEX_DEV" ? "1" : undefined;
  const session = openSession({ token, url: "http://localhost", env, clock, fetch: emulator.fetch });
  const [repo] = await session.client.listRepos();
  const request = { repoId: repo?.id ?? "", prompt: "Replace moment", createBranch: true };
  const { runId } = await session.client.startRun(request, { idempotencyKey: "k" });
  const pace = new RequestPace({ client: session.client, clock, limitMs: MINUTE });
  return { clock, session, runId, streams: new RunStreams(session, pace) };
}

/** Sleeps until a stream tells of an end, at most an hour. */
async function untilEnd({ clock, streams, runId }: Awaited<ReturnType<typeof startedRun>>): Promise<string[]> {
  for (const deadline = clock.now() + 60 * MINUTE; clock.now() < deadline;) {
    streams.keep([runId]);
    await streams.sleep(MINUTE);
    const ended = streams.takeEnded();
    if (ended.length > 0) return ended;
  }
  return [];
}

test("RunStreams reports the end of a run when its stream does, with a few requests", async () => {
  const started = await startedRun("later");
  const before = started.session.client.requests;
  const from = started.clock.now();
  expect(await untilEnd(started)).toEqual([started.runId]);
  expect(started.clock.now() - from).toBeLessThan(21 * MINUTE);
  expect(started.session.client.requests - before).toBeLessThan(8);
  started.streams.close();
});

test("RunStreams asks once on a service without streams, and never tells of an end", async () => {
  const started = await startedRun("base");
  const before = started.session.client.requests;
  expect(await untilEnd(started)).toEqual([]);
  expect(started.session.client.requests - before).toBe(1);
  expect(started.streams.isLive(started.runId)).toBe(false);
});

test("RunStreams.keep() closes the streams of runs that are not named", async () => {
  const { clock, streams, runId } = await startedRun("later");
  streams.keep([runId]);
  await clock.sleep(1_000);
  expect(streams.isLive(runId)).toBe(true);
  streams.keep([]);
  await clock.sleep(1_000);
  expect(streams.isLive(runId)).toBe(false);
});

test("RunStreams.sleep() throws the reason of the session's signal", async () => {
  const { session, clock } = await startedRun("base");
  const controller = new AbortController();
  const pace = new RequestPace({ client: session.client, clock, limitMs: MINUTE });
  const streams = new RunStreams({ ...session, signal: controller.signal }, pace);
  const sleeping = streams.sleep(MINUTE);
  controller.abort(new Error("enough"));
  await expect(sleeping).rejects.toThrow("enough");
});
