/**
 * Cost of handles for a server. A process starts 1, 100 and 1,000 `attach()` calls at once, follows until each has seen 150 events, and leaves all of
 * them at once. Measures the longest pause of the event loop, and the memory of the handles. A `fetch` in the process answers the requests with a
 * delay, so that only our own work is measured. The baseline is the same number of `fetch` calls without handles, whose streams are read and whose
 * events are kept.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { RUNTIMES } from "../tests/programs/package/runtimes.ts";
import { root } from "../tools/setup.mjs";
import { printTable } from "./table.ts";

/** Limits for 1,000 handles. */
const LIMITS = { startMs: 200, memoryMb: 300 };
const COUNTS = [1, 100, 1_000];

const SCRIPT = `
import process from "node:process";
const [folder, count, what] = process.argv.slice(2);
const { createMogplex } = await import(folder + "/mod.mjs");
const { createEmulator } = await import(folder + "/testing.mjs");

// One run that continues, and what the service says of it: answers, and a stream that stays open.
const steps = Array.from({ length: 150 }, (_, index) => "{ after: 1, event: { type: log, message: 'Ran test " + index + "' } }");
const scenario = "steps: [{ sandbox: up }, { status: streaming }, " + steps.join(", ") + ", { after: 86400000, status: success }]";
const service = createEmulator({ scenario, revision: "later" });
const { token, url } = service.options;
const { runId } = await createMogplex(service.options).start({ repoId: service.repos[0].id, prompt: "Fix the flaky tests" });
service.clock.advance(1_000);
async function streamText(url, init) {
  const reader = (await service.options.fetch(url, init)).body.getReader();
  let text = "";
  while (!text.includes("Ran test 149")) text += new TextDecoder().decode((await reader.read()).value);
  return text;
}
const answers = new Map();
async function fetch(url, init) {
  const type = init.headers.accept;
  const isStream = type === "text/event-stream";
  const key = new URL(url).pathname + type;
  const read = isStream ? streamText : async (...call) => (await service.options.fetch(...call)).text();
  if (!answers.has(key)) answers.set(key, read(url, init));
  const text = await answers.get(key);
  await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 5_000));
  const open = () => new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(text)) });
  return new Response(isStream ? open() : text, { headers: { "content-type": type } });
}
const mogplex = createMogplex({ token, url, env: null, fetch });
const address = url + "/api/v1/mogplex/runs/" + runId + "/events/stream?limit=200";
async function bare() {
  const { body } = await fetch(address, { headers: { accept: "text/event-stream", authorization: "Bearer " + token } });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("Ran test 149")) text += decoder.decode((await reader.read()).value, { stream: true });
  const data = text.split("\\n").filter((line) => line.startsWith("data:"));
  return { reader, events: data.map((line) => JSON.parse(line.slice(5))) };
}
async function beginBare(count) {
  const all = await Promise.all(Array.from({ length: count }, bare));
  return { async end() { await Promise.all(all.map(({ reader }) => reader.cancel())); } };
}
async function beginHandles(count) {
  const stop = new AbortController();
  const options = { signal: stop.signal, throwOnFailure: false };
  const handles = Array.from({ length: count }, () => mogplex.attach(runId, options));
  const ends = handles.map((handle) => handle.catch(() => {}));
  await Promise.all(handles.map(async (handle) => {
    let seen = 0;
    const items = handle[Symbol.asyncIterator]();
    while (seen < 150) if ((await items.next()).value.type === "event") seen++;
  }));
  return { async end() { stop.abort(); await Promise.all(ends); } };
}
const begin = what === "floor" ? beginBare : beginHandles;
// What is only paid once.
await (await begin(5)).end();

const memory = () => { globalThis.gc?.(); const { rss, external } = process.memoryUsage(); return { rss, external }; };
const before = memory();
// The lesser of two times between turns: by the clock, other programs of the machine count, too; by processor time, threads of the garbage
// collector that work beside the loop.
const times = () => { const { user, system } = process.cpuUsage(); return [performance.now(), (user + system) / 1e3]; };
let blocked = 0, last = times(), on = true;
(function turn() {
  const now = times();
  blocked = Math.max(blocked, Math.min(now[0] - last[0], now[1] - last[1]));
  last = now;
  if (on) setTimeout(turn, 0);
})();
await new Promise((resolve) => setTimeout(resolve, 50));
blocked = 0;
const handles = await begin(Number(count));
const after = memory();
const startMs = blocked;
blocked = 0;
await handles.end();
await new Promise((resolve) => setTimeout(resolve, 50));
on = false;
process.stdout.write(JSON.stringify({
  startMs, endMs: blocked, rssMb: (after.rss - before.rss) / 1e6, externalMb: (after.external - before.external) / 1e6,
}) + "\\n");
`;

interface Measured {
  startMs: number;
  endMs: number;
  rssMb: number;
  externalMb: number;
}

export interface HandlesRow extends Measured, Record<string, string | number> {
  runtime: string;
  build: string;
  handles: number;
  met: string;
}

function measure(line: readonly string[], script: string, folder: string, count: number, build: string): Measured {
  const args = [...line.slice(1), script, pathToFileURL(folder).href, String(count), build];
  const { status, stdout, stderr } = spawnSync(line[0] ?? "", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot measure ${count} handles: ${line[0]} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

export function bench(before?: string): HandlesRow[] {
  const directory = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  const script = join(directory, "handles.mjs");
  writeFileSync(script, SCRIPT);
  const now = join(root, "dist");
  const builds = [["floor", now], ["now", now], ...before === undefined ? [] : [["before", before]]] as const;
  try {
    return Object.entries(RUNTIMES).flatMap(([runtime, line]) =>
      COUNTS.flatMap((handles) =>
        builds.map(([build = "", folder = ""]) => {
          const measured = measure(line, script, folder, handles, build);
          const { startMs, rssMb, externalMb } = measured;
          const isMet = startMs < LIMITS.startMs && Math.max(rssMb, externalMb) < LIMITS.memoryMb;
          return {
            runtime,
            build,
            handles,
            ...measured,
            met: handles < 1_000 || build === "floor" ? "–" : isMet ? "yes" : "no",
          };
        })
      )
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export const TITLE = "Handles that begin at once: longest standstill in milliseconds, growth of memory in MB";

if (import.meta.main) printTable(TITLE, bench());
