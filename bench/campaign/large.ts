/**
 * Large campaigns in real processes: requests, CPU time and memory of planning, of a wave and of the reports, with 90% of the items ended. Linux
 * only, because the memory comes from `/proc`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { itemKey } from "../../lib/campaign/journal/chain.ts";
import { openDirHome } from "../../lib/campaign/journal/dir_home.ts";
import type { Lock } from "../../lib/campaign/journal/lock.ts";
import type { RecordBody } from "../../lib/campaign/journal/record.ts";
import type { Clock } from "../../lib/clock.ts";
import { processDurableFiles } from "../../lib/files/disk.ts";
import { systemProcesses } from "../../lib/files/processes.ts";
import { RUNTIMES } from "../../tests/programs/package/runtimes.ts";
import { buildWorker } from "../../tests/programs/processes/world/crashes.ts";
import { fastService } from "../../tests/programs/processes/world/fast_service.ts";
import { printTable } from "../table.ts";
import { OWNER } from "./world.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ENDED = 0.9;
const BATCH = 4_000;
const SAMPLE_MS = 5;
/** Limits for 10,000 items. Source: issue 11. */
export const BARS = { requests: 250, planSeconds: 5, waveMb: 150, reportSeconds: 2 };

interface Cost {
  cpu: number;
  peakMb: number;
}

/**
 * Makes a runtime collect garbage early. On Node, the program itself does this. On Bun, the size of the heap depends on the memory that Bun detects.
 */
const SMALL_HEAP: Readonly<Record<string, { flags?: readonly string[]; env?: Record<string, string> }>> = {
  deno: { flags: ["--v8-flags=--optimize-for-size"] },
  bun: { env: { BUN_JSC_forceRAMSize: "67108864" } },
};

const TICKS_A_SECOND = 100;

function look(pid: number | undefined): { peakKb: number; ticks: number } | null {
  try {
    const peakKb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return peakKb === 0 ? null : { peakKb, ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null;
  }
}

async function measure(line: readonly string[], cwd: string, env: Record<string, string>): Promise<Cost> {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(line[0] ?? "", line.slice(1), {
    cwd,
    env: { PATH, HOME, NO_COLOR: "1", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => void (stderr += chunk));
  // Use the last sample: until a process has loaded its program, its peak is that of its parent.
  let last = { peakKb: 0, ticks: 0 };
  const timer = setInterval(() => last = look(child.pid) ?? last, SAMPLE_MS);
  const [code] = await once(child, "close");
  clearInterval(timer);
  if (code !== 0 && code !== 1) throw new Error(`Cannot measure: ${line.join(" ")} ended with ${code}: ${stderr}`);
  return {
    cpu: last.ticks / TICKS_A_SECOND,
    peakMb: last.peakKb / 1_024,
  };
}

async function historyOf(lock: Lock, index: number, runId: string, atMs: number): Promise<RecordBody[]> {
  const item = lock.items[index];
  if (item === undefined) return [];
  const { campaign, round } = lock;
  const { id, requestHash, repositoryId, baseBranch, root } = item;
  const key = await itemKey({ campaign, round, requestHash, repositoryId, baseBranch, root, kind: "task", start: 1 });
  const time = (ms: number) => new Date(atMs + ms).toISOString();
  const failed = index % 20 === 0;
  const end = { createdAt: time(0), updatedAt: time(20 * MINUTE_MS) };
  return [
    { type: "intent", item: id, kind: "task", start: 1, key, sentAt: time(0), branch: null },
    {
      type: "started",
      item: id,
      start: 1,
      runId,
      status: "pending",
      replayed: false,
      createdAt: time(0),
      slotAt: time(0),
    },
    { type: "seen", item: id, start: 1, status: "streaming", updatedAt: time(MINUTE_MS) },
    {
      ...{ type: "ended", item: id, start: 1, as: failed ? "failed" : "succeeded", runId, slot: true, retryAt: null },
      ...{ reason: failed ? `Agent run exited with code ${index % 3}: /tmp/${index}/log` : null },
      ...{ status: failed ? "failed" : "success", changed: failed ? null : true, ...end },
      branch: failed ? null : `mogplex/external/${index}`,
      pullRequest: failed ? null : `https://github.example/${item.repository}/pull/1`,
    },
  ];
}

export async function writeHistory(
  directory: string,
  clock: Clock,
  startOne: (repository: string) => Promise<string>,
): Promise<number> {
  const home = await openDirHome(directory, {
    files: processDurableFiles(),
    processes: systemProcesses(),
    clock,
    campaign: "large",
    round: "",
    access: "write",
    onNotice: () => {},
  });
  const lock = await home.readLock();
  if (lock === undefined) throw new Error("Cannot find the lock");
  const count = Math.floor(lock.items.length * ENDED);
  let bodies: RecordBody[] = [{ type: "wave" }];
  let records = 0;
  for (let index = 0; index < count; index++) {
    const runId = index === count - 1 ? await startOne(lock.items[index]?.repository ?? "") : crypto.randomUUID();
    const atMs = clock.wallTime() - 3 * DAY_MS - (count - index) * MINUTE_MS;
    bodies.push(...await historyOf(lock, index, runId, atMs));
    bodies.push({ type: "wave" });
    if (bodies.length < BATCH && index < count - 1) continue;
    records += (await home.append(bodies)).length;
    bodies = [];
  }
  await home.close();
  return records;
}

export interface LargeRow extends Record<string, string | number> {
  items: number;
  runtime: string;
  "plan requests": number;
  "plan cpu s": number;
  "plan MB": number;
  records: number;
  "journal MB": number;
  "wave cpu s": number;
  "wave MB": number;
  "wave MB, small heap": number;
  "report cpu s": number;
  "report MB": number;
  met: string;
}

const rounded = (value: number, digits = 1) => Math.round(value * 10 ** digits) / 10 ** digits;

function sizeOf(folder: string, records: number): number {
  let bytes = 0;
  for (let segment = 1; segment <= Math.ceil(records / 1_000); segment++) {
    bytes += statSync(join(folder, `${String(segment).padStart(6, "0")}.ndjson`)).size;
  }
  return bytes / 1_048_576;
}

async function row(items: number, name: string, runtime: readonly string[], worker: string): Promise<LargeRow> {
  const service = await fastService({ repositories: items, runMs: 5 * MINUTE_MS, speed: 300 });
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-large-")));
  try {
    writeFileSync(
      join(folder, "campaign.yml"),
      `version: 1\nname: large\ntitle: Replace moment\nprompt: Replace moment in {{ repository.name }}
repositories: [{ query: ${OWNER}/ }]\nsuccess: { require: pull-request }\n`,
    );
    const { flags = [], env = {} } = SMALL_HEAP[name] ?? {};
    const call = (verb: string, small = false) => {
      const line = [...runtime, ...small ? flags : [], worker, "campaign", verb, "campaign.yml"];
      return measure(line, folder, { ...service.env, ...small && env });
    };
    const before = service.requests();
    const plan = await call("plan");
    const planRequests = service.requests() - before;
    const directory = join(folder, "mogplex-campaign");
    const records = await writeHistory(directory, service.clock, service.startOne);
    const first = await call("advance");
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const second = await call("advance");
    const small = await call("advance", true);
    const report = await call("report");
    const waveMb = Math.max(first.peakMb, second.peakMb);
    const isMet = planRequests <= BARS.requests && plan.cpu < BARS.planSeconds && waveMb < BARS.waveMb &&
      report.cpu < BARS.reportSeconds;
    return {
      items,
      runtime: name,
      "plan requests": planRequests,
      "plan cpu s": rounded(plan.cpu),
      "plan MB": Math.round(plan.peakMb),
      records,
      "journal MB": rounded(sizeOf(join(directory, "journal"), records)),
      "wave cpu s": rounded(Math.max(first.cpu, second.cpu)),
      "wave MB": Math.round(waveMb),
      "wave MB, small heap": Math.round(small.peakMb),
      "report cpu s": rounded(report.cpu),
      "report MB": Math.round(report.peakMb),
      met: isMet ? "yes" : "no",
    };
  } finally {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function bench(
  sizes: readonly number[] = [100, 1_000, 3_000, 10_000],
  names: readonly string[] = Object.keys(RUNTIMES),
): Promise<LargeRow[]> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-bench-")));
  const rows: LargeRow[] = [];
  try {
    const worker = await buildWorker(folder);
    for (const items of sizes) {
      for (const [name, runtime] of Object.entries(RUNTIMES)) {
        if (names.includes(name)) rows.push(await row(items, name, runtime, worker));
      }
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const TITLE = "Large campaigns, nine tenths of them done";

if (import.meta.main) {
  const [sizes = "100,1000,3000,10000", names = "node,deno,bun"] = process.argv.slice(2);
  printTable(TITLE, await bench(sizes.split(",").map(Number), names.split(",")));
}
