/** A clock that runs fast, the same one in several processes: quotas of a day pass within minutes. */
import { type Clock, systemClock } from "../../../../lib/clock.ts";

const START_MS = Date.UTC(2026, 8, 1);

/**
 * Makes the clock.
 *
 * @param baseMs Real time at which it began, in milliseconds since 1970: the same in all processes.
 * @param speed How many of its seconds a real second has. Limits of requests are not shortened: a busy machine would break them.
 */
export function fastClock(baseMs: number, speed: number): Clock {
  const now = () => (performance.timeOrigin + performance.now() - baseMs) * speed;
  return {
    now,
    wallTime: () => START_MS + now(),
    sleep: (ms, options = {}) => systemClock.sleep(options.limit ? ms : ms / speed, options),
  };
}
