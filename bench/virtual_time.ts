/**
 * How long half an hour of following takes on the virtual clock of `testing.ts`: a run that never ends, read 188 times. An earlier build, if
 * one is given, takes turns with this one.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { RUNTIMES } from "../tests/programs/package/runtimes.ts";
import { root } from "../tools/setup.mjs";
import { median, printTable } from "./table.ts";

export const TITLE = "Half an hour of following on the virtual clock, in milliseconds";

/** A row of the table: medians, in milliseconds. */
export interface VirtualTimeRow {
  /** Name of the runtime. */
  runtime: string;
  now: number;
  /** Of the earlier build; a dash without one. */
  before: number | string;
  /** `now` divided by `before`. */
  ratio: number | string;
}

/** Follows once to warm up, then once more, and prints the milliseconds of that. */
const SCRIPT = `
const [folder] = process.argv.slice(2);
const { createMogplex } = await import(folder + "/mod.mjs");
const { createEmulator } = await import(folder + "/testing.mjs");
let took = 0;
for (let round = 0; round < 2; round++) {
  const service = createEmulator({ scenario: "stuck-streaming" });
  const request = { repoId: service.repos[0].id, prompt: "Fix the flaky tests" };
  const began = performance.now();
  const { outcome } = await createMogplex(service.options).run(request, { throwOnFailure: false, timeoutMs: 1_800_000 });
  if (outcome !== "deadline") throw new Error(outcome);
  took = performance.now() - began;
}
console.log(took);
`;

/**
 * Measures every runtime.
 *
 * @param before Folder of an earlier build. @default {undefined} (none is measured)
 * @param rounds Measurements of each build.
 */
export function bench(before?: string, rounds = 7): VirtualTimeRow[] {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  try {
    const script = join(folder, "half_an_hour.mjs");
    writeFileSync(script, SCRIPT);
    const builds = [join(root, "dist"), ...before === undefined ? [] : [before]];
    return Object.entries(RUNTIMES).map(([runtime, [program = "", ...args]]) => {
      const times = builds.map((): number[] => []);
      for (let round = 0; round < rounds; round++) {
        for (const [index, build] of builds.entries()) {
          const { status, stdout } = spawnSync(program, [...args, script, pathToFileURL(build).href], {
            encoding: "utf8",
          });
          if (status !== 0) throw new Error(`Cannot measure ${build} on ${runtime}: it ended with ${status}`);
          times[index]?.push(Number(stdout));
        }
      }
      const [now = 0, earlier] = times.map((each) => Math.round(median(each)));
      if (earlier === undefined) return { runtime, now, before: "–", ratio: "–" };
      return { runtime, now, before: earlier, ratio: Math.round(now / earlier * 100) / 100 };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) printTable(TITLE, bench() as unknown as Record<string, string | number>[]);
