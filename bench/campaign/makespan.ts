/**
 * Duration of a campaign in days of a virtual clock, compared with the shortest possible time. The service's real limits apply. Compares `campaign
 * run` and `campaign advance` with scripts that people write without campaigns.
 */
import { lowerBound } from "./lower_bound.ts";
import { seeded } from "../fleet_world.ts";
import { printTable } from "../table.ts";
import { judge, type Judged } from "./judge.ts";
import { script, stay, waves, type Way, workers } from "./ways.ts";
import { type CampaignWorld, campaignWorld, MEAN_MS, type RunTimes, runTimes, SANDBOXES } from "./world.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const DISTANCES = [10, 15, 20, 60];
/** Limits of the ratio to the lower bound. Source: issue 11. */
const BARS = { stay: 1.03, waves: 1.05 };
const MOST_REQUESTS = 4;
const LATE_MS = 30_000;

interface Case {
  name: string;
  way: Way;
  /** Interval of waves. The lower bound rounds the end of each run up to the next wave. */
  everyMs?: number;
  bar?: number;
  mostRequests?: number;
}

function ourCases(seed: number): Case[] {
  const random = seeded(seed);
  const late = () => random() * LATE_MS;
  const distances = DISTANCES.map((minutes): Case => ({
    name: `advance every ${minutes} min`,
    way: waves(minutes * MINUTE_MS),
    everyMs: minutes * MINUTE_MS,
    ...(minutes <= 15 && { bar: BARS.waves }),
    ...(minutes === 15 && { mostRequests: MOST_REQUESTS }),
  }));
  return [
    { name: "run", way: stay, bar: BARS.stay },
    ...distances,
    { name: "advance every 15 min, up to 30 s late", way: waves(15 * MINUTE_MS, late), everyMs: 15 * MINUTE_MS },
  ];
}

const NAIVE: readonly Case[] = [
  { name: "loop of run()", way: workers(1) },
  { name: "xargs -P 10 of run()", way: workers(10) },
  { name: "many_repositories.mjs before", way: script },
];

export interface MakespanRow extends Record<string, string | number> {
  repositories: number;
  times: string;
  way: string;
  days: number;
  "bound, days": number;
  ratio: number;
  bar: string | number;
  right: number;
  wrong: number;
  "second runs": number;
  starts: number;
  "429s": number;
  requests: number;
  "a minute": number;
  met: string;
}

function isMet({ bar, mostRequests = Infinity }: Case, ratio: number, row: Judged, { wire, names }: CampaignWorld) {
  if (bar === undefined) return "–";
  const isGood = ratio <= bar && row.wrong === 0 && row.secondRuns === 0 && wire.mostAMinute <= 60 &&
    wire.requests / names.length <= mostRequests;
  return isGood ? "yes" : "no";
}

export async function play(
  each: Case,
  kind: RunTimes,
  repositories: number,
  seed = 1,
  delayMs?: number,
): Promise<MakespanRow> {
  const times = runTimes(kind, repositories, seed);
  const world = campaignWorld({ repositories, times, seed, delayMs });
  const { clock, wire } = world;
  try {
    const verdicts = await clock.drive(each.way(world));
    const { endsAtMs } = lowerBound({ nowMs: 0, runs: times, parallel: SANDBOXES, waveEveryMs: each.everyMs });
    const judged = judge(world, verdicts);
    const ratio = clock.now() / endsAtMs;
    const rounded = (value: number) => Math.round(value * 1000) / 1000;
    return {
      repositories,
      times: kind === "constant" ? `all ${MEAN_MS / MINUTE_MS} min` : kind,
      way: each.name,
      days: rounded(clock.now() / DAY_MS),
      "bound, days": rounded(endsAtMs / DAY_MS),
      ratio: rounded(ratio),
      bar: each.bar ?? "–",
      right: judged.right,
      wrong: judged.wrong,
      "second runs": judged.secondRuns,
      starts: wire.starts,
      "429s": wire.refusals,
      requests: Math.round(wire.requests / repositories * 100) / 100,
      "a minute": wire.mostAMinute,
      met: isMet(each, ratio, judged, world),
    };
  } finally {
    await world.close();
  }
}

export async function bench(
  sizes: readonly number[] = [100, 1000],
  kinds: readonly RunTimes[] = ["log-normal", "constant"],
  only = "",
): Promise<MakespanRow[]> {
  const rows: MakespanRow[] = [];
  for (const repositories of sizes) {
    for (const kind of kinds) {
      for (const each of [...ourCases(1), ...NAIVE].filter(({ name }) => name.includes(only))) {
        rows.push(await play(each, kind, repositories));
      }
    }
  }
  return rows;
}

export const TITLE = "Campaigns: makespan against the bound";

if (import.meta.main) {
  const [sizes = "100,1000", kinds = "log-normal,constant", only] = process.argv.slice(2);
  const rows = await bench(sizes.split(",").map(Number), kinds.split(",") as RunTimes[], only);
  printTable(TITLE, rows);
}
