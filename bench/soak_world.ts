/**
 * One run of the soak test: plays a job of this library, or a job that follows in the documented way, on its own service and clock, and judges the
 * result.
 */
import { type Emulator, makeEmulator } from "../lib/emulator/emulator.ts";
import { builtInFixture } from "../lib/emulator/state/fixture.ts";
import { createRevision } from "../lib/emulator/state/store.ts";
import { DeadlineError, MogplexError } from "../lib/errors.ts";
import type { Notice } from "../lib/notice.ts";
import { type FleetClock, fleetClock } from "./fleet_clock.ts";
import { planSoak, SOAK_TIMEOUT_MS, type SoakPlan, type SoakRevision } from "./soak_plan.ts";
import { jumpyClock, soakWire, type Wire } from "./soak_wire.ts";
import { runJob } from "../tests/unit/run/detecting.ts";

export type SoakWay = "ours" | "documented";

export interface SoakVerdict {
  seed: number;
  /**
   * `right`: the job reported the end that the client had received, or no end because the run had not ended in time. `given up`: the job reported no
   * end, although the run had ended. `wrong`: the job reported another end, or an error that does not name its cause.
   */
  verdict: "right" | "given up" | "wrong";
  secondStarts: number;
  duplicates: number;
  losses: number;
  overran: boolean;
  requests: number;
  story: string;
}

interface Ended {
  runId: string | null;
  end: string | undefined;
  explained: boolean;
  reported: string[];
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
/** Time limits of the last status request and of the read after it, 5 s each, and a margin. Source: lib/run/job.ts. */
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
const CAUSE = /HTTP \d{3}|the network failed: .|no complete response within|a problem in the service ended run/;

function explains(error: unknown, exitCode: number): boolean {
  if (!(error instanceof MogplexError) || !GAVE_UP.includes(exitCode)) return false;
  if (error instanceof DeadlineError) return /was still \w+ after \d+ seconds/.test(error.message);
  return CAUSE.test(error.message);
}

/** Stops the clock until the first request, because the code before it loads modules. The returned function starts the clock again. */
function gate(clock: FleetClock): () => void {
  let open = () => {};
  void clock.during(new Promise<void>((resolve) => open = resolve));
  return open;
}

async function follow({ plan, clock, emulator, wire }: SoakJob): Promise<Ended> {
  const reported: string[] = [];
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
      if (item.type === "event") reported.push(item.event.id);
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
    reported,
    gap,
    story: `${outcome} ${exitCode} ${error instanceof Error ? error.message : ""}`,
  };
}

const POLL_MS = 1_500;
const ATTEMPTS = 3;
const SLEEP_MS = 30_000;

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
 * The documented way: a random key, and another start with a new key after a failure; a poll every 1.5 s; a pause after 429 and 503, at most twice.
 * Any other error ends the job. Source: CLI reference, `runs events --follow`; CI guide, the loop around it.
 */
async function followDocumented(job: SoakJob): Promise<Ended> {
  const { clock, emulator } = job;
  const [repo] = emulator.world.store.repos.values();
  const ended: Ended = { runId: null, end: undefined, explained: true, reported: [], gap: false, story: "" };
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
    // Each attempt is a new process, which does not know the events of the previous process.
    const seen = new Set<string>();
    for (let status = 200; status === 200;) {
      const answer = await ask<{ run?: { status: string }; events?: { id: string }[] }>(
        job,
        `${RUNS}/${ended.runId}/events?limit=200`,
      );
      status = answer.status;
      const { run, events = [] } = answer.data ?? {};
      for (const { id } of events) {
        if (!seen.has(id)) ended.reported.push(id);
        seen.add(id);
      }
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
  const { end, runId, reported, gap, explained } = ended;
  const truth = runId === null ? undefined : wire.delivered.get(runId);
  const isRightEnd = end !== undefined && (end === truth?.verdict || truth?.perhaps.has(end) === true);
  const hadNoEnd = end === undefined && plan.endless;
  const isExplained = end === undefined && explained && truth?.verdict === undefined;
  const distinct = new Set(reported);
  const missing = [...truth?.events ?? []].filter((id) => !distinct.has(id)).length;
  return {
    seed,
    verdict: !isRightEnd && !isExplained ? "wrong" : isRightEnd || hadNoEnd ? "right" : "given up",
    // All keys are new, so no run belongs to an earlier attempt. Announced restarts are counted, too.
    secondStarts: Math.max(emulator.world.store.runs.size - 1, 0),
    duplicates: reported.length - distinct.size,
    losses: gap || end === undefined ? 0 : missing,
    overran: tookMs > SOAK_TIMEOUT_MS + LAST_LOOKS_MS,
    requests: wire.requests,
    story: `${ended.story}; seen ${truth?.verdict} ${[...truth?.perhaps ?? []]}; ${Math.round(tookMs / 1_000)} s`,
  };
}

export async function playSoak(seed: number, revision: SoakRevision, way: SoakWay): Promise<SoakVerdict> {
  const plan = planSoak(seed, revision);
  const clock = fleetClock();
  const emulator = makeEmulator({
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
