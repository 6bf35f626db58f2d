/**
 * Everything about a start that is settled before anything is sent: the request, its key, the deadline.
 *
 * @module
 */
import { checkIdempotencyKey, validateStartRequest } from "../api/validate.ts";
import { UsageError } from "../errors.ts";
import type { StartRequest, StartResult } from "../model.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import { deriveKey, KEY_SCOPES, type KeyScope, splitSuffix } from "../job/key.ts";
import { checkTimeout, type ConnectOptions, DEFAULT_TIMEOUT_MS, type Session } from "../job/session.ts";
import { requestHash, type RunState, stateProof } from "./state.ts";

/** Options of {@linkcode start}. */
export interface StartOptions extends ConnectOptions {
  /** Whole wait in milliseconds: more than 0, at most 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** Key to use as it is, at most 200 characters; a replay then attaches whatever became of the run. @default derived */
  idempotencyKey?: string | undefined;
  /** What makes a new run: `pipeline`, `job`, `day` or `random`. @default `pipeline` in CI, else `random` */
  keyScope?: KeyScope | undefined;
  /** Tells apart several runs of one job; at most 1 000 characters. @default {""} */
  keyPart?: string | undefined;
  /** Who the job is. @default what the CI system says */
  identity?: JobIdentity | null | undefined;
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

/** The key of a start, and the last one of its series. */
export interface StartKey {
  /** Key without a suffix. */
  key: string;
  /** Where it comes from. */
  scope: KeyScope | "given";
  /** Suffix to begin with; 1 is the key itself. */
  suffix: number;
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
  /** See `stateProof`. */
  proof: string | null;
  /** Point on the clock. */
  deadline: number;
}

/** Longest {@linkcode StartOptions.keyPart}. */
const MAX_KEY_PART = 1_000;

/** Options that decide on a key. */
export type KeyOptions = Pick<StartOptions, "idempotencyKey" | "keyScope" | "keyPart" | "identity">;

function checkKeyOptions(what: string, { keyScope, keyPart, idempotencyKey }: KeyOptions): void {
  if (keyScope !== undefined && !KEY_SCOPES.includes(keyScope)) {
    throw new UsageError(
      `Cannot ${what} as 'keyScope' must be one of ${KEY_SCOPES.join(", ")}: current value is ${
        JSON.stringify(keyScope)
      }`,
    );
  }
  if (keyPart !== undefined && keyPart.length > MAX_KEY_PART) {
    throw new UsageError(
      `Cannot ${what} as 'keyPart' must have at most ${MAX_KEY_PART} characters: it has ${keyPart.length}`,
    );
  }
  if (idempotencyKey !== undefined && (keyScope !== undefined || keyPart !== undefined)) {
    throw new UsageError(`Cannot ${what} as an idempotency key that is given leaves nothing to a scope or a part`);
  }
}

/**
 * Settles the key.
 *
 * @param what What is going to be attempted, after "Cannot".
 * @param about What tells this start from others of the job, beside the caller's own part.
 * @throws {UsageError} when an option breaks a rule.
 */
export async function planKey(
  session: Session,
  options: KeyOptions,
  what: string,
  about: { job: JobIdentity | null; repoId: string; more?: string },
): Promise<StartKey> {
  const { idempotencyKey, keyPart = "" } = options;
  checkKeyOptions(what, options);
  if (idempotencyKey !== undefined) return { key: checkIdempotencyKey(idempotencyKey), scope: "given", suffix: 1 };
  const { job: identity, repoId, more } = about;
  const scope = options.keyScope ?? (session.platform.isCi || identity !== null ? "pipeline" : "random");
  const part = more === undefined ? keyPart : JSON.stringify([keyPart, more]);
  const parts = { scope, identity, keyPart: part, repoId, nowMs: session.clock.wallTime() };
  return { ...await deriveKey(parts, session.notify), suffix: 1 };
}

/** Who the job is. */
export function jobOf({ platform, env }: Session, { identity }: KeyOptions): JobIdentity | null {
  return identity === undefined ? platform.identity(env) : identity;
}

/** Settles request and key. @throws {UsageError} when something breaks a rule; nothing was sent. */
export async function planStart(session: Session, request: StartRequest, options: StartOptions): Promise<StartPlan> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const deadline = session.startedAt + checkTimeout(timeoutMs);
  const valid = validateStartRequest(request);
  const job = jobOf(session, options);
  const proof = await stateProof(session.token, job);
  const key = await planKey(session, options, "start run", { job, repoId: valid.repoId });
  return { request: valid, hash: await requestHash(valid), key, job, proof, deadline };
}

/** The plan with the key of an earlier attempt, when that attempt sent the same request and no key was given. */
export function resumePlan(session: Session, plan: StartPlan, state: RunState | undefined): StartPlan {
  if (state === undefined || plan.key.scope === "given") return plan;
  if (state.requestHash !== plan.hash) {
    session.notify({ kind: "text", message: "the state file is of another request, so its key is not used" });
    return plan;
  }
  const { key, suffix } = splitSuffix(state.idempotencyKey);
  // A random key that this job made is as good as its own; one that the user gave may be shared with others.
  const other = state.owned ? "random" : "given";
  return { ...plan, key: { key, suffix, scope: key === plan.key.key ? plan.key.scope : other } };
}
