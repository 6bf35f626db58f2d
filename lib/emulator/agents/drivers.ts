import { isTerminal } from "../../service/contract.ts";
import type { RunRow } from "../state/store.ts";
import type { Driver, World } from "../state/world.ts";

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

export function withRunSlots(world: World, driver: Driver, slots: number | undefined): Driver {
  return slots === undefined ? driver : slotDriver(world, driver, slots);
}

// The end of a command is not known in advance, so the driver checks again after this time.
const LOOK_AGAIN_MS = 250;

function slotDriver(world: World, driver: Driver, slots: number): Driver {
  const waiting = new Set<RunRow>();
  const working = new Set<RunRow>();
  const workingOf = (user: string) => [...working].filter((run) => run.user_id === user);

  function begin(run: RunRow): void {
    driver.queued(run);
    working.add(run);
  }

  function fill(): boolean {
    for (const run of [...waiting, ...working]) {
      if (isTerminal(run.status)) waiting.delete(run) || working.delete(run);
    }
    const next = [...waiting].filter((run) => workingOf(run.user_id).length < slots).at(0);
    if (next === undefined) return false;
    waiting.delete(next);
    begin(next);
    return true;
  }

  return {
    ...driver,
    queued(run) {
      while (fill());
      if (workingOf(run.user_id).length < slots) begin(run);
      else waiting.add(run);
    },
    catchUp() {
      do driver.catchUp(); while (fill());
    },
    due(run) {
      if (!waiting.has(run)) return driver.due?.(run);
      const ends = workingOf(run.user_id).map((each) => driver.due?.(each)).filter((at) => at !== undefined);
      return Math.min(world.clock.nowMs() + LOOK_AGAIN_MS, ...ends);
    },
    reset() {
      waiting.clear();
      working.clear();
      driver.reset();
    },
  };
}
