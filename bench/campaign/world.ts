/**
 * The environment of a campaign benchmark: the emulator with its real limiter and three sandboxes on a virtual clock, and a connection that counts
 * requests.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CampaignOptions } from "../../lib/campaign/campaign_options.ts";
import { type Emulator, makeEmulator } from "../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../lib/emulator/options.ts";
import { builtInScenarios } from "../../lib/emulator/agents/scenario.ts";
import type { RunRow } from "../../lib/emulator/state/store.ts";
import { type FleetClock, fleetClock } from "../fleet_clock.ts";
import { seeded } from "../fleet_world.ts";

/** Origin of the emulated service. */
export const ORIGIN = "https://mogplex.example";
export const OWNER = "acme";
export const SANDBOXES = 3;
const MINUTE_MS = 60_000;

export type RunTimes = "constant" | "log-normal";

export const MEAN_MS = 20 * MINUTE_MS;
/** Standard deviation of the logarithm of the run times. Two thirds of all times are between 0.6 and 1.6 times the median. */
const SPREAD = 0.5;
const SHORTEST_MS = 2 * MINUTE_MS;
/** Must be less than the default of `run-timeout` in a campaign file. Longer runs would be stopped, and the lower bound would be wrong. */
const LONGEST_MS = 58 * MINUTE_MS;

export function runTimes(kind: RunTimes, count: number, seed: number): number[] {
  if (kind === "constant") return Array.from({ length: count }, () => MEAN_MS);
  const random = seeded(seed);
  return Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const ms = MEAN_MS * Math.exp(SPREAD * normal - SPREAD * SPREAD / 2);
    return Math.round(Math.min(Math.max(ms, SHORTEST_MS), LONGEST_MS));
  });
}

export interface WireCount {
  requests: number;
  mostAMinute: number;
  refusals: number;
  /** Starts that used a slot, including replays and starts whose answer was lost. */
  starts: number;
}

export type Told = "succeeded" | "unchanged" | "failed" | "other";

export interface CampaignWorld {
  clock: FleetClock;
  emulator: Emulator;
  names: readonly string[];
  ids: ReadonlyMap<string, string>;
  token: string;
  wire: WireCount;
  random(): number;
  fetch(url: string, init: RequestInit): Promise<Response>;
  file: string;
  folder: string;
  options(directory?: string): CampaignOptions;
  runsOf(name: string): RunRow[];
  close(): Promise<void>;
}

export interface WorldOptions
  extends Pick<EmulatorOptions, "randomFaults" | "revision" | "startLimitScope" | "sandboxLingerMs"> {
  repositories: number;
  /** Duration of the first run of each repository, in milliseconds. Later runs take the mean time. */
  times: readonly number[];
  scenario?: string | undefined;
  seed: number;
  /** Maximum time from a request to its answer. The mean is half of it. @default {400} */
  delayMs?: number | undefined;
  settings?: string | undefined;
  between?:
    | ((send: () => Promise<Response>, request: { method: string; path: string }) => Promise<Response>)
    | undefined;
}

function campaignText(settings: string): string {
  return `version: 1
name: replace-moment
title: Replace moment with Temporal
prompt: Replace moment with Temporal in {{ repository.name }}
repositories:
  - { query: ${OWNER}/ }
success: { require: pull-request, accept-unchanged: true }
${settings}`;
}

export function campaignWorld(options: WorldOptions): CampaignWorld {
  const { repositories, times, scenario = "campaign", seed, delayMs = 400, settings = "", between } = options;
  const { randomFaults, revision, startLimitScope, sandboxLingerMs } = options;
  const clock = fleetClock();
  const random = seeded(seed * 7_919 + 17);
  const timeOf = new Map<string, number>();
  const emulator = makeEmulator({
    clock,
    projects: [{ owner: OWNER, count: repositories }],
    scenarios: builtInScenarios(scenario),
    sandboxLimit: SANDBOXES,
    runDuration: ({ repo, attempt }) => attempt === 1 ? timeOf.get(repo) : MEAN_MS,
    randomFaults,
    revision,
    startLimitScope,
    sandboxLingerMs,
  });
  const { store } = emulator.world;
  const repos = [...store.repos.values()].filter(({ full_name: name }) => name.startsWith(`${OWNER}/`));
  const names = repos.map(({ full_name: name }) => name).sort();
  for (const [index, name] of names.entries()) timeOf.set(name, times[index] ?? MEAN_MS);
  const ids = new Map(repos.map(({ full_name: name, id }) => [name, id]));
  const [tokenRow] = store.tokens.values();
  const token = tokenRow?.token ?? "";
  const folder = mkdtempSync(join(tmpdir(), "mogplex-campaign-"));
  const file = join(folder, "campaign.yml");
  writeFileSync(file, campaignText(settings));
  const wire: WireCount = { requests: 0, mostAMinute: 0, refusals: 0, starts: 0 };
  let lastMinute: number[] = [];
  const limiter = emulator.world.starts;
  const claim = limiter.claim.bind(limiter);
  limiter.claim = (key, nowMs) => {
    const decision = claim(key, nowMs);
    if (decision.allowed) wire.starts++;
    return decision;
  };

  function count(): void {
    wire.requests++;
    const now = clock.now();
    lastMinute = [...lastMinute.filter((at) => at > now - MINUTE_MS), now];
    wire.mostAMinute = Math.max(wire.mostAMinute, lastMinute.length);
  }

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    count();
    const request = { method: init.method ?? "GET", path: new URL(url).pathname.replace("/api/v1/mogplex", "") };
    const signal = init.signal ?? undefined;
    const half = () => delayMs === 0 ? Promise.resolve() : clock.sleep(random() * delayMs / 2, { signal });
    await half();
    const send = () => clock.during(emulator.fetch(url, init));
    const answer = await (between === undefined ? send() : between(send, request));
    if (answer.status === 429) wire.refusals++;
    await half();
    return answer;
  }

  return {
    clock,
    emulator,
    names,
    ids,
    token,
    wire,
    random: seeded(seed * 104_729 + 3),
    fetch,
    file,
    folder,
    options: (directory = "state") => ({
      token,
      url: ORIGIN,
      clock,
      fetch,
      env: () => undefined,
      directory: join(folder, directory),
    }),
    runsOf: (name) => [...store.runs.values()].filter(({ repo_id: id }) => id === ids.get(name)),
    async close() {
      await emulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
