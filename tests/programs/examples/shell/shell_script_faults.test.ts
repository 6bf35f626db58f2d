/** `examples/shell/mogplex-run.sh` on bad days: faults at random, and a proxy that breaks what it can. */
import { expect, test } from "bun:test";
import type { FaultKind } from "../../../../lib/emulator/state/faults.ts";
import { type Habit, HABITS, startNastyProxy } from "./nasty_proxy.ts";
import { inShell, openStand, type Stand, type StandOptions } from "./shell_world.ts";
import { INCOMPLETE } from "./shells.ts";

const shell = test.skipIf(INCOMPLETE);
const KINDS: readonly FaultKind[] = [
  ...["429", "503", "503-no-retry", "500", "empty5xx", "html502", "truncated", "reset0", "resetMid"] as const,
  ...["401", "login", "limiter-down"] as const,
];
const TRUTH = { "success": 0, "agent-failure": 1, "cancelled-during-boot": 3, "awaiting-input": 4 } as const;
const SCENARIOS = Object.keys(TRUTH) as (keyof typeof TRUTH)[];

/** How a run under bad conditions ended: its own verdict, or given up and said so. */
async function play(
  stand: Stand,
  scenario: keyof typeof TRUTH,
  url: string,
): Promise<"right" | "given up"> {
  const end = await stand.run(["Fix the tests"], { MOGPLEX_URL: url, MOGPLEX_TIMEOUT: "7200" });
  expect(stand.runs().length).toBeLessThanOrEqual(1);
  if (end.code === TRUTH[scenario]) {
    expect(end.stdout).toContain(`(exit code ${end.code})`);
    return "right";
  }
  // A token that nothing has proven yet, and an address that never answered like the API, are given up.
  expect([64, 69, 75]).toContain(end.code as number);
  expect(end.stderr + end.stdout).toMatch(/Cannot (?:find the repository|start the run|read the run)/);
  return "given up";
}

async function many(
  seeds: number,
  one: (seed: number) => Promise<"right" | "given up">,
): Promise<number> {
  let right = 0;
  let next = 0;
  const worker = async () => {
    while (next < seeds) {
      const seed = next++;
      if (await one(seed) === "right") right++;
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return right;
}

async function on<T>(options: StandOptions, body: (stand: Stand) => Promise<T>): Promise<T> {
  const stand = await openStand(options);
  try {
    return await body(stand);
  } finally {
    await stand.close();
  }
}

shell("mogplex-run.sh has no wrong verdict and no second start when a third of all answers are faults", async () => {
  const right = await many(8, (seed) => {
    const scenario = SCENARIOS[seed % SCENARIOS.length] ?? "success";
    const randomFaults = { rate: 0.35, kinds: KINDS, seed, retryAfter: 30 };
    return on({ scenario, randomFaults }, (stand) => play(stand, scenario, stand.url));
  });
  expect(right).toBeGreaterThanOrEqual(6);
});

shell("mogplex-run.sh has no wrong verdict and no second start behind a proxy that breaks what it can", async () => {
  const seen = new Set<Habit>();
  const right = await many(8, (seed) => {
    const scenario = SCENARIOS[seed % SCENARIOS.length] ?? "success";
    return on({ scenario }, async (stand) => {
      const proxy = await startNastyProxy(stand.url, seed);
      try {
        return await play(stand, scenario, proxy.url);
      } finally {
        for (const habit of proxy.habits) seen.add(habit);
        proxy.close();
      }
    });
  });
  expect(right).toBeGreaterThanOrEqual(6);
  expect(seen.size).toBeGreaterThan(HABITS.length / 2);
});

/** What curl itself repairs: the answer is as good as any. */
const HARMLESS: readonly Habit[] = [
  ...[
    "passes",
    "splits every few bytes",
    "comes late",
    "repeats header lines",
    "half-closes to the service",
    "says it twice",
  ] as const,
  ...["answers 100 and 103 first", "folds a header", "chunks it, with trailers"] as const,
];

shell.each(HARMLESS)(
  "mogplex-run.sh gets through a proxy that loses nothing, without a setback: one that %s",
  (habit) =>
    inShell({ scenario: "success" }, async (stand) => {
      const proxy = await startNastyProxy(stand.url, 0, () => habit);
      const end = await stand.run(["Fix the tests"], { MOGPLEX_URL: proxy.url });
      proxy.close();
      expect({ code: end.code, stdout: end.stdout }).toEqual({
        code: 0,
        stdout: expect.not.stringContaining("Cannot"),
      });
    }),
);

const HARMFUL = HABITS.filter((habit) => !HARMLESS.includes(habit));

shell.each(HARMFUL)(
  "mogplex-run.sh comes to no verdict behind a proxy that spoils every answer: one that %s",
  (habit) =>
    inShell({ scenario: "success" }, async (stand) => {
      // Repository and start get through; what comes after them never does.
      const proxy = await startNastyProxy(stand.url, 0, (n) => n < 2 ? "passes" : habit);
      const end = await stand.run(["Fix the tests"], { MOGPLEX_URL: proxy.url, MOGPLEX_TIMEOUT: "60" });
      proxy.close();
      expect({ code: end.code, stdout: end.stdout }).toEqual({
        code: 69,
        stdout: expect.stringContaining("(exit code 69); run "),
      });
    }),
);
