/**
 * Throughput of the emulator: 200 keep-alive connections repeatedly read the 200 events of one run. The baseline is a route of a bare Hono
 * application that returns a constant text of the same size. Measurements of the two alternate.
 */
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { systemClock } from "../lib/clock.ts";
import { builtInFixture, parseFixture } from "../lib/emulator/state/fixture.ts";
import { startEmulator } from "../lib/emulator/server.ts";
import { root, runtimes } from "../tools/setup.mjs";
import { median, printTable } from "./table.ts";

const FOLLOWERS = 200;
const EVENTS = 200;
const ROUNDS = 5;
const ROUND_MS = 1_500;
// The limit of sixty requests per minute and token would end the measurement at once, so the emulator's clock runs faster.
const CLOCK_FACTOR = 10_000;

export interface ThroughputRow {
  followers: number;
  bodyBytes: number;
  events: number;
  constant: number;
  ratio: number;
}

interface Target {
  origin: string;
  path: string;
  tokens: string[];
}

interface Targets {
  events: Target;
  constant: Target;
  bodyBytes: number;
}

/** The server process. It prints both addresses, and exits when its standard input ends. */
async function serve(): Promise<void> {
  const plain = builtInFixture();
  const tokens = Array.from({ length: FOLLOWERS }, (_, index) => ({
    ...plain.tokens[0],
    key: `t${index}`,
    id: crypto.randomUUID(),
    token: `mog_follower_${index}`,
  }));
  const emulator = await startEmulator({
    fixture: parseFixture({ ...plain, tokens }),
    clock: { ...systemClock, now: () => performance.now() * CLOCK_FACTOR },
  });
  const [repo] = emulator.repos;
  const headers = { authorization: `Bearer ${tokens[0]?.token}` };
  const start = await fetch(`${emulator.url}/api/v1/mogplex/runs`, {
    method: "POST",
    headers: { ...headers, "idempotency-key": "bench" },
    body: JSON.stringify({ repoId: repo?.id, prompt: "Fix the flaky tests" }),
  });
  const { runId } = (await start.json() as { data: { runId: string } }).data;
  const events = Array.from({ length: EVENTS }, (_, index) => ({
    type: "tool_started",
    toolName: "exec_command",
    message: `Ran check number ${index}`,
    payload: { command: `npm test -- --shard ${index}`, exit_code: 0 },
  }));
  emulator.emulator.control("appendEvents", { runId, events });
  const path = `/api/v1/mogplex/runs/${runId}/events?limit=${EVENTS}`;
  const body = await (await fetch(emulator.url + path, { headers })).text();

  const app = new Hono();
  app.get("/constant", () => new Response(body, { headers: { "content-type": "application/json" } }));
  const server = createServer(getRequestListener(app.fetch)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const targets: Targets = {
    events: { origin: emulator.url, path, tokens: tokens.map(({ token }) => token) },
    constant: { origin, path: "/constant", tokens: tokens.map(({ token }) => token) },
    bodyBytes: new TextEncoder().encode(body).length,
  };
  process.stdout.write(`${JSON.stringify(targets)}\n`);
  process.stdin.resume().on("end", () => process.exit(0));
}

function follow(target: Target, token: string, until: number): Promise<number> {
  const { hostname, port } = new URL(target.origin);
  const request = `GET ${target.path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true }, () => socket.write(request));
    let answers = 0;
    let remaining = -1;
    socket.on("error", reject);
    socket.on("data", (chunk: Uint8Array) => {
      let size = chunk.length;
      if (remaining < 0) {
        const head = new TextDecoder("latin1").decode(chunk.subarray(0, 1_000));
        const length = /^HTTP\/1\.1 200 [^]*?\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
        const end = head.indexOf("\r\n\r\n");
        if (length === undefined || end < 0) {
          socket.destroy();
          return reject(new Error(`Cannot measure: unexpected answer ${head.slice(0, 200)}`));
        }
        remaining = Number(length);
        size -= end + 4;
      }
      remaining -= size;
      if (remaining > 0) return;
      remaining = -1;
      answers++;
      if (performance.now() < until) return void socket.write(request);
      socket.end();
      resolve(answers);
    });
  });
}

async function measure(target: Target, durationMs: number): Promise<number> {
  const started = performance.now();
  const counts = await Promise.all(target.tokens.map((token) => follow(target, token, started + durationMs)));
  return counts.reduce((sum, count) => sum + count, 0) / (performance.now() - started) * 1_000;
}

export async function bench(): Promise<ThroughputRow> {
  const directory = mkdtempSync(join(tmpdir(), "emulator-bench-"));
  const program = join(directory, "serve.mjs");
  // A static import would not work, because the server process runs this file without esbuild.
  const { build } = await import("esbuild");
  await build({
    absWorkingDir: root,
    entryPoints: ["bench/emulator_throughput.ts"],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "warning",
    external: ["esbuild"],
    alias: { yaml: "./node_modules/yaml/browser/index.js" },
  });
  const child = spawn(runtimes.node, [program, "serve"], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  try {
    const [line] = await Promise.race([
      once(createInterface({ input: child.stdout }), "line"),
      once(child, "exit").then(([code]) => {
        throw new Error(`Cannot measure: the server process ended with ${code}`);
      }),
    ]);
    const { events, constant, bodyBytes }: Targets = JSON.parse(line);
    const rounds: { events: number; constant: number }[] = [];
    await measure(constant, ROUND_MS / 3);
    await measure(events, ROUND_MS / 3);
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({ constant: await measure(constant, ROUND_MS), events: await measure(events, ROUND_MS) });
    }
    return {
      followers: FOLLOWERS,
      bodyBytes,
      events: Math.round(median(rounds.map((round) => round.events))),
      constant: Math.round(median(rounds.map((round) => round.constant))),
      ratio: median(rounds.map((round) => round.events / round.constant)),
    };
  } finally {
    child.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[2] === "serve") await serve();
else if (import.meta.main) {
  printTable(
    "Emulator: 200 followers reading 200 events each, against a constant answer of the same size",
    [{ ...await bench() }],
  );
}
