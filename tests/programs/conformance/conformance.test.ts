import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { serve, type Served } from "../emulator/served.ts";
import { replay, type Scenario } from "./replayer.ts";

const fixture = join(import.meta.dir, "fixture.json");
const scenarios = ["scenarios.json", "scenarios-2.json"].flatMap((file): Scenario[] =>
  JSON.parse(readFileSync(join(import.meta.dir, file), "utf8"))
);

// The tests themselves may run on Bun, so its own path is not Node's.
const node = execFileSync("which", ["node"], { encoding: "utf8" }).trim();
const commands: Record<string, string[]> = {
  node: [node],
  bun: [runtimes.bun, "--no-env-file", "--config=/dev/null", "--tsconfig-override=/dev/null"],
  deno: [
    runtimes.deno,
    "run",
    "--no-config",
    "--no-lock",
    "--no-prompt",
    "--allow-net=127.0.0.1",
    "--allow-env",
    "--allow-read",
  ],
};

const servers = new Map<string, Promise<Served>>();

function server(runtime: string): Promise<Served> {
  const known = servers.get(runtime);
  if (known !== undefined) return known;
  const started = serve(commands[runtime] ?? [], ["--control", "--fixture", fixture]);
  servers.set(runtime, started);
  return started;
}

afterAll(async () => {
  for (const started of servers.values()) await (await started).stop();
});

test("every recorded scenario has a name of its own", () => {
  const names = scenarios.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(200);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

for (const scenario of scenarios) {
  test(`the emulator on Node answers as recorded: ${scenario.name}`, async () => {
    const { ready } = await server("node");
    expect(await replay(ready.url, scenario)).toBeUndefined();
  }, 60_000);
}

for (const runtime of ["bun", "deno"]) {
  test(`the emulator on ${runtime} answers as recorded, all scenarios`, async () => {
    const { ready } = await server(runtime);
    const problems: string[] = [];
    for (const scenario of scenarios) {
      const problem = await replay(ready.url, scenario);
      if (problem !== undefined) problems.push(problem);
    }
    expect(problems).toEqual([]);
  }, 120_000);
}

test("the emulator ends with 0 on SIGTERM, having written one line", async () => {
  const served = await serve(commands.node ?? [], []);
  expect(await served.stop()).toBe(0);
  expect(served.stdout().split("\n")).toHaveLength(2);
});
