/**
 * Chooses the driver of a run: the command of its harness, else the scenarios.
 *
 * @module
 */
import type { RunRow } from "../state/rows.ts";
import type { Driver } from "../state/world.ts";

/**
 * Joins drivers into one.
 *
 * @param exec Drivers by harness. They take precedence.
 * @param script Driver of every other run.
 */
export function joinDrivers(exec: ReadonlyMap<string, Driver>, script: Driver): Driver {
  const of = (run: RunRow) => exec.get(run.harness) ?? script;
  const all = [...new Set([...exec.values(), script])];
  return {
    queued: (run) => of(run).queued(run),
    catchUp: () => all.forEach((driver) => driver.catchUp()),
    due: (run) => of(run).due?.(run),
    worker: (run) => of(run).worker?.(run),
    kill: (run) => of(run).kill(run),
    reset: () => all.forEach((driver) => driver.reset()),
    async close() {
      await Promise.all(all.map((driver) => driver.close()));
    },
  };
}
