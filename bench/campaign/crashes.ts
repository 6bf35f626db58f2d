/** Kills the processes of campaigns with SIGKILL at a hundred seeded points on Node, Deno and Bun, and starts them again. */
import process from "node:process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUNTIMES } from "../../tests/programs/package/runtimes.ts";
import {
  buildWorker,
  type CrashOutcome,
  crashPlan,
  playCrashes,
} from "../../tests/programs/processes/world/crashes.ts";
import { printTable } from "../table.ts";

export interface CrashRow extends Record<string, string | number> {
  runtime: string;
  campaigns: number;
  kills: number;
  "second starts": number;
  "wrong verdicts": number;
}

export async function bench(campaigns = 34, from = 1): Promise<CrashRow[]> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-bench-")));
  const rows: CrashRow[] = [];
  try {
    const worker = await buildWorker(folder);
    for (const [index, [name, runtime]] of Object.entries(RUNTIMES).entries()) {
      const all: CrashOutcome[] = [];
      for (let number = 0; number < campaigns; number++) {
        const seed = from + index * campaigns + number;
        const outcome = await playCrashes(crashPlan(seed, runtime, worker));
        const { otherRuns, wrong, story } = outcome;
        if (otherRuns.length + wrong.length > 0) {
          process.stderr.write(`${JSON.stringify({ seed, otherRuns, wrong, story })}\n`);
        }
        all.push(outcome);
      }
      const sum = (value: (each: CrashOutcome) => number) => all.reduce((total, each) => total + value(each), 0);
      rows.push({
        runtime: name,
        campaigns,
        kills: sum(({ killed }) => killed),
        "second starts": sum(({ otherRuns }) => otherRuns.length),
        "wrong verdicts": sum(({ wrong }) => wrong.length),
      });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const TITLE = "Campaigns whose processes are killed";

if (import.meta.main) {
  const [campaigns = "34", from = "1"] = process.argv.slice(2);
  printTable(TITLE, await bench(Number(campaigns), Number(from)));
}
