/**
 * Soak test: a thousand seeded runs on a virtual clock, while half of all requests fail and the service sometimes restarts. The baseline is the
 * documented way under the same conditions.
 */
import process from "node:process";
import type { SoakRevision } from "./soak_plan.ts";
import { playSoak, type SoakVerdict, type SoakWay } from "./soak_world.ts";
import { printTable } from "./table.ts";

export interface SoakRow extends Record<string, string | number> {
  way: string;
  server: string;
  runs: number;
  /** Share of runs with the correct verdict, in percent. If a run has not ended, no verdict is correct. */
  "right %": number;
  /** Share of runs that ended with a reason but without a verdict, although the run had ended, in percent. */
  "given up %": number;
  wrong: number;
  "second starts": number;
  duplicates: number;
  losses: number;
  overruns: number;
  unhandled: number;
  requests: number;
}

const RUNS = 500;

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
