/**
 * Each merge is first recorded in the journal as an intent, which is shared with other machines. Immediately before the request, everything is read
 * again. If the request gets no response, the pull request is read again to find out what happened.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../error_sentence.ts";
import { MogplexError } from "../../errors.ts";
import { type ApprovalVerdict, judgeApprovals, type NotCounted, withRequesters } from "../../forge/approvals.ts";
import { isHidden } from "../../forge/client.ts";
import type { ForgeUser } from "../../forge/findings.ts";
import type { MergeReading } from "../../forge/merging.ts";
import { type ChecksState, isUnread, type Unread } from "../../forge/model.ts";
import type { MergeOutcome } from "../../forge/writes.ts";
import { LostRaceError } from "../../git/remote.ts";
import { formatCount } from "../../text/duration.ts";
import type { CampaignMemory, ItemMemory } from "../journal/memory.ts";
import { isMerged, type MergeMemory, OPEN_MERGES } from "../journal/merge_memory.ts";
import type { MergeWord, RecordBody } from "../journal/record.ts";
import { titleOf } from "../plan/make_lock.ts";
import { pullRequestBody } from "../pulls.ts";
import { closedGateReason, mergeHold, whoStopped } from "../view/progress.ts";
import type { Store } from "../work/store.ts";
import {
  judgeMerge,
  knownObstacle,
  type MergeJudgement,
  type MergePolicy,
  type MergeQuestion,
  queueObstacle,
} from "./judge.ts";
import { ATTEMPTED, type MergePlace, type MergePlaces } from "./places.ts";

export interface MergeWork {
  readonly store: Store;
  readonly clock: Clock;
  readonly places: MergePlaces;
  readonly signal: AbortSignal | undefined;
  readonly clean: (text: string) => string;
  readonly tell: (message: string) => void;
  readonly takesStops: boolean;
  readonly gateClosed: (reason: string) => Promise<void>;
}

export interface MergeOrders {
  readonly by: string;
  readonly chosen: ReadonlySet<string> | null;
  readonly policyFor: (item: ItemMemory) => MergePolicy;
  /** Maximum number of merges and branch updates in this round; `null` if there is no limit. */
  readonly atMost: number | null;
  /** Names of items that have already used part of `atMost` in an earlier round. */
  readonly counted: ReadonlySet<string>;
  readonly pause: string | null;
  readonly waitingLimit: number;
  readonly deleteBranch: boolean;
  readonly isDryRun: boolean;
  /** Whether pull requests were read recently. If so, a pull request that could not be merged at that time is not read again. */
  readonly isRead: boolean;
  /** Whether a wave started the round. If the forge has removed a merge from its queue, a wave does not request the merge again. */
  readonly isWave: boolean;
}

/**
 * What happened to a pull request: the state of its merge in the journal, or why it was not merged.
 *
 * - `updated`: its branch is being updated.
 * - `would-merge`, `would-update`: what would happen if this were not a dry run.
 * - `review`: it is waiting for people.
 * - `checks`: it is waiting for checks or time.
 * - `blocked`: something else blocks it, and someone must act.
 * - `closed`: it was closed without a merge.
 * - `unread`: the forge did not return it.
 */
export type MergeLineWord =
  | MergeWord
  | "would-merge"
  | "would-update"
  | "updated"
  | "review"
  | "checks"
  | "blocked"
  | "closed"
  | "unread";

/** What happened to a pull request, and why. Text from the forge is untrusted. */
export interface MergeLine {
  /** Name of the item. */
  readonly item: string;
  /** Full name of the repository. */
  readonly repository: string;
  /** Address of the pull request. */
  readonly url: string;
  /** What happened. */
  readonly word: MergeLineWord;
  /** The reason, as a clause. */
  readonly reason: string;
  /** The commit on the target branch; `null` if nothing was merged. */
  readonly commit: string | null;
}

export interface MergeReport {
  readonly lines: readonly MergeLine[];
  readonly mergedBefore: number;
  readonly isRefused: boolean;
  readonly isStopped: boolean;
  readonly error: MogplexError | undefined;
}

const BATCH = 10;
/** The round ends after unexpected refusals in this many repositories. */
const MAX_REFUSALS = 3;
export const MAX_WAITING = 5;
/** The gate closes when merges have broken this many target branches. */
const MAX_RED = 2;
/** After this time, an unanswered merge request can no longer take effect: three times the duration of the longest request. */
const UNANSWERED_MS = 60_000;
const QUEUE_MS = 86_400_000;
/** How long the checks of a target branch can take to begin and to finish. */
const [BEGIN_MS, FINISH_MS] = [1_800_000, 86_400_000];
/** Delay after a request without a response, delay after the response "try again later", and maximum number of requests that get this response. */
const [READ_BACK_MS, LATER_MS, LATER_TRIES] = [5_000, 5_000, 6];
/** After this number of consecutive errors, a host gets no more requests. */
const MAX_ERRORS = 2;

export async function mergeRound(work: MergeWork, orders: MergeOrders): Promise<MergeReport> {
  return await new Round(work, orders).run();
}

function holdOf(memory: CampaignMemory): string | null {
  const { stopped, gates: { merge } } = memory;
  switch (mergeHold(memory)) {
    case "stopped":
      return `the campaign was stopped by ${stopped === null ? "a person" : whoStopped(stopped)}`;
    case "merge-gate":
      return `the merge gate is closed: ${merge.reason}`;
    case "gate":
      return `the campaign is waiting for approval: ${closedGateReason(memory)}`;
    default:
      return null;
  }
}

interface Candidate {
  readonly item: ItemMemory;
  readonly url: string;
  readonly place: MergePlace;
  readonly policy: MergePolicy;
}

interface Examined extends Candidate {
  readonly reading: MergeReading;
  readonly verdict: ApprovalVerdict;
  readonly judgement: MergeJudgement;
  readonly targetChecks: ChecksState | null;
}

type Mergeable = Examined & { readonly judgement: Extract<MergeJudgement, { kind: "merge" }> };
type Outdated = Examined & { readonly judgement: Extract<MergeJudgement, { kind: "update" }> };

class Round {
  readonly #work: MergeWork;
  readonly #orders: MergeOrders;
  readonly #lines = new Map<string, MergeLine>();
  readonly #refusals = new Set<string>();
  readonly #users = new Map<string, ForgeUser | null>();
  readonly #errors = new Map<string, number>();
  readonly #hidden = new Set<string>();
  #isRefused = false;
  #error: MogplexError | undefined;
  #isBroken = false;

  constructor(work: MergeWork, orders: MergeOrders) {
    this.#work = work;
    this.#orders = orders;
  }

  get #memory(): CampaignMemory {
    return this.#work.store.memory;
  }

  get #nowMs(): number {
    return this.#work.clock.wallTime();
  }

  get #isStopped(): boolean {
    return this.#refusals.size >= MAX_REFUSALS;
  }

  async run(): Promise<MergeReport> {
    const { items } = this.#memory;
    const mergedBefore = [...items.values()].filter(({ pull }) => pull?.state === "merged").length;
    for (const item of items.values()) await this.#followUp(item);
    await this.#closeGate();
    const chosen = this.#select(await this.#examineAll());
    const mergeable = chosen.filter(isMergeable);
    const outdated = chosen.filter(isOutdated);
    if (this.#orders.isDryRun) {
      for (const { item, url, judgement: { kind, reason } } of chosen) this.#add(item, url, `would-${kind}`, reason);
    } else {
      await this.#warn(mergeable);
      for (let at = 0; at < mergeable.length && !this.#isStopped; at += BATCH) {
        const batch = mergeable.slice(at, at + BATCH);
        if (!this.#isHeld(batch)) await this.#mergeBatch(batch);
      }
      for (const each of outdated) {
        if (this.#work.takesStops) await this.#work.store.takeStops(this.#work.clean);
        if (!this.#isHeld([each])) await this.#update(each);
      }
    }
    const order = [...items.keys()];
    return {
      lines: [...this.#lines.values()].sort((a, b) => order.indexOf(a.item) - order.indexOf(b.item)),
      mergedBefore,
      isRefused: this.#isRefused,
      isStopped: this.#isStopped,
      error: this.#error ?? this.#hiddenError(),
    };
  }

  #hiddenError(): MogplexError | undefined {
    const lines = [...this.#lines.values()];
    const [first] = lines;
    if (first === undefined || !lines.every(({ item, word }) => word === "unread" && this.#hidden.has(item))) {
      return undefined;
    }
    return new MogplexError({
      attempted: ATTEMPTED,
      why: `the token cannot read ${
        lines.length === 1 ? "the pull request" : `any of the ${lines.length} pull requests`
      }`,
      value: first.reason,
      advice: "give it access to the repositories",
    }, "forbidden");
  }

  #isHeld(entries: readonly Candidate[]): boolean {
    const hold = holdOf(this.#memory);
    if (hold === null) return false;
    for (const { item, url } of entries) this.#add(item, url, "blocked", hold);
    return true;
  }

  #add(
    { item: { id, repository } }: ItemMemory,
    url: string,
    word: MergeLineWord,
    reason: string,
    commit?: string | null,
  ) {
    this.#lines.set(id, { item: id, repository, url, word, reason, commit: commit ?? null });
  }

  async #record(...bodies: RecordBody[]): Promise<void> {
    const { store } = this.#work;
    if (this.#orders.isDryRun) bodies.forEach((body) => store.applyWithoutWriting(body));
    else {
      this.#isBroken = true;
      await store.record(...bodies);
      this.#isBroken = false;
    }
  }

  /** @param strict Whether a missing permission ends the round, because the request changes something. */
  async #ask<T>(
    { item, url, place }: Pick<Candidate, "item" | "url" | "place">,
    call: () => Promise<T>,
    strict = false,
  ): Promise<{ value: T } | undefined> {
    const { origin, host } = place.address;
    const errors = this.#errors.get(origin) ?? 0;
    if (errors >= MAX_ERRORS) {
      this.#add(item, url, "unread", `${host} failed twice, so no request was sent`);
      return undefined;
    }
    try {
      const value = await call();
      this.#errors.delete(origin);
      return { value };
    } catch (error) {
      this.#work.signal?.throwIfAborted();
      if (!(error instanceof MogplexError) || this.#isBroken) throw error;
      if (error.exit === "unauthorized" || error.exit === "forbidden" && strict) throw error;
      if (error.exit === "forbidden" || isHidden(error)) this.#hidden.add(item.item.id);
      else {
        this.#errors.set(origin, errors + 1);
        this.#error ??= error;
      }
      this.#add(item, url, "unread", this.#work.clean(messageOf(error)));
      return undefined;
    }
  }

  #candidate(item: ItemMemory, url: string): Candidate | undefined {
    const place = this.#work.places.at(url);
    return place === undefined ? undefined : { item, url, place, policy: this.#orders.policyFor(item) };
  }

  async #notCounted({ item, place, policy }: Candidate): Promise<NotCounted> {
    const { lock: { notPeople }, planners } = this.#memory;
    if (policy.ownApproval) return { requesters: [], token: null, notPeople };
    const { origin, host } = place.address;
    if (!this.#users.has(origin)) this.#users.set(origin, await place.me());
    const requesters = [...planners, ...item.requesters].map(({ by, user }): ForgeUser =>
      // Without the account's id, names are compared. Ignoring a valid approval is safer than accepting an invalid one.
      user?.host === host ? { id: user.id ?? 0, name: user.name, isBot: false } : { id: 0, name: by, isBot: false }
    );
    return { requesters, token: this.#users.get(origin) ?? null, notPeople };
  }

  #withCaveat({ item, place: { address: { host } }, policy }: Candidate, verdict: ApprovalVerdict): ApprovalVerdict {
    const isKnown = [...this.#memory.planners, ...item.requesters].every(({ user }) => user?.host === host);
    if (isKnown || policy.ownApproval || verdict.state !== "approved") return verdict;
    return { ...verdict, reason: `${verdict.reason}; the requester is unknown on ${host}` };
  }

  async #read(candidate: Candidate): Promise<MergeReading | undefined> {
    const answer = await this.#ask(candidate, async () => await candidate.place.read());
    return answer === undefined || isUnread(answer.value) ? undefined : answer.value;
  }

  async #examine(candidate: Candidate): Promise<Examined | Unread> {
    const { item, url, place } = candidate;
    const notCounted = await this.#notCounted(candidate);
    const reading = await place.read();
    if (isUnread(reading)) return reading;
    const body = pullRequestBody(item, url, reading.facts);
    if (body !== undefined) await this.#record(body);
    const review = candidate.policy.ownApproval
      ? reading.review
      : await withRequesters(reading.review, notCounted, () => place.requesters());
    const verdict = this.#withCaveat(candidate, judgeApprovals(review, notCounted));
    const question = { ...candidate, reading, verdict, targetChecks: null, nowMs: this.#nowMs };
    const judgement = judgeMerge(question);
    const needsTarget = judgement.kind === "merge" || candidate.policy.withoutChecks && reading.facts.checks === "none";
    if (!needsTarget || reading.baseCommit === null) {
      return { ...candidate, reading, verdict, judgement, targetChecks: null };
    }
    const targetChecks = await place.checks(reading.baseCommit);
    return { ...candidate, reading, verdict, judgement: judgeMerge({ ...question, targetChecks }), targetChecks };
  }

  async #followUp(item: ItemMemory): Promise<void> {
    const { merge } = item;
    if (merge === null) return;
    const here = this.#candidate(item, merge.url);
    if (here === undefined) return;
    // Exceptions that a person allowed for this merge apply until the merge is carried out.
    const [withoutReview, ownApproval] = (["review", "own-approval"] as const).map((each) =>
      merge.exceptions.includes(each)
    ) as [boolean, boolean];
    const candidate = { ...here, policy: { ...here.policy, withoutReview, ownApproval } };
    if (OPEN_MERGES.includes(merge.state)) await this.#ask(candidate, () => this.#follow(candidate, merge));
    if (merge.target === "waiting") await this.#ask(candidate, () => this.#lookAtTarget(candidate, merge));
    if (merge.branch === "delete" && isMerged(merge)) {
      await this.#ask(candidate, () => this.#deleteBranch(candidate, merge));
    }
  }

  async #follow(candidate: Candidate, merge: MergeMemory): Promise<void> {
    const { item, url, place } = candidate;
    const examined = await this.#examine(candidate);
    if (isUnread(examined)) return this.#add(item, url, "unread", examined.reason);
    if (examined.reading.facts.state === "merged") return await this.#recordMerged(candidate, merge, examined.reading);
    const progress = await place.progress(merge.handle);
    switch (progress.kind) {
      case "merged": {
        const reading = await place.read();
        if (isUnread(reading)) return this.#add(item, url, "unread", reading.reason);
        return await this.#recordMerged(candidate, merge, reading, progress.commit);
      }
      case "queued":
      case "pending":
      case "foreign": {
        const handle = "handle" in progress ? progress.handle : null;
        if (merge.state !== progress.kind || merge.handle !== handle) {
          await this.#end(item, url, progress.kind, null, null, handle);
        }
        return await this.#judgeWaiting(examined, merge);
      }
      default:
        return await this.#notMerged(
          examined,
          merge,
          "reason" in progress ? progress.reason : "its commits have changed",
        );
    }
  }

  /** The requested merge is neither complete nor pending: the forge has dropped the request, or never received it. */
  async #notMerged({ item, url, place, reading }: Examined, merge: MergeMemory, reason: string): Promise<void> {
    if (merge.state !== "open") {
      this.#isRefused = true;
      return await this.#end(item, url, "out", this.#work.clean(reason));
    }
    if (this.#nowMs - Date.parse(merge.at) < UNANSWERED_MS) {
      return this.#add(item, url, "unread", "the forge has not answered the merge yet");
    }
    const { baseCommit: until, base } = reading;
    const { baseCommit: since } = merge;
    if (since !== null && until !== null && since !== until) {
      const { head: commit, method } = merge;
      const others = [...this.#memory.items.values()].flatMap(({ merge: other }) => other?.commit ?? []);
      const landed = await place.landed({ since, until, commit, method, ...this.#messageOf(item), others });
      const target = JSON.stringify(base);
      if (landed === undefined) {
        this.#isRefused = true;
        const why =
          `the forge's answer to the merge was lost, and ${target} has changed since: check whether ${target} contains the merge`;
        return await this.#end(item, url, "out", this.#work.clean(why));
      }
      if (landed !== null) {
        const why = `${target} contains the merge, although the forge shows the pull request as open`;
        return await this.#end(item, url, "merged", this.#work.clean(why), landed);
      }
    }
    await this.#end(item, url, "unanswered", "the forge's answer to the merge was lost, and nothing was merged");
  }

  #messageOf({ item }: ItemMemory): { title: string; body: string } {
    const { lock } = this.#memory;
    return {
      title: titleOf(lock, item),
      body: `Campaign ${lock.campaign}${lock.round === "" ? "" : `, round ${lock.round}`}`,
    };
  }

  async #judgeWaiting(examined: Examined, merge: MergeMemory): Promise<void> {
    const { item, url, place } = examined;
    const isOld = this.#nowMs - Date.parse(merge.at) >= QUEUE_MS;
    const question: MergeQuestion = { ...examined, nowMs: this.#nowMs };
    const obstacle = holdOf(this.#memory) ?? queueObstacle(question, merge) ??
      (isOld ? "it has waited for 24 hours" : null);
    if (obstacle === null) return this.#add(item, url, merge.state as MergeWord, waitingText(merge.state));
    if (merge.state !== "queued") {
      const why = merge.state === "foreign"
        ? "somebody else requested its merge"
        : "the forge is merging it, and that cannot be undone";
      return this.#add(item, url, merge.state as MergeWord, `${why}; ${obstacle}`);
    }
    if (this.#orders.isDryRun) return this.#add(item, url, "left", `it would be removed from the queue: ${obstacle}`);
    // Someone may have merged the pull request or removed it from the queue just now. The next round will show the result.
    if (!await place.leaveQueue()) return this.#add(item, url, "queued", "it is about to leave the queue");
    await this.#end(item, url, isOld ? "out" : "left", this.#work.clean(obstacle));
  }

  async #end(
    item: ItemMemory,
    url: string,
    as: MergeWord,
    reason: string | null,
    commit: string | null = null,
    handle: string | null = null,
  ): Promise<void> {
    await this.#record({ type: "merge", item: item.item.id, as, commit, ...(handle !== null && { handle }), reason });
    this.#add(item, url, as, reason ?? waitingText(as), item.merge?.commit);
  }

  async #recordMerged(
    candidate: Candidate,
    merge: MergeMemory,
    reading: MergeReading,
    answer?: string | null,
    isRefused = false,
  ): Promise<void> {
    const { item, url } = candidate;
    const { mergedHead, mergeCommit, base } = reading;
    const commit = answer ?? mergeCommit;
    const isOther = isRefused || merge.state === "foreign" || mergedHead !== null && mergedHead !== merge.head;
    const reason = isOther
      ? `merged by somebody else at ${mergedHead ?? commit ?? "an unknown commit"}`
      : base !== merge.base
      ? `merged into ${JSON.stringify(base)}, because somebody retargeted it during the merge`
      : null;
    await this.#end(item, url, isOther ? "elsewhere" : "merged", reason && this.#work.clean(reason), commit);
    if (merge.branch === "delete") await this.#deleteBranch(candidate, merge);
  }

  async #deleteBranch({ item, place }: Candidate, merge: MergeMemory): Promise<void> {
    const branch = item.starts.findLast(({ kind, runId }) => kind === "task" && runId !== null);
    const name = branch?.branch ?? branch?.answered ?? null;
    if (this.#orders.isDryRun) return;
    const outcome = name === null ? "moved" : await place.deleteBranch(name, merge.head);
    if (typeof outcome === "object") {
      this.#work.tell(`${item.item.repository}: its branch was not deleted: ${this.#work.clean(outcome.refused)}`);
    }
    const as = outcome === "deleted" || outcome === "gone" ? outcome : "kept";
    await this.#record({ type: "merge-branch", item: item.item.id, as });
  }

  async #lookAtTarget({ item, place }: Candidate, { commit, stateAt }: MergeMemory): Promise<void> {
    const checks = commit === null ? null : await place.checks(commit);
    const ageMs = this.#nowMs - Date.parse(stateAt);
    if (checks === "none" && ageMs < BEGIN_MS || checks === "pending" && ageMs < FINISH_MS) return;
    await this.#record({ type: "merge-target", item: item.item.id, checks: checks === "pending" ? null : checks });
  }

  async #closeGate(): Promise<void> {
    const { items, gates: { merge: gate } } = this.#memory;
    const since = gate.approved?.seq ?? 0;
    const red = [...items.values()].filter(({ merge }) => merge?.target === "red" && merge.targetSeq > since);
    const isDue = red.length >= MAX_RED || red.some(({ item }) => item.canary);
    if (gate.closed || !isDue) return;
    const names = red.slice(0, 3).map(({ item }) => item.repository).join(", ");
    const reason = this.#work.clean(
      `${formatCount(red.length, "target")} ${red.length === 1 ? "has" : "have"} been red since the merge: ${names}`,
    );
    await this.#record({ type: "gate", gate: "merge", reason });
    if (!this.#orders.isDryRun) await this.#work.gateClosed(reason);
  }

  async #examineAll(): Promise<(Mergeable | Outdated)[]> {
    const { chosen } = this.#orders;
    const ready: (Mergeable | Outdated)[] = [];
    const seen = new Set<string>();
    for (const item of this.#memory.items.values()) {
      const { pullRequest: url, pull, merge, item: { id } } = item;
      if (url === null || this.#lines.has(id) && !isOver(merge) || chosen !== null && !chosen.has(id)) continue;
      if (pull?.state === "merged" || pull?.state === "closed") continue;
      // Two items can have the same pull request.
      if (seen.has(url)) continue;
      seen.add(url);
      const candidate = this.#candidate(item, url);
      if (candidate === undefined) {
        this.#add(item, url, "unread", "no token for its forge");
        continue;
      }
      if (this.#isHeld([candidate])) continue;
      const knownProblem = this.#orders.isRead ? knownObstacle(item) : null;
      if (knownProblem !== null) {
        this.#add(item, url, knownProblem.kind, knownProblem.reason);
        continue;
      }
      const answer = await this.#ask(candidate, async () => await this.#examine(candidate));
      if (answer === undefined) continue;
      const examined = answer.value;
      if (isUnread(examined)) {
        this.#add(item, url, "unread", this.#work.clean(examined.reason));
        if (examined.isHidden) this.#hidden.add(id);
      } else if (isMergeable(examined) || isOutdated(examined)) ready.push(examined);
      else if (examined.judgement.kind !== "merge" && examined.judgement.kind !== "update") {
        this.#add(item, url, examined.judgement.kind, examined.judgement.reason);
      }
    }
    return ready;
  }

  async #update(examined: Outdated): Promise<void> {
    const { item, url, place, judgement: { head, reason } } = examined;
    this.#work.tell(`${item.item.repository}: updating its branch: ${reason}`);
    const answer = await this.#ask(examined, async () => await place.update(head), true);
    if (answer === undefined) return;
    const { value } = answer;
    if (value === "moved") return this.#add(item, url, "blocked", "changed since it was checked");
    if (typeof value === "object" && "refused" in value) {
      return this.#add(item, url, "blocked", this.#work.clean(value.refused));
    }
    if (value !== "updated" && !await this.#isUpdated(examined, head, value.lost)) return;
    await this.#record({ type: "merge-update", item: item.item.id, head, by: this.#orders.by });
    this.#add(item, url, "updated", "its branch is being updated");
  }

  /** Only a changed head proves that an unanswered update was carried out. If the head is unchanged, the next round judges the pull request again. */
  async #isUpdated(examined: Examined, head: string, reason: string): Promise<boolean> {
    const { item, url } = examined;
    const { clock, signal, clean } = this.#work;
    await clock.sleep(READ_BACK_MS, { signal });
    const commit = (await this.#read(examined))?.facts.commit ?? null;
    if (commit !== null && commit !== head) return true;
    this.#error ??= new MogplexError({ attempted: `update the branch of ${url}`, why: clean(reason) }, "unavailable");
    this.#add(item, url, "unread", "the update of its branch has had no answer yet");
    return false;
  }

  /** The canary comes first. Updates come after merges. Pull requests that the forge refused earlier come last. */
  #select(ready: readonly (Mergeable | Outdated)[]): (Mergeable | Outdated)[] {
    const { counted, pause } = this.#orders;
    const rank = ({ item, judgement: { kind } }: Examined) =>
      item.merge?.state === "refused" ? 3 : item.item.canary ? 0 : kind === "merge" ? 1 : 2;
    const sorted = [...ready].sort((a, b) => rank(a) - rank(b));
    const { items } = this.#memory;
    const waiting = [...items.values()].filter(({ merge }) => merge?.target === "waiting").length;
    const canary = this.#canaryObstacle();
    let free = this.#orders.waitingLimit - waiting;
    let left = this.#orders.atMost ?? Infinity;
    return sorted.filter(({ item, url, targetChecks, judgement }) => {
      const isMerge = judgement.kind === "merge";
      const needsTarget = isMerge && targetChecks === "green";
      const isFree = counted.has(item.item.id);
      const isOut = item.merge?.state === "out" && item.merge.head === judgement.head;
      if (this.#orders.isWave && isOut) {
        this.#add(
          item,
          url,
          "blocked",
          `not merged again by a wave: ${item.merge?.reason}; \`campaign merge\` tries again`,
        );
        return false;
      }
      const reason = canary !== null && !item.item.canary
        ? canary
        : pause !== null
        ? pause
        : left <= 0 && !isFree
        ? "the merge limit has been reached"
        : needsTarget && free <= 0
        ? "earlier merges are waiting for the checks of their targets"
        : null;
      if (reason !== null) {
        this.#add(item, url, "checks", reason);
        return false;
      }
      if (!isFree) left--;
      if (needsTarget) free--;
      return true;
    });
  }

  #canaryObstacle(): string | null {
    for (const { item, pullRequest, pull, skipped, merge } of this.#memory.items.values()) {
      if (!item.canary || pullRequest === null || skipped !== null || pull?.state === "closed") continue;
      if (pull?.state !== "merged") return `the canary ${item.repository} must be merged first`;
      if (merge?.target === "waiting") return `the canary ${item.repository} is waiting for the checks of its target`;
    }
    return null;
  }

  async #warn(chosen: readonly Mergeable[]): Promise<void> {
    for (const { place } of chosen) {
      const { origin, host } = place.address;
      if (!this.#users.has(origin)) this.#users.set(origin, await place.me());
      if (place.startsWorkflows(this.#users.get(origin) ?? null) !== false) continue;
      this.#work.tell(`merges on ${host} with this token do not start workflows, because it is a job token`);
    }
  }

  async #mergeBatch(batch: readonly Mergeable[]): Promise<void> {
    const { store } = this.#work;
    await this.#record(...batch.map((each) => this.#intentOf(each)));
    const open = new Set(batch);
    let hold: string | null = null;
    try {
      await store.publish();
      for (const each of batch) {
        if (this.#isStopped) break;
        this.#work.signal?.throwIfAborted();
        if (this.#work.takesStops) await store.takeStops(this.#work.clean);
        hold = holdOf(this.#memory);
        if (hold !== null) break;
        // From here on, `#mergeOne` records how the merge ends.
        open.delete(each);
        await this.#mergeOne(each);
      }
    } catch (error) {
      if (error instanceof LostRaceError || this.#isBroken) throw error;
      await this.#withdraw(open, "it was recorded, but not sent");
      throw error;
    }
    await this.#withdraw(open, hold ?? "merges stopped after refusals in several repositories");
  }

  #intentOf({ item, url, reading, judgement, targetChecks }: Mergeable): RecordBody {
    const { by, deleteBranch } = this.#orders;
    const { head, method, exceptions } = judgement;
    const { base, baseCommit, repositoryId } = reading;
    return {
      ...{ type: "merge-intent", item: item.item.id, url, repositoryId, head, base, method, by, targetChecks },
      ...(baseCommit !== null && { baseCommit }),
      ...(exceptions.length > 0 && { exceptions }),
      ...(deleteBranch && { deleteBranch }),
    };
  }

  async #withdraw(merges: Iterable<Mergeable>, reason: string): Promise<void> {
    for (const { item, url } of merges) await this.#end(item, url, "withdrawn", reason);
  }

  async #mergeOne(entry: Mergeable): Promise<void> {
    const { item, url, place } = entry;
    const { merge } = item;
    if (merge === null) throw new Error("Cannot merge without an intent");
    for (let tries = 1;; tries++) {
      const again = await this.#askOrWithdraw(entry, async () => await this.#examine(entry));
      if (again === undefined) return;
      const examined = again.value;
      const reason = isUnread(examined) ? examined.reason : changeOf(examined, merge);
      if (reason !== null) {
        return await this.#end(item, url, "withdrawn", this.#work.clean(`changed since it was checked: ${reason}`));
      }
      const answer = await this.#askOrWithdraw(entry, async () =>
        await place.merge({
          commit: merge.head,
          method: merge.method,
          ...this.#messageOf(item),
          hasQueue: (examined as Examined).reading.facts.hasQueue,
        }), true);
      if (answer === undefined) return;
      if (answer.value.kind !== "later") return await this.#take(entry, merge, answer.value);
      if (tries === LATER_TRIES) return await this.#end(item, url, "withdrawn", this.#work.clean(answer.value.reason));
      await this.#work.clock.sleep(LATER_MS, { signal: this.#work.signal });
    }
  }

  /** If the request fails, nothing was merged, so the merge is withdrawn. */
  async #askOrWithdraw<T>(entry: Mergeable, call: () => Promise<T>, strict = false): Promise<{ value: T } | undefined> {
    const { item, url } = entry;
    try {
      const answer = await this.#ask(entry, call, strict);
      const line = this.#lines.get(item.item.id);
      if (answer === undefined) {
        await this.#end(item, url, "withdrawn", line?.reason ?? "its forge could not be reached");
      }
      return answer;
    } catch (error) {
      // If a signal arrived while the request was in flight, the merge may have been carried out, so it is not withdrawn.
      if (error instanceof MogplexError && !this.#isBroken && this.#work.signal?.aborted !== true) {
        await this.#end(item, url, "withdrawn", this.#work.clean(messageOf(error)));
      }
      throw error;
    }
  }

  async #take(entry: Mergeable, merge: MergeMemory, outcome: Exclude<MergeOutcome, { kind: "later" }>): Promise<void> {
    const { item, url } = entry;
    switch (outcome.kind) {
      case "merged": {
        const reading = await this.#read(entry) ?? entry.reading;
        return await this.#recordMerged(entry, merge, reading, outcome.commit);
      }
      case "queued":
      case "pending":
      case "foreign":
        return await this.#end(item, url, outcome.kind, null, null, "handle" in outcome ? outcome.handle : null);
      case "moved":
        return await this.#end(item, url, "withdrawn", "changed since it was checked: its commits have changed");
      case "refused": {
        const reading = await this.#read(entry);
        if (reading?.facts.state === "merged") {
          return await this.#recordMerged(entry, merge, reading, undefined, true);
        }
        this.#isRefused = true;
        this.#refusals.add(item.item.repositoryId);
        return await this.#end(item, url, "refused", this.#work.clean(outcome.reason));
      }
      case "lost":
        return await this.#readBack(entry, merge, outcome.reason);
    }
  }

  async #readBack(entry: Mergeable, merge: MergeMemory, reason: string): Promise<void> {
    const { item, url } = entry;
    const { clock, signal, clean } = this.#work;
    await clock.sleep(READ_BACK_MS, { signal });
    const answer = await this.#ask(entry, () => this.#follow(entry, merge));
    if (answer === undefined || OPEN_MERGES.includes(merge.state)) {
      this.#error ??= new MogplexError({ attempted: `merge ${url}`, why: clean(reason) }, "unavailable");
      if (merge.state === "open") this.#add(item, url, "unread", "the forge has not answered the merge yet");
    }
  }
}

function isMergeable(examined: Examined): examined is Mergeable {
  return examined.judgement.kind === "merge";
}

function isOutdated(examined: Examined): examined is Outdated {
  return examined.judgement.kind === "update";
}

function isOver(merge: MergeMemory | null): boolean {
  return merge?.state === "unanswered";
}

function changeOf({ judgement, reading }: Examined, merge: MergeMemory): string | null {
  if (judgement.kind !== "merge") return judgement.reason;
  if (judgement.head !== merge.head) return "its commits have changed";
  if (reading.base !== merge.base) return `its target is now ${JSON.stringify(reading.base)}`;
  return reading.repositoryId === merge.repositoryId ? null : "its repository has changed";
}

function waitingText(state: MergeMemory["state"]): string {
  switch (state) {
    case "queued":
      return "in the queue of its target";
    case "pending":
      return "the forge is merging it";
    case "foreign":
      return "somebody else asked the forge to merge it";
    default:
      return state;
  }
}
