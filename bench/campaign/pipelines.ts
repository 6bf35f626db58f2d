/**
 * GitLab pipelines of campaigns. Measures the time to generate a pipeline, and its size. Also runs a campaign of 120 repositories with
 * gitlab-ci-local in real processes. One wave is killed, one is retried, and a second clone continues. Linux only.
 */
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { newMemory } from "../../lib/campaign/journal/memory.ts";
import { renderGitlab } from "../../lib/campaign/pipeline/gitlab.ts";
import { wavePlan } from "../../lib/campaign/pipeline/make_pipeline.ts";
import { DEFAULT_MEAN_RUN_MS } from "../../lib/campaign/pace/next_starts.ts";
import { sampleInput } from "../../tests/unit/campaign/pipeline/sample_input.ts";
import { campaignWorld } from "../../tests/unit/campaign/world.ts";
import { type CampaignProject, openCampaignProject } from "../../tests/matrix/components/campaign_project.ts";
import { commitAll } from "../../tests/programs/components/project.ts";
import { openWorkFolder } from "../../tests/programs/examples/systems/campaign_recipes.ts";

type Row = Record<string, string | number>;

const EVERY_MS = 15 * 60_000;
const CHUNK = 10;

async function made(count: number): Promise<Row> {
  const world = campaignWorld({ count });
  await world.plan();
  const lock = await world.lock();
  if (lock === undefined) throw new Error("Cannot find the lock");
  const memory = newMemory(lock);
  const began = performance.now();
  const waves = wavePlan(memory, {
    nowMs: world.clock.wallTime(),
    meanRunMs: DEFAULT_MEAN_RUN_MS,
    runningSinceMs: [],
    everyMs: EVERY_MS,
  });
  const planned = performance.now();
  const files = renderGitlab(sampleInput({ waves, home: "git:origin#mogplex-campaign/codemod", output: "waves" }));
  const ended = performance.now();
  const sizes = files.map(({ text }) => new TextEncoder().encode(text).length);
  return {
    "repositories": count,
    "waves": waves.delaysMs.length,
    "files": files.length,
    "bytes": sizes.reduce((sum, size) => sum + size, 0),
    "largest file": Math.max(...sizes),
    "waves planned in ms": Math.round(planned - began),
    "files made in ms": Math.round(ended - planned),
  };
}

const jobs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `wave-${from + index}`);

function failed(pipeline: Awaited<ReturnType<CampaignProject["run"]>>): string[] {
  return Object.entries(pipeline.jobs).filter(([, { code }]) => code !== 0).map(([name, { code }]) =>
    `${name} ${code}`
  );
}

async function rehearsal(count: number): Promise<Row> {
  const work = openWorkFolder();
  const names = Array.from({ length: count }, (_, index) => `r${index + 1}`);
  const began = performance.now();
  const first = await openCampaignProject(work, names);
  try {
    // A wave starts three items. Half of the items are started here, and one wave in the middle is killed.
    const [middle, last] = [Math.ceil(count / 12), Math.ceil(count / 6)];
    await first.call("plan", "campaign.yml");
    await first.generate("--rehearsal", "1s");
    const bad = failed(await first.run({ jobs: ["plan", ...jobs(1, middle - 1)] }));
    first.stopAt(/^POST \/runs$/, 2);
    const killed = failed(await first.run({ jobs: [`wave-${middle}`] }));
    first.stopAt(undefined);
    bad.push(...failed(await first.run({ jobs: [`wave-${middle}`], before: () => {} })));
    bad.push(...failed(await first.run({ jobs: jobs(middle + 1, last) })));
    bad.push(...failed(await first.run({ jobs: [`wave-${last}`], before: () => {} })));
    const second = await openCampaignProject(work, names, "", { ".gitignore": "" }, first.service);
    const newest = first.artifact(`wave-${last}`, `mogplex-waves/${last}`);
    cpSync(newest, join(second.cwd, "mogplex-campaign"), { recursive: true });
    commitAll(second.cwd);
    const child = await second.generate("--rehearsal", "1s");
    // gitlab-ci-local never finishes if it gets more than about 20 stages at a time.
    const rest = child.match(/^(?:plan|wave-\d+|report)(?=:)/gm) ?? [];
    for (let from = 0; from < rest.length; from += CHUNK) {
      bad.push(...failed(await second.run({ jobs: rest.slice(from, from + CHUNK) })));
    }
    const { state, counts, waves } = JSON.parse(
      readFileSync(second.artifact("report", "mogplex-campaign/campaign.json"), "utf8"),
    );
    const { runs, keys, starts } = first.counts();
    return {
      "repositories": count,
      "state": state,
      "succeeded": counts.succeeded,
      "waves": waves,
      "waves of the second pipeline": child.match(/^wave-\d+:/gm)?.length ?? 0,
      "killed": killed.join(", "),
      "other jobs not green": bad.join(", "),
      "runs": runs,
      "keys": keys,
      "requests that start": starts,
      "seconds": Math.round((performance.now() - began) / 1000),
    };
  } finally {
    await first.close();
    rmSync(work.folder, { recursive: true, force: true });
  }
}

/** @param full Whether to run the complete rehearsal, which takes some minutes. Otherwise, the rehearsal is small. */
export async function bench(full: boolean): Promise<{ title: string; rows: Row[] }[]> {
  const rows: Row[] = [];
  for (const count of [100, 300, 1_000, ...full ? [10_000] : []]) rows.push(await made(count));
  return [
    { title: "Pipelines for GitLab, waves every 15 minutes", rows },
    { title: "A campaign through child pipelines of two clones", rows: [await rehearsal(full ? 120 : 66)] },
  ];
}
