/**
 * The emulator's own time: an injected clock plus what `advanceClock` added.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

/** Time as the emulated service sees it. */
export interface ServerClock {
  /** Monotonic milliseconds: limits, scripts. */
  nowMs(): number;
  /** Milliseconds since 1970: expiries. */
  wallMs(): number;
  /**
   * Microseconds since 1970 for a new record, later than every one given out before, so that records of one millisecond
   * keep their order.
   */
  stamp(): number;
  /**
   * Does something as of a moment that has passed: every {@linkcode stamp} meanwhile lies there.
   *
   * @param micros Microseconds since 1970.
   * @returns What `action` returned, and the first moment after what was done.
   */
  backdate<T>(micros: number, action: () => T): { result: T; next: number };
  /** Moves everything forward by `ms` milliseconds. */
  advance(ms: number): void;
  /** Waits until {@linkcode nowMs} is `at`, or the signal aborts. Never rejects. */
  until(at: number, signal: AbortSignal): Promise<void>;
}

// Digits below the millisecond are made up: a database has them, a JavaScript clock has not.
const STEP = 379;

/** Makes the time of one emulator on top of `clock`. */
export function serverClock(clock: Clock): ServerClock {
  let offset = 0;
  let last = 0;
  let count = 0;
  let backdated: number | undefined;
  const sleepers = new Set<AbortController>();
  return {
    nowMs: () => clock.now() + offset,
    wallMs: () => clock.wallTime() + offset,
    stamp() {
      if (backdated !== undefined) return backdated++;
      const wanted = Math.floor(clock.wallTime() + offset) * 1_000 + (count++ * STEP) % 1_000;
      last = Math.max(wanted, last + 1);
      return last;
    },
    backdate(micros, action) {
      backdated = micros;
      try {
        const result = action();
        return { result, next: backdated };
      } finally {
        backdated = undefined;
      }
    },
    advance(ms) {
      offset += ms;
      for (const sleeper of sleepers) sleeper.abort();
    },
    async until(at, signal) {
      while (!signal.aborted && at > clock.now() + offset) {
        const sleeper = new AbortController();
        const wake = () => sleeper.abort();
        sleepers.add(sleeper);
        signal.addEventListener("abort", wake, { once: true });
        await clock.sleep(at - clock.now() - offset, { signal: sleeper.signal }).catch(() => {});
        signal.removeEventListener("abort", wake);
        sleepers.delete(sleeper);
      }
    },
  };
}
