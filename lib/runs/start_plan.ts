/**
 * Everything about a start that is settled before anything is sent: the request, its key, the deadline.
 *
 * @module
 */
import type { CallOptions } from "../api/client.ts";
import { validateStartRequest } from "../api/validate.ts";
import { type KeyScope, splitSuffix } from "../job/key.ts";
import { checkTimeout, type ConnectOptions, DEFAULT_TIMEOUT_MS, type Session } from "../job/session.ts";
import { jobOf, type KeyOptions, planKey, type StartKey } from "../job/start_key.ts";
import type { Startable } from "../job/started.ts";
import type { StartRequest, StartResult } from "../model.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import { requestHash, type RunState } from "./state.ts";

/** Options of {@linkcode start}. */
export interface StartOptions extends ConnectOptions, KeyOptions {
  /** Whole wait in milliseconds: more than 0, at most 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** Gets the run at once, before anything else happens. @default nobody */
  onStarted?: ((started: StartedRun) => void) | undefined;
}

/** A run that was started or found. */
export interface StartedRun {
  /** UUID of the run. */
  runId: string;
  /** The run as the start answered it. */
  run: StartResult;
  /** Whether it existed before. */
  replayed: boolean;
  /** Key that finds it again. */
  idempotencyKey: string;
  /** Where the key comes from; `given` is the caller's own. */
  keyScope: KeyScope | "given";
  /** Whether this job owns the run, so that it may stop it: see `ownsRun`. */
  owned: boolean;
}

/** Everything about a start that is settled before anything is sent. */
export interface StartPlan {
  /** The request in the form that is sent. */
  request: StartRequest;
  /** SHA-256 of it. */
  hash: string;
  /** Its key. */
  key: StartKey;
  /** Who the job is. */
  job: JobIdentity | null;
  /** Point on the clock. */
  deadline: number;
}

/** The start of a run. */
export function startableRun({ client }: Session, plan: StartPlan): Startable<StartResult> {
  const { request, key, job, deadline } = plan;
  const send = (idempotencyKey: string, call: CallOptions) => client.startRun(request, { idempotencyKey }, call);
  return { what: "start run", key, job, deadline, takesSlot: true, send };
}

/** `$NAME` as shells and CI systems write it: two characters or more, in upper case. */
const VARIABLE = /\$[A-Z][A-Z0-9_]+\b/;

/** Warns of a variable that a template left in the prompt: later revisions take `$name` for a call of a skill. */
function warnOfVariable({ notify }: Session, { prompt }: StartRequest): void {
  const [name] = VARIABLE.exec(prompt) ?? [];
  if (name === undefined) return;
  const message = `the prompt has ${name} in it, which nothing replaced; the service may take it for a call of a skill`;
  notify({ kind: "text", message });
}

/** Settles request and key. @throws {UsageError} when something breaks a rule; nothing was sent. */
export async function planStart(session: Session, request: StartRequest, options: StartOptions): Promise<StartPlan> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const deadline = session.startedAt + checkTimeout(timeoutMs);
  const valid = validateStartRequest(request);
  warnOfVariable(session, valid);
  const job = jobOf(session, options);
  const key = await planKey(session, options, "start run", { job, repoId: valid.repoId });
  return { request: valid, hash: await requestHash(valid), key, job, deadline };
}

/** The plan with the key of an earlier attempt, when that attempt sent the same request and no key was given. */
export function resumePlan(session: Session, plan: StartPlan, state: RunState | undefined): StartPlan {
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
  // A random key that this job made is as good as its own; one that the user gave may be shared with others.
  const other = state.owned ? "random" : "given";
  return { ...plan, key: { key, suffix, scope: key === plan.key.key ? plan.key.scope : other } };
}
