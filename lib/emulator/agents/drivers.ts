/**
 * Chooses what works on a run: a real command for its harness, else a scenario, else nothing.
 *
 * @module
 */
import type { RunRow } from "../state/rows.ts";
import type { Driver } from "../state/world.ts";

/**
 * Joins the exec harness and the scripts.
 *
 * @param exec Drivers by harness name; they come first.
 * @param script What plays scenarios.
 */
export function joinDrivers(exec: ReadonlyMap<string, Driver>, script: Driver): Driver {
  const of = (run: RunRow) => exec.get(run.harness) ?? script;
  const all = [...new Set([...exec.values(), script])];
  return {
    queued: (run) => of(run).queued(run),
    catchUp: (run) => of(run).catchUp(run),
    due: (run) => of(run).due?.(run),
    kill: (run) => of(run).kill(run),
    reset: () => all.forEach((driver) => driver.reset()),
    async close() {
      await Promise.all(all.map((driver) => driver.close()));
    },
  };
}
