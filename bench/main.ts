/**
 * Runs the benchmarks, prints their tables and writes `.bench/results.json`. Arguments select benchmarks by name. With `--full`, benchmarks that have
 * a short and a long form run the long form. `--before=FOLDER` names the `dist/` of an earlier build, which `start-up`, `bundle-size` and
 * `virtual-time` also measure.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../tools/setup.mjs";

interface Table {
  title: string;
  rows: unknown[];
}

const BENCHES: Readonly<Record<string, (full: boolean, before?: string) => Promise<Table | Table[]>>> = {
  "start-up": async (_, before) => ({
    title: "Start-up, in milliseconds of processor time",
    rows: (await import("./start_up.ts")).bench(before),
  }),
  "bundle-size": async (_, before) => ({
    title: "Sizes, in bytes",
    rows: (await import("./bundle_size.ts")).bench(before),
  }),
  "install": async () => ({
    title: "What a runner fetches, in bytes",
    rows: (await import("./install.ts")).bench(),
  }),
  "emulator-throughput": async () => ({
    title: "Emulator: 200 followers reading 200 events each, against a constant answer of the same size",
    rows: [await (await import("./emulator_throughput.ts")).bench()],
  }),
  "cancel": async () => {
    const { bench, TITLE } = await import("./cancel.ts");
    return { title: TITLE, rows: await bench() };
  },
  "memory": async () => {
    const { bench, TITLE } = await import("./memory.ts");
    return { title: TITLE, rows: await bench() };
  },
  "handles": async (_, before) => {
    const { bench, TITLE } = await import("./handles.ts");
    return { title: TITLE, rows: bench(before) };
  },
  "virtual-time": async (_, before) => {
    const { bench, TITLE } = await import("./virtual_time.ts");
    return { title: TITLE, rows: bench(before) };
  },
  "fleet": async () => ({ title: "Fleets of jobs on one token", rows: await (await import("./fleet.ts")).bench() }),
  "campaign": async (full) => await (await import("./campaign/bench.ts")).bench(full),
  "campaign-homes": async () => {
    const { bench, TITLE } = await import("./campaign/homes.ts");
    return { title: TITLE, rows: await bench() };
  },
  "pipelines": async (full) => await (await import("./campaign/pipelines.ts")).bench(full),
  "soak": async () => ({ title: "A thousand runs on bad days", rows: await (await import("./soak.ts")).bench() }),
};

async function main(args: readonly string[]): Promise<number> {
  const full = args.includes("--full");
  const before = args.find((arg) => arg.startsWith("--before="))?.slice("--before=".length);
  const names = args.filter((arg) => arg !== "--full" && !arg.startsWith("--before="));
  const unknown = names.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    process.stderr.write(`error: Cannot run bench "${unknown[0]}": use one of ${Object.keys(BENCHES).join(", ")}\n`);
    return 2;
  }
  execFileSync(runtimes.bun, ["--no-env-file", "tools/build.ts", "--dist"], { cwd: root, stdio: "ignore" });
  const { printTable } = await import("./table.ts");
  const results: Record<string, unknown> = {};
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const found = await bench(full, before);
    results[name] = Array.isArray(found) ? found : found.rows;
    for (const { title, rows } of [found].flat()) printTable(title, rows as Record<string, string | number>[]);
  }
  mkdirSync(join(root, ".bench"), { recursive: true });
  writeFileSync(join(root, ".bench/results.json"), `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write("\nWritten to .bench/results.json\n");
  return 0;
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = await main(process.argv.slice(2));
}
