/**
 * Peak resident memory of `mogplex.mjs follow` for a run with very many events, over real sockets. Linux only, because the kernel reports the memory
 * in `/proc`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { RUNTIMES } from "../tests/programs/package/runtimes.ts";
import { type Flood, FLOOD_RUN, FLOOD_TOKEN, startFlood } from "../tests/programs/processes/world/flood.ts";
import { root } from "../tools/setup.mjs";
import { printTable } from "./table.ts";

const bundle = join(root, "dist/mogplex.mjs");
const SAMPLE_MS = 10;

interface Case {
  name: string;
  flood: Flood;
  /** Limit on Node in MB. Source: issue 10. */
  limitMb: number;
  /** Peak on Node in MB when the follower kept all events. */
  keptWholeMb: number;
}

const CASES: readonly Case[] = [
  {
    name: "20 000 events of 20 KB",
    flood: { events: 20_000, message: "x".repeat(20_000) },
    limitMb: 150,
    keptWholeMb: 1_697,
  },
  { name: "small events for 20 s", flood: { lastsMs: 20_000, message: "hello" }, limitMb: 150, keptWholeMb: 1_331 },
  {
    name: "400 events of 500 KB",
    flood: { events: 400, message: "→".repeat(500_000) },
    limitMb: 150,
    keptWholeMb: 1_861,
  },
  {
    name: "one answer of 31 MiB",
    flood: { page: 1, message: "x".repeat(31 * 1024 * 1024) },
    limitMb: 250,
    keptWholeMb: 347,
  },
  {
    name: "200 events, 31 MiB",
    flood: { page: 200, message: "x".repeat(31 * 1024 * 1024 / 200 - 500) },
    limitMb: 250,
    keptWholeMb: 333,
  },
];

export interface MemoryRow {
  flood: string;
  runtime: string;
  peakMb: number;
  limitMb: number;
  keptWholeMb: number;
  seconds: number;
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

async function measure(runtime: string, line: readonly string[], each: Case): Promise<MemoryRow> {
  const { name, flood, limitMb, keptWholeMb } = each;
  const service = await startFlood(flood);
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  const { PATH = "", HOME = "" } = process.env;
  const env = { PATH, HOME, MOGPLEX_API_KEY: FLOOD_TOKEN, MOGPLEX_URL: service.url, MOGPLEX_DEV: "1" };
  try {
    const startMs = performance.now();
    const child = spawn(line[0] ?? "", [...line.slice(1), "follow", FLOOD_RUN], { cwd, env, stdio: "ignore" });
    let peak = 0;
    // Use the last sample: until a process has loaded its program, its peak is that of its parent.
    const timer = setInterval(() => peak = peakOf(child.pid) || peak, SAMPLE_MS);
    const [code] = await once(child, "exit");
    clearInterval(timer);
    if (code !== 0) throw new Error(`Cannot measure "${name}": ${line[0]} ended with ${code}`);
    const seconds = (performance.now() - startMs) / 1_000;
    return { flood: name, runtime, peakMb: Math.round(peak / 1_024), limitMb, keptWholeMb, seconds };
  } finally {
    service.close();
    rmSync(cwd, { recursive: true, force: true });
  }
}

export async function bench(): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const each of CASES) {
    for (const [runtime, line] of Object.entries(RUNTIMES)) rows.push(await measure(runtime, [...line, bundle], each));
  }
  return rows;
}

export const TITLE = "Floods: peak of resident memory in MB (bars are those of Node)";

if (import.meta.main) printTable(TITLE, await bench() as unknown as Record<string, string | number>[]);
