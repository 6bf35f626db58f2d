/**
 * Time as an argument: every function that waits takes a {@linkcode Clock}.
 *
 * @module
 */

/** Options of {@linkcode Clock.sleep}. */
export interface SleepOptions {
  /** Ends the wait early: the promise rejects with `signal.reason`. @default {undefined} */
  signal?: AbortSignal | undefined;
  /**
   * Whether this is a time limit, of a request for example, and not a wait. Virtual clocks do not record limits, and let one
   * expire only after a long time without any other event. @default {false}
   */
  limit?: boolean | undefined;
  /**
   * Whether this wait belongs to work in the background: it does not keep the process alive. Virtual clocks do not record it, and do not
   * move for it alone. @default {false}
   */
  background?: boolean | undefined;
}

/** A source of time. Use {@linkcode Clock.now} for deadlines; {@linkcode Clock.wallTime} only for people and for HTTP dates. */
export interface Clock {
  /** Monotonic time in milliseconds from an arbitrary zero. */
  now(): number;
  /** Milliseconds since 1970; may jump. */
  wallTime(): number;
  /**
   * Waits for `ms`.
   *
   * @param ms Milliseconds; zero, a negative number or `NaN` waits for one turn of the event loop.
   * @throws `signal.reason` if the signal aborts before or during the wait.
   */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
}

// Source: measured; setTimeout treats a longer delay as 1 ms on Node, Bun and Deno.
const MAX_TIMER_MS = 2 ** 31 - 1;

function timer(ms: number, signal: AbortSignal | undefined, background: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const done = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const id: unknown = setTimeout(done, ms);
    // Deno before 2.9 has numbers here, and a timer keeps the process alive there until it is aborted.
    if (background && typeof id === "object") (id as { unref?: () => void } | null)?.unref?.();
    function abort() {
      clearTimeout(id as number);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  async sleep(ms, { signal, background = false } = {}) {
    let remainingMs = ms > 0 ? ms : 0;
    do {
      const partMs = Math.min(remainingMs, MAX_TIMER_MS);
      await timer(partMs, signal, background);
      remainingMs -= partMs;
    } while (remainingMs > 0);
  },
};

/** A clock that moves only when a caller sleeps on it or calls {@linkcode VirtualClock.advance}. */
export interface VirtualClock extends Clock {
  /** Every wait so far, in milliseconds, in order, without limits. */
  readonly slept: number[];
  /** Moves both times forward by `ms` and wakes every sleeper that is due. */
  advance(ms: number): void;
  /** Moves the wall time only, like a correction of the machine's clock; `ms` may be negative. */
  jumpWallTime(ms: number): void;
}

/** Options of {@linkcode virtualClock}. */
export interface VirtualClockOptions {
  /** Wall time at the start, in milliseconds since 1970. @default {Date.UTC(2026, 8, 1)} */
  startMs?: number | undefined;
  /**
   * Whether time jumps to the next sleeper once every task sleeps. If false, only {@linkcode VirtualClock.advance} moves it.
   * @default {true}
   */
  auto?: boolean | undefined;
}

interface Sleeper {
  at: number;
  order: number;
  limit: boolean;
  wake: () => void;
}

// In-process requests settle in microtasks, but reading a body can take a few turns of the event loop.
const QUIET_TURNS = 3;
// A request over a real socket takes longer; its limit must not expire meanwhile.
const LIMIT_QUIET_TURNS = 100;

/**
 * Creates a clock for tests and for the emulator.
 *
 * Any number of sleepers share it: time moves to the earliest of them once the event loop is idle.
 */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const { startMs = Date.UTC(2026, 8, 1), auto = true } = options;
  let now = 0;
  let wallOffset = startMs;
  let order = 0;
  let scheduled = false;
  const sleepers: Sleeper[] = [];
  const inBackground: Sleeper[] = [];
  const slept: number[] = [];

  function wakeDue(waiting: Sleeper[]) {
    while (waiting[0] !== undefined && waiting[0].at <= now) waiting.shift()?.wake();
  }
  async function step() {
    let first = sleepers[0];
    for (let turn = 0; turn < (first?.limit ? LIMIT_QUIET_TURNS : QUIET_TURNS); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (first?.limit && sleepers[0] !== first) turn = -1;
      first = sleepers[0];
    }
    scheduled = false;
    if (first === undefined) return;
    now = Math.max(now, first.at);
    sleepers.shift();
    wakeDue(inBackground);
    first.wake();
    schedule();
  }
  function schedule() {
    if (!auto || scheduled || sleepers.length === 0) return;
    scheduled = true;
    void step();
  }

  return {
    slept,
    now: () => now,
    wallTime: () => now + wallOffset,
    advance(ms) {
      now += ms;
      wakeDue(inBackground);
      wakeDue(sleepers);
    },
    jumpWallTime(ms) {
      wallOffset += ms;
    },
    sleep(ms, { signal, limit = false, background = false } = {}) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const wait = ms > 0 ? ms : 0;
        const waiting = background ? inBackground : sleepers;
        if (!limit && !background) slept.push(wait);
        const sleeper: Sleeper = { at: now + wait, order: order++, limit, wake };
        function wake() {
          signal?.removeEventListener("abort", abort);
          resolve();
        }
        function abort() {
          const index = waiting.indexOf(sleeper);
          if (index >= 0) waiting.splice(index, 1);
          reject(signal?.reason);
        }
        signal?.addEventListener("abort", abort, { once: true });
        const index = waiting.findIndex((other) => other.at > sleeper.at);
        waiting.splice(index < 0 ? waiting.length : index, 0, sleeper);
        schedule();
      });
    },
  };
}
