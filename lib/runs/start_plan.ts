/**
 * Plans a start before anything is sent: checks the request, derives its key, sets the deadline.
 *
 * @module
 */
import type { CallOptions } from "../api/client.ts";
import { type KeyScope, splitSuffix } from "../job/key.ts";
import { checkTimeout, connectKeys, type ConnectOptions, DEFAULT_TIMEOUT_MS, type Session } from "../job/session.ts";
import { jobOf, keyKeys, type KeyOptions, planKey, type StartKey } from "../job/start_key.ts";
import type { Startable, Started } from "../job/started.ts";
import type { StartRequest, StartResult } from "../model.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import { checkRunRequest, resolveRequest, type RunRequest } from "./run_request.ts";
import { requestHash, type RunState } from "./state.ts";

/** Options of {@linkcode start}. */
export interface StartOptions extends ConnectOptions, KeyOptions {
  /** Whole wait in milliseconds: more than 0, at most 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** Called as soon as the run is started or found. @default {undefined} */
  onStarted?: ((started: StartedRun) => void) | undefined;
}

/**
 * The names and types of the options of all calls about runs. Scripts give one object to several of them, so each call accepts the options of
 * the others, without an effect.
 */
export function runKeys() {
  const own = {
    timeoutMs: "number",
    onStarted: "function",
    tokenShare: "number",
    stream: "boolean",
    eventsFile: "string",
    throwOnFailure: "boolean",
    onTimeout: "string",
    onAbort: "string",
    onItem: "function",
  } as const;
  return { ...connectKeys(), ...keyKeys(), ...own };
}

/** A run that was started or found. */
export interface StartedRun {
  /** UUID of the run. */
  runId: string;
  /** The start's answer. */
  run: StartResult;
  /** Whether the run existed before this start. */
  replayed: boolean;
  /** Key that finds the run again. */
  idempotencyKey: string;
  /** The scope that the key was derived with; `given` for a key from the caller. */
  keyScope: KeyScope | "given";
  /** Whether this job owns the run and may stop it: it, or an earlier attempt of the same job, started the run. */
  owned: boolean;
}

/** A start that is ready to be sent. */
export interface StartPlan {
  /** The request in the form that is sent. */
  request: StartRequest;
  /** SHA-256 of the request, as 64 hex digits. */
  hash: string;
  /** Its key. */
  key: StartKey;
  /** Identity of the CI job; null outside CI. */
  job: JobIdentity | null;
  /** Point on the clock until which to try, in milliseconds. */
  deadline: number;
}

/** The plan in the form that {@linkcode Starter} takes. */
export function startableRun({ client }: Session, plan: StartPlan): Startable<StartResult> {
  const { request, key, job, deadline } = plan;
  const send = (idempotencyKey: string, call: CallOptions) => client.startRun(request, { idempotencyKey }, call);
  return { what: "start run", key, job, deadline, takesSlot: true, send };
}

/** `$NAME` as shells and CI systems write it: two characters or more, in upper case. */
const VARIABLE = /\$[A-Z][A-Z0-9_]+\b/;

/** Warns of a variable that a template left in the prompt: later revisions may call a skill for `$name`. */
function warnOfVariable({ notify }: Session, { prompt }: Pick<StartRequest, "prompt">): void {
  const [name] = VARIABLE.exec(prompt) ?? [];
  if (name === undefined) return;
  const message = `the prompt has ${name} in it, which nothing replaced; the service may take it for a call of a skill`;
  notify({ kind: "text", message });
}

/**
/**
 * Checks the request, looks up a repository that is given by name, and decides the key.
 *
 * @param byTask Whether the request is a part of a derived key, so that two tasks of a job are two runs. The command has one task a job.
 * @throws {UsageError} when something breaks a rule, or there is no such repository; nothing was started.
 * @throws what the client throws for the look-up.
 */
export async function planStart(
  session: Session,
  request: RunRequest,
  options: StartOptions,
  byTask = false,
): Promise<StartPlan> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const deadline = session.startedAt + checkTimeout(timeoutMs);
  const checked = checkRunRequest(request);
  warnOfVariable(session, checked.rest);
  const { client, signal } = session;
  const valid = await resolveRequest(client, checked, { deadline, signal });
  const job = jobOf(session, options);
  const hash = requestHash(valid);
  const more = byTask ? hash : undefined;
  const key = planKey(session, options, "start run", { job, repoId: valid.repoId, more });
  return { request: valid, hash, key, job, deadline };
}

/** Number of a repeated execution, where the CI system counts them: others give each execution an id. */
const REPEATED = /^(?:[2-9]|[1-9]\d)$/;

/** Says in a repeated job that a task starts afresh: a prompt with a time in it never finds the run of the first execution. */
export function noteNewTask(
  { notify }: Session,
  { key, job }: StartPlan,
  { replayed, keyScope }: Started<StartResult>,
): void {
  if (replayed || key.scope !== "pipeline" || keyScope !== "pipeline" || !REPEATED.test(job?.attempt ?? "")) return;
  const message =
    "the task differs from those that earlier attempts of this job started: a new run (times and build numbers in a " +
    "prompt make every attempt another task)";
  notify({ kind: "text", message });
}

/**
 * Takes over the key of an earlier attempt, if that attempt sent the same request and the caller gave no key.
 *
 * @param maxEndAgeMs See {@linkcode StartKey}.
 */
export function resumePlan(
  session: Session,
  plan: StartPlan,
  state: RunState | undefined,
  maxEndAgeMs?: number,
): StartPlan {
  if (state === undefined || plan.key.scope === "given") return plan;
  if (state.idempotencyKey === null) {
    session.notify({ kind: "text", message: "the state file is of a run that was only followed, so it has no key" });
    return plan;
  }
  if (state.requestHash !== plan.hash) {
    session.notify({ kind: "text", message: "the state file is of another request, so its key is not used" });
    return plan;
  }
  const { key, suffix } = splitSuffix(state.idempotencyKey);
  // A random key that this job made is its own. A key from the user may be shared with other jobs.
  const other = state.owned ? "random" : "given";
  return { ...plan, key: { key, suffix, scope: key === plan.key.key ? plan.key.scope : other, maxEndAgeMs } };
}
