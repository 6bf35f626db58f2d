/**
 * Bad days: a thousand seeded runs on a virtual clock, while half of all requests fail in some way and the service sometimes
 * restarts. The documented way is the baseline under the same conditions.
 */
import process from "node:process";
import type { SoakRevision } from "./soak_plan.ts";
import { playSoak, type SoakVerdict, type SoakWay } from "./soak_world.ts";
import { printTable } from "./table.ts";

/** A row of the table: the runs of one way on one revision of the server. */
export interface SoakRow extends Record<string, string | number> {
  /** How the jobs follow. */
  way: string;
  /** Revision of the server. */
  server: string;
  /** Number of runs. */
  runs: number;
  /** Share with the right verdict, or with none when the run had none, in percent. */
  "right %": number;
  /** Share that ended with a reason but without a verdict, although the run had one, in percent. */
  "given up %": number;
  /** Number of wrong verdicts. */
  wrong: number;
  /** Runs that were started in addition to the first one. */
  "second starts": number;
  /** Events that were reported twice. */
  duplicates: number;
  /** Events that were lost without a notice. */
  losses: number;
  /** Jobs that continued after their deadline. */
  overruns: number;
  /** Unhandled promise rejections. */
  unhandled: number;
  /** Mean number of requests for each run. */
  requests: number;
}

/** Runs of each way on each server. */
const RUNS = 500;

/** Combines runs of one kind into a row. */
function soakRow(way: SoakWay, server: SoakRevision, runs: readonly SoakVerdict[], unhandled: number): SoakRow {
  const sum = (value: (run: SoakVerdict) => number) => runs.reduce((total, run) => total + value(run), 0);
  const share = (verdict: SoakVerdict["verdict"]) =>
    Math.round(sum((run) => run.verdict === verdict ? 1 : 0) / runs.length * 1_000) / 10;
  return {
    way,
    server,
    runs: runs.length,
    "right %": share("right"),
    "given up %": share("given up"),
    wrong: sum((run) => run.verdict === "wrong" ? 1 : 0),
    "second starts": sum((run) => run.secondStarts),
    duplicates: sum((run) => run.duplicates),
    losses: sum((run) => run.losses),
    overruns: sum((run) => run.overran ? 1 : 0),
    unhandled,
    requests: Math.round(sum((run) => run.requests) / runs.length),
  };
}

/** Plays all runs. */
export async function bench(): Promise<SoakRow[]> {
  const rows: SoakRow[] = [];
  let unhandled = 0;
  const count = () => void unhandled++;
  process.on("unhandledRejection", count);
  try {
    for (const server of ["base", "later"] as const) {
      for (const way of ["documented", "ours"] as const) {
        const runs: SoakVerdict[] = [];
        const before = unhandled;
        for (let seed = 1; seed <= RUNS; seed++) runs.push(await playSoak(seed, server, way));
        rows.push(soakRow(way, server, runs, unhandled - before));
      }
    }
  } finally {
    process.off("unhandledRejection", count);
  }
  return rows;
}

if (import.meta.main) printTable("A thousand runs on bad days", await bench());
