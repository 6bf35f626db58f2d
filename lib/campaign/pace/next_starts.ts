/**
 * How many runs to start now, and what keeps one more from starting.
 *
 * @module
 */
import type { Bound, Pace, PaceInput } from "./pace.ts";
import { freeAt, QUOTAS, recentSlots, SANDBOX_LIMIT } from "./quota.ts";
import { nextOpening } from "./windows.ts";
import { DAY_MS } from "./zone.ts";

const MINUTE_MS = 60_000;
/** Waits before the second and each later probe for a free sandbox, in milliseconds; the last one repeats. */
const PROBE_WAITS_MS: readonly number[] = [10, 20, 40, 60].map((minutes) => minutes * MINUTE_MS);
/** When to look again at pull requests, in milliseconds. */
const PULL_REQUESTS_AGAIN_MS = 5 * MINUTE_MS;
/** When to look again at sandboxes that are not ours: nobody reports their end. In milliseconds. */
const LOOK_AGAIN_MS = MINUTE_MS;

/** The input with what one call computes once. */
interface State extends PaceInput {
  /** The newest start after the last refusal for want of a sandbox: its outcome is not known. Null when there is none. */
  probeMs: number | null;
}

function stateOf(input: PaceInput): State {
  const slotsMs = recentSlots(input.slotsMs, input.nowMs);
  const newest = slotsMs.at(-1);
  const { sandboxRefusals } = input;
  const isProbe = newest !== undefined && sandboxRefusals !== null && newest > sandboxRefusals.lastMs;
  return { ...input, slotsMs, probeMs: isProbe ? newest : null };
}

/** When the next probe for a free sandbox is due; -Infinity when none is needed. */
function probeAt({ sandboxRefusals, probeMs, nowMs }: State): number {
  if (sandboxRefusals === null || sandboxRefusals.count < 1) return -Infinity;
  const failures = sandboxRefusals.count + (probeMs === null ? 0 : 1);
  // The first probe goes out at once. One that nobody has an answer to counts as one that failed.
  if (failures === 1) return -Infinity;
  const wait = PROBE_WAITS_MS[Math.min(failures - 2, PROBE_WAITS_MS.length - 1)] ?? 0;
  return Math.min(Math.max(sandboxRefusals.lastMs, probeMs ?? -Infinity), nowMs) + wait;
}

/** What only time ends, and when. */
function timedHold(state: State): { because: Bound; nextMs: number | null } | null {
  const { nowMs, slotsMs, quotas = QUOTAS, refusedUntilMs, windows } = state;
  let because: Bound | null = null;
  let nextMs = nowMs;
  function until(bound: Bound, ms: number): void {
    if (ms > nextMs) [because, nextMs] = [bound, ms];
  }
  // The longest window first: of two that end together it is the one to name.
  for (const quota of quotas.toReversed()) until(quota.name, freeAt(quota, slotsMs));
  // No quota is longer than a day, so what lies further ahead comes from a clock that was set.
  until("refused", Math.min(refusedUntilMs ?? -Infinity, nowMs + DAY_MS));
  until("sandboxes", probeAt(state));
  const opening = nextOpening(windows, nextMs);
  if (opening !== nextMs) return { because: "window", nextMs: opening };
  return because === null ? null : { because, nextMs };
}

/** What a run that ends, or a sandbox that is freed, changes. */
function capacityHold(
  { nowMs, sandboxes, running, parallel }: State,
): { because: Bound; nextMs: number | null } | null {
  // A run that waits in the service's queue has no sandbox yet, and will need one.
  const used = Math.max(sandboxes ?? 0, running);
  if (running >= parallel && parallel < SANDBOX_LIMIT) return { because: "parallel", nextMs: null };
  if (used >= SANDBOX_LIMIT) return { because: "sandboxes", nextMs: used > running ? nowMs + LOOK_AGAIN_MS : null };
  return null;
}

/** The file's limit of open pull requests. Nobody tells of one that is merged. */
function pullRequestHold({ nowMs, running, pullRequests }: State): { because: Bound; nextMs: number | null } | null {
  if (pullRequests === null || pullRequests === undefined) return null;
  const { open, limit } = pullRequests;
  const isFree = open !== null && open + running < limit;
  return isFree ? null : { because: "pull-requests", nextMs: nowMs + PULL_REQUESTS_AGAIN_MS };
}

/** What keeps the next start from being sent now; null when nothing does. */
function hold(state: State): { because: Bound; nextMs: number | null } | null {
  if (state.waiting < 1) return { because: "nothing", nextMs: null };
  if (state.closed !== null) return { because: state.closed, nextMs: null };
  return timedHold(state) ?? pullRequestHold(state) ?? capacityHold(state);
}

/** The state after one start. */
function afterStart(state: State): State {
  return {
    ...state,
    slotsMs: [...state.slotsMs, state.nowMs],
    sandboxes: state.sandboxes === null ? null : state.sandboxes + 1,
    running: state.running + 1,
    waiting: state.waiting - 1,
    probeMs: state.sandboxRefusals === null ? null : state.nowMs,
  };
}

/**
 * Decides how many runs to start now, and when another one may be possible.
 *
 * `because` is what keeps one more from starting after those. When several reasons do, it is one that only a person ends, else the one that
 * time ends last, else a full `parallel` or the sandboxes. `nextMs` is then the earliest moment; what runs may still be in the way. Sandboxes
 * that are not ours are to be read again after a minute, since nobody reports their end.
 *
 * It never counts on a slot before the service frees it: see {@linkcode SLOT_GUARD_MS}. Times ahead of `nowMs` count as now, so a clock that
 * was set back delays starts, and never brings more of them.
 *
 * @throws {RangeError} if the runtime does not know the zone of a window.
 */
export function nextStarts(input: PaceInput): Pace {
  let state = stateOf(input);
  for (let starts = 0;; starts++) {
    const held = hold(state);
    if (held !== null) return { starts, ...held };
    state = afterStart(state);
  }
}
