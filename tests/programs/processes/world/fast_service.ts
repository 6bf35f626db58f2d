/** A service in this process, over sockets and with a clock that runs fast, for workers that have the same clock. */
import { getRequestListener } from "@hono/node-server";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { OWNER, SANDBOXES } from "../../../../bench/campaign/world.ts";
import type { Clock } from "../../../../lib/clock.ts";
import { builtInScenarios } from "../../../../lib/emulator/agents/scenario.ts";
import { type Emulator, makeEmulator } from "../../../../lib/emulator/emulator.ts";
import { fastClock } from "./fast_clock.ts";

/** Options of {@linkcode fastService}. */
export interface FastServiceOptions {
  repositories: number;
  /** Time of a run, in milliseconds of the clock. */
  runMs: number;
  /** How many seconds of the clock pass in a real one. */
  speed: number;
}

export interface FastService {
  clock: Clock;
  emulator: Emulator;
  /** Environment of a worker: the service, a token and the clock. */
  env: Record<string, string>;
  /** Requests so far. */
  requests(): number;
  /** Starts a run of a repository that no worker follows. @returns Its id. */
  startOne(repository: string): Promise<string>;
  close(): Promise<void>;
}

export async function fastService({ repositories, runMs, speed }: FastServiceOptions): Promise<FastService> {
  const baseMs = Date.now();
  const clock = fastClock(baseMs, speed);
  const emulator = makeEmulator({
    clock,
    projects: [{ owner: OWNER, count: repositories }],
    scenarios: builtInScenarios("campaign"),
    sandboxLimit: SANDBOXES,
    runDuration: () => runMs,
  });
  let requests = 0;
  const listener = getRequestListener((request) => {
    requests++;
    return emulator.fetch(request);
  }, { overrideGlobalObjects: false });
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const [token = ""] = emulator.world.store.tokens.keys();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    clock,
    emulator,
    env: {
      CRASH_BASE: String(baseMs),
      CRASH_SPEED: String(speed),
      CRASH_AT: "0",
      MOGPLEX_API_KEY: token,
      MOGPLEX_URL: url,
      MOGPLEX_DEV: "1",
    },
    requests: () => requests,
    async startOne(repository) {
      const repo = [...emulator.world.store.repos.values()].find(({ full_name: name }) => name === repository);
      const answer = await emulator.fetch(`${url}/api/v1/mogplex/runs`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "idempotency-key": crypto.randomUUID() },
        body: JSON.stringify({ repoId: repo?.id, prompt: "Look", createBranch: true }),
      });
      return (await answer.json() as { data: { runId: string } }).data.runId;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await emulator.close();
    },
  };
}
