/** Writers of a campaign's directory on different runtimes. Deaths at many points, on Node: tests/programs/campaign/journal. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { buildWriters, numbersIn, type Writers } from "../../programs/campaign/journal/writers.ts";
import { RUNTIMES } from "../../programs/package/runtimes.ts";

let writers: Writers;
let folder: string;
let run: Writers["run"];
const LINES = Object.values(RUNTIMES);

beforeAll(async () => void ({ folder, run } = writers = await buildWriters()));

afterAll(() => writers.close());

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
  expect(refused.stdout).toMatch(
    /^75 Cannot work on the campaign: process \d+ on ".*" has been using ".*" since .*; wait until/,
  );
  const past = Date.now() / 1000 - 301;
  utimesSync(join(directory, "writer.json"), past, past);
  const { stdout, stderr } = await run(deno, "once", directory);
  expect(stdout).toMatch(/^\{"kind":"text","message":"took over from process \d+ on .* for 5 minutes"\}\ndone\n$/);
  expect(stderr).toBe("");
});
