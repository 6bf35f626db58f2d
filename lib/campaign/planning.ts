/**
 * `planCampaign()`: freezes the list of a campaign, and computes how long it will take. Starts nothing.
 *
 * @module
 */
import { openSession } from "../job/session.ts";
import { makeView } from "./make_view.ts";
import {
  type CampaignInternals,
  type CampaignOptions,
  type OpenedCampaign,
  reopen,
  withCampaign,
} from "./open_campaign.ts";
import { newMemory } from "./journal/memory.ts";
import { type Forecast, forecast, type ForecastInput, WAVE_DISTANCES_MS } from "./pace/forecast.ts";
import type { Bound } from "./pace/pace.ts";
import { planLock } from "./plan/plan_campaign.ts";
import type { LockChanges } from "./plan/make_lock.ts";
import { countOf, startableItems } from "./progress.ts";
import type { CampaignView } from "./view.ts";
import { DEFAULT_MEAN_RUN_MS, serviceNow } from "./work/work.ts";

/** Options of {@linkcode planCampaign}. */
export interface PlanCampaignOptions extends CampaignOptions {
  /** Whether repositories that cannot be used are kept as `invalid` items, in place of an error. @default {false} */
  skipInvalid?: boolean | undefined;
  /** Mean time of a run in milliseconds, for forecasts, until runs have ended. @default {1_200_000} */
  meanRunMs?: number | undefined;
  /** Whether nothing is written. @default {false} */
  dryRun?: boolean | undefined;
}

/** How long a campaign takes with waves at a distance. */
export interface WavesForecast {
  /** Distance of two waves in milliseconds; 0 for one process that stays until the end. */
  everyMs: number;
  /** Earliest end, in ISO 8601; null when the windows never open. */
  endsAt: string | null;
  /** Number of waves; 1 for a process that stays. */
  waves: number;
  /** Minutes of a runner. */
  computeMinutes: number;
}

/** What {@linkcode planCampaign} found. */
export interface CampaignPlan {
  /** What the campaign looks like. */
  view: CampaignView;
  /** What the plan changed. Everything is `added` by the first one. */
  changes: LockChanges;
  /** Requests that reading the lists took, and its time in milliseconds. */
  reading: { requests: number; milliseconds: number };
  /** The limit that decides the end. */
  bound: Bound;
  /** When it would end without each of the limits, the strongest first; in ISO 8601. */
  without: { bound: Bound; endsAt: string | null }[];
  /** Mean time of a run that all of this is computed with, in milliseconds. */
  meanRunMs: number;
  /** One process that stays, then waves at the usual distances. */
  forecasts: WavesForecast[];
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

type Frame = Omit<ForecastInput, "waveEveryMs">;

function forecastsOf(input: Frame, whole: Forecast): WavesForecast[] {
  return [0, ...WAVE_DISTANCES_MS].map((everyMs) => {
    const found = everyMs === 0 ? whole : forecast({ ...input, waveEveryMs: everyMs });
    const { endsAtMs, waves, computeMinutes } = found;
    return { everyMs, endsAt: iso(endsAtMs), waves, computeMinutes };
  });
}

/**
 * Plans a campaign: finds its repositories, freezes them with base branch and root directory in `lock.json`, and computes the earliest end.
 * Starts nothing. Called again, it leaves items that are locked as they are, adds new ones, and skips those that left the list before they
 * were started.
 *
 * @param path Path of the campaign file.
 * @param options See {@linkcode PlanCampaignOptions}; all durations in milliseconds.
 * @throws {UsageError} for mistakes in the file, repositories that cannot be used (unless `skipInvalid`), and lists that the service does not
 * show in full. No lock is written then.
 * @throws {MogplexError} with exit code 75 when another process is at work in the directory.
 * @throws {UnauthorizedError | ForbiddenError | UnavailableError | NetworkError} when the lists cannot be read.
 * @example When will it be done?
 * ```ts ignore
 * const { view, bound } = await planCampaign("campaign.yml");
 * console.log(view.items.length, view.endsAt, bound);
 * ```
 */
export async function planCampaign(path: string, options: PlanCampaignOptions = {}): Promise<CampaignPlan> {
  return await planCampaignWith(path, options, { readsStdin: true });
}

/** {@linkcode planCampaign}, for the command line. */
export async function planCampaignWith(
  path: string,
  options: PlanCampaignOptions,
  internals: CampaignInternals,
): Promise<CampaignPlan> {
  const { skipInvalid = false, meanRunMs: given, dryRun = false } = options;
  return await withCampaign(path, options, internals, dryRun ? "read" : "write", async (opened) => {
    const session = openSession(options, internals);
    const plan = await planLock(session, opened, { skipInvalid, limitMs: REQUEST_MS });
    const meanRunMs = opened.store?.meanRunMs ?? given ?? DEFAULT_MEAN_RUN_MS;
    const memory = dryRun ? newMemory(plan.lock) : await written(opened, plan.lock);
    const nowMs = serviceNow(session);
    const waiting = countOf(memory, ["waiting", "quota", "service", "starting"]);
    const canary = startableItems(memory).length;
    const input: Frame = {
      nowMs,
      slotsMs: opened.store?.memory.slotsMs ?? [],
      waiting,
      runningSinceMs: (opened.store?.openRuns() ?? []).map(({ start }) => Date.parse(start.createdAt ?? start.sentAt)),
      canary: canary < waiting ? canary : null,
      parallel: plan.lock.limits.parallel,
      meanRunMs,
      windows: plan.lock.windows,
    };
    const whole = forecast(input);
    return {
      view: makeView(memory, { nowMs, meanRunMs }),
      changes: plan.changes,
      reading: { requests: plan.requests, milliseconds: Math.round(plan.readingMs) },
      bound: whole.bound,
      without: whole.without.map(({ bound, endsAtMs }) => ({ bound, endsAt: iso(endsAtMs) })),
      meanRunMs,
      forecasts: forecastsOf(input, whole),
    };
  });
}

/** Longest time of one request with its retries, in milliseconds. */
const REQUEST_MS = 60_000;

/** Writes the lock, and reads the journal with it. */
async function written(opened: OpenedCampaign, lock: Parameters<typeof newMemory>[0]) {
  await opened.home.writeLock(lock);
  const store = await reopen(opened);
  if (store === undefined) throw new Error("Cannot find the lock that was just written");
  return store.memory;
}
