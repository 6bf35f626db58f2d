/** A client whose answers are written down in the test, and the runs and events that they are made of. */
import type { JobIdentity } from "../../../lib/ci/platform.ts";
import type { Clock } from "../../../lib/clock.ts";
import { ApiError, type MogplexError, NetworkError, RateLimitedError, UnavailableError } from "../../../lib/errors.ts";
import type { CancelResult, Run, RunEvent, RunEvents, StartRequest, StartResult } from "../../../lib/model.ts";
import type { CallOptions, ServiceClient } from "../../../lib/service/client.ts";

export const RUN_ID = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";
export const REPO_ID = "8f3a2b1c-1234-4abc-9def-1234567890ab";
export const REQUEST: StartRequest = { repoId: REPO_ID, prompt: "Fix the flaky tests" };
/** Wall time at which virtual clocks begin. */
export const BEGIN_MS = Date.UTC(2026, 8, 1);

/** A job on GitLab. */
export const JOB: JobIdentity = {
  server: "https://gitlab.example",
  project: "42",
  pipeline: "1001",
  job: "agent",
  node: "",
  attempt: "9001",
  date: "2026-09-01",
  schedule: "",
};

/** Faults of the emulator that a job rides out. */
export const PASSING_FAULTS = [
  "503",
  "503-no-retry",
  "500",
  "empty5xx",
  "html502",
  "truncated",
  "reset0",
  "resetMid",
  "429",
] as const;

/** What the environment of {@linkcode JOB} says of it. */
export const JOB_ENV: Readonly<Record<string, string>> = {
  GITLAB_CI: "true",
  CI_SERVER_URL: "https://gitlab.example",
  CI_PROJECT_ID: "42",
  CI_PIPELINE_ID: "1001",
  CI_JOB_NAME: "agent",
  CI_JOB_ID: "9001",
};

export function aRun(status: string, fields: Partial<Run> = {}): Run {
  return {
    runId: RUN_ID,
    aiCallId: null,
    sandboxRecordId: null,
    sandboxId: null,
    repoId: REPO_ID,
    harness: "codex",
    status,
    branch: { base: "main", working: "mogplex/external/1", createBranch: true },
    rootDirectory: null,
    eventsUrl: "",
    cancelUrl: "",
    createdAt: "2026-09-01T00:00:00+00:00",
    updatedAt: "2026-09-01T00:00:09+00:00",
    error: null,
    runtime: null,
    ...fields,
  };
}

export function anEvent(id: string, type = "log", fields: Partial<RunEvent> = {}): RunEvent {
  return { id, type, toolName: null, message: null, payload: {}, createdAt: "2026-09-01T00:00:01+00:00", ...fields };
}

/** Events `e<from>` to `e<to>`; the first of a run is `started`. */
export function someEvents(from: number, to: number): RunEvent[] {
  const ids = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return ids.map((id) => anEvent(`e${id}`, id === 1 ? "started" : "log"));
}

/** Answer of the events route. */
export function page(status: string, events: RunEvent[] = [], fields: Partial<Run> = {}): RunEvents {
  return { run: aRun(status, fields), events };
}

export function started(status: string, replayed = false, fields: Partial<Run> = {}): StartResult {
  return { ...aRun(status, fields), replayed };
}

export function cancelled(status: string, alreadyTerminal = false, fields: Partial<Run> = {}): CancelResult {
  return { run: aRun(status, fields), status, alreadyTerminal };
}

const facts = (status: number, retryAfterMs: number | null, code: string | null) => ({
  status,
  code,
  requestId: null,
  retryAfterMs,
});

export function limited(retryAfterMs: number | null = 60_000): MogplexError {
  return new RateLimitedError("Cannot do it: too many", "rateLimited", facts(429, retryAfterMs, "RATE_LIMITED"));
}

export function unavailable(
  status = 503,
  retryAfterMs: number | null = null,
  code: string | null = null,
): MogplexError {
  return new UnavailableError(`Cannot do it: HTTP ${status}`, "unavailable", facts(status, retryAfterMs, code));
}

export function refusal(Class: typeof ApiError, exit: ConstructorParameters<typeof ApiError>[1], status: number) {
  return new Class(`Cannot do it: HTTP ${status}`, exit, facts(status, null, "CODE"));
}

export function lost(): MogplexError {
  return new NetworkError("Cannot do it: the network failed");
}

/** An answer, an error, or something that happens instead of both. */
export type Scripted<T> = T | Error | ((call: CallOptions) => T | Promise<T>);

export interface Script {
  start?: Scripted<StartResult>[];
  events?: Scripted<RunEvents>[];
  run?: Scripted<Run>[];
  cancel?: Scripted<CancelResult>[];
}

/** One call: when, what, with which argument. */
export interface Heard {
  at: number;
  what: keyof Script;
  with: string | number;
}

export interface FakeClient extends ServiceClient {
  heard: Heard[];
}

/**
 * Plays a script; the last answer of each kind is repeated. A run for which nothing is written down is as the events last showed it.
 */
export function fakeClient(clock: Clock, script: Script): FakeClient {
  const heard: Heard[] = [];
  const counts = new Map<string, number>();

  async function play<T>(what: keyof Script, argument: string | number, call: CallOptions = {}): Promise<T> {
    call.signal?.throwIfAborted();
    heard.push({ at: clock.now(), what, with: argument });
    const answers = script[what] as Scripted<T>[] | undefined;
    const count = counts.get(what) ?? 0;
    counts.set(what, count + 1);
    const answer = answers?.[Math.min(count, answers.length - 1)];
    if (answer === undefined) throw new Error(`nothing is written down for ${what}`);
    if (answer instanceof Error) throw answer;
    return typeof answer === "function" ? await (answer as (call: CallOptions) => T)(call) : answer;
  }

  let seen: Run | undefined;
  async function events(limit: number, call?: CallOptions): Promise<RunEvents> {
    const answer = await play<RunEvents>("events", limit, call);
    seen = answer.run;
    return answer;
  }
  async function run(id: string, call?: CallOptions): Promise<Run> {
    if (script.run !== undefined || seen === undefined) return await play("run", id, call);
    call?.signal?.throwIfAborted();
    heard.push({ at: clock.now(), what: "run", with: id });
    return seen;
  }

  return {
    heard,
    origin: "https://mogplex.example",
    get requests() {
      return heard.length;
    },
    startRun: (_request, key, call) => play("start", key.idempotencyKey, call),
    getRunEvents: (_id, query, call) => events(query?.limit ?? 200, call),
    getRun: run,
    cancelRun: (id, call) => play("cancel", id, call),
  } as Partial<ServiceClient> as FakeClient;
}

/** Everything that a generator yields, and what it throws. */
export async function drain<T>(items: AsyncGenerator<T, unknown, void>): Promise<{ items: T[]; error: unknown }> {
  const got: T[] = [];
  try {
    for await (const item of items) got.push(item);
  } catch (error) {
    return { items: got, error };
  }
  return { items: got, error: undefined };
}
