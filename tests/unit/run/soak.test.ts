/** Runs on bad days, with the wire and the truth of the bench `soak`. */
import { expect, test } from "bun:test";
import { playSoak } from "../../../bench/soak_world.ts";
import { noticeText } from "../../../lib/cli/log/live_log.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { makeEmulator } from "../../../lib/emulator/emulator.ts";
import { builtInFixture } from "../../../lib/emulator/state/fixture.ts";
import type { Notice } from "../../../lib/notice.ts";
import { runJob } from "./detecting.ts";
import { builtInScenario } from "../emulator/scenarios.ts";

const CALM = {
  verdict: expect.stringMatching(/right|given up/),
  secondStarts: 0,
  duplicates: 0,
  losses: 0,
  overran: false,
};

test.each(["base", "later"] as const)(
  "runJob() keeps verdict, starts, events and deadline right on bad days of the %s service",
  async (revision) => {
    let right = 0;
    for (let seed = 2_001; seed <= 2_100; seed++) {
      const run = await playSoak(seed, revision, "ours");
      if (run.verdict === "right") right++;
      expect(run, run.story).toMatchObject(CALM);
    }
    expect(right).toBeGreaterThanOrEqual(95);
  },
);

/** Seeds whose last look at the deadline meets a 401. */
const LATE_401 = [["base", 396], ["later", 41]] as const;

test.each(LATE_401)(
  "runJob() keeps a token that worked through a 401 at the deadline (%s, %d)",
  async (revision, seed) => {
    expect(await playSoak(seed, revision, "ours")).toMatchObject({ verdict: "right" });
  },
);

interface Told {
  waits: (Extract<Notice, { kind: "wait" }> & { atMs: number })[];
  failures: number;
  message: string;
}

/** One job that polls a service whose trouble has no named delay; in the end nothing works any more. */
async function tell(seed: number, brokenFromMs: number): Promise<Told> {
  const clock = virtualClock();
  const randomFaults = {
    rate: 0.4,
    kinds: ["500", "503-no-retry", "html502", "empty5xx", "truncated", "reset0", "resetMid"] as const,
    seed,
  };
  const scenarios = [builtInScenario("stuck-streaming")];
  const emulator = makeEmulator({ fixture: builtInFixture(), clock, scenarios, randomFaults });
  const [repo] = emulator.world.store.repos.values();
  const [token] = emulator.world.store.tokens.values();
  const told: Told = { waits: [], failures: 0, message: "" };
  const { error } = await runJob({ repoId: repo?.id ?? "", prompt: "Fix the tests" }, {
    token: token?.token,
    clock,
    stream: false,
    env: () => undefined,
    timeoutMs: 300_000,
    onNotice(notice) {
      if (notice.kind === "wait") told.waits.push({ ...notice, atMs: clock.wallTime() });
    },
    async fetch(url, init) {
      try {
        if (clock.now() >= brokenFromMs) {
          throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
        }
        const answer = await emulator.fetch(url, init);
        const text = await answer.text();
        JSON.parse(text);
        if (!answer.ok) told.failures++;
        return new Response(text, { status: answer.status, headers: answer.headers });
      } catch (thrown) {
        told.failures++;
        throw thrown;
      }
    },
  });
  told.message = error instanceof Error ? error.message : "";
  return told;
}

test("runJob() explains each failed attempt in one line with attempt, reason and next time", async () => {
  for (const seed of [1, 2, 3]) {
    const { waits, failures } = await tell(seed, 200_000);
    expect(failures).toBeGreaterThan(5);
    // The last look, at the deadline, is explained by the error; the request for the name of the repository has one attempt.
    expect(failures - waits.length).toBeGreaterThanOrEqual(1);
    expect(failures - waits.length).toBeLessThanOrEqual(2);
    for (const wait of waits) {
      expect(wait.untilMs).toBe(wait.atMs + wait.delayMs);
      expect(wait.detail).not.toBe("");
      const line = noticeText(wait);
      expect(line).not.toContain("\n");
      expect(line).toContain(`(${wait.detail}, attempt ${wait.attempt})`);
      expect(line).toContain(`at ${new Date(wait.untilMs).toISOString().slice(11, 19)} UTC`);
    }
  }
});

test("runJob() counts attempts from 1 and names the last cause in its error", async () => {
  const { waits, message } = await tell(4, 200_000);
  expect(waits.some(({ attempt }) => attempt === 1)).toBe(true);
  expect(Math.max(...waits.map(({ attempt }) => attempt))).toBeGreaterThan(2);
  expect(message).toContain("Cannot read events of run");
  expect(message).toContain("connect ECONNREFUSED");
});
