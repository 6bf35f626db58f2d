/**
 * One fleet: jobs with the same token follow runs that start within one minute, with the emulator's real limiter on one virtual clock. The seed
 * determines everything.
 */
import type { Clock } from "../lib/clock.ts";
import { type Emulator, makeEmulator } from "../lib/emulator/emulator.ts";
import { builtInFixture, type Fixture, parseFixture } from "../lib/emulator/state/fixture.ts";
import type { Scenario, ScenarioStep } from "../lib/emulator/agents/scenario.ts";
import { RunFollower } from "../lib/run/follow.ts";
import { type FleetClock, fleetClock } from "./fleet_clock.ts";
import { openSession } from "../tests/unit/run/detecting.ts";

/** `documented`: a poll every 1.5 s, exit code 75 after a 429, and three attempts with 30 s between them. */
export type FleetWay = "polling" | "stream" | "documented";

export interface FleetOptions {
  way: FleetWay;
  jobs: number;
  seed: number;
  tokenShare?: number | undefined;
  /** Shortest and longest duration of a run, in seconds. @default {[120, 1500]} */
  lengthSeconds?: readonly [number, number] | undefined;
  /** Whether the runs send no events between boot and delivery, as in the base revision of the service. @default {false} */
  quiet?: boolean | undefined;
}

export interface FleetJob {
  right: boolean;
  requests: number;
  refusals: number;
  delayMs: number | null;
}

const ORIGIN = "https://mogplex.example";
const FOLLOWER = "mog_fleetFollower";
const STARTS = 10;
const START_SPREAD = 60;
/** Number of seconds between the last event and the status. Source: contract 4.2. */
const EVENT_LEAD = 1;
const TIMEOUT_MS = 1_800_000;

/** Random numbers from 0 up to but not including 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface PlannedRun {
  index: number;
  startMs: number;
  endMs: number;
  outcome: "success" | "failed";
  scenario: Scenario;
}

function markOf(index: number): string {
  return `[${index}]`;
}

function planRun(index: number, options: FleetOptions, random: () => number): PlannedRun {
  const { lengthSeconds: [shortest, longest] = [120, 1_500], quiet = false } = options;
  const between = (from: number, to: number) => from + random() * (to - from);
  const startMs = Math.round(between(0, START_SPREAD) * 1_000);
  const length = between(shortest, longest);
  const outcome = random() < 0.8 ? "success" : "failed";
  const steps: Partial<ScenarioStep>[] = [];
  let at = 0;
  function add(due: number, step: Partial<ScenarioStep>): void {
    steps.push({ after: due - at, repeat: 1, every: 0, ...step });
    at = due;
  }
  const log = (message: string) => ({ type: "log" as const, message, payload: {}, verbatim: false });
  const boot = between(15, Math.min(60, length / 2));
  add(boot, { sandbox: "up" });
  add(boot + 1, { event: log("Synchronized main") });
  const lastEvent = length - EVENT_LEAD;
  const next = () => random() < 0.1 ? between(30, 120) : between(5, 20);
  for (let due = boot + next(); !quiet && due < lastEvent; due += next()) add(due, { event: log("Working") });
  const type = outcome === "success" ? "finished" as const : "failed" as const;
  add(lastEvent, { event: { ...log("Harness run ended"), type }, call: outcome });
  add(length, { status: outcome });
  const scenario = { match: { prompt: markOf(index) }, speed: 1, steps } as Scenario;
  return { index, startMs, endMs: startMs + length * 1_000, outcome, scenario };
}

/** One token with which all jobs follow, and enough tokens to start all runs, because one token can start only ten runs a minute. */
function fleetFixture(jobs: number): Fixture {
  const plain = builtInFixture();
  const [token] = plain.tokens;
  const starters = Array.from({ length: Math.ceil(jobs / STARTS) }, (_, index) => `mog_fleetStarter${index}`);
  const tokens = [FOLLOWER, ...starters].map((text) => ({ ...token, key: text, id: crypto.randomUUID(), token: text }));
  return parseFixture({ ...plain, tokens });
}

interface Fleet {
  options: FleetOptions;
  clock: FleetClock;
  emulator: Emulator;
}

async function startRun({ clock, emulator }: Fleet, index: number): Promise<string> {
  const token = `mog_fleetStarter${Math.floor(index / STARTS)}`;
  const [repo] = emulator.world.store.repos.values();
  const answer = await clock.during(emulator.fetch(`${ORIGIN}/api/v1/mogplex/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "idempotency-key": `fleet-${index}` },
    body: JSON.stringify({ repoId: repo?.id, prompt: `Fix the tests ${markOf(index)}` }),
  }));
  const { data } = await answer.json() as { data?: { runId: string } };
  if (data === undefined) throw new Error(`Cannot start run: HTTP ${answer.status}`);
  return data.runId;
}

async function followOurs(
  { options, clock }: Fleet,
  runId: string,
  fetch: Emulator["fetch"],
  random: () => number,
): Promise<string | undefined> {
  const { tokenShare } = options;
  // In production, each job is a separate process. Jobs in one process would take turns.
  const own: Clock = {
    now: () => clock.now(),
    wallTime: () => clock.wallTime(),
    sleep: (ms, how) => clock.sleep(ms, how),
  };
  const connect = { token: FOLLOWER, url: ORIGIN, clock: own, fetch, env: () => undefined, timeoutMs: TIMEOUT_MS };
  const follower = new RunFollower(openSession(connect, { random }), runId, { tokenShare });
  try {
    for await (const item of follower.items()) if (item.type === "end") return item.outcome;
  } catch {
    return undefined;
  }
}

const DOCUMENTED_POLL_MS = 1_500;
const DOCUMENTED_ATTEMPTS = 3;
const DOCUMENTED_SLEEP_MS = 30_000;

async function followDocumented(
  { clock }: Fleet,
  runId: string,
  fetch: Emulator["fetch"],
): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${FOLLOWER}` };
  for (let attempt = 1;; attempt++) {
    for (let status = 200; status !== 429;) {
      const answer = await fetch(`${ORIGIN}/api/v1/mogplex/runs/${runId}/events?limit=200`, { headers });
      const { data } = await answer.json() as { data?: { run: { status: string } } };
      status = answer.status;
      if (data === undefined) continue;
      if (data.run.status === "success" || data.run.status === "failed") return data.run.status;
      await clock.sleep(DOCUMENTED_POLL_MS);
    }
    if (attempt === DOCUMENTED_ATTEMPTS) return undefined;
    await clock.sleep(DOCUMENTED_SLEEP_MS);
  }
}

async function runJob(fleet: Fleet, run: PlannedRun, random: () => number): Promise<FleetJob> {
  const { clock, emulator, options } = fleet;
  await clock.sleep(run.startMs);
  const runId = await startRun(fleet, run.index);
  let requests = 0;
  let refusals = 0;
  const fetch: Emulator["fetch"] = async (input, init) => {
    requests++;
    const answer = await clock.during(emulator.fetch(input, init));
    if (answer.status === 429) refusals++;
    return answer;
  };
  const outcome = options.way === "documented"
    ? await followDocumented(fleet, runId, fetch)
    : await followOurs(fleet, runId, fetch, random);
  const delayMs = outcome === undefined ? null : clock.now() - run.endMs;
  return { right: outcome === run.outcome, requests, refusals, delayMs };
}

export async function playFleet(options: FleetOptions): Promise<FleetJob[]> {
  const random = seeded(options.seed * 7_919 + options.jobs);
  const runs = Array.from({ length: options.jobs }, (_, index) => planRun(index, options, random));
  const clock = fleetClock();
  const emulator = makeEmulator({
    fixture: fleetFixture(options.jobs),
    clock,
    scenarios: runs.map((run) => run.scenario),
    revision: options.way === "stream" ? { stream: true, tailWindow: true } : {},
  });
  const fleet: Fleet = { options, clock, emulator };
  const jobs = runs.map((run) => runJob(fleet, run, seeded(Math.floor(random() * 2 ** 32))));
  try {
    return await clock.drive(Promise.all(jobs));
  } finally {
    await emulator.close();
  }
}
