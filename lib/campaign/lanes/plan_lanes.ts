/**
 * Plans all lanes of a campaign: which lane has which item, one lock for each, and what the lanes bring.
 *
 * @module
 */
import { isUuid } from "../../api/contract/rules.ts";
import { UsageError } from "../../errors.ts";
import { detected } from "../../job/detected.ts";
import { openSession, type Session } from "../../job/session.ts";
import { isoTimeOrNull } from "../../result/times.ts";
import type { CampaignPlan, PlanCampaignOptions, WavesForecast } from "../campaign_options.ts";
import type { CampaignInternals, OpenedCampaign } from "../open_campaign.ts";
import { withCampaign } from "../open_campaign.ts";
import { newMemory } from "../journal/memory.ts";
import { forecast, type ForecastInput } from "../pace/forecast.ts";
import { openListing } from "../plan/listing.ts";
import { type NewPlan, planLock, refuseEntries } from "../plan/plan_campaign.ts";
import { RequestPace } from "../plan/request_pace.ts";
import type { EntryProblem, PlanPart } from "../plan/resolve.ts";
import { laneOf } from "./assign.ts";
import { checkTokens, type Chosen, type LaneCall } from "./choose.ts";
import { joinViews, later } from "./join_views.ts";
import { checkOtherUsers, checkSameToken } from "./one_user.ts";

/** A lane that is open. */
interface OpenLane {
  name: string;
  variable: string;
  opened: OpenedCampaign;
  session: Session;
  pace: RequestPace;
}

type Planner = (
  opened: OpenedCampaign,
  session: Session,
  plan: NewPlan,
  options: PlanCampaignOptions,
) => Promise<{ plan: CampaignPlan; input: ForecastInput }>;

/** Opens all lanes, one within the other: when another machine has written to one, only what depends on it is done again. */
async function withLanes<T>(
  path: string,
  [first, ...rest]: readonly LaneCall<PlanCampaignOptions, CampaignInternals>[],
  access: "read" | "write",
  use: (lanes: readonly OpenLane[]) => Promise<T>,
  before: readonly OpenLane[] = [],
): Promise<T> {
  if (first === undefined) return await use(before);
  const { lane, options, internals } = first;
  return await withCampaign(path, options, internals, access, async (opened) => {
    const session = openSession(options, { ...detected(options), ...internals });
    const { client, clock, signal } = session;
    const pace = new RequestPace({ client, clock, signal });
    const open = { name: lane.name, variable: lane.tokenVariable, opened, session, pace };
    return await withLanes(path, rest, access, use, [...before, open]);
  });
}

/** Repositories of which something was sent, by name and id: they stay in their lane, whatever the globs say now. */
function startedIn(lanes: readonly OpenLane[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { name, opened: { store } } of lanes) {
    for (const { item, sent } of store?.memory.items.values() ?? []) {
      if (sent > 0) found.set(item.repository.toLowerCase(), name).set(item.repositoryId, name);
    }
  }
  return found;
}

/** The lanes whose users list the repositories that the file names by their ids. */
async function ownersOfIds(lanes: readonly OpenLane[]): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  const [first] = lanes;
  const ids = first?.opened.file.repositories.flatMap((entry) =>
    entry.kind === "repository" && isUuid(entry.repo) ? [entry.repo.toLowerCase()] : []
  );
  for (const { name, session: { client }, pace } of lanes) {
    const listing = openListing(client, pace);
    for (const id of ids ?? []) {
      if (!owners.has(id) && await listing.byId(id) !== undefined) owners.set(id, name);
    }
  }
  return owners;
}

/** Makes the locks of all lanes, and writes nothing. @throws {UsageError} when the lanes cannot be planned so. */
async function locksOf(lanes: readonly OpenLane[], skipInvalid: boolean): Promise<NewPlan[]> {
  const [first] = lanes;
  const { file } = first?.opened ?? {};
  if (file === undefined) throw new Error("Cannot plan a campaign without a lane");
  const started = startedIn(lanes);
  const owners = await ownersOfIds(lanes);
  const ofName = (name: string) =>
    started.get(name.toLowerCase()) ?? owners.get(name.toLowerCase()) ?? laneOf(file.lanes, name);
  const empty = new Map<string, { problem: EntryProblem; count: number }>();
  const plans: NewPlan[] = [];
  for (const { name: lane, session, opened } of lanes) {
    const part: PlanPart = {
      hasEntry: ({ repo }) => ofName(repo) === lane,
      hasName: (name) => ofName(name) === lane,
      onEmpty(problem) {
        const { place: { file, line, column } } = problem;
        const at = JSON.stringify([file, line, column]);
        empty.set(at, { problem, count: (empty.get(at)?.count ?? 0) + 1 });
      },
    };
    plans.push(await planLock(session, opened, { skipInvalid, part }));
  }
  const nowhere = [...empty.values()].filter(({ count }) => count === lanes.length).map(({ problem }) => problem);
  if (nowhere.length > 0) throw refuseEntries(nowhere);
  checkItems(plans);
  return plans;
}

/** Proves that there are items, and each in one lane only. */
function checkItems(plans: readonly NewPlan[]): void {
  const attempted = "plan campaign";
  const seen = new Map<string, string | undefined>();
  for (const { lock: { lane, items } } of plans) {
    for (const { id, excluded } of items) {
      if (excluded !== null) continue;
      if (seen.has(id)) {
        const why = `lanes ${seen.get(id)} and ${lane} both have the item ${JSON.stringify(id)}`;
        throw new UsageError({ attempted, why, advice: "name the repository once, by its name or by its id" });
      }
      seen.set(id, lane);
    }
  }
  if (plans.some(({ lock }) => lock.items.length > 0)) return;
  const why = "the file names no repository that is not excluded";
  throw new UsageError({ attempted, why, advice: "look at repositories and exclude" });
}

/** Proves that each lane is a user of its own. */
async function checkUsers(lanes: readonly OpenLane[], plans: readonly NewPlan[]): Promise<void> {
  const memories = lanes.map(({ name, opened }, index) => {
    const lock = plans[index]?.lock;
    return { name, memory: opened.store?.memory ?? (lock === undefined ? undefined : newMemory(lock)) };
  });
  for (const { name, variable, session, pace } of lanes) {
    const others = memories.flatMap((each) =>
      each.name === name || each.memory === undefined ? [] : [{ name: each.name, memory: each.memory }]
    );
    await checkOtherUsers({ name, variable }, session, pace, others);
  }
}

function joinForecasts(plans: readonly CampaignPlan[]): WavesForecast[] {
  const [first, ...rest] = plans.map(({ forecasts }) => forecasts);
  return (first ?? []).map((row, index) =>
    rest.reduce((all, each) => {
      const other = each[index];
      if (other === undefined) return all;
      return {
        everyMs: all.everyMs,
        endsAt: later(all.endsAt, other.endsAt),
        waves: row.everyMs === 0 ? 1 : all.waves + other.waves,
        computeMinutes: row.everyMs === 0
          ? Math.max(all.computeMinutes, other.computeMinutes)
          : all.computeMinutes + other.computeMinutes,
      };
    }, row)
  );
}

/** The end if the first lane's user had to do everything, in milliseconds since 1970. */
function endWithOne(inputs: readonly ForecastInput[]): number | null {
  const [first] = inputs;
  if (first === undefined) return null;
  const waiting = inputs.reduce((sum, input) => sum + input.waiting, 0);
  return forecast({ ...first, waiting, canary: null }).endsAtMs;
}

function joinPlans(lanes: readonly OpenLane[], all: readonly Awaited<ReturnType<Planner>>[]): CampaignPlan {
  const plans = all.map(({ plan }) => plan);
  const ends = plans.map(({ forecasts }) => forecasts[0]?.endsAt ?? null);
  const last = ends.reduce(later, ends[0] ?? null);
  const slowest = plans[ends.indexOf(last)] ?? plans[0];
  if (slowest === undefined) throw new Error("Cannot join the plans of no lane");
  const { bound, without, meanRunMs } = slowest;
  const of = <T>(pick: (plan: CampaignPlan) => readonly T[]) => plans.flatMap((plan) => [...pick(plan)]);
  return {
    view: joinViews(lanes.flatMap(({ name }, index) => {
      const plan = plans[index];
      return plan === undefined ? [] : [{ name, view: plan.view }];
    })),
    changes: {
      added: of(({ changes }) => changes.added),
      skipped: of(({ changes }) => changes.skipped),
      kept: of(({ changes }) => changes.kept),
      notes: [...new Set(of(({ changes }) => changes.notes))],
    },
    reading: {
      requests: plans.reduce((sum, { reading }) => sum + reading.requests, 0),
      milliseconds: plans.reduce((sum, { reading }) => sum + reading.milliseconds, 0),
    },
    bound,
    without,
    meanRunMs,
    forecasts: joinForecasts(plans),
    lanes: {
      each: lanes.map(({ name }, index) => {
        const items = plans[index]?.view.items.filter(({ verdict }) => !["invalid", "skipped"].includes(verdict));
        return { name, items: items?.length ?? 0, endsAt: ends[index] ?? null };
      }),
      withOne: isoTimeOrNull(endWithOne(all.map(({ input }) => input))),
    },
  };
}

/**
 * Plans all lanes.
 *
 * @param planOf Writes a lock and computes the forecasts of its lane.
 * @throws {UnauthorizedError} when the token of a lane is missing.
 * @throws {UsageError} for what {@linkcode planLock} refuses; when one lane is named; when two lanes are one user. Nothing is written then.
 */
export async function planLanes(
  path: string,
  { all }: Chosen<PlanCampaignOptions, CampaignInternals>,
  options: PlanCampaignOptions,
  planOf: Planner,
): Promise<CampaignPlan> {
  const { skipInvalid = false, dryRun = false, lane } = options;
  if (lane !== undefined) {
    const why = "the list is divided among all lanes at once";
    throw new UsageError({ attempted: `plan lane "${lane}" alone`, why, advice: "plan without a lane" });
  }
  checkTokens(all);
  return await withLanes(path, all, dryRun ? "read" : "write", async (lanes) => {
    checkSameToken(lanes.map(({ name, variable, session: { token } }) => ({ name, variable, token })));
    const locks = await locksOf(lanes, skipInvalid);
    await checkUsers(lanes, locks);
    const planned: Awaited<ReturnType<Planner>>[] = [];
    for (const [index, { opened, session }] of lanes.entries()) {
      const lock = locks[index];
      if (lock !== undefined) planned.push(await planOf(opened, session, lock, options));
    }
    return joinPlans(lanes, planned);
  });
}
