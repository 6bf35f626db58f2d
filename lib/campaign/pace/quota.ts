/**
 * The service's quotas of starts: three sliding windows over the starts that it accepted.
 *
 * @module
 */
import { START_LIMITS } from "../../api/contract/rules.ts";

/** Names of the quotas of starts, shortest window first. */
export type QuotaName = "minute" | "hour" | "day";

/** A quota of starts. */
export interface Quota {
  /** Its name. */
  name: QuotaName;
  /** Starts that it allows within its window. */
  count: number;
  /** Length of its window, in milliseconds. */
  windowMs: number;
}

/** Active sandboxes that a user may have. Source: contract 2.2. */
export const SANDBOX_LIMIT = 3;

const NAMES: readonly QuotaName[] = ["minute", "hour", "day"];

/** The quotas of starts, shortest window first. */
export const QUOTAS: readonly Quota[] = NAMES.flatMap((name, index) => {
  const limit = START_LIMITS[index];
  return limit === undefined ? [] : [{ name, ...limit }];
});

/**
 * The quotas of the service that the environment points at: a local Mogplex may have been started without.
 *
 * @param env Reads a variable.
 */
export function quotasFor(env: (name: string) => string | undefined): readonly Quota[] {
  return env("MOGPLEX_DEV") === "1" && env("MOGPLEX_DEV_START_LIMITS")?.trim() === "off" ? [] : QUOTAS;
}

/**
 * How much longer than its window a start counts, in milliseconds. One second, since the time of a slot may be known only to the second
 * (header `Date`), rounded down; it also covers a service that counts a start exactly one window ago. One more, since our time of the
 * service is an estimate. A day's 150 starts take two seconds longer by it.
 */
export const SLOT_GUARD_MS = 2_000;

const MOST = Math.max(...QUOTAS.map(({ count }) => count));

/**
 * The starts that still matter, ascending: no quota counts more than the last 150. A start that lies in the future, since a clock was set,
 * counts as one of this moment, so that nobody waits for longer than a window at a time.
 *
 * @param slotsMs When starts took their slots, in any order.
 */
export function recentSlots(slotsMs: readonly number[], nowMs: number): number[] {
  const ascending = slotsMs.every((at, index) => index === 0 || at >= (slotsMs[index - 1] ?? at));
  const sorted = ascending ? slotsMs : [...slotsMs].sort((a, b) => a - b);
  return sorted.slice(-MOST).map((at) => Math.min(at, nowMs));
}

/**
 * When a quota allows one more start, in milliseconds since 1970; the past, or -Infinity, when it does already.
 *
 * @param slots Starts, ascending.
 */
export function freeAt({ count, windowMs }: Quota, slots: readonly number[]): number {
  const oldest = slots[slots.length - count];
  return oldest === undefined ? -Infinity : oldest + windowMs + SLOT_GUARD_MS;
}

/**
 * How much of each quota is used at a moment, as {@linkcode nextStarts} counts it.
 *
 * @param slotsMs When starts took their slots, in any order.
 */
export function quotaUse(
  slotsMs: readonly number[],
  nowMs: number,
): Record<QuotaName, { used: number; limit: number }> {
  const slots = recentSlots(slotsMs, nowMs);
  const entries = QUOTAS.map(({ name, count, windowMs }) => {
    const used = slots.filter((at) => at + windowMs + SLOT_GUARD_MS > nowMs).length;
    return [name, { used: Math.min(count, used), limit: count }];
  });
  return Object.fromEntries(entries) as Record<QuotaName, { used: number; limit: number }>;
}
