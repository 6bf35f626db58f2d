/**
 * Bad days: a thousand seeded runs while half of all requests meet trouble and the service restarts now and then, on a virtual
 * clock. The documented way meets the same.
 */
import process from "node:process";
import type { SoakRevision } from "./soak_plan.ts";
import { playSoak, type SoakVerdict, type SoakWay } from "./soak_world.ts";
import { printTable } from "./table.ts";

/** Runs of one way on one revision of the server. */
export interface SoakRow extends Record<string, string | number> {
  /** Who follows. */
  way: string;
  /** Which server. */
  server: string;
  /** Runs. */
  runs: number;
  /** Share with the right verdict, or none where the run had none, in percent. */
  "right %": number;
  /** Share that ended with the reason but without a verdict although the run had one, in percent. */
  "given up %": number;
  /** Wrong verdicts. */
  wrong: number;
  /** Runs that nobody asked for. */
  "second starts": number;
  /** Events told twice. */
  duplicates: number;
  /** Events lost without a word. */
  losses: number;
  /** Jobs that went on after their deadline. */
  overruns: number;
  /** Promises whose rejection nobody handled. */
  unhandled: number;
  /** Requests a run. */
  requests: number;
}

/** Runs of each kind; half of them on each server. */
const RUNS = 500;

/** Puts runs of one kind together. */
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

/** Plays all of them. */
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
