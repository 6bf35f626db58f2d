/**
 * What a shared token costs: fleets of jobs on one token, against the emulator's real limiter on a virtual clock. Figures are
 * pooled over seeds; `worst` and `refusals max` are those of the worst job of all seeds. The documented way is in each table.
 */
import { type FleetJob, type FleetOptions, playFleet } from "./fleet_world.ts";
import { median, printTable } from "./table.ts";

/** One kind of fleet. */
export interface FleetRow extends Record<string, string | number> {
  /** How the jobs follow. */
  way: string;
  /** Jobs on the token. */
  jobs: number;
  /** Fleets that were played. */
  fleets: number;
  /** Share of jobs with the right verdict, in percent. */
  "right %": number;
  /** Answers 429 a job. */
  "429 mean": number;
  /** Most of one job. */
  "429 max": number;
  /** Requests a job. */
  requests: number;
  /** From the end of the run to that of the job, in seconds; `–` when no job saw the end. */
  "median s": number | string;
  /** Bar of the median. */
  "≤ median": number | string;
  /** Longest such delay. */
  "worst s": number | string;
  /** Bar of the longest. */
  "≤ worst": number | string;
  /** Whether every bar is met: verdicts, both delays, and five refusals. `–` where there is none. */
  met: string;
}

/** What a way is held to. */
export interface FleetBars {
  /** Longest median, in seconds. */
  median: number;
  /** Longest delay, in seconds. */
  worst: number;
  /** Most refusals of one job. */
  refusals: number;
}

const SIZES = [1, 2, 3, 5, 10, 30, 100];
/** Fleets of each size; few jobs need more of them for as many figures. */
const FLEETS = (jobs: number) => jobs <= 3 ? 30 : 20;

/** The bars of the design for so many jobs that poll. */
export function barsFor(jobs: number): FleetBars {
  return { median: jobs <= 3 ? 6 : 0.6 * jobs, worst: 5 * jobs, refusals: 5 };
}

/** Puts the jobs of one kind of fleet together. */
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

/** Plays fleets of one kind. @param seeds How many, from 1 on. */
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
  // Runs that say nothing are watched cheaply, so that the bars of delay cannot hold for all of them: see the README.
  for (const jobs of [1, 5]) await add("polling, quiet runs", { way: "polling", jobs, quiet: true }, barsFor(jobs));
  // The requests are what is held to a bar here: 72 polling, 10 streaming, the start included.
  const tenMinutes = { jobs: 1, quiet: true, lengthSeconds: [600, 600] } as const;
  await add("polling, ten quiet minutes", { way: "polling", ...tenMinutes });
  await add("stream, ten quiet minutes", { way: "stream", ...tenMinutes });
  return rows;
}

if (import.meta.main) printTable("Fleets on one token", await bench());
