/** Writers of a campaign's directory on different runtimes. Deaths at many points, on Node: tests/programs/campaign/journal/home. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { build } from "esbuild";
import { openDirHome } from "../../../lib/campaign/journal/dir_home.ts";
import { systemClock } from "../../../lib/clock.ts";
import { processDurableFiles } from "../../../lib/files/disk.ts";
import { systemProcesses } from "../../../lib/files/processes.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { CAMPAIGN, ROUND } from "../../unit/campaign/journal/sample.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-writers-")));
const worker = join(folder, "worker.mjs");
const LINES = Object.values(RUNTIMES);

beforeAll(async () => {
  const entry = join(root, "tests/programs/campaign/journal/worker.ts");
  await build({
    entryPoints: [entry],
    outfile: worker,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the worker to its end. */
async function run(runtime: readonly string[], ...args: (string | number)[]) {
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
}

/** Numbers of the records, once the whole chain was read. */
async function numbersIn(directory: string): Promise<number[]> {
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

test("of processes on three runtimes that race for a directory exactly one has it at a time, and no record is lost", async () => {
  const directory = join(folder, "race");
  const ended = await Promise.all([...LINES, ...LINES].map((runtime) => run(runtime, "work", directory, 8, 0)));
  for (const { code, stderr } of ended) expect([code, stderr]).toEqual([0, ""]);
  const known = ended.flatMap(({ numbers }) => numbers).sort((a, b) => a - b);
  // Two that had it at the same time would have bound their records to the same one.
  expect(known).toEqual(Array.from({ length: 6 * 8 * 2 }, (_, index) => index + 1));
  expect(await numbersIn(directory)).toEqual(known);
  expect(readdirSync(directory).sort()).toEqual([".gitignore", "journal"]);
});

test("a process that was killed is followed at once by the next one, on any runtime (node, deno, bun)", async () => {
  for (const [index, runtime] of LINES.entries()) {
    const directory = join(folder, `killed-${index}`);
    // After the writer file, before the first record.
    expect((await run(runtime, "work", directory, 1, 12)).signal).toBe("SIGKILL");
    expect(existsSync(join(directory, "writer.json"))).toBe(true);
    const next = LINES[(index + 1) % LINES.length] ?? runtime;
    expect(await run(next, "once", directory)).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  }
});

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  test(`a directory that is never closed keeps no process alive, on ${name}`, async () => {
    const directory = join(folder, `forgotten-${name}`);
    expect(await run(runtime, "forget", directory)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(JSON.parse(readFileSync(join(directory, "writer.json"), "utf8"))).toMatchObject({ schema: 1 });
  });
}

test("Deno needs no permission but to read and write the directory, and waits 5 minutes for what it cannot look at", async () => {
  const directory = join(folder, "deno");
  const flags = ["--no-config", "--no-lock", "--no-prompt", `--allow-read=${folder}`, `--allow-write=${directory}`];
  const deno = [runtimes.deno, "run", ...flags];
  expect(await run(deno, "once", directory)).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  expect((await run(RUNTIMES.node, "work", directory, 1, 12)).signal).toBe("SIGKILL");
  const refused = await run(deno, "once", directory);
  expect(refused.stdout).toMatch(/^75 Cannot write in .*: process \d+ on ".*" is at work there since .*; wait until/);
  const past = Date.now() / 1000 - 301;
  utimesSync(join(directory, "writer.json"), past, past);
  const { stdout, stderr } = await run(deno, "once", directory);
  expect(stdout).toMatch(/^\{"kind":"text","message":"process \d+ on .* for 5 minutes: taken over"\}\ndone\n$/);
  expect(stderr).toBe("");
});
