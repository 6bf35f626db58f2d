import type { Clock } from "../../clock.ts";

export interface ServerClock {
  nowMs(): number;
  wallMs(): number;
  /**
   * Microseconds since 1970 for a new record. Outside of {@linkcode backdate}, every stamp is later than the previous one, so records of the same
   * millisecond keep their order.
   */
  stamp(): number;
  /** During `action`, {@linkcode stamp} counts up from `micros`. `next` is the next free stamp. */
  backdate<T>(micros: number, action: () => T): { result: T; next: number };
  advance(ms: number): void;
  /** Never rejects, not even if the signal aborts. */
  until(at: number, signal: AbortSignal): Promise<void>;
}

// The service's database stores microseconds, but JavaScript clocks count milliseconds. The missing digits are arbitrary.
const STAMP_STEP_MICROS = 379;

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
      const micros = Math.floor(clock.wallTime() + offset) * 1_000 + (count++ * STAMP_STEP_MICROS) % 1_000;
      last = Math.max(micros, last + 1);
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
