/**
 * Campaigns under faults: nearly a third of all requests fail, the service answers 429 in bursts, and the service restarts during the campaign.
 * Counts errors that must never happen: second starts, forgotten repositories, and wrong verdicts.
 */
import process from "node:process";
import type { CampaignView } from "../../lib/campaign/view/view.ts";
import type { Clock } from "../../lib/clock.ts";
import { MogplexError } from "../../lib/errors.ts";
import type { RandomFaults } from "../../lib/emulator/state/faults.ts";
import { seeded } from "../fleet_world.ts";
import { printTable } from "../table.ts";
import { judge, type Judged } from "./judge.ts";
import { callCampaign, verdictsOf } from "./ways.ts";
import { type CampaignWorld, campaignWorld, runTimes } from "./world.ts";

const MINUTE_MS = 60_000;
const RATE = 0.3;
const KINDS: RandomFaults["kinds"] = [
  ...["500", "empty5xx", "html502", "503", "503-no-retry", "reset0", "resetMid", "truncated"] as const,
  "429",
];
const SLOW = { share: 0.02, mostMs: 40_000 };
const MOST_CALLS = 3_000;
const REPEATED: readonly number[] = [69, 75];

export type FaultWay = "run" | number;

export interface FaultOutcome extends Judged {
  calls: number;
  errors: number;
  requests: number;
  mostAMinute: number;
  starts: number;
  days: number;
  view: CampaignView;
}

interface Stretch {
  from: number;
  to: number;
}

function stretches(random: () => number, everyMs: number, lengthMs: number): Stretch[] {
  const all: Stretch[] = [];
  for (let at = 0; at < 10 * 24 * 60 * MINUTE_MS;) {
    const from = at + everyMs * (0.5 + random());
    all.push({ from, to: at = from + lengthMs * (0.5 + random()) });
  }
  return all;
}

function lost(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(`connect ${code}`), { code }) });
}

async function slowly(send: () => Promise<Response>, clock: Clock, random: () => number): Promise<Response> {
  const answer = await send();
  await clock.sleep(random() * SLOW.mostMs);
  return answer;
}

function badDays(seed: number, world: () => CampaignWorld) {
  const random = seeded(seed * 31 + 5);
  const bursts = stretches(random, 90 * MINUTE_MS, 2 * MINUTE_MS);
  const restarts = stretches(random, 120 * MINUTE_MS, 1.5 * MINUTE_MS);
  const find = (all: readonly Stretch[], now: number) => all.find(({ from, to }) => now >= from && now < to);
  return (send: () => Promise<Response>): Promise<Response> => {
    const { clock, emulator } = world();
    const now = clock.now();
    if (find(restarts, now) !== undefined) {
      // The request limiter is in the memory of one process, so a restart resets it. The start limiter is not.
      emulator.world.requests.reset();
      return Promise.reject(lost("ECONNREFUSED"));
    }
    const burst = find(bursts, now);
    if (burst === undefined) return random() < SLOW.share ? slowly(send, clock, random) : send();
    const body = JSON.stringify({ ok: false, error: { code: "RATE_LIMITED", message: "Rate limit exceeded." } });
    const headers = { "content-type": "application/json", "retry-after": String(Math.ceil((burst.to - now) / 1000)) };
    return Promise.resolve(new Response(body, { status: 429, headers }));
  };
}

export async function playFaults(seed: number, way: FaultWay, repositories: number): Promise<FaultOutcome> {
  const world: CampaignWorld = campaignWorld({
    repositories,
    times: runTimes("log-normal", repositories, seed),
    seed,
    randomFaults: { rate: RATE, kinds: KINDS, seed, retryAfter: 7 },
    between: badDays(seed, () => world),
  });
  const { clock, wire } = world;
  let calls = 0;
  let errors = 0;
  async function toTheEnd(): Promise<CampaignView> {
    for (; calls < MOST_CALLS; calls++) {
      try {
        const view = await callCampaign(world, way !== "run");
        if (view.state === "done") return view;
      } catch (error) {
        if (!(error instanceof MogplexError) || !REPEATED.includes(error.exitCode)) throw error;
        errors++;
      }
      await clock.sleep((way === "run" ? 1 : way) * MINUTE_MS);
    }
    throw new Error(`Cannot end the campaign of seed ${seed} with ${MOST_CALLS} commands`);
  }
  try {
    const view = await clock.drive(toTheEnd());
    const { requests, mostAMinute, starts } = wire;
    const days = clock.now() / (24 * 60 * MINUTE_MS);
    return { ...judge(world, verdictsOf(view)), calls: calls + 1, errors, requests, mostAMinute, starts, days, view };
  } finally {
    await world.close();
  }
}

export interface FaultRow extends Record<string, string | number> {
  way: string;
  campaigns: number;
  repositories: number;
  right: number;
  wrong: number;
  "second runs": number;
  forgotten: number;
  /** Start slots for each repository. More than 1, because answers are lost. */
  starts: number;
  requests: number;
  "a minute": number;
  "errors %": number;
}

export async function bench(seeds = 10, repositories = 60): Promise<FaultRow[]> {
  const rows: FaultRow[] = [];
  for (const way of ["run", 15] as const) {
    const all: FaultOutcome[] = [];
    for (let seed = 1; seed <= seeds; seed++) all.push(await playFaults(seed, way, repositories));
    const sum = (value: (each: FaultOutcome) => number) => all.reduce((total, each) => total + value(each), 0);
    for (const { story } of all) if (story.length > 0) process.stderr.write(`${story.join("\n")}\n`);
    const items = seeds * repositories;
    const rounded = (value: number) => Math.round(value * 100) / 100;
    rows.push({
      way: way === "run" ? "run" : `advance every ${way} min`,
      campaigns: seeds,
      repositories: items,
      right: sum(({ right }) => right),
      wrong: sum(({ wrong }) => wrong),
      "second runs": sum(({ secondRuns }) => secondRuns),
      forgotten: sum(({ forgotten }) => forgotten),
      starts: rounded(sum(({ starts }) => starts) / items),
      requests: rounded(sum(({ requests }) => requests) / items),
      "a minute": Math.max(...all.map(({ mostAMinute }) => mostAMinute)),
      "errors %": rounded(sum(({ errors }) => errors) / sum(({ calls }) => calls) * 100),
    });
  }
  return rows;
}

export const TITLE = "Campaigns on bad days";

if (import.meta.main) {
  const [seeds = "10", repositories = "60"] = process.argv.slice(2);
  printTable(TITLE, await bench(Number(seeds), Number(repositories)));
}
