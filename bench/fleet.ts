/**
 * Cost of a shared token: fleets of jobs follow runs with one token, with the emulator's real limiter on a virtual clock. Figures are combined over
 * all seeds. `worst s` and `429 max` belong to the worst job. The baseline is the documented way.
 */
import { type FleetJob, type FleetOptions, playFleet } from "./fleet_world.ts";
import { median, printTable } from "./table.ts";

export interface FleetRow extends Record<string, string | number> {
  way: string;
  jobs: number;
  fleets: number;
  "right %": number;
  "429 mean": number;
  "429 max": number;
  requests: number;
  "median s": number | string;
  "≤ median": number | string;
  "worst s": number | string;
  "≤ worst": number | string;
  met: string;
}

export interface FleetBars {
  median: number;
  worst: number;
  refusals: number;
}

const SIZES = [1, 2, 3, 5, 10, 30, 100];
/** Number of fleets of each size. Small fleets need more repetitions for reliable figures. */
const FLEETS = (jobs: number) => jobs <= 3 ? 30 : 20;

/** Limits from the design for a number of polling jobs. */
export function barsFor(jobs: number): FleetBars {
  return { median: jobs <= 3 ? 6 : 0.6 * jobs, worst: 5 * jobs, refusals: 5 };
}

export function fleetRow(way: string, jobs: number, fleets: FleetJob[][], bars: FleetBars | undefined): FleetRow {
  const all = fleets.flat();
  const mean = (value: (job: FleetJob) => number) => all.reduce((sum, job) => sum + value(job), 0) / all.length;
  const delays = all.flatMap((job) => job.delayMs === null ? [] : [job.delayMs / 1_000]);
  const row = {
    right: mean((job) => job.right ? 100 : 0),
    most: Math.max(...all.map((job) => job.refusals)),
    median: median(delays),
    worst: Math.max(...delays),
  };
  const met = bars !== undefined && row.right === 100 && row.most <= bars.refusals && row.median <= bars.median &&
    row.worst <= bars.worst;
  const shown = (seconds: number) => delays.length === 0 ? "–" : Math.round(seconds * 10) / 10;
  return {
    way,
    jobs,
    fleets: fleets.length,
    "right %": Math.round(row.right * 10) / 10,
    "429 mean": Math.round(mean((job) => job.refusals) * 100) / 100,
    "429 max": row.most,
    requests: Math.round(mean((job) => job.requests)),
    "median s": shown(row.median),
    "≤ median": bars?.median ?? "–",
    "worst s": shown(row.worst),
    "≤ worst": bars?.worst ?? "–",
    met: bars === undefined ? "–" : met ? "yes" : "no",
  };
}

export async function playFleets(options: Omit<FleetOptions, "seed">, seeds: number): Promise<FleetJob[][]> {
  const fleets: FleetJob[][] = [];
  for (let seed = 1; seed <= seeds; seed++) fleets.push(await playFleet({ ...options, seed }));
  return fleets;
}

export async function bench(): Promise<FleetRow[]> {
  const rows: FleetRow[] = [];
  async function add(name: string, options: Omit<FleetOptions, "seed">, bars?: FleetBars): Promise<void> {
    rows.push(fleetRow(name, options.jobs, await playFleets(options, FLEETS(options.jobs)), bars));
  }
  for (const jobs of SIZES) {
    await add("documented", { way: "documented", jobs });
    await add("polling", { way: "polling", jobs }, barsFor(jobs));
  }
  for (const jobs of [10, 30]) {
    await add("polling, --token-share", { way: "polling", jobs, tokenShare: jobs }, barsFor(jobs));
  }
  for (const jobs of [1, 10, 30]) await add("stream", { way: "stream", jobs }, { median: 2, worst: 2, refusals: 0 });
  await add("stream", { way: "stream", jobs: 100 }, barsFor(100));
  // Quiet runs are polled less often, so some of them may exceed these limits: see the README.
  for (const jobs of [1, 5]) await add("polling, quiet runs", { way: "polling", jobs, quiet: true }, barsFor(jobs));
  // The limit here is the number of requests, including the start: 72 with polling, 10 with the stream.
  const tenMinutes = { jobs: 1, quiet: true, lengthSeconds: [600, 600] } as const;
  await add("polling, ten quiet minutes", { way: "polling", ...tenMinutes });
  await add("stream, ten quiet minutes", { way: "stream", ...tenMinutes });
  return rows;
}

if (import.meta.main) printTable("Fleets on one token", await bench());
