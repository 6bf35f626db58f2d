/**
 * A virtual clock for many jobs in one process. Time jumps to the next sleeper as soon as the event loop is idle. Unlike the clock for tests, it
 * turns the event loop without timers, because each timer costs a millisecond.
 */
import { setImmediate, setTimeout } from "node:timers";
import type { Clock } from "../lib/clock.ts";

export interface FleetClock extends Clock {
  during<T>(work: Promise<T>): Promise<T>;
  /** Lets time pass until `work` has settled. @throws if `work` waits for something other than this clock. */
  drive<T>(work: Promise<T>): Promise<T>;
}

interface Sleeper {
  readonly at: number;
  readonly order: number;
  wake: (() => void) | undefined;
}

const START_MS = Date.UTC(2026, 8, 1);
/** The event loop is idle after this number of turns. An answer that is read in pieces takes two turns. */
const QUIET_TURNS = 6;
/** Number of pauses of one millisecond without a sleeper. After them, nothing more is expected to happen. */
const MAX_IDLE = 5_000;

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.at < b.at || a.at === b.at && a.order < b.order;
}

function push(heap: Sleeper[], sleeper: Sleeper): void {
  let at = heap.push(sleeper) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up] as Sleeper;
    if (isBefore(parent, sleeper)) break;
    heap[at] = parent;
    heap[up] = sleeper;
    at = up;
  }
}

function pop(heap: Sleeper[]): Sleeper | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    const [leftChild, rightChild] = [heap[down], heap[down + 1]];
    if (leftChild === undefined) break;
    if (rightChild !== undefined && isBefore(rightChild, leftChild)) down++;
    const child = heap[down] as Sleeper;
    if (isBefore(last, child)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
  return first;
}

export function fleetClock(): FleetClock {
  const heap: Sleeper[] = [];
  const background: Sleeper[] = [];
  let now = 0;
  let order = 0;
  let held = 0;

  function next(): Sleeper | undefined {
    while (heap[0] !== undefined && heap[0].wake === undefined) pop(heap);
    return pop(heap);
  }

  function wakeBackground(): void {
    while (background[0] !== undefined && (background[0].at <= now || background[0].wake === undefined)) {
      pop(background)?.wake?.();
    }
  }

  return {
    now: () => now,
    wallTime: () => START_MS + now,
    sleep(ms, { signal, background: isBackground = false } = {}) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const sleeper: Sleeper = { at: now + (ms > 0 ? ms : 0), order: order++, wake };
        function wake() {
          signal?.removeEventListener("abort", abort);
          resolve();
        }
        function abort() {
          sleeper.wake = undefined;
          reject(signal?.reason);
        }
        signal?.addEventListener("abort", abort, { once: true });
        push(isBackground ? background : heap, sleeper);
      });
    },
    during(work) {
      held++;
      return work.finally(() => held--);
    },
    async drive(work) {
      let settled = false;
      let idle = 0;
      const end = work.finally(() => settled = true);
      end.catch(() => {});
      while (!settled) {
        for (let turn = 0; turn < QUIET_TURNS; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
        if (settled) break;
        if (held > 0) continue;
        const sleeper = next();
        if (sleeper === undefined) {
          if (++idle > MAX_IDLE) {
            throw new Error("Cannot continue: the work is not done, and nothing sleeps on the clock");
          }
          await new Promise<void>((resolve) => setTimeout(resolve, 1));
          continue;
        }
        idle = 0;
        now = sleeper.at;
        wakeBackground();
        sleeper.wake?.();
      }
      return await end;
    },
  };
}
