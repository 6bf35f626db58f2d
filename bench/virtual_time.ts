/**
 * Real time of waits on the virtual clock of `testing.ts`: half an hour of following a run that never ends, and a day in which a campaign cannot
 * start anything. Measurements alternate with an earlier build if one is given.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { RUNTIMES } from "../tests/programs/package/runtimes.ts";
import { root } from "../tools/setup.mjs";
import { median, printTable } from "./table.ts";

export const TITLE = "Waiting on the virtual clock, in milliseconds";

export interface VirtualTimeRow {
  wait: string;
  runtime: string;
  requests: number;
  now: number;
  before: number | string;
  ratio: number | string;
}

const WAITS: Readonly<Record<string, { rounds: number; script: string }>> = {
  "half an hour, a run that is polled": { rounds: 7, script: `await halfAnHour("base")` },
  "half an hour, a run with a stream": { rounds: 7, script: `await halfAnHour("later")` },
  "a day, a closed window": { rounds: 3, script: `await day("base", { windows: ["Mon 08:00-10:00 UTC"] })` },
  "a day, three questions, polled": { rounds: 3, script: `await day("base", {})` },
  "a day, three questions, streams": { rounds: 3, script: `await day("later", {})` },
};

const SCRIPT = `
const [folder] = process.argv.slice(2);
const { createMogplex } = await import(folder + "/mod.mjs");
const { createEmulator } = await import(folder + "/testing.mjs");
const { createCampaigns, memoryHome } = await import(folder + "/campaigns.mjs").catch(() => ({}));

function client(options) {
  const service = createEmulator(options);
  const counted = { requests: 0 };
  const fetch = (url, init) => {
    counted.requests++;
    return service.options.fetch(url, init);
  };
  return { service, counted, mogplex: createMogplex({ ...service.options, fetch }) };
}
async function halfAnHour(revision) {
  // Longer than that: a later revision ends a run whose worker is silent.
  const scenario = revision === "base" ? "stuck-streaming" : "steps: [{ sandbox: up }, { after: 3600, status: success }]";
  const { service, counted, mogplex } = client({ scenario, revision });
  const request = { repoId: service.repos[0].id, prompt: "Fix the flaky tests" };
  const { outcome } = await mogplex.run(request, { throwOnFailure: false, timeoutMs: 1_800_000 });
  if (outcome !== "deadline") throw new Error(outcome);
  return counted.requests;
}
async function day(revision, more) {
  if (createCampaigns === undefined) return NaN;
  const repositories = Array.from({ length: 6 }, (_, index) => "acme/project-" + (index + 1));
  const { counted, mogplex } = client({ repos: repositories, scenario: "awaiting-input", revision });
  const campaign = createCampaigns(mogplex)
    .of({ name: "bench", prompt: "Replace moment", repositories, ...more }, { home: memoryHome() });
  const { counts } = await campaign.run({ throwOnFailure: false, timeoutMs: 86_400_000 });
  if (counts.waiting < 3) throw new Error(JSON.stringify(counts));
  return counted.requests;
}
`;

function scriptOf(wait: string): string {
  return `${SCRIPT}
${wait};
const began = performance.now();
const requests = ${wait};
const ms = Number.isNaN(requests) ? null : performance.now() - began;
console.log(JSON.stringify({ requests, ms }));
`;
}

export function bench(before?: string): VirtualTimeRow[] {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  const builds = [join(root, "dist"), ...before === undefined ? [] : [before]];
  const rows: VirtualTimeRow[] = [];
  try {
    for (const [wait, { rounds, script: call }] of Object.entries(WAITS)) {
      const script = join(folder, "wait.mjs");
      writeFileSync(script, scriptOf(call));
      for (const [runtime, [program = "", ...args]] of Object.entries(RUNTIMES)) {
        const times = builds.map((): number[] => []);
        let requests = 0;
        for (let round = 0; round < rounds; round++) {
          for (const [index, build] of builds.entries()) {
            const { status, stdout } = spawnSync(program, [...args, script, pathToFileURL(build).href], {
              encoding: "utf8",
            });
            if (status !== 0) throw new Error(`Cannot measure ${build} on ${runtime}: it ended with ${status}`);
            const told: { requests: number; ms: number | null } = JSON.parse(stdout);
            if (index === 0) requests = told.requests;
            if (told.ms !== null) times[index]?.push(told.ms);
          }
        }
        const [now = 0, earlier = Number.NaN] = times.map((each) => Math.round(median(each)));
        const isKnown = !Number.isNaN(earlier);
        rows.push({
          wait,
          runtime,
          requests,
          now,
          before: isKnown ? earlier : "–",
          ratio: isKnown ? Math.round(now / earlier * 100) / 100 : "–",
        });
      }
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) printTable(TITLE, bench() as unknown as Record<string, string | number>[]);
