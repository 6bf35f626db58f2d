import { detected } from "../../ci/detect.ts";
import { UsageError } from "../../errors.ts";
import { isoTimeOrNull } from "../../run/result.ts";
import type { OpenFiles } from "../../run/options.ts";
import { openSession, type Session } from "../../run/session.ts";
import type { CampaignPlan, PlanCampaignOptions, WavesForecast } from "../campaign_options.ts";
import { normalBranch } from "../../service/validate.ts";
import { campaignNotes } from "../file/read.ts";
import { placeText } from "../file/campaign_file.ts";
import { reopenGate } from "../journal/fold.ts";
import { type Lock, sealLock, type UnsealedLock } from "../journal/lock.ts";
import { makeView } from "../view/make_view.ts";
import {
  type CampaignInternals,
  type CampaignSource,
  checkWhole,
  type OpenedCampaign,
  withCampaign,
} from "../open_campaign.ts";
import { type Forecast, forecast, type ForecastInput, WAVE_DISTANCES_MS } from "../pace/forecast.ts";
import { DEFAULT_MEAN_RUN_MS } from "../pace/next_starts.ts";
import { assumedLingerMs, forecastInput, holdsBack } from "../view/progress.ts";
import { LOCAL_MERGE } from "../merge/waves.ts";
import { checkForge, isLocal, pullRequestsOf } from "../pulls.ts";
import { checkResultsReadable, filesOpener } from "../work/item_result.ts";
import { Store } from "../work/store.ts";
import { expectToken, serviceNow } from "../work/work.ts";
import { type LockChanges, makeLock, requestOf, wasStarted } from "./make_lock.ts";
import { type EntryProblem, Listing, RequestPace, resolveEntries } from "./resolve.ts";

interface NewPlan {
  lock: Lock;
  changes: LockChanges;
  growsCanary: boolean;
  requests: number;
  readingMs: number;
}

export async function planCampaignWith(
  source: CampaignSource,
  options: PlanCampaignOptions,
  internals: CampaignInternals,
): Promise<CampaignPlan> {
  const { skipInvalid = false, dryRun = false } = options;
  return await withCampaign(source, options, internals, dryRun ? "read" : "write", async (opened) => {
    const session = openSession(options, { ...detected(options), ...internals });
    noteForge(session, opened, opened.file, pullRequestsOf(options) !== undefined);
    if (opened.file.merge !== null && isLocal(session.client.origin) && !opened.isAgain) {
      session.notify({ kind: "text", message: LOCAL_MERGE });
    }
    expectToken(session, opened.store);
    return await planOf(
      opened,
      session,
      await planLock(session, opened, { skipInvalid, openFiles: filesOpener(options, internals, session) }),
      options,
    );
  });
}

export function noteForge(
  session: Session,
  { isAgain }: OpenedCampaign,
  keys: Parameters<typeof checkForge>[0],
  reads: boolean,
): void {
  const note = checkForge(keys, reads, session.client.origin);
  if (note !== null && !isAgain) session.notify({ kind: "text", message: note });
}

async function planOf(
  opened: OpenedCampaign,
  session: Session,
  plan: NewPlan,
  { meanRunMs: given, dryRun = false }: PlanCampaignOptions,
): Promise<CampaignPlan> {
  if (!dryRun) await writePlan(opened, plan);
  const store = await Store.open(opened.home, plan.lock, opened.clock.wallTime(), opened.quotas);
  const { memory } = store;
  if (plan.growsCanary) reopenGate(memory.gates.canary);
  const meanRunMs = store.meanRunMs ?? given ?? DEFAULT_MEAN_RUN_MS;
  const nowMs = serviceNow(session);
  const runningSinceMs = store.openRuns().map(({ start }) => Date.parse(start.createdAt ?? start.sentAt));
  const input = { ...forecastInput(memory, { nowMs, meanRunMs, runningSinceMs }), looks: true };
  const whole = forecast(input);
  const assumed = assumedLingerMs(memory);
  return {
    view: makeView(memory, { nowMs, meanRunMs }),
    changes: plan.changes,
    canaryGate: holdsBack(memory) ? memory.lock.canary?.gate ?? null : null,
    lookup: { requests: plan.requests, durationMs: Math.round(plan.readingMs) },
    limitedBy: whole.bound,
    endsAtWithout: whole.without.map(({ bound: limit, endsAtMs }) => ({ limit, endsAt: isoTimeOrNull(endsAtMs) })),
    meanRunMs,
    assumedLinger: assumed && {
      leastMs: assumed.least,
      mostMs: assumed.most,
      endsAt: isoTimeOrNull(forecast({ ...input, lingerMs: assumed.most }).endsAtMs),
    },
    forecasts: forecastsOf(input, whole),
  };
}

interface PlanSettings {
  skipInvalid: boolean;
  openFiles: OpenFiles;
}

export async function planLock(
  session: Session,
  opened: OpenedCampaign,
  { skipInvalid, openFiles }: PlanSettings,
  pace: RequestPace = new RequestPace(session, opened.home.sentAt),
): Promise<NewPlan> {
  checkWhole(opened);
  const { file, fileHash, store } = opened;
  const { client, clock } = session;
  const notes = opened.isAgain ? [] : campaignNotes(file);
  for (const message of notes) session.notify({ kind: "text", message });
  const startedAt = clock.now();
  const before = client.requests;
  const listing = new Listing(client, pace);
  const { items: resolved, problems } = await resolveEntries(file, listing, skipInvalid);
  if (problems.length > 0) throw refuseEntries(problems, opened.source);
  const { origin } = client;
  if (store !== undefined && wasStarted(store.memory)) checkOrigin(store.memory.lock, origin);
  const plannedAt = new Date(clock.wallTime()).toISOString();
  const plan = makeLock({ file, fileHash, resolved, origin, plannedAt, before: store?.memory });
  if (plan.lock.items.length === 0) {
    const why = "the file excludes all of its repositories";
    throw new UsageError({ attempted: "plan the campaign", why, advice: "check repositories and exclude" });
  }
  checkBranches(plan.lock);
  await checkResultsReadable(plan.lock, store?.memory, openFiles, session.signal);
  return {
    ...plan,
    lock: sealLock(plan.lock),
    requests: client.requests - before,
    readingMs: clock.now() - startedAt,
  };
}

const MAX_PROBLEMS = 100;

/** Some repositories of a campaign cannot be used. The message has one line for each of them. Nothing was planned. Exit code 2. */
export class RepositoriesError extends UsageError {
  /** @internal */
  static override readonly kind: string = "RepositoriesError";

  /** The message, with one line for each repository. */
  override get lines(): readonly string[] {
    return this.message.split("\n");
  }
}

function refuseEntries(problems: readonly EntryProblem[], source: CampaignSource): RepositoriesError {
  const lines = problems.slice(0, MAX_PROBLEMS).map(problemLine);
  if (problems.length > MAX_PROBLEMS) lines.push(`and ${problems.length - MAX_PROBLEMS} more`);
  const [count, keep] = problems.length === 1
    ? ["one repository cannot be used", "keep it as an invalid item"]
    : [`${problems.length} repositories cannot be used`, "keep them as invalid items"];
  const advice = typeof source === "string"
    ? `fix the file, or ${keep} with --skip-invalid`
    : `fix repositories, or ${keep} with skipInvalid`;
  return new RepositoriesError({ attempted: "plan the campaign", why: `${count}; ${advice}:\n${lines.join("\n")}` });
}

function problemLine({ place, value, why, advice }: EntryProblem): string {
  return `${placeText(place)}: ${JSON.stringify(value)}: ${why}${advice === undefined ? "" : `; ${advice}`}`;
}

export function checkOrigin({ campaign, origin: planned }: Lock, origin: string): void {
  if (planned === origin) return;
  throw new UsageError({
    attempted: `continue campaign "${campaign}"`,
    why: `it was planned for the service at ${planned}, but this is ${origin}`,
    advice: "set MOGPLEX_URL to that address, or plan again in another directory",
  });
}

/** Checks default branches, which are known only after the service has listed the repositories. */
function checkBranches(lock: UnsealedLock): void {
  for (const item of lock.items) {
    const { workingBranch } = requestOf(lock, item, 1);
    if (item.excluded !== null || workingBranch === undefined) continue;
    if (normalBranch(workingBranch) !== normalBranch(item.baseBranch)) continue;
    const why = `branch becomes ${JSON.stringify(item.baseBranch)}, which is the base branch of ${item.repository}`;
    throw new UsageError({ attempted: "plan the campaign", why, advice: "choose another branch, or remove the key" });
  }
}

/** Records the hash of the lock first, so that later changes to the lock are detected. */
export async function writePlan(
  { home, store, person, user }: OpenedCampaign,
  { lock, growsCanary: canary }: Pick<NewPlan, "lock" | "growsCanary">,
): Promise<void> {
  const openStore = store ?? await Store.open(home, lock);
  if (openStore.memory.lockHash.current === lock.hash) await home.writeLock(lock);
  else await openStore.changeLock(lock, { type: "planned", by: person, user, ...(canary && { canary }) });
}

function forecastsOf(input: ForecastInput, whole: Forecast): WavesForecast[] {
  return [0, ...WAVE_DISTANCES_MS].map((everyMs) => {
    const timing = everyMs === 0 ? whole : forecast({ ...input, waveEveryMs: everyMs });
    const { endsAtMs, waves, computeMinutes } = timing;
    return { everyMs, endsAt: isoTimeOrNull(endsAtMs), waves, computeMinutes };
  });
}
