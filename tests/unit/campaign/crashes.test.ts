/**
 * Campaigns on a disk that dies at a step: nothing that is done afterwards reaches it, nor the service. What is on it then is continued by the
 * next process. `tests/programs/processes/crashes.test.ts` kills real processes.
 */
import { expect, test } from "bun:test";
import { judge } from "../../../bench/campaign/judge.ts";
import { verdictsOf } from "../../../bench/campaign/ways.ts";
import { type CampaignWorld, campaignWorld, MEAN_MS } from "../../../bench/campaign/world.ts";
import { seeded } from "../../../bench/fleet_world.ts";
import type { CampaignView } from "../../../lib/campaign/view/view.ts";
import { type Machine, machineIn } from "./machines.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Steps that change a disk. */
const CHANGES: readonly string[] = ["append", "truncate", "replace", "create", "move", "remove"];
const REPOSITORIES = 5;
/** Waves after which a campaign is not going to end. */
const MOST_WAVES = 60;

class Death extends Error {}

/** What a machine does: to the end, or until it dies. */
type Way = "run" | "waves";

/** A campaign's world in which a machine can die. */
class MortalWorld {
  readonly world: CampaignWorld;
  /** Called before each step that changes the disk, and before each start, as `start`. */
  before: (step: string) => void = () => {};
  #dead = false;

  constructor(seed: number) {
    this.world = campaignWorld({
      repositories: REPOSITORIES,
      times: Array.from({ length: REPOSITORIES }, (_, index) => MEAN_MS / 2 + index * MINUTE_MS),
      seed,
      between: async (send, { method }) => {
        if (method === "POST") this.before("start");
        if (this.#dead) throw new Death();
        return await send();
      },
    });
  }

  die(): never {
    this.#dead = true;
    throw new Death();
  }

  /** Works to the end. @returns The campaign; undefined when the machine died. */
  async live(machine: Machine, way: Way): Promise<CampaignView | undefined> {
    machine.files.before = (step) => {
      if (this.#dead) throw new Death();
      if (CHANGES.includes(step)) this.before(step);
    };
    try {
      if (way === "run") return await machine.work("run", { timeoutMs: 48 * HOUR_MS });
      for (let wave = 0; wave < MOST_WAVES; wave++) {
        const view = await machine.work("wave");
        if (view.state === "done") return view;
        await this.world.clock.sleep(15 * MINUTE_MS);
      }
      throw new Error("Cannot end the campaign");
    } catch (error) {
      if (!this.#dead) throw error;
      return undefined;
    } finally {
      machine.files.before = undefined;
      this.#dead = false;
    }
  }
}

/**
 * Plays a campaign whose machine dies again and again, then to its end.
 *
 * @param deaths For each life, when it ends: called before each step, with the number of steps so far.
 * @param restMs Time between two lives: what runs may end meanwhile.
 */
async function play(
  seed: number,
  way: Way,
  deaths: readonly ((steps: number, step: string) => boolean)[],
  restMs = 2 * MEAN_MS,
): Promise<number> {
  const mortal = new MortalWorld(seed);
  const { world } = mortal;
  async function lives(): Promise<number> {
    let machine = machineIn(world, "one");
    let steps = 0;
    for (const isDeath of [...deaths, () => false]) {
      steps = 0;
      mortal.before = (step) => isDeath(++steps, step) && mortal.die();
      const view = await mortal.live(machine, way);
      if (view === undefined) {
        machine = machine.copy("one");
        await world.clock.sleep(restMs);
        continue;
      }
      expect(view.state).toBe("done");
      const { story, ...judged } = judge(world, verdictsOf(view));
      expect(judged, story.join("\n")).toEqual({ right: REPOSITORIES, wrong: 0, secondRuns: 0, forgotten: 0 });
      return steps;
    }
    throw new Error("Cannot end a campaign that dies for ever");
  }
  try {
    return await world.clock.drive(lives());
  } finally {
    await world.close();
  }
}

const at = (dieAt: number) => (steps: number) => steps === dieAt;

test("a campaign goes on right from whatever is on the disk, at every step of its work", async () => {
  const steps = await play(1, "waves", []);
  expect(steps).toBeGreaterThan(30);
  for (let dieAt = 1; dieAt <= steps; dieAt++) {
    await play(1, "waves", [at(dieAt)], dieAt % 2 === 0 ? 2 * MEAN_MS : 0);
  }
});

test("a campaign that stays goes on right after a death at every step, also when the next processes die", async () => {
  const random = seeded(5);
  const upTo = (most: number) => at(1 + Math.floor(random() * most));
  for (let seed = 1; seed <= 8; seed++) await play(seed, "run", [upTo(40), upTo(16), upTo(16)]);
});

/** Dies at a step of the disk that follows a start. */
function afterStart(count: number): (steps: number, step: string) => boolean {
  let since = -Infinity;
  return (_steps, step) => {
    since = step === "start" ? Math.max(since, 0) : since + 1;
    return since === count;
  };
}

test.each(["run", "waves"] as const)(
  "a start that found a run that had ended is looked at by the next process, if this one dies in between (%s)",
  async (way) => {
    // The first process sends a start and gets no answer; the second one learns that its run has ended, and cannot record more than that.
    await play(1, way, [afterStart(1), afterStart(2)]);
  },
);
