/**
 * The data of a start: what is started, the answer, and whether this job owns what was found.
 *
 * @module
 */
import type { CallOptions } from "../api/client.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import type { KeyScope } from "./key.ts";
import type { StartKey } from "./start_key.ts";

/** Largest difference that we assume between the clocks of the service and of this machine, in milliseconds. */
export const CLOCK_SKEW_MS = 5_000;

/** The part of a start's answer that {@linkcode Starter} reads. */
export interface Found {
  /** UUID of the run. */
  runId: string;
  /** Status, as the service sends it. */
  status: string;
  /** Whether the key found a run that existed before. */
  replayed: boolean;
  /** Time of creation, in ISO 8601 with offset; null if the answer has none. */
  createdAt: string | null;
  /** Last change of its record, in ISO 8601 with offset: its end, if it has ended; null if the answer has none. */
  updatedAt: string | null;
}

/** Something that a {@linkcode Starter} can start. */
export interface Startable<R extends Found> {
  /** What is attempted, after "Cannot": `start run`. */
  what: string;
  /** Its key. */
  key: StartKey;
  /** Identity of the CI job; null outside CI. */
  job: JobIdentity | null;
  /** Point on the clock until which to try, in milliseconds. */
  deadline: number;
  /**
   * Whether the service counts it against the limit of starts (so that a 429 can mean that limit), and fails it when its queue is
   * down. Both hold for runs of agents, and neither for runs of automations.
   */
  takesSlot: boolean;
  /** One attempt. All attempts with one key must send the same bytes. */
  send(idempotencyKey: string, call: CallOptions): Promise<R>;
}

/** A run that was started or found, with its key. */
export interface Started<R extends Found> {
  /** UUID of the run. */
  runId: string;
  /** The start's answer. */
  run: R;
  /** Whether the run existed before this start. */
  replayed: boolean;
  /** Key that finds the run again. */
  idempotencyKey: string;
  /** The scope that the key was derived with; `given` for a key from the caller. */
  keyScope: KeyScope | "given";
  /** Whether this job owns the run and may stop it: see {@linkcode ownsRun}. */
  owned: boolean;
}

/**
 * Whether a run was created at or after a time of the service. False if the time of creation is not known.
 *
 * @param wallMs The time, in milliseconds since 1970.
 * @param toleranceMs How much earlier it may have been created, in milliseconds.
 */
export function isNewerThan(
  { createdAt }: Pick<Found, "createdAt">,
  wallMs: number,
  toleranceMs = CLOCK_SKEW_MS,
): boolean {
  return createdAt !== null && Date.parse(createdAt) >= wallMs - toleranceMs;
}

/**
 * Milliseconds since the last change of a run that has ended, which is its end; `Infinity` if its time is not known.
 *
 * @param nowMs The service's wall time.
 */
export function endAgeMs({ updatedAt }: Pick<Found, "updatedAt">, nowMs: number): number {
  const endMs = Date.parse(updatedAt ?? "");
  return Number.isNaN(endMs) ? Infinity : Math.max(0, nowMs - endMs);
}

/**
 * Whether this job owns a run and may stop it: this process started the run, or an earlier attempt of the same job did.
 *
 * @param firstSentMs The service's wall time when this process sent its first attempt, if an attempt may have started the run
 * unnoticed; else `Infinity`.
 */
export function ownsRun(run: Found, scope: StartKey["scope"], firstSentMs: number): boolean {
  return !run.replayed || scope === "pipeline" || scope === "job" || scope === "random" ||
    isNewerThan(run, firstSentMs);
}
