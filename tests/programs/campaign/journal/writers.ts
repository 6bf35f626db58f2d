/** Processes that write a campaign's directory: `worker.ts`, bundled so that every runtime can run it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { build } from "esbuild";
import { openDirHome } from "../../../../lib/campaign/journal/dir_home.ts";
import { systemClock } from "../../../../lib/clock.ts";
import { processDurableFiles } from "../../../../lib/files/disk.ts";
import { systemProcesses } from "../../../../lib/files/processes.ts";
import { root } from "../../../../tools/setup.mjs";
import { CAMPAIGN, ROUND } from "../../../unit/campaign/journal/sample.ts";

/** The bundled worker, and an empty folder for its directories. */
export interface Writers {
  folder: string;
  /** Runs the worker to its end. */
  run(runtime: readonly string[], ...args: (string | number)[]): Promise<
    { code: number | null; signal: string | null; stdout: string; stderr: string; numbers: number[] }
  >;
  close(): void;
}

export async function buildWriters(): Promise<Writers> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-writers-")));
  const worker = join(folder, "worker.mjs");
  await build({
    entryPoints: [join(root, "tests/programs/campaign/journal/worker.ts")],
    outfile: worker,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
  });
  return {
    folder,
    async run(runtime, ...args) {
      const { PATH = "", HOME = "" } = process.env;
      const line = [...runtime, worker, ...args.map(String)];
      const child = spawn(line[0] ?? "", line.slice(1), { env: { PATH, HOME, NO_COLOR: "1" } });
      const text = { stdout: "", stderr: "" };
      for (const stream of ["stdout", "stderr"] as const) {
        child[stream].setEncoding("utf8").on("data", (chunk: string) => void (text[stream] += chunk));
      }
      const [code, signal] = await once(child, "close") as [number | null, string | null];
      const numbers = text.stdout.split("\n").filter((each) => /^\d+$/.test(each)).map(Number);
      return { code, signal, ...text, numbers };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Numbers of the records, once the whole chain was read. */
export async function numbersIn(directory: string): Promise<number[]> {
  const home = await openDirHome(directory, {
    files: await processDurableFiles(),
    processes: await systemProcesses(),
    clock: systemClock,
    campaign: CAMPAIGN,
    round: ROUND,
    access: "read",
    onNotice: () => {},
  });
  const numbers: number[] = [];
  await home.readJournal(({ seq }) => void numbers.push(seq));
  return numbers;
}
