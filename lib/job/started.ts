/**
 * What a start is, what it answers, and who owns what was found.
 *
 * @module
 */
import type { CallOptions } from "../api/client.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import type { KeyScope } from "./key.ts";
import type { StartKey } from "./start_key.ts";

/** Most that the clocks of the service and of this machine are taken to differ by, in milliseconds. */
export const CLOCK_SKEW_MS = 5_000;

/** What a start answers, as far as the series of keys has to know it. */
export interface Found {
  /** UUID. */
  runId: string;
  /** The service's word. */
  status: string;
  /** Whether it existed before under the key. */
  replayed: boolean;
  /** ISO 8601 with offset; null when the answer does not tell. */
  createdAt: string | null;
  /** Last change of its record, so the end of one that has ended; null when the answer does not tell. */
  updatedAt: string | null;
}

/** What a {@linkcode Starter} starts. */
export interface Startable<R extends Found> {
  /** What is attempted, after "Cannot": `start run`. */
  what: string;
  /** Its key. */
  key: StartKey;
  /** Who the job is. */
  job: JobIdentity | null;
  /** Point on the clock. */
  deadline: number;
  /**
   * Whether it takes a slot for starts, so that a 429 can be the limit of these, and is failed by the service when its queue is down.
   * Runs of agents do both, runs of automations neither.
   */
  takesSlot: boolean;
  /** One attempt; each one with a key sends the same bytes. */
  send(idempotencyKey: string, call: CallOptions): Promise<R>;
}

/** Something that was started or found, and what is known of its key. */
export interface Started<R extends Found> {
  /** UUID. */
  runId: string;
  /** As the start answered it. */
  run: R;
  /** Whether it existed before. */
  replayed: boolean;
  /** Key that finds it again. */
  idempotencyKey: string;
  /** Where the key comes from; `given` is the caller's own. */
  keyScope: KeyScope | "given";
  /** Whether this job owns it, so that it may stop it: see {@linkcode ownsRun}. */
  owned: boolean;
}

/**
 * Whether a run was created after a point of the service's wall time, as far as two clocks can tell.
 *
 * @param toleranceMs How long before that point is still taken for after it, in milliseconds.
 */
export function isNewerThan(
  { createdAt }: Pick<Found, "createdAt">,
  wallMs: number,
  toleranceMs = CLOCK_SKEW_MS,
): boolean {
  return createdAt !== null && Date.parse(createdAt) >= wallMs - toleranceMs;
}

/**
 * Whether this job owns a run, so that it may stop it: it started the run, or an earlier attempt of the same job did.
 *
 * @param firstSentMs The service's wall time at this process's first attempt, if the outcome of one is not known; else `Infinity`.
 */
export function ownsRun(run: Found, scope: StartKey["scope"], firstSentMs: number): boolean {
  return !run.replayed || scope === "pipeline" || scope === "job" || scope === "random" ||
    isNewerThan(run, firstSentMs);
}
