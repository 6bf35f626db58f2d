/** Two workers that work on copies of one journal by mistake: the fence keeps them from starting anything twice. */
import { expect, test } from "bun:test";
import { truthOf } from "../../bench/campaign/judge.ts";
import { type CampaignWorld, campaignWorld, runTimes } from "../../bench/campaign/world.ts";
import type { CampaignView } from "../../lib/campaign/view.ts";
import { type Machine, machineIn } from "./machines.ts";

const MINUTE_MS = 60_000;
const REPOSITORIES = 14;

/** Real runs by repository: those that got a sandbox. */
function realRuns({ names, runsOf }: CampaignWorld): Record<string, number> {
  return Object.fromEntries(names.map((name) => {
    const real = runsOf(name).filter(({ error }) => !/too many active sandboxes/i.test(error ?? ""));
    return [name, real.length];
  }));
}

/** What the campaign comes to with one worker: failed items are started twice. */
function expected({ names }: CampaignWorld) {
  const verdicts: Record<string, string> = Object.fromEntries(names.map((name) => [name, truthOf(name)]));
  const runs = Object.fromEntries(names.map((name) => [name, truthOf(name) === "failed" ? 2 : 1]));
  return { verdicts, runs };
}

function verdictsOf({ items }: CampaignView): Record<string, string> {
  return Object.fromEntries(items.map(({ repository, verdict }) => [repository, verdict]));
}

/** Waves until it is done. */
async function waves({ clock }: CampaignWorld, machine: Machine, everyMs: number): Promise<CampaignView> {
  for (let wave = 0; wave < 200; wave++) {
    const view = await machine.work("wave");
    if (view.state === "done") return view;
    await clock.sleep(everyMs);
  }
  throw new Error("Cannot end the campaign");
}

test.each(Array.from({ length: 20 }, (_, index) => index + 1))(
  "two workers on copies of one journal start as many runs as one does (seed %d)",
  async (seed) => {
    const world = campaignWorld({
      repositories: REPOSITORIES,
      times: runTimes("log-normal", REPOSITORIES, seed),
      seed,
      settings: "limits: { attempts: 2 }",
    });
    const { clock } = world;
    const first = machineIn(world, "one");
    async function play(): Promise<CampaignView[]> {
      // The copy is made at another moment with each seed: before the first start, while runs are at work, when some have ended.
      for (let wave = 0; wave < seed % 5; wave++) {
        await first.work("wave");
        await clock.sleep(15 * MINUTE_MS);
      }
      const second = first.copy("two");
      const stay = async (machine: Machine) => await machine.work("run");
      const ways = [stay, (machine: Machine) => waves(world, machine, 15 * MINUTE_MS)];
      const [one = stay, two = stay] = [ways[seed % 2], ways[(seed >> 1) % 2]];
      return await Promise.all([one(first), two(second)]);
    }
    try {
      const views = await clock.drive(play());
      const { verdicts, runs } = expected(world);
      expect(realRuns(world)).toEqual(runs);
      for (const view of views) expect(verdictsOf(view)).toEqual(verdicts);
      expect(world.wire.mostAMinute).toBeLessThanOrEqual(60);
    } finally {
      await world.close();
    }
  },
);
