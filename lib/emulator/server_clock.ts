/**
 * The emulator's own time: an injected clock plus what `advanceClock` added.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

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
  /** Moves everything forward by `ms` milliseconds. */
  advance(ms: number): void;
  /** Takes back what {@linkcode advance} did. */
  rewind(): void;
}

// Digits below the millisecond are made up: a database has them, a JavaScript clock has not.
const STEP = 379;

/** Makes the time of one emulator on top of `clock`. */
export function serverClock(clock: Clock): ServerClock {
  let offset = 0;
  let last = 0;
  let count = 0;
  return {
    nowMs: () => clock.now() + offset,
    wallMs: () => clock.wallTime() + offset,
    stamp() {
      const wanted = Math.floor(clock.wallTime() + offset) * 1_000 + (count++ * STEP) % 1_000;
      last = Math.max(wanted, last + 1);
      return last;
    },
    advance(ms) {
      offset += ms;
    },
    rewind() {
      offset = 0;
      last = 0;
    },
  };
}
