/** Campaigns in real processes that are killed again and again, on a service in this process with a clock that runs fast. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { build } from "esbuild";
import { truthOf } from "../../../../bench/campaign/judge.ts";
import { OWNER } from "../../../../bench/campaign/world.ts";
import { seeded } from "../../../../bench/fleet_world.ts";
import { readCampaignWith } from "../../../../lib/campaign/campaign.ts";
import { root } from "../../../../tools/setup.mjs";
import { fastService } from "./fast_service.ts";

/** So many seconds of the clock pass in a real one. */
const SPEED = 300;
/** Time of a run, in milliseconds of the clock: three at a time meet the limit of ten starts a minute. */
const RUN_MS = 15_000;
/** One of them fails and is started once more, one is unchanged. */
const REPOSITORIES = 14;
/** Commands after which a campaign is not going to end. */
const MOST_COMMANDS = 120;

/** Builds the worker. @param folder Where. @returns Its path. */
export async function buildWorker(folder: string): Promise<string> {
  await build({
    // With the program as a second entry, its code is in a separate file: in the worker's file it would run by itself.
    entryPoints: {
      worker: join(root, "tests/programs/processes/world/crash_worker.ts"),
      program: join(root, "lib/cli/main.ts"),
    },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // The YAML parser calls `require`.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return join(folder, "worker.mjs");
}

/** How to kill a campaign. */
export interface CrashPlan {
  /** Command line of the runtime. */
  runtime: readonly string[];
  /** Path of the worker. */
  worker: string;
  /** The verb: one process to the end, or a process for each wave. */
  verb: "run" | "advance";
  /**
   * Points at which it is killed. The first counts from the beginning of the campaign, over all its processes; each further one from the
   * process that follows the death before.
   */
  kills: readonly number[];
}

/** Points of a campaign without a crash, about. */
const POINTS = { run: 700, advance: 950 };
/** Points of a process that takes over, within which it is killed as well. */
const TAKE_OVER_POINTS = 150;

/** The plan with a number: every other one is in waves; every third one is killed twice, every sixth one three times. */
export function crashPlan(seed: number, runtime: readonly string[], worker: string): CrashPlan {
  const random = seeded(seed * 6_151 + 11);
  const upTo = (most: number) => 1 + Math.floor(random() * most);
  const verb = seed % 2 === 0 ? "run" : "advance";
  const more = seed % 6 === 0 ? 2 : seed % 3 === 0 ? 1 : 0;
  return {
    runtime,
    worker,
    verb,
    kills: [upTo(POINTS[verb]), ...Array.from({ length: more }, () => upTo(TAKE_OVER_POINTS))],
  };
}

/** What happened to a campaign. */
export interface CrashOutcome {
  /** Processes that were killed. */
  killed: number;
  /** Points from the first command to the last. */
  points: number;
  /** Exit code of the last command. */
  code: number | null;
  /** Repositories with more or fewer runs than without a crash, with both numbers. */
  otherRuns: string[];
  /** Repositories with another verdict than without a crash, with both. */
  wrong: string[];
  /** What the processes wrote on stderr, for debugging. */
  story: string;
}

/** Runs a worker to its end. */
async function command(line: readonly string[], cwd: string, env: Record<string, string>) {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(line[0] ?? "", line.slice(1), {
    cwd,
    env: { PATH, HOME, NO_COLOR: "1", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => void (stderr += chunk));
  const [code, signal] = await once(child, "close") as [number | null, string | null];
  return { code, signal, stderr, points: Number(/(\d+)\n$/.exec(stderr)?.[1] ?? 0) };
}

/** Plays a campaign whose processes are killed, until a command says that it is done. */
export async function playCrashes({ runtime, worker, verb, kills }: CrashPlan): Promise<CrashOutcome> {
  const service = await fastService({ repositories: REPOSITORIES, runMs: RUN_MS, speed: SPEED });
  const folder = mkdtempSync(join(tmpdir(), "mogplex-crashes-"));
  const file = join(folder, "campaign.yml");
  writeFileSync(
    file,
    `version: 1
name: crashes
title: Replace moment with Temporal
prompt: Replace moment with Temporal in {{ repository.name }}
repositories: [{ query: ${OWNER}/ }]
success: { require: pull-request, accept-unchanged: true }
limits: { attempts: 2 }
`,
  );
  const line = [
    ...runtime,
    worker,
    "campaign",
    verb,
    "campaign.yml",
    ...verb === "advance" ? ["--plan", "--exit-status"] : [],
  ];
  const outcome: CrashOutcome = { killed: 0, points: 0, code: null, otherRuns: [], wrong: [], story: "" };
  const left = [...kills];
  try {
    for (let count = 0; outcome.code === null || [69, 75].includes(outcome.code); count++) {
      if (count >= MOST_COMMANDS) throw new Error(`Cannot end the campaign: ${outcome.story.slice(-2_000)}`);
      const at = left[0] ?? 0;
      const end = await command(line, folder, { ...service.env, CRASH_AT: String(at) });
      outcome.story += `${end.code ?? end.signal}: ${end.stderr}`;
      outcome.code = end.code;
      if (end.signal === "SIGKILL") {
        outcome.killed++;
        outcome.points += at;
        left.shift();
      } else {
        outcome.points += end.points;
        // The point lies further on, in one of the next processes.
        if (left.length > 0) left[0] = at - end.points;
      }
    }
    if (![0, 1].includes(outcome.code)) throw new Error(`Cannot continue: ${outcome.story.slice(-2_000)}`);
    const view = await readCampaignWith(
      file,
      { directory: join(folder, "mogplex-campaign"), clock: service.clock },
      {},
    );
    const { runs, repos } = service.emulator.world.store;
    for (const { repository, verdict } of view.items) {
      const truth = truthOf(repository);
      if (verdict !== truth) outcome.wrong.push(`${repository}: ${verdict} in place of ${truth}`);
      const real = [...runs.values()].filter(({ repo_id: id, error }) =>
        repos.get(id)?.full_name === repository && !/too many active sandboxes/i.test(error ?? "")
      );
      const due = truth === "failed" ? 2 : 1;
      if (real.length !== due) outcome.otherRuns.push(`${repository}: ${real.length} in place of ${due}`);
    }
    if (view.items.length !== REPOSITORIES) outcome.wrong.push(`${view.items.length} items`);
    return outcome;
  } finally {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
