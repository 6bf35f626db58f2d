import type { JobIdentity } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import { callHook } from "../hook.ts";
import type { NoticeFacts } from "../notice.ts";
import { checkIdempotencyKey, type Keys } from "../service/validate.ts";
import { sha256Hex } from "../sha256.ts";
import type { Session } from "./session.ts";

/**
 * How often a job gets a new run. `pipeline`: once per pipeline, so that a retried job attaches to the run that it started; `job`: every
 * time the job is executed; `day`: once per day, by the UTC date on which the pipeline was created; `random`: at every start.
 */
export type KeyScope = "pipeline" | "job" | "day" | "random";

export const KEY_SCOPES: readonly KeyScope[] = ["pipeline", "job", "day", "random"];

export function findsAgain(scope: string): boolean {
  return scope !== "job" && scope !== "random";
}

interface KeyParts {
  scope: KeyScope;
  identity: JobIdentity | null;
  keyPart?: string | undefined;
  /** The repository is part of the key, because the service has one set of keys per user for all repositories. */
  repoId: string;
  /** Wall time in milliseconds since 1970. Its UTC date is used if the CI system does not show when the pipeline was created. */
  nowMs: number;
}

interface Key {
  key: string;
  scope: KeyScope;
}

/** The suffix of the last key of a job. Each key that finds a finished run uses one of the user's permitted starts. */
export const LAST_SUFFIX = 9;

/** If an agent has worked under this suffix or a later one, a job that reads its own earlier run starts no other run. */
export const LAST_AGENT_SUFFIX = 5;

export const NO_NEW_RUN = "no new run was started, because all keys that this job has tried belong to finished runs";

export const ANOTHER_RUN =
  "to start another run, start a new pipeline or build (on GitHub: a new workflow run), or use the key scope job";

export const KEYS_USED_UP = `${NO_NEW_RUN}; ${ANOTHER_RUN}`;

/** Programs replace this text with their flag or input. */
export const ADD_KEY_PART = "set `keyPart`";

type Field = [name: string, value: string | null];

function period(scope: KeyScope, identity: JobIdentity, nowMs: number): Field[] {
  if (scope === "day") {
    const date = identity.date ?? new Date(nowMs).toISOString().slice(0, 10);
    return [["date of the pipeline", date], ["schedule", identity.schedule]];
  }
  const pipeline: Field = ["pipeline", identity.pipeline];
  return scope === "job" ? [pipeline, ["attempt of the job", identity.attempt]] : [pipeline];
}

export function hashOf(value: unknown): string {
  return sha256Hex(JSON.stringify(value));
}

function missingFields(scope: KeyScope, identity: JobIdentity, nowMs: number): string[] {
  const fields: Field[] = [
    ["server", identity.server],
    ["project", identity.project],
    ...period(scope, identity, nowMs),
    ["job", identity.job],
  ];
  return fields.filter(([, value]) => value === null).map(([name]) => name);
}

function randomKey(): Key {
  return { key: crypto.randomUUID(), scope: "random" };
}

/**
 * Derives the key of a start: `ci1-` and 40 hex digits of SHA-256 over the JSON array `["mogplex-ci/1", scope, CI server URL, project, pipeline, job
 * name, matrix node, key part, repository id]`. With `job`, an array of the pipeline and the attempt replaces the pipeline. With `day`, an array of
 * the date and the schedule replaces the pipeline. Keys of different scopes or fields therefore differ.
 */
export function deriveKey(parts: KeyParts, onNotice?: (notice: NoticeFacts) => unknown): Key {
  const { scope, identity, keyPart = "", repoId, nowMs } = parts;
  if (scope === "random") return randomKey();
  if (identity === null) {
    callHook(onNotice, { kind: "random_key", missing: ["CI system"] });
    return randomKey();
  }
  const missing = missingFields(scope, identity, nowMs);
  if (missing.length > 0) {
    callHook(onNotice, { kind: "random_key", missing });
    return randomKey();
  }
  const values = period(scope, identity, nowMs).map(([, value]) => value);
  const hash = hashOf([
    "mogplex-ci/1",
    scope,
    identity.server,
    identity.project,
    values.length === 1 ? values[0] : values,
    identity.job,
    identity.node,
    keyPart,
    repoId.toLowerCase(),
  ]);
  return { key: `ci1-${hash.slice(0, 40)}`, scope };
}

export function isComplete(identity: JobIdentity): boolean {
  return missingFields("pipeline", identity, 0).length === 0;
}

export function keyWithSuffix(key: string, suffix: number): string {
  return suffix <= 1 ? key : `${key}.${suffix}`;
}

/** The key of an automation run begins with the ids of the automation and the repository. */
export function isDerivedKey(key: string): boolean {
  return /^(?:[0-9a-f-]{36}\/){0,2}ci1-[0-9a-f]{40}(?:\.[2-9])?$/.test(key);
}

export function splitSuffix(key: string): { key: string; suffix: number } {
  const match = /^(ci1-[0-9a-f]{40})\.([2-9])$/.exec(key);
  return match ? { key: match[1] ?? key, suffix: Number(match[2]) } : { key, suffix: 1 };
}

/** Options for the idempotency key of a start. */
export interface KeyOptions {
  /**
   * Key to use unchanged, at most 200 characters. If the key finds a run, that run is used, however it ended.
   * @default derived from the other options
   */
  idempotencyKey?: string | undefined;
  /** How often a job gets a new run: `pipeline`, `job`, `day` or `random`. @default `pipeline` in CI, otherwise `random` */
  keyScope?: KeyScope | undefined;
  /** Distinguishes several runs of one job; at most 1,000 characters. @default {""} */
  keyPart?: string | undefined;
  /** Identity of the CI job; `null` for no identity, which makes the key random. @default from the CI system's variables */
  identity?: JobIdentity | null | undefined;
  /**
   * Called with the key before the first byte of a start is sent, so that you can find the run whatever happens. To find the run, repeat the start
   * with this key as `idempotencyKey`. If another key is needed, the function is called again, and the new key replaces the previous key. The
   * returned promise is awaited as long as `timeoutMs` and `signal` permit. If the function throws or rejects, nothing is sent, and the start rejects
   * with that error as the `cause`.
   */
  onStarting?: ((starting: { idempotencyKey: string }) => unknown) | undefined;
}

export function keyKeys(): Keys<KeyOptions> {
  return { idempotencyKey: "string", keyScope: "string", keyPart: "string", identity: "any", onStarting: "function" };
}

export interface StartKey {
  key: string;
  /** `given` for a key from the caller. */
  scope: KeyScope | "given";
  suffix: number;
  isSeries?: boolean | undefined;
  /** Maximum time since the end of a run that the key finds. An older run is ignored, and the next key starts a new run. @default {Infinity} */
  maxEndAgeMs?: number | undefined;
}

export interface KeyChoice extends KeyOptions {
  randomKey?: string | undefined;
  isSeries?: boolean | undefined;
}

const MAX_KEY_PART = 1_000;

function checkKeyOptions(what: string, { keyScope, keyPart, idempotencyKey }: KeyOptions): void {
  if (keyScope !== undefined && !KEY_SCOPES.includes(keyScope)) {
    const why = `'keyScope' must be one of ${KEY_SCOPES.join(", ")}`;
    throw new UsageError({ attempted: what, why, value: JSON.stringify(keyScope) });
  }
  if (keyPart !== undefined && keyPart.length > MAX_KEY_PART) {
    const why = `'keyPart' must have at most ${MAX_KEY_PART} characters`;
    throw new UsageError({ attempted: what, why, value: `it has ${keyPart.length}` });
  }
  if (idempotencyKey !== undefined && (keyScope !== undefined || keyPart !== undefined)) {
    const why = "an idempotency key is used as is: a key scope or a key part cannot change it";
    throw new UsageError({ attempted: what, why, advice: "use only one of them" });
  }
}

export function planKey(
  session: Session,
  options: KeyChoice,
  what: string,
  about: { job: JobIdentity | null; repoId: string; more?: string },
): StartKey {
  const { idempotencyKey, keyPart = "" } = options;
  checkKeyOptions(what, options);
  if (idempotencyKey !== undefined) {
    const key = checkIdempotencyKey(idempotencyKey, session.redactor().token);
    return { key, scope: "given", suffix: 1, isSeries: options.isSeries };
  }
  const { job: identity, repoId, more } = about;
  const scope = options.keyScope ?? (session.platform.isCi || identity !== null ? "pipeline" : "random");
  const part = more === undefined ? keyPart : JSON.stringify([keyPart, more]);
  const parts = { scope, identity, keyPart: part, repoId, nowMs: session.clock.wallTime() };
  const derived = deriveKey(parts, session.notify);
  const key = derived.scope === "random" ? options.randomKey ?? derived.key : derived.key;
  return { ...derived, key, suffix: 1 };
}

type Place = Pick<Session, "platform" | "env">;

export function jobOf({ platform, env }: Place, { identity }: KeyOptions): JobIdentity | null {
  return identity === undefined ? platform.identity(env) : identity;
}

/** Outside CI, several commands can follow the same run, and none of them is a retry of another one. */
export function isOutsideCi(place: Place, options: KeyOptions = {}): boolean {
  return !place.platform.isCi && jobOf(place, options) === null;
}
