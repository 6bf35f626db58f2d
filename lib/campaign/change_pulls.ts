import { MogplexError, UsageError } from "../errors.ts";
import { FORGE_TOKENS_TEXT } from "../forge/all.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import { listsText, type Selection, selectItems } from "./decide.ts";
import { hasRun, isOpenStart, type ItemMemory } from "./journal/memory.ts";
import { oneLine } from "./journal/fields.ts";
import { MAX_REASON } from "./journal/record.ts";
import {
  type CampaignInternals,
  type CampaignSource,
  internalsWith,
  type OpenedCampaign,
  plannedStore,
  viewOf,
  withCampaign,
} from "./open_campaign.ts";
import { finishWrites, namedReviewers, sendWrites, type WriteResult, type WriteWork } from "./pull_writes.ts";
import { forgeTokenAdvice, type PullRequests, pullRequestsOf, whyNotOwn } from "./pulls.ts";
import type { CampaignView } from "./view/view.ts";
import type { Store } from "./work/store.ts";

export type PullChange =
  /**
   * `reviewers` has the format of a campaign file; if empty, the reviewers in the plan are used. `atMost` is the maximum number of requests in 24
   * hours, including earlier requests.
   */
  | { kind: "ask"; select: Selection; reviewers: readonly string[]; atMost: number }
  | { kind: "close"; select: Selection; reason: string };

export interface PlannedChange {
  readonly item: string;
  readonly url: string;
  readonly whom: readonly string[];
  /** People who wrote, reviewed or commented on the pull request; `null` if unknown. */
  readonly people: readonly string[] | null;
}

export interface ChangePlan {
  readonly changes: readonly PlannedChange[];
  readonly left: readonly { readonly item: string; readonly reason: string }[];
}

export interface Changed {
  readonly plan: ChangePlan;
  readonly results: readonly WriteResult[];
  readonly view: CampaignView;
}

export interface ChangeOptions extends CampaignOptions {
  by: string;
  dryRun?: boolean | undefined;
  /** Called before the planned changes are sent. If the function throws, none of them is sent. */
  onPlan?: ((plan: ChangePlan) => void) | undefined;
}

const DAY_MS = 86_400_000;

export async function changePullRequests(
  source: CampaignSource,
  change: PullChange,
  options: ChangeOptions,
  internals: CampaignInternals = {},
): Promise<Changed> {
  const { dryRun = false, stuckAfterMs, onPlan } = options;
  const attempted = change.kind === "ask" ? "request reviews" : "close pull requests";
  const pulls = pullRequestsOf(options, internals.random);
  let plan: ChangePlan | undefined;
  const results = new Map<string, WriteResult>();
  const take = (all: readonly WriteResult[]) => {
    for (const result of all) results.set(`${result.act} ${result.item}`, result);
  };
  const reading = internalsWith(internals, { purpose: "place" } as const);
  return await withCampaign(source, options, reading, dryRun ? "read" : "write", async (opened) => {
    const store = plannedStore(opened, attempted);
    if (pulls === undefined) throw withoutToken(store, attempted);
    const work: WriteWork = { store, writer: (url) => pulls.writer(url, `campaign ${change.kind}`) };
    const view = () => viewOf(opened, store, { stuckAfterMs });
    // Also needed after a lost race, because the journal may contain the intents without their results.
    if (!dryRun) take(await finishWrites(work));
    if (plan === undefined) {
      await pulls.refresh(store.memory, (body) => store.take(body, dryRun), change.kind === "close");
      const before = view();
      pulls.checkCause(before, change.select.cause, attempted);
      plan = await planChange({ opened, store, attempted, pulls, change, options }, before).catch((error) => {
        // If `finishWrites` has already made the requested changes, nothing is left to plan.
        if (error instanceof UsageError && results.size > 0) return { changes: [], left: [] };
        throw error;
      });
      onPlan?.(plan);
    }
    if (!dryRun) {
      // A change whose request got no response is not requested again.
      const hasResult = ({ item }: PlannedChange) =>
        ["done", "refused"].includes(results.get(`${change.kind} ${item}`)?.state ?? "") ||
        store.memory.items.get(item)?.writes[change.kind]?.state === "open";
      const by = opened.mask(options.by);
      const why = change.kind === "close" ? { why: oneLine(opened.mask(change.reason), MAX_REASON) } : {};
      take(
        await sendWrites(
          work,
          plan.changes.filter((each) => !hasResult(each)).map(({ item, url, whom }) => ({
            ...{ item, act: change.kind, url, by },
            ...why,
            ...change.kind === "ask" && namedReviewers(whom),
          })),
        ),
      );
    }
    return { plan, results: [...results.values()], view: view() };
  });
}

function withoutToken({ memory: { items } }: Store, attempted: string): UsageError {
  const url = [...items.values()].find(({ pullRequest }) => pullRequest !== null)?.pullRequest ?? null;
  const advice = `set ${FORGE_TOKENS_TEXT}`;
  return new UsageError({
    attempted,
    why: "no forge token is set",
    advice: url === null ? advice : forgeTokenAdvice(url, advice),
  });
}

interface Planning {
  opened: OpenedCampaign;
  store: Store;
  attempted: string;
  pulls: PullRequests;
  change: PullChange;
  options: ChangeOptions;
}

async function planChange(planning: Planning, view: CampaignView): Promise<ChangePlan> {
  const { opened, store, attempted, change, options: { onNotice } } = planning;
  const { items } = selectItems({ opened, store, attempted, view, onNotice }, change.select, []);
  return change.kind === "ask" ? await planAsk(planning, items, view) : await planClose(planning, items);
}

function whyNot({ pullRequest, pull }: ItemMemory): string | null {
  return pullRequest === null ? "it has no pull request" : whyNotOwn(pull);
}

/** Maximum number of pull requests whose participants are read, because each pull request takes several requests. */
const MAX_PEOPLE = 100;

async function peopleOf({ pulls, change }: Planning, url: string, count: number): Promise<readonly string[] | null> {
  if (count >= MAX_PEOPLE) return null;
  return await pulls.writer(url, `campaign ${change.kind}`)?.people() ?? null;
}

async function planAsk(planning: Planning, items: readonly ItemMemory[], view: CampaignView): Promise<ChangePlan> {
  const { opened, store, attempted, pulls, change } = planning;
  if (change.kind !== "ask") throw new Error("Cannot plan another change as a request");
  const reviewers = change.reviewers.length > 0 ? change.reviewers : store.memory.lock.pullRequests?.reviewers ?? [];
  if (reviewers.length === 0) {
    const why = "neither the plan nor the command names a reviewer";
    throw new UsageError({ attempted, why, advice: "use --reviewer NAME, or set pull-requests.reviewers in the file" });
  }
  const since = opened.clock.wallTime() - DAY_MS;
  const recent =
    [...store.memory.items.values()].filter(({ writes: { ask } }) =>
      ask !== undefined && ask.state !== "withdrawn" && Date.parse(ask.at) > since
    ).length;
  const stuck = new Map(view.items.map((item) => [item.id, item.stuck]));
  const changes: PlannedChange[] = [];
  const left: { item: string; reason: string }[] = [];
  for (const each of items) {
    const { item: { id: item }, pullRequest: url } = each;
    const reason = whyNot(each) ?? (stuck.get(item) === "no-reviewer" ? null : "it is not waiting for a reviewer");
    if (reason !== null || url === null) {
      left.push({ item, reason: reason ?? "" });
      continue;
    }
    if (changes.length + recent >= change.atMost) {
      left.push({ item, reason: `--at-most allows ${change.atMost} requests in 24 hours` });
      continue;
    }
    const whom = await pulls.reviewersFor(url, reviewers, `campaign ${change.kind}`);
    if (typeof whom === "string") left.push({ item, reason: whom });
    else if (whom.length === 0) left.push({ item, reason: "CODEOWNERS lists no owners for its files" });
    else changes.push({ item, url, whom, people: await peopleOf(planning, url, changes.length) });
  }
  if (changes.length > 0 || left.some(({ reason }) => reason.includes("--at-most"))) return { changes, left };
  throw nothingFits(planning, left, "none of these pull requests is waiting for a reviewer");
}

async function planClose(planning: Planning, items: readonly ItemMemory[]): Promise<ChangePlan> {
  const { attempted } = planning;
  const changes: PlannedChange[] = [];
  const left: { item: string; reason: string }[] = [];
  const busy = items.filter((item) => item.pullRequest !== null && (hasRun(item) || isOpenStart(item)));
  const [first] = busy;
  if (first !== undefined) {
    const more = busy.length === 1 ? "" : ` and ${busy.length - 1} more`;
    const why = `a run of ${first.item.id}${more} may still be using the pull request's branch`;
    const advice = "wait until it has finished, or cancel it with `campaign skip --cancel` and run a wave";
    throw new UsageError({ attempted, why, advice });
  }
  for (const each of items) {
    const { item: { id: item }, pullRequest: url } = each;
    const reason = whyNot(each);
    if (reason !== null || url === null) left.push({ item, reason: reason ?? "" });
    else changes.push({ item, url, whom: [], people: await peopleOf(planning, url, changes.length) });
  }
  if (changes.length > 0) return { changes, left };
  throw nothingFits(planning, left, "none of these items has an open pull request from its run");
}

function nothingFits({ opened, attempted, pulls }: Planning, left: ChangePlan["left"], why: string): UsageError {
  pulls.checkAnswered(attempted);
  const [first] = left;
  const lists = listsText(opened);
  const advice = first === undefined ? lists : `${first.item}: ${first.reason}; ${lists}`;
  return new UsageError({ attempted, why, advice });
}

const MAX_UNCONFIRMED = 20;

export function whyConfirm({ changes }: ChangePlan): string | null {
  if (changes.length > MAX_UNCONFIRMED) {
    return `${changes.length} pull requests would be changed, more than ${MAX_UNCONFIRMED}`;
  }
  const touched = changes.filter(({ people }) => people === null || people.length > 0);
  return touched.length === 0 ? null : `people may have worked on ${touched.length} of them`;
}

export function errorOfChange(attempted: string, results: readonly WriteResult[]): MogplexError | undefined {
  const unanswered = results.filter(({ state }) => state === "open" || state === "withdrawn");
  const refused = results.filter(({ state }) => state === "refused");
  const [worst] = [...unanswered, ...refused];
  if (worst === undefined) return undefined;
  const more = unanswered.length + refused.length === 1 ? "" : ` (and ${unanswered.length + refused.length - 1} more)`;
  const why = `${worst.url}${more}: ${worst.reason ?? "there was no answer"}`;
  return unanswered.length > 0
    ? new MogplexError({
      attempted,
      why,
      advice: "run the same command again to finish the change",
    }, "unavailable")
    : new MogplexError({ attempted, why }, "failed");
}
