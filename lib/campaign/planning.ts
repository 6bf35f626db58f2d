/**
 * The job of `campaign plan`: freezes the list of a campaign, and computes how long it will take. Starts nothing.
 *
 * @module
 */
import type { CampaignPlan, PlanCampaignOptions, WavesForecast } from "./campaign_options.ts";
import { detected } from "../job/detected.ts";
import { openSession, type Session } from "../job/session.ts";
import { isoTimeOrNull } from "../result/times.ts";
import { makeView } from "./make_view.ts";
import { type CampaignInternals, type OpenedCampaign, withCampaign } from "./open_campaign.ts";
import { type Forecast, forecast, type ForecastInput, WAVE_DISTANCES_MS } from "./pace/forecast.ts";
import { DEFAULT_MEAN_RUN_MS } from "./pace/pace.ts";
import { type NewPlan, planLock, writePlan } from "./plan/plan_campaign.ts";
import { forecastInput } from "./progress.ts";
import { Store } from "./work/store.ts";
import { checkForge, pullRequestsOf } from "./pulls/pull_requests.ts";
import { expectToken, serviceNow } from "./work/work.ts";

function forecastsOf(input: ForecastInput, whole: Forecast): WavesForecast[] {
  return [0, ...WAVE_DISTANCES_MS].map((everyMs) => {
    const found = everyMs === 0 ? whole : forecast({ ...input, waveEveryMs: everyMs });
    const { endsAtMs, waves, computeMinutes } = found;
    return { everyMs, endsAt: isoTimeOrNull(endsAtMs), waves, computeMinutes };
  });
}

/** Writes a new lock, unless nothing is to be written, and computes how long the campaign will take. */
async function planOf(
  opened: OpenedCampaign,
  session: Session,
  plan: NewPlan,
  { meanRunMs: given, dryRun = false }: PlanCampaignOptions,
): Promise<CampaignPlan> {
  if (!dryRun) await writePlan(opened, plan.lock);
  // The journal is read with the new lock, also where that is not written.
  const store = await Store.open(opened.home, plan.lock, opened.clock.wallTime(), opened.quotas);
  const { memory } = store;
  const meanRunMs = store.meanRunMs ?? given ?? DEFAULT_MEAN_RUN_MS;
  const nowMs = serviceNow(session);
  const runningSinceMs = store.openRuns().map(({ start }) => Date.parse(start.createdAt ?? start.sentAt));
  const input = forecastInput(memory, { nowMs, meanRunMs, runningSinceMs });
  const whole = forecast(input);
  return {
    view: makeView(memory, { nowMs, meanRunMs }),
    changes: plan.changes,
    reading: { requests: plan.requests, milliseconds: Math.round(plan.readingMs) },
    bound: whole.bound,
    without: whole.without.map(({ bound, endsAtMs }) => ({ bound, endsAt: isoTimeOrNull(endsAtMs) })),
    meanRunMs,
    forecasts: forecastsOf(input, whole),
  };
}

/** See {@linkcode planCampaign}. */
export async function planCampaignWith(
  path: string,
  options: PlanCampaignOptions,
  internals: CampaignInternals,
): Promise<CampaignPlan> {
  const { skipInvalid = false, dryRun = false } = options;
  return await withCampaign(path, options, internals, dryRun ? "read" : "write", async (opened) => {
    checkForge(opened.file, pullRequestsOf(options) !== undefined);
    const session = openSession(options, { ...detected(options), ...internals });
    expectToken(session, opened.store);
    return await planOf(opened, session, await planLock(session, opened, skipInvalid), options);
  });
}
