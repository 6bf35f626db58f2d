/**
 * Decides the idempotency key of a start from the caller's options.
 *
 * @module
 */
import type { Keys } from "../api/option_check.ts";
import { checkIdempotencyKey } from "../api/validate.ts";
import { UsageError } from "../errors.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import { createRedactor } from "../text/redact.ts";
import { deriveKey, KEY_SCOPES, type KeyScope } from "./key.ts";
import type { Session } from "./session.ts";

/** Options for the idempotency key of a start. */
export interface KeyOptions {
  /**
   * Key to use as it is, at most 200 characters. A run that it finds is taken however it ended.
   * @default derived from the other options
   */
  idempotencyKey?: string | undefined;
  /** How often a job gets a new run: `pipeline`, `job`, `day` or `random`. @default `pipeline` in CI, else `random` */
  keyScope?: KeyScope | undefined;
  /** Distinguishes several runs of one job; at most 1 000 characters. @default {""} */
  keyPart?: string | undefined;
  /** Identity of the CI job; null for none, which makes the key random. @default from the CI system's variables */
  identity?: JobIdentity | null | undefined;
  /**
   * Called with the key before the first byte of a start is sent with it, so that the run can be found whatever happens: the same start
   * with this key as `idempotencyKey` finds it. Called again for a further key. If it throws, nothing is sent. @default {undefined}
   */
  onStarting?: ((starting: { idempotencyKey: string }) => void) | undefined;
}

/** The names and types of {@linkcode KeyOptions}. */
export function keyKeys(): Keys<KeyOptions> {
  return { idempotencyKey: "string", keyScope: "string", keyPart: "string", identity: "any", onStarting: "function" };
}

/** The key of a start, before a suffix is added. */
export interface StartKey {
  /** Key without a suffix. */
  key: string;
  /** The scope that it was derived with; `given` for a key from the caller. */
  scope: KeyScope | "given";
  /** Number of the series to begin with: 1 is the key itself. */
  suffix: number;
  /** A run that it finds and that ended longer ago, in milliseconds, is not taken: the next key starts a new one. @default {Infinity} */
  maxEndAgeMs?: number | undefined;
}

/** Longest {@linkcode KeyOptions.keyPart}. */
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
    const why = "an idempotency key is used as it is: a key scope or a key part cannot change it";
    throw new UsageError({ attempted: what, why, advice: "give one of them" });
  }
}

/**
 * Decides the key of a start.
 *
 * @param what What will be attempted, after "Cannot".
 * @param about Further parts of a derived key; `more` distinguishes starts of one job in addition to the caller's `keyPart`.
 * @throws {UsageError} when an option breaks a rule.
 */
export function planKey(
  session: Session,
  options: KeyOptions,
  what: string,
  about: { job: JobIdentity | null; repoId: string; more?: string },
): StartKey {
  const { idempotencyKey, keyPart = "" } = options;
  checkKeyOptions(what, options);
  if (idempotencyKey !== undefined) {
    const { token: maskToken } = createRedactor({ token: session.token });
    return { key: checkIdempotencyKey(idempotencyKey, maskToken), scope: "given", suffix: 1 };
  }
  const { job: identity, repoId, more } = about;
  const scope = options.keyScope ?? (session.platform.isCi || identity !== null ? "pipeline" : "random");
  const part = more === undefined ? keyPart : JSON.stringify([keyPart, more]);
  const parts = { scope, identity, keyPart: part, repoId, nowMs: session.clock.wallTime() };
  return { ...deriveKey(parts, session.notify), suffix: 1 };
}

/** Identity of the CI job: the caller's if given, else from the CI system; null outside CI. */
export function jobOf({ platform, env }: Session, { identity }: KeyOptions): JobIdentity | null {
  return identity === undefined ? platform.identity(env) : identity;
}
