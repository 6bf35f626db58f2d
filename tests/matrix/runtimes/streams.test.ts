/** Streams over real sockets as each runtime reads them: cuts, early ends, signals, and nothing that keeps a process alive. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRevision } from "../../../lib/emulator/state/store.ts";
import { type ServedEmulator, startEmulator } from "../../../lib/emulator/server.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { launch, type Running } from "../../programs/processes/world/service.ts";

const folder = mkdtempSync(join(tmpdir(), "mogplex-streams-"));
const command = built("mogplex.mjs");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LINES = {
  node: [runtimes.node],
  bun: [runtimes.bun, "--no-env-file"],
  deno: [runtimes.deno, "run", "--no-config", "--allow-net=127.0.0.1", "--allow-env", "--allow-read", "--allow-write"],
};

interface Followed extends ServedEmulator {
  runId: string;
  running: Running;
  /** Says something in the run's feed. */
  say(message: string, type?: string): void;
  /** Waits until so many streams are open. */
  streams(count: number): Promise<void>;
}

/** A run, and a process that follows it. */
async function followed(name: keyof typeof LINES, ...faults: object[]): Promise<Followed> {
  const served = await startEmulator({ revision: createRevision("later") });
  const { emulator, url, token, repos } = served;
  const response = await fetch(`${url}/api/v1/mogplex/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "idempotency-key": "k" },
    body: JSON.stringify({ repoId: repos[0]?.id, prompt: "x", createBranch: true }),
  });
  const { runId } = (await response.json()).data;
  for (const fault of faults) emulator.control("fault", { ...fault, route: "GET /runs/*/events/stream" });
  const cwd = mkdtempSync(join(folder, "job-"));
  const env = { MOGPLEX_API_KEY: token, MOGPLEX_URL: url, MOGPLEX_DEV: "1" };
  const running = launch([...LINES[name], command, "follow", runId, "--json"], { cwd, env });
  return {
    ...served,
    runId,
    running,
    say: (message, type = "log") => emulator.control("appendEvents", { runId, events: [{ type, message }] }),
    async streams(count) {
      while (emulator.world.feed.size !== count) await new Promise((resolve) => setTimeout(resolve, 2));
    },
  };
}

/** Messages of events that were printed, in order. */
function messages(stdout: string): string[] {
  return stdout.trim().split("\n").map((line) => JSON.parse(line)).flatMap((line) => line.message ?? []);
}

for (const name of ["node", "bun", "deno"] as const) {
  test(`follow reads on after a cut and after an early end, on ${name}`, async () => {
    const { emulator, runId, running, say, streams, close } = await followed(
      name,
      { kind: "stream-cut" },
      { kind: "truncated" },
    );
    await streams(1);
    await running.seen(/accepted/);
    // Cut in the middle of this one; the next stream ends in the middle of what it sends first, the third one is whole.
    say("one");
    await running.seen(/"one"/);
    await streams(1);
    say("two");
    await running.seen(/"two"/);
    emulator.control("setRun", { runId, run: { status: "success" } });
    say("end", "finished");
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(messages(stdout)).toEqual(["External Mogplex run accepted", "one", "two", "end"]);
    expect(emulator.world.feed.size).toBe(0);
    await close();
  });

  test(`follow ends at once with a signal while it listens, on ${name}`, async () => {
    const { running, streams, close } = await followed(name);
    await streams(1);
    await running.seen(/accepted/);
    running.child.kill("SIGTERM");
    expect((await running.ended).code).toBe(143);
    await streams(0);
    await close();
  });
}
