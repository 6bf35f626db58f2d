/** Cost of the directory of a campaign: 30 repositories with runs of ten minutes on the virtual clock, in memory and on disk. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Campaign, createCampaigns, memoryHome } from "../../campaigns.ts";
import type { Clock } from "../../lib/clock.ts";
import { createMogplex } from "../../mod.ts";
import { createEmulator } from "../../testing.ts";

export const TITLE = "A campaign of 30 repositories on the virtual clock, in milliseconds";

const REPOS = Array.from({ length: 30 }, (_, index) => `acme/project-${index + 1}`);
const TEN_MINUTES = "steps: [{ sandbox: up }, { after: 600, status: success }]";
/** Number of measurements. The first one is only a warm-up. */
const TIMES = 6;

async function waves(campaign: Campaign, clock: Clock): Promise<void> {
  let view = await campaign.advance();
  while (view.nextWaveAt !== null) {
    await clock.sleep(Math.max(1_000, Date.parse(view.nextWaveAt) - clock.wallTime()));
    view = await campaign.advance();
  }
}

const WAYS: Readonly<Record<string, (campaign: Campaign, clock: Clock) => Promise<unknown>>> = {
  "run()": (campaign) => campaign.run(),
  "advance() in a loop": waves,
};

async function timeOf(way: keyof typeof WAYS, isInMemory: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  const service = createEmulator({ repos: REPOS, scenario: TEN_MINUTES });
  const home = isInMemory ? memoryHome() : join(folder, "home");
  const campaign = createCampaigns(createMogplex(service.options))
    .of({ name: "bench", prompt: "Replace moment", repositories: REPOS }, { home });
  const from = performance.now();
  await WAYS[way]?.(campaign, service.clock);
  const ms = performance.now() - from;
  const { counts: { succeeded } } = await campaign.read();
  rmSync(folder, { recursive: true });
  if (succeeded !== REPOS.length) throw new Error(`Cannot measure: ${succeeded} of ${REPOS.length} succeeded`);
  return ms;
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

export async function bench(): Promise<Record<string, string | number>[]> {
  const rows: Record<string, string | number>[] = [];
  for (const way of Object.keys(WAYS)) {
    const [inMemory, onDisk]: [number[], number[]] = [[], []];
    for (let time = 0; time < TIMES; time++) {
      const pair = [await timeOf(way, true), await timeOf(way, false)] as const;
      if (time === 0) continue;
      inMemory.push(pair[0]);
      onDisk.push(pair[1]);
    }
    const [memory, disk] = [median(inMemory), median(onDisk)];
    rows.push({
      way,
      memory: Math.round(memory),
      directory: Math.round(disk),
      ratio: Math.round(memory / disk * 100) / 100,
    });
  }
  return rows;
}
