/** Two workers use copies of the same journal by mistake. They must start as many runs as one worker, and reach the same verdicts. */
import process from "node:process";
import type { CampaignView } from "../../lib/campaign/view/view.ts";
import { type Machine, machineIn } from "../../tests/unit/campaign/machines.ts";
import { printTable } from "../table.ts";
import { truthOf } from "./judge.ts";
import { type CampaignWorld, campaignWorld, runTimes } from "./world.ts";

const MINUTE_MS = 60_000;
const REPOSITORIES = 14;

function realRuns({ names, runsOf }: CampaignWorld): Record<string, number> {
  return Object.fromEntries(names.map((name) => {
    const real = runsOf(name).filter(({ error }) => !/too many active sandboxes/i.test(error ?? ""));
    return [name, real.length];
  }));
}

function expectedOf({ names }: CampaignWorld) {
  const verdicts: Record<string, string> = Object.fromEntries(names.map((name) => [name, truthOf(name)]));
  const runs = Object.fromEntries(names.map((name) => [name, truthOf(name) === "failed" ? 2 : 1]));
  return { verdicts, runs };
}

function verdictsOf({ items }: CampaignView): Record<string, string> {
  return Object.fromEntries(items.map(({ repository, verdict }) => [repository, verdict]));
}

async function waves({ clock }: CampaignWorld, machine: Machine, everyMs: number): Promise<CampaignView> {
  for (let wave = 0; wave < 200; wave++) {
    const view = await machine.work("wave");
    if (view.state === "done") return view;
    await clock.sleep(everyMs);
  }
  throw new Error("Cannot end the campaign");
}

export interface TwoWorkers {
  runs: Record<string, number>;
  verdicts: Record<string, string>[];
  expected: ReturnType<typeof expectedOf>;
  mostAMinute: number;
}

/** The seed determines when the journal is copied, and how each worker works. */
export async function playTwoWorkers(seed: number): Promise<TwoWorkers> {
  const world = campaignWorld({
    repositories: REPOSITORIES,
    times: runTimes("log-normal", REPOSITORIES, seed),
    seed,
    settings: "limits: { attempts: 2 }",
  });
  const { clock } = world;
  const first = machineIn(world, "one");
  async function play(): Promise<CampaignView[]> {
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
    return {
      runs: realRuns(world),
      verdicts: views.map(verdictsOf),
      expected: expectedOf(world),
      mostAMinute: world.wire.mostAMinute,
    };
  } finally {
    await world.close();
  }
}

export async function bench(seeds = 20): Promise<Record<string, string | number>[]> {
  const all: TwoWorkers[] = [];
  for (let seed = 1; seed <= seeds; seed++) all.push(await playTwoWorkers(seed));
  const differences = (own: Record<string, string | number>, due: Record<string, string | number>) =>
    Object.keys(due).filter((name) => own[name] !== due[name]).length;
  const sum = (count: (each: TwoWorkers) => number) => all.reduce((total, each) => total + count(each), 0);
  return [{
    campaigns: seeds,
    repositories: seeds * REPOSITORIES,
    "other numbers of runs": sum(({ runs, expected }) => differences(runs, expected.runs)),
    "wrong verdicts": sum(({ verdicts, expected }) =>
      verdicts.reduce((total, each) => total + differences(each, expected.verdicts), 0)
    ),
    "a minute": Math.max(...all.map(({ mostAMinute }) => mostAMinute)),
  }];
}

export const TITLE = "Two workers on copies of one journal";

if (import.meta.main) {
  const [seeds = "20"] = process.argv.slice(2);
  printTable(TITLE, await bench(Number(seeds)));
}
