/**
 * The cost of a shared token: fleets of jobs that follow with one token, against the emulator's real limiter on a virtual clock.
 * Figures are pooled over seeds; `worst s` and `429 max` are those of the worst job of all seeds. The documented way is the
 * baseline.
 */
import { type FleetJob, type FleetOptions, playFleet } from "./fleet_world.ts";
import { median, printTable } from "./table.ts";

/** A row of the table: one kind of fleet. */
export interface FleetRow extends Record<string, string | number> {
  /** How the jobs follow. */
  way: string;
  /** Jobs on the token. */
  jobs: number;
  /** Number of fleets. */
  fleets: number;
  /** Share of jobs with the right verdict, in percent. */
  "right %": number;
  /** Mean number of 429 answers for each job. */
  "429 mean": number;
  /** Largest number of 429 answers of one job. */
  "429 max": number;
  /** Mean number of requests of each job. */
  requests: number;
  /** Median delay from the end of the run to the end of the job, in seconds; `–` when no job saw the end. */
  "median s": number | string;
  /** Limit of the median. */
  "≤ median": number | string;
  /** Longest delay, in seconds. */
  "worst s": number | string;
  /** Limit of the longest delay. */
  "≤ worst": number | string;
  /** Whether every limit is met: all verdicts right, both delays, number of refusals. `–` when there are no limits. */
  met: string;
}

/** Limits that a kind of fleet must meet. */
export interface FleetBars {
  /** Limit of the median delay, in seconds. */
  median: number;
  /** Limit of the longest delay, in seconds. */
  worst: number;
  /** Limit of the refusals of one job. */
  refusals: number;
}

const SIZES = [1, 2, 3, 5, 10, 30, 100];
/** Number of fleets of each size: small fleets need more of them for enough figures. */
const FLEETS = (jobs: number) => jobs <= 3 ? 30 : 20;

/** The design's limits for a number of polling jobs. */
export function barsFor(jobs: number): FleetBars {
  return { median: jobs <= 3 ? 6 : 0.6 * jobs, worst: 5 * jobs, refusals: 5 };
}

/** Combines the jobs of all fleets of one kind into a row. */
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

/** Plays fleets of one kind. @param seeds Number of fleets; their seeds begin at 1. */
export async function playFleets(options: Omit<FleetOptions, "seed">, seeds: number): Promise<FleetJob[][]> {
  const fleets: FleetJob[][] = [];
  for (let seed = 1; seed <= seeds; seed++) fleets.push(await playFleet({ ...options, seed }));
  return fleets;
}

/** Plays all kinds of fleets. */
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
  // Quiet runs are polled less often, so the limits of the delay do not fit all of them: see the README.
  for (const jobs of [1, 5]) await add("polling, quiet runs", { way: "polling", jobs, quiet: true }, barsFor(jobs));
  // The limit here is on requests, start included: 72 when polling, 10 with the stream.
  const tenMinutes = { jobs: 1, quiet: true, lengthSeconds: [600, 600] } as const;
  await add("polling, ten quiet minutes", { way: "polling", ...tenMinutes });
  await add("stream, ten quiet minutes", { way: "stream", ...tenMinutes });
  return rows;
}

if (import.meta.main) printTable("Fleets on one token", await bench());
