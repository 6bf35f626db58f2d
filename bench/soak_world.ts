/** One run of the soak: a job of ours, or one in the documented way, on its own service and clock, and what is to be said of it. */
import { createEmulator, type Emulator } from "../lib/emulator/emulator.ts";
import { builtInFixture } from "../lib/emulator/state/fixture.ts";
import { createRevision } from "../lib/emulator/state/revision.ts";
import { DeadlineError, MogplexError } from "../lib/errors.ts";
import type { Notice } from "../lib/notice.ts";
import { runJob } from "../lib/runs/run.ts";
import { type FleetClock, fleetClock } from "./fleet_clock.ts";
import { planSoak, SOAK_TIMEOUT_MS, type SoakPlan, type SoakRevision } from "./soak_plan.ts";
import { jumpyClock, soakWire, type Wire } from "./soak_wire.ts";

/** Who follows: we, or a script in the documented way. */
export type SoakWay = "ours" | "documented";

/** What is said of one run. */
export interface SoakVerdict {
  /** Seed of the run. */
  seed: number;
  /**
   * `right`: its end as it was when it was seen, or none where it had none in time; `given up`: none although it had one;
   * `wrong`: another end, or an error that does not name what was met last.
   */
  verdict: "right" | "given up" | "wrong";
  /** Runs beside the first one that nothing announced. */
  secondStarts: number;
  /** Events that were told twice. */
  duplicates: number;
  /** Events that were never told, and whose absence was not told either. */
  losses: number;
  /** Whether the job went on after its deadline. */
  overran: boolean;
  /** Requests that the job sent. */
  requests: number;
  /** What happened, for whoever looks into it. */
  story: string;
}

/** What a job came to. */
interface Ended {
  runId: string | null;
  /** End of the run; undefined when the job ended without one. */
  end: string | undefined;
  /** Whether ending without one was explained. */
  explained: boolean;
  told: string[];
  gap: boolean;
  story: string;
}

interface SoakJob {
  plan: SoakPlan;
  clock: FleetClock;
  emulator: Emulator;
  wire: Wire;
}

const ORIGIN = "https://mogplex.example";
const RUNS = `${ORIGIN}/api/v1/mogplex/runs`;
const PROMPT = "Fix the flaky tests";
/** The last look, and the read after an end that was seen in it, have 5 s each. Source: lib/runs/follower.ts. */
const LAST_LOOKS_MS = 11_000;
const IDENTITY = {
  server: "https://ci.example",
  project: "1",
  pipeline: "2",
  job: "agent",
  node: "",
  attempt: "1",
  date: null,
  schedule: "",
};
const ENDS = ["success", "failed", "cancelled", "awaiting_input"];
const GAVE_UP: readonly number[] = [69, 75, 124];
const CAUSE = /HTTP \d{3}|the network failed: .|no complete answer within|in trouble, and failed run/;

/** Whether an error says why there is no verdict. */
function explains(error: unknown, exitCode: number): boolean {
  if (!(error instanceof MogplexError) || !GAVE_UP.includes(exitCode)) return false;
  if (error instanceof DeadlineError) return /it is "\w+" after \d+ seconds/.test(error.message);
  return CAUSE.test(error.message);
}

/** Lets no time pass until the first request: what comes before it is hashed on a thread. */
function gate(clock: FleetClock): () => void {
  let open = () => {};
  void clock.hold(new Promise<void>((resolve) => open = resolve));
  return open;
}

async function follow({ plan, clock, emulator, wire }: SoakJob): Promise<Ended> {
  const told: string[] = [];
  const notices: Notice[] = [];
  let gap = false;
  const [repo] = emulator.world.store.repos.values();
  const [token] = emulator.world.store.tokens.values();
  const open = gate(clock);
  const { result, error } = await runJob({ repoId: repo?.id ?? "", prompt: PROMPT, createBranch: true }, {
    token: token?.token,
    url: ORIGIN,
    clock: jumpyClock(clock, plan),
    env: () => undefined,
    identity: IDENTITY,
    timeoutMs: SOAK_TIMEOUT_MS,
    onNotice: (notice) => notices.push(notice),
    onItem(item) {
      if (item.type === "event") told.push(item.event.id);
      if (item.type === "gap") gap = true;
    },
    fetch(url, init) {
      open();
      return wire.fetch(url, init);
    },
  }, { random: plan.random }).finally(open);
  const { outcome, exitCode, runId } = result;
  return {
    runId,
    end: ENDS.includes(outcome) ? outcome : undefined,
    explained: explains(error, exitCode),
    told,
    gap,
    story: `${outcome} ${exitCode} ${error instanceof Error ? error.message : ""}`,
  };
}

const POLL_MS = 1_500;
const ATTEMPTS = 3;
const SLEEP_MS = 30_000;

/** A request as a script sends it: what is no good JSON is no answer. */
async function ask<T>(job: SoakJob, url: string, init: RequestInit = {}): Promise<{ status: number; data?: T }> {
  const [token] = job.emulator.world.store.tokens.values();
  const headers = { ...init.headers, authorization: `Bearer ${token?.token}` };
  try {
    const answer = await job.wire.fetch(url, { ...init, headers });
    const { status } = answer;
    const { data } = await answer.json() as { data?: T };
    return { status, ...(data !== undefined && answer.ok && { data }) };
  } catch {
    return { status: 0 };
  }
}

/**
 * The documented way: a random key and one more start with another after a failure; a poll each 1.5 s; 429 and 503 are slept
 * over twice, anything else is the end. Source: CLI reference, `runs events --follow`; CI guide, the loop around it.
 */
async function followDocumented(job: SoakJob): Promise<Ended> {
  const { clock, emulator } = job;
  const [repo] = emulator.world.store.repos.values();
  const ended: Ended = { runId: null, end: undefined, explained: true, told: [], gap: false, story: "" };
  for (let attempt = 1; attempt <= 2 && ended.runId === null; attempt++) {
    const { data } = await ask<{ runId?: string }>(job, RUNS, {
      method: "POST",
      headers: { "idempotency-key": crypto.randomUUID() },
      body: JSON.stringify({ repoId: repo?.id, prompt: PROMPT, createBranch: true }),
    });
    ended.runId = data?.runId ?? null;
  }
  if (ended.runId === null) return ended;
  const until = clock.now() + SOAK_TIMEOUT_MS;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    // Each process of the loop knows nothing of the one before it.
    const seen = new Set<string>();
    for (let status = 200; status === 200;) {
      const answer = await ask<{ run?: { status: string }; events?: { id: string }[] }>(
        job,
        `${RUNS}/${ended.runId}/events?limit=200`,
      );
      status = answer.status;
      const { run, events = [] } = answer.data ?? {};
      for (const { id } of events) if (!seen.has(id) && seen.add(id)) ended.told.push(id);
      if (run !== undefined && ["success", "failed", "cancelled"].includes(run.status)) {
        return { ...ended, end: run.status, story: run.status };
      }
      if (clock.now() >= until) return ended;
      if (status === 200 && answer.data === undefined) return ended;
      if (status === 200) await clock.sleep(POLL_MS);
      else if (status !== 429 && status !== 503) return { ...ended, story: `HTTP ${status}` };
    }
    if (attempt < ATTEMPTS) await clock.sleep(SLEEP_MS);
  }
  return ended;
}

function judge(job: SoakJob, ended: Ended, seed: number, tookMs: number): SoakVerdict {
  const { plan, emulator, wire } = job;
  const { end, runId, told, gap, explained } = ended;
  const truth = runId === null ? undefined : wire.delivered.get(runId);
  const seenWell = end !== undefined && (end === truth?.verdict || truth?.perhaps.has(end) === true);
  const noneInTime = end === undefined && plan.endless;
  const tellsWhy = end === undefined && explained && truth?.verdict === undefined;
  const toldSet = new Set(told);
  const missing = [...truth?.events ?? []].filter((id) => !toldSet.has(id)).length;
  return {
    seed,
    verdict: !seenWell && !tellsWhy ? "wrong" : seenWell || noneInTime ? "right" : "given up",
    // Every key is fresh here, so no run can be an older attempt's: a restart that was announced counts, too.
    secondStarts: Math.max(emulator.world.store.runs.size - 1, 0),
    duplicates: told.length - toldSet.size,
    losses: gap || end === undefined ? 0 : missing,
    overran: tookMs > SOAK_TIMEOUT_MS + LAST_LOOKS_MS,
    requests: wire.requests,
    story: `${ended.story}; seen ${truth?.verdict} ${[...truth?.perhaps ?? []]}; ${Math.round(tookMs / 1_000)} s`,
  };
}

/** Plays one run to the end of its job. */
export async function playSoak(seed: number, revision: SoakRevision, way: SoakWay): Promise<SoakVerdict> {
  const plan = planSoak(seed, revision);
  const clock = fleetClock();
  const emulator = createEmulator({
    fixture: builtInFixture(),
    clock,
    scenarios: [plan.scenario],
    revision: createRevision(revision),
  });
  const job: SoakJob = { plan, clock, emulator, wire: soakWire(plan, clock, emulator) };
  try {
    const ended = await clock.drive(way === "ours" ? follow(job) : followDocumented(job));
    return judge(job, ended, seed, clock.now());
  } finally {
    await emulator.close();
  }
}
