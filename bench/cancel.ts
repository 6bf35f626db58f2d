/**
 * How fast a stopped job cancels its run: the time from `kill()` to the cancel request, and to the end of the process. The baseline is a script that
 * only sends one `fetch` from its SIGTERM handler. Measurements of the two alternate, so that a busy machine slows both equally.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { builtInScenarios } from "../lib/emulator/agents/scenario.ts";
import { builtInFixture, parseFixture } from "../lib/emulator/state/fixture.ts";
import { type ServedEmulator, startEmulator } from "../lib/emulator/server.ts";
import { RUNTIMES } from "../tests/programs/package/runtimes.ts";
import { type Recorder, startRecorder } from "../tests/programs/processes/world/recorder.ts";
import { root } from "../tools/setup.mjs";
import { median, printTable } from "./table.ts";

const bundle = join(root, "dist/mogplex.mjs");
/** Source: design, "How good". */
const LIMITS = { wireMs: 250, endMs: 5_000 };
const CANCEL = /^POST \/runs\/[^/]+\/cancel$/;
const SCRIPT = `process.on("SIGTERM", async () => {
  await (await fetch(process.env.MOGPLEX_URL + "/api/v1/mogplex/runs/baseline/cancel", { method: "POST" })).text();
  process.exit(143);
});
setInterval(() => {}, 1_000);
console.log("run accepted");
`;

export interface CancelRow {
  runtime: string;
  rounds: number;
  wireMs: number;
  wireWorstMs: number;
  limitWireMs: number;
  scriptWireMs: number;
  wireRatio: number;
  endMs: number;
  endWorstMs: number;
  limitEndMs: number;
  scriptEndMs: number;
  endRatio: number;
}

interface Times {
  wireMs: number;
  endMs: number;
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("run accepted")) resolve();
    });
    child.on("exit", (code) => reject(new Error(`Cannot measure: it ended with ${code} before its signal: ${text}`)));
  });
}

async function stop(line: readonly string[], env: Record<string, string>, recorder: Recorder): Promise<Times> {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  const before = recorder.of(CANCEL).length;
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(line[0] ?? "", line.slice(1), {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    await ready(child);
    const ended = once(child, "exit").then(([code]) => ({ code, atMs: performance.now() }));
    const startMs = performance.now();
    child.kill("SIGTERM");
    const { code, atMs } = await ended;
    const cancels = recorder.of(CANCEL).slice(before);
    if (code !== 143 || cancels[0] === undefined || cancels.length > 1) {
      throw new Error(`Cannot measure: it ended with ${code} after ${cancels.length} cancel requests`);
    }
    return { wireMs: cancels[0].atMs - startMs, endMs: atMs - startMs };
  } finally {
    child.kill("SIGKILL");
    rmSync(cwd, { recursive: true, force: true });
  }
}

function rowOf(runtime: string, ours: readonly Times[], script: readonly Times[]): CancelRow {
  const [wires, ends] = [ours.map(({ wireMs }) => wireMs), ours.map(({ endMs }) => endMs)];
  const scriptWireMs = median(script.map(({ wireMs }) => wireMs));
  const scriptEndMs = median(script.map(({ endMs }) => endMs));
  return {
    runtime,
    rounds: ours.length,
    wireMs: median(wires),
    wireWorstMs: Math.max(...wires),
    limitWireMs: LIMITS.wireMs,
    scriptWireMs,
    wireRatio: median(wires) / scriptWireMs,
    endMs: median(ends),
    endWorstMs: Math.max(...ends),
    limitEndMs: LIMITS.endMs,
    scriptEndMs,
    endRatio: median(ends) / scriptEndMs,
  };
}

const tokenOf = (index: number) => `mog_cancelBenchToken${String(index).padStart(4, "0")}`;

/** Starts an emulator with a token for every round, because one token can start only ten runs a minute. */
async function open(tokens: number): Promise<ServedEmulator> {
  const plain = builtInFixture();
  const own = Array.from({ length: tokens }, (_, index) => ({
    ...plain.tokens[0],
    key: `t${index}`,
    id: crypto.randomUUID(),
    token: tokenOf(index),
  }));
  return await startEmulator({
    fixture: parseFixture({ ...plain, tokens: own }),
    scenarios: builtInScenarios("stuck-streaming"),
    speed: 100,
  });
}

export async function bench(rounds = 10): Promise<CancelRow[]> {
  const names = Object.keys(RUNTIMES) as (keyof typeof RUNTIMES)[];
  const folder = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  const emulator = await open(rounds * names.length);
  const recorder = await startRecorder(emulator.url);
  recorder.intercept = ({ what }) =>
    Promise.resolve(what === "POST /runs/baseline/cancel" ? { status: 200, body: {} } : undefined);
  const script = join(folder, "script.mjs");
  writeFileSync(script, SCRIPT);
  const args = ["run", "--follow", "Fix the flaky tests", "--repo", emulator.repos[0]?.id ?? "", "--create-branch"];
  const ours = new Map(names.map((name) => [name, [] as Times[]]));
  const scripts = new Map(names.map((name) => [name, [] as Times[]]));
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [index, name] of names.entries()) {
        const token = tokenOf(round * names.length + index);
        const env = { MOGPLEX_URL: recorder.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: token };
        ours.get(name)?.push(await stop([...RUNTIMES[name], bundle, ...args], env, recorder));
        scripts.get(name)?.push(await stop([...RUNTIMES[name], script], env, recorder));
      }
    }
    return names.map((name) => rowOf(name, ours.get(name) ?? [], scripts.get(name) ?? []));
  } finally {
    recorder.close();
    await emulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const TITLE = "Cancel: from SIGTERM to the request on the wire and to the end, against a script with one fetch";

if (import.meta.main) printTable(TITLE, await bench() as unknown as Record<string, string | number>[]);
