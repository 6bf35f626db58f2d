/**
 * Time as an argument: everything that waits takes a {@linkcode Clock}.
 *
 * @module
 */

/** Options of {@linkcode Clock.sleep}. */
export interface SleepOptions {
  /** Ends the wait early; the promise is then rejected with `signal.reason`. @default {undefined} */
  signal?: AbortSignal | undefined;
  /**
   * Whether this is the limit of something else (of a request, say) rather than a wait. Virtual clocks do not record it, and
   * let it pass only when nothing else has happened for long. @default {false}
   */
  limit?: boolean | undefined;
}

/** A source of time. Deadlines use {@linkcode Clock.now}; {@linkcode Clock.wallTime} is only for people and for HTTP dates. */
export interface Clock {
  /** Monotonic time in milliseconds; its zero means nothing. */
  now(): number;
  /** Milliseconds since 1970; may jump. */
  wallTime(): number;
  /**
   * Waits.
   *
   * @param ms Milliseconds; zero or less, and `NaN`, wait for one turn of the event loop.
   * @throws `signal.reason` if the signal aborts before or during the wait.
   */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
}

// Source: setTimeout treats a longer delay as 1 ms on Node, Bun and Deno.
const MAX_TIMER_MS = 2 ** 31 - 1;

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const done = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const id = setTimeout(done, ms);
    function abort() {
      clearTimeout(id);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  async sleep(ms, { signal } = {}) {
    let left = ms > 0 ? ms : 0;
    do {
      const part = Math.min(left, MAX_TIMER_MS);
      await timer(part, signal);
      left -= part;
    } while (left > 0);
  },
};

/** A clock that moves only when somebody sleeps on it, or when it is told to. */
export interface VirtualClock extends Clock {
  /** Every wait asked for so far, in milliseconds, in order; limits are not among them. */
  readonly slept: number[];
  /** Moves both times forward by `ms` and wakes those whose time has come. */
  advance(ms: number): void;
  /** Moves the wall time alone, as a correction of the machine's clock does; `ms` may be negative. */
  jumpWallTime(ms: number): void;
}

/** Options of {@linkcode virtualClock}. */
export interface VirtualClockOptions {
  /** Wall time at the start, in milliseconds since 1970. @default {Date.UTC(2026, 8, 1)} */
  startMs?: number | undefined;
  /**
   * Whether time jumps to the next sleeper once everybody sleeps. Off, only {@linkcode VirtualClock.advance} moves it.
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
// A request over a real socket, or one that hashes, takes longer; its limit must not pass meanwhile.
const LIMIT_QUIET_TURNS = 100;

/**
 * Makes a clock for tests and for the emulator.
 *
 * Any number of sleepers share it: time moves to the earliest of them when the event loop has nothing else to do.
 */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const { startMs = Date.UTC(2026, 8, 1), auto = true } = options;
  let now = 0;
  let wallOffset = startMs;
  let order = 0;
  let scheduled = false;
  const sleepers: Sleeper[] = [];
  const slept: number[] = [];

  function wakeDue() {
    while (sleepers[0] !== undefined && sleepers[0].at <= now) sleepers.shift()?.wake();
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
      wakeDue();
    },
    jumpWallTime(ms) {
      wallOffset += ms;
    },
    sleep(ms, { signal, limit = false } = {}) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const wait = ms > 0 ? ms : 0;
        if (!limit) slept.push(wait);
        const sleeper: Sleeper = { at: now + wait, order: order++, limit, wake };
        function wake() {
          signal?.removeEventListener("abort", abort);
          resolve();
        }
        function abort() {
          const index = sleepers.indexOf(sleeper);
          if (index >= 0) sleepers.splice(index, 1);
          reject(signal?.reason);
        }
        signal?.addEventListener("abort", abort, { once: true });
        const index = sleepers.findIndex((other) => other.at > sleeper.at);
        sleepers.splice(index < 0 ? sleepers.length : index, 0, sleeper);
        schedule();
      });
    },
  };
}
