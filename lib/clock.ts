import { checkOptions, type Keys } from "./check_options.ts";

/** Options for {@linkcode Clock.sleep}. */
export interface SleepOptions {
  /** Ends the wait early: the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Whether this is a time limit, such as a request timeout, and not a wait. Virtual clocks do not record limits. On a virtual clock, a limit expires
   * only after a long time without any other event. @default {false}
   */
  limit?: boolean | undefined;
  /**
   * Whether this wait belongs to background work, which does not keep the process alive. Virtual clocks do not record background waits, and do not
   * move for them alone. @default {false}
   */
  background?: boolean | undefined;
}

/**
 * A source of time. Use {@linkcode Clock.now} for deadlines, and {@linkcode Clock.wallTime} only for HTTP dates and for times that people
 * read.
 */
export interface Clock {
  /** Monotonic time in milliseconds from an arbitrary zero. */
  now(): number;
  /** Milliseconds since 1970. The value can jump. */
  wallTime(): number;
  /**
   * Waits for `ms` milliseconds. If `ms` is zero, negative or `NaN`, waits for one turn of the event loop.
   *
   * @throws `signal.reason` if the signal aborts before or during the wait.
   */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
  /**
   * Waits for work that takes real time, such as a child process or the caller's hook, and returns the result of the work. A virtual clock stops in
   * the meantime, for up to about half a minute of real time.
   */
  during?<T>(work: Promise<T>): Promise<T>;
}

/**
 * Reason for aborting work that is no longer needed. All aborts share it, because creating an error with its stack is the slowest part of an abort.
 */
export const OVER: DOMException = new DOMException("No longer needed", "AbortError");

// Node, Bun and Deno treat a longer delay of `setTimeout` as 1 ms. Source: measured.
const MAX_TIMER_MS = 2 ** 31 - 1;

function timer(ms: number, signal: AbortSignal | undefined, background: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const done = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const id: unknown = setTimeout(done, ms);
    // Deno before 2.9 returns a number here, so the timer keeps the process alive until it fires or is aborted.
    if (background && typeof id === "object") (id as { unref?: () => void } | null)?.unref?.();
    function abort() {
      clearTimeout(id as number);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}

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
  /** Like {@linkcode Clock.during}, but always present. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Lengths of all waits so far, in order, in milliseconds. Time limits and background waits are not included. */
  readonly slept: number[];
  /** Moves the monotonic time and the wall time forward by `ms`, and wakes every sleeper that is due. */
  advance(ms: number): void;
  /** Moves only the wall time, like a correction of the machine's clock; `ms` may be negative. */
  jumpWallTime(ms: number): void;
}

/** Options for {@linkcode virtualClock}. */
export interface VirtualClockOptions {
  /** Wall time at the start, in milliseconds since 1970. @default {Date.UTC(2026, 8, 1)} */
  startMs?: number | undefined;
  /**
   * Whether time jumps to the next sleeper once every task is asleep. If `false`, only {@linkcode VirtualClock.advance} moves the time. @default
   * {true}
   */
  auto?: boolean | undefined;
}

interface Sleeper {
  at: number;
  limit: boolean;
  wake: () => void;
}

// The work of a woken sleeper settles in microtasks, but reading a body can take a few turns of the event loop.
const QUIET_TURNS = 3;
// Additional turns of at least a millisecond each while a request is open, because the request may use a socket. A sleeper with a limit means that a
// request is open.
const REQUEST_TURNS = 6;
// The limit of a request must not expire before a real socket has answered.
const LIMIT_TURNS = 100;

// Longest real time for which the clock stops for one piece of work, in milliseconds. There must be a limit, because the work may itself wait for
// this clock.
const WORK_MS = 30_000;

// The virtual clock needs the real event loop. A test may replace the timers of the process with timers that never fire.
const realSetTimeout = globalThis.setTimeout;
const realClearTimeout = globalThis.clearTimeout;
const realSetImmediate: typeof setImmediate | undefined = globalThis.setImmediate;

/** A long turn is a timer, which takes a millisecond or more. A short turn is an immediate, which takes almost no time. */
export function loopTurn(isLong: boolean): Promise<void> {
  return new Promise((resolve) => {
    // Bun's fake timers replace the implementation behind this function, and mark the function.
    const hasTimers = !("clock" in realSetTimeout);
    if (realSetImmediate === undefined || isLong && hasTimers) realSetTimeout(resolve, 0);
    else realSetImmediate(() => resolve());
  });
}

export async function pause(clock: Clock): Promise<void> {
  const turn = loopTurn(false);
  await (clock.during?.(turn) ?? turn);
}

/**
 * Creates a clock for tests and for the emulator.
 *
 * Any number of sleepers can share it. Time moves to the earliest sleeper once the event loop is idle.
 *
 * @throws {UsageError} for an unknown option.
 */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  checkOptions(
    "create virtual clock",
    options,
    { startMs: "number", auto: "boolean" } satisfies Keys<VirtualClockOptions>,
  );
  const { startMs = Date.UTC(2026, 8, 1), auto = true } = options;
  let now = 0;
  let wallOffset = startMs;
  let scheduled = false;
  const atWork = new Set<Promise<unknown>>();
  let idle = () => {};
  const sleepers: Sleeper[] = [];
  const inBackground: Sleeper[] = [];
  const slept: number[] = [];

  function wakeDue(waiting: Sleeper[]) {
    while (waiting[0] !== undefined && waiting[0].at <= now) waiting.shift()?.wake();
  }
  async function workDone(): Promise<void> {
    const begun = [...atWork];
    await new Promise<void>((resolve) => {
      const timer = realSetTimeout(() => {
        for (const work of begun) atWork.delete(work);
        resolve();
      }, WORK_MS);
      idle = () => {
        realClearTimeout(timer);
        resolve();
      };
    });
  }
  async function quiet(): Promise<Sleeper | undefined> {
    let first = sleepers[0];
    for (let turns = 0;; turns++) {
      const isRequest = sleepers.some(({ limit }) => limit);
      if (turns >= (first?.limit ? LIMIT_TURNS : isRequest ? REQUEST_TURNS : QUIET_TURNS)) return first;
      await loopTurn(turns >= QUIET_TURNS);
      const wasWorking = atWork.size > 0;
      if (wasWorking) await workDone();
      if (wasWorking || sleepers[0] !== first) turns = -1;
      first = sleepers[0];
    }
  }
  async function step() {
    const first = await quiet();
    scheduled = false;
    if (first === undefined) return;
    const [beside] = inBackground;
    const isBeside = beside !== undefined && beside.at <= first.at;
    const next = isBeside ? beside : first;
    (isBeside ? inBackground : sleepers).shift();
    now = Math.max(now, next.at);
    next.wake();
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
    async during(work) {
      atWork.add(work);
      try {
        return await work;
      } finally {
        atWork.delete(work);
        if (atWork.size === 0) idle();
      }
    },
    sleep(ms, { signal, limit = false, background = false } = {}) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const wait = ms > 0 ? ms : 0;
        const waiting = background ? inBackground : sleepers;
        if (!limit && !background) slept.push(wait);
        const sleeper: Sleeper = { at: now + wait, limit, wake };
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
