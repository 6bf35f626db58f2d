/**
 * Idempotency keys: the same job finds the same run again, another job never does.
 *
 * @module
 */
import type { OnNotice } from "../notice.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import { sha256Hex } from "../sha256.ts";

/**
 * What makes a new run. `pipeline`: another pipeline, so that a retried job attaches to the run it started; `job`: every
 * execution of the job; `day`: another UTC date of the pipeline's creation; `random`: every start.
 */
export type KeyScope = "pipeline" | "job" | "day" | "random";

/** All scopes, for checks and for the help. */
export const KEY_SCOPES: readonly KeyScope[] = ["pipeline", "job", "day", "random"];

/** What a key is made of. */
export interface KeyParts {
  /** What makes a new run. */
  scope: KeyScope;
  /** Who the job is; null outside CI. */
  identity: JobIdentity | null;
  /** Tells apart several runs of one job. @default {""} */
  keyPart?: string | undefined;
  /** UUID of the repository: the service keeps keys per user, over all repositories. */
  repoId: string;
  /** Wall time in milliseconds since 1970; its UTC date stands in where the CI system hides when a pipeline was created. */
  nowMs: number;
}

/** A key, and how it came about. */
export interface Key {
  /** The key without a suffix; at most 200 characters. */
  key: string;
  /** The scope that really applies: `random` when the identity was not complete. */
  scope: KeyScope;
}

/** Last suffix of a derived key: the key itself, then `.2` to `.5`. Source: design, "Idempotency keys". */
export const LAST_SUFFIX = 5;

type Field = [name: string, value: string | null];

/** Fields that replace the pipeline, or come on top of it, by scope. */
function period(scope: KeyScope, identity: JobIdentity, nowMs: number): Field[] {
  if (scope === "day") {
    const date = identity.date ?? new Date(nowMs).toISOString().slice(0, 10);
    return [["date of the pipeline", date], ["schedule", identity.schedule]];
  }
  const pipeline: Field = ["pipeline", identity.pipeline];
  return scope === "job" ? [pipeline, ["attempt of the job", identity.attempt]] : [pipeline];
}

/** SHA-256 of a value's JSON text, as 64 hex digits. */
export function hashOf(value: unknown): Promise<string> {
  return sha256Hex(JSON.stringify(value));
}

function randomKey(): Key {
  return { key: crypto.randomUUID(), scope: "random" };
}

/**
 * Derives the key of a start.
 *
 * `ci1-` and 40 hex digits of SHA-256 over the JSON array `["mogplex-ci/1", scope, CI server URL, project, pipeline, job name,
 * matrix node, key part, repository id]`. With `job` the pipeline's place holds an array of pipeline and attempt, with `day`
 * one of date and schedule, so that no two scopes and no two fields can run into each other.
 *
 * @param parts What tells this start from others.
 * @param onNotice Told when the identity is not complete and the key is therefore random.
 */
export async function deriveKey(parts: KeyParts, onNotice?: OnNotice): Promise<Key> {
  const { scope, identity, keyPart = "", repoId, nowMs } = parts;
  if (scope === "random") return randomKey();
  if (identity === null) {
    onNotice?.({ kind: "random_key", missing: ["CI system"] });
    return randomKey();
  }
  const when = period(scope, identity, nowMs);
  const fields: Field[] = [["server", identity.server], ["project", identity.project], ...when, ["job", identity.job]];
  const missing = fields.filter(([, value]) => value === null).map(([name]) => name);
  if (missing.length > 0) {
    onNotice?.({ kind: "random_key", missing });
    return randomKey();
  }
  const values = when.map(([, value]) => value);
  const hash = await hashOf([
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

/** The key of a series: itself, or with `.2` to `.5`. */
export function keyWithSuffix(key: string, suffix: number): string {
  return suffix <= 1 ? key : `${key}.${suffix}`;
}

/** Takes a key of a series apart; a key that is not derived is its own first. */
export function splitSuffix(key: string): { key: string; suffix: number } {
  const match = /^(ci1-[0-9a-f]{40})\.([2-9])$/.exec(key);
  return match ? { key: match[1] ?? key, suffix: Number(match[2]) } : { key, suffix: 1 };
}
