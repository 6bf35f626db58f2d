import { type Clock, systemClock } from "../clock.ts";
import { MogplexError, UsageError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import type { Findings, FindingsOf } from "../forge/findings.ts";
import { ALL_FORGES, FORGE_NAMES_TEXT, FORGE_TOKENS_TEXT, parsePullRequest } from "../forge/all.ts";
import type { PullRequestAddress, PullRequestFacts, ReviewState } from "../forge/model.ts";
import { resolveForgeAccess } from "../forge/open.ts";
import { type ForgeReading, Forges } from "../forge/batch.ts";
import type { PullRequestWriter } from "../forge/writer.ts";
import { callHook } from "../hook.ts";
import { groupBy } from "../lookup.ts";
import { isLoopback } from "../loopback.ts";
import { instantMs } from "../run/result.ts";
import { environmentVariable } from "../runtime.ts";
import { branchKey } from "../service/validate.ts";
import { formatCount } from "../text/duration.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import type { Lock } from "./journal/lock.ts";
import { type CampaignMemory, type ItemMemory, nameOf, type StartMemory } from "./journal/memory.ts";
import type { PullRequestMemory, RecordBody } from "./journal/record.ts";
import { GOOD_VERDICTS, type ItemState } from "./view/verdicts.ts";
import type { CampaignItem, CampaignView, CauseGroup, PullRequestTrouble, PullRequestView } from "./view/view.ts";

const FRESH_MS = 5 * 60_000;

/** Maximum duration of all searches for pull requests by branch in one refresh. After a search that takes `SLOW_MS`, no further search starts. */
const SEARCH_MS = 5 * 60_000;
const SLOW_MS = 30_000;

/** Maximum difference between the clocks of the service and the forge. */
const CLOCKS_MS = 5 * 60_000;

const MAX_TOLD = 20;

/** In a campaign file, this word means the code owners in the target branch. */
const CODE_OWNERS = "codeowners";

type Take = (body: RecordBody) => Promise<void> | void;

type Tell = (message: string) => void;

function memoryOf(item: ItemMemory, facts: PullRequestFacts): PullRequestMemory {
  const { state, draft, checks, review, conflict, owner, createdAt, updatedAt, problem } = facts;
  const before = item.pull;
  return {
    state,
    draft,
    checks,
    review,
    // `null` means that the forge has not yet determined whether there is a conflict, so the earlier value is kept.
    conflict: conflict ?? (state === "open" ? before?.conflict ?? null : null),
    owner,
    createdAt,
    updatedAt,
    reason: problem,
    commit: facts.commit,
    foreign: foreignReason(item, facts),
    guarded: facts.isGuarded,
    behind: facts.isBehind,
    queue: facts.hasQueue,
    // The first id is kept, because another id means another repository.
    repositoryId: before?.repositoryId ?? facts.repositoryId,
    files: facts.files,
    additions: facts.additions,
    deletions: facts.deletions,
  };
}

/** Earlier data is discarded, because it may be out of date. */
function unreadable(reason: string, before: PullRequestMemory | null): PullRequestMemory {
  const unknown = { checks: null, review: null, conflict: null, owner: null, createdAt: null, updatedAt: null };
  const sizes = { files: null, additions: null, deletions: null };
  const { repositoryId = null } = before ?? {};
  return { state: "unreadable", draft: false, ...unknown, reason, commit: null, foreign: null, repositoryId, ...sizes };
}

function isSame(a: PullRequestMemory | null, b: PullRequestMemory): boolean {
  return a !== null && (Object.keys(b) as (keyof PullRequestMemory)[]).every((key) => a[key] === b[key]);
}

export class PullRequests {
  readonly #forges: Forges;
  readonly #clock: Clock;
  readonly #tell: Tell;
  readonly #readAt = new Map<string, number>();
  readonly #told = new Set<string>();
  readonly #failed = new Map<string, string>();
  #exit: ExitName | undefined;

  constructor(forges: Forges, clock: Clock, tell: Tell) {
    this.#forges = forges;
    this.#clock = clock;
    this.#tell = tell;
  }

  get failed(): number {
    return this.#failed.size;
  }

  #isDue(key: string): boolean {
    const at = this.#readAt.get(key);
    if (at !== undefined && this.#clock.now() - at < FRESH_MS) return false;
    this.#readAt.set(key, this.#clock.now());
    return true;
  }

  tell(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.#tell(message);
  }

  /** @param readsSkipped Whether to also read the pull requests of skipped items, which may have been reopened. */
  async refresh(memory: Pick<CampaignMemory, "lock" | "items">, record: Take, readsSkipped = false): Promise<string[]> {
    const changed = new Set<string>();
    const take = async (body: RecordBody & { item: string }) => {
      await record(body);
      changed.add(body.item);
    };
    const searchUntil = this.#clock.now() + SEARCH_MS;
    for (const item of memory.items.values()) {
      if (item.state !== "unknown") continue;
      const from = this.#clock.now();
      const body = await this.#settle(memory, item);
      if (body !== undefined) await take(body);
      const now = this.#clock.now();
      // Otherwise, a forge that does not answer would cost one timeout for every item.
      if (now - from >= SLOW_MS || now >= searchUntil) break;
    }
    // A merged pull request stays merged, so it is not read again.
    const wanted = [...memory.items.values()].filter(({ pull, state }) =>
      pull?.state !== "merged" && (state !== "skipped" || readsSkipped)
    );
    const byUrl = groupBy(wanted, ({ pullRequest }) => pullRequest);
    const due = [...byUrl.keys()].filter((url) => url !== null).filter((url) => this.#isDue(url));
    if (due.length > 0) {
      const reading = await this.#forges.read(due);
      this.#exit = reading.exit;
      this.#tellProblems(reading);
      for (const url of due) {
        this.#failed.delete(url);
        const failure = reading.failed.get(url);
        if (failure !== undefined) this.#failed.set(url, failure);
        for (const item of byUrl.get(url) ?? []) {
          const body = recordOf(item, url, reading);
          if (body !== undefined) await take(body);
          const now = reading.facts.get(url)?.url;
          if (now !== undefined && now !== url) {
            this.#readAt.set(now, this.#clock.now());
            this.tell(`${item.item.repository}: its pull request is now at ${now}`);
          }
        }
      }
    }
    return [...changed];
  }

  async findings(url: string, of: FindingsOf): Promise<Findings | undefined> {
    try {
      return await this.#forges.findings(url, of);
    } catch (error) {
      if (!(error instanceof MogplexError)) throw error;
      this.tell(`the ${of} of ${url} could not be read: ${error.message}`);
      return undefined;
    }
  }

  /** Checks that the forges have answered, before missing facts are treated as a mistake in the command. */
  checkAnswered(attempted: string): void {
    const [why] = this.#failed.values();
    if (why !== undefined) throw new MogplexError({ attempted, why }, this.#exit ?? "unavailable");
  }

  checkCause({ causes }: Pick<CampaignView, "causes">, cause: string | undefined, attempted: string): void {
    if (cause !== undefined && causes.every(({ word }) => word !== cause)) this.checkAnswered(attempted);
  }

  mayAsk(address: PullRequestAddress): boolean {
    return this.#forges.mayAsk(address);
  }

  mayWrite(url: string): boolean {
    return this.#isDue(`write ${url}`);
  }

  writer(url: string, command: string): PullRequestWriter | undefined {
    return this.#forges.writer(url, command);
  }

  /** @returns The names of the reviewers, or a clause that says why they are unknown. */
  async reviewersFor(url: string, reviewers: readonly string[], command: string): Promise<string[] | string> {
    const names = reviewers.filter((name) => name !== CODE_OWNERS);
    if (names.length === reviewers.length) return names;
    const owners = await this.writer(url, command)?.codeOwners() ?? "no token for its host";
    if (typeof owners === "string") return owners;
    return [...new Set([...names, ...owners.users, ...owners.teams.map((team) => `team:${team}`)])];
  }

  #tellProblems({ failed, refused, unasked }: ForgeReading): void {
    const reasons = new Map<string, number>();
    for (const reason of failed.values()) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    for (const [reason, count] of reasons) {
      this.tell(`${formatCount(count, "pull request")} could not be read this time: ${reason}`);
    }
    for (const [url, reason] of [...refused].slice(0, MAX_TOLD)) this.tell(`${url} could not be read: ${reason}`);
    if (refused.size > MAX_TOLD) this.tell(`${refused.size - MAX_TOLD} more pull requests could not be read`);
    const hosts = new Set(unasked.values());
    for (const host of [...hosts].slice(0, MAX_TOLD)) {
      const message = host === ""
        ? `the service returned addresses that are not pull requests of ${FORGE_NAMES_TEXT}; they are not read`
        : `pull requests on ${host} are not read: there is no token for that host. If you run that forge, add --forge-host HOST`;
      this.tell(message);
    }
  }

  /**
   * The record that settles an `unknown` item. The only proof is a pull request from the item's own branch: the branch in the start's request or in
   * its answer. Events are not trusted. A missing pull request is not proof either, because it might still be opened, or the branch might have
   * another name.
   */
  async #settle(
    { lock, items }: Pick<CampaignMemory, "lock" | "items">,
    item: ItemMemory,
  ): Promise<(RecordBody & { item: string }) | undefined> {
    const start = item.starts.at(-1);
    const branch = ownBranch(item);
    const place = placeOf(items.values()) ?? this.#forges.only;
    if (start?.end !== "unknown" || start.runId === null || branch === null || place === undefined) return undefined;
    // A pull request does not replace a result file that could not be read.
    if (lock.tasks[item.item.task]?.result !== undefined) return undefined;
    const repository = nameOf(item);
    if (!repository.includes("/") || !this.#isDue(`${item.item.id} ${branch}`)) return undefined;
    // An earlier round may have had a branch with the same name. The clocks of the service and the forge differ by less than `CLOCKS_MS`.
    const since = Date.parse(start.createdAt ?? start.sentAt) - CLOCKS_MS;
    const url = await this.#forges.find({ ...place, repository, branch, since });
    if (typeof url !== "string") return undefined;
    const { runId, status, createdAt, updatedAt } = start;
    return {
      type: "ended",
      item: item.item.id,
      start: start.number,
      as: "succeeded",
      runId,
      slot: true,
      retryAt: null,
      reason: null,
      status,
      changed: true,
      branch,
      pullRequest: url,
      ...(item.files !== null && { files: item.files }),
      createdAt,
      updatedAt,
    };
  }
}

/** Items whose pull request is in a repository with an unexpected name. The repository might have been renamed. */
export function itemsElsewhere({ items }: CampaignMemory): ItemMemory[] {
  return [...items.values()].filter((item) => {
    const repository = item.pullRequest === null ? undefined : parsePullRequest(item.pullRequest)?.repository;
    return repository !== undefined && repository.toLowerCase() !== nameOf(item).toLowerCase();
  });
}

function placeOf(items: Iterable<ItemMemory>) {
  const places = new Map<string, { forge: string; host: string }>();
  for (const { pullRequest } of items) {
    const address = pullRequest === null ? undefined : parsePullRequest(pullRequest);
    if (address !== undefined) places.set(address.origin, { forge: address.forge, host: address.host });
  }
  const [place] = places.values();
  return places.size === 1 ? place : undefined;
}

function recordOf(
  memory: ItemMemory,
  url: string,
  { facts, refused }: ForgeReading,
): (RecordBody & { item: string }) | undefined {
  const { item, pull } = memory;
  const [pullFacts, refusal] = [facts.get(url), refused.get(url)];
  if (pullFacts === undefined && refusal === undefined) return undefined;
  if (pullFacts !== undefined) return pullRequestBody(memory, url, pullFacts);
  const { state, ...details } = unreadable(refusal ?? "", pull);
  return isSame(pull, { state, ...details }) ? undefined : { type: "pull-request", item: item.id, state, url, details };
}

export function pullRequestBody(
  memory: ItemMemory,
  url: string,
  facts: PullRequestFacts,
): (RecordBody & { item: string }) | undefined {
  const now = memoryOf(memory, facts);
  if (facts.url === url && isSame(memory.pull, now)) return undefined;
  const { state, ...details } = now;
  return { type: "pull-request", item: memory.item.id, state, url: facts.url, details };
}

export function pullRequestsOf(options: CampaignOptions, random?: () => number): PullRequests | undefined {
  const { forge, env = environmentVariable, clock = systemClock, fetch, signal, onNotice } = options;
  const access = forge === undefined ? undefined : resolveForgeAccess(ALL_FORGES, env, forge.hosts);
  if (access === undefined) return undefined;
  const forges = new Forges(ALL_FORGES, access, { clock, fetch, signal, onNotice, random });
  return new PullRequests(forges, clock, (message) => callHook(onNotice, { kind: "text", message }));
}

/** A local Mogplex has no forge, so its pull requests are not read. */
export function isLocal(url: string): boolean {
  return URL.canParse(url) && isLoopback(new URL(url).hostname);
}

export function forgeTokenAdvice(url: string, advice: string): string {
  return isLocal(url)
    ? `a local Mogplex has no forge, so its pull requests cannot be changed; if this is a forge, ${advice}`
    : advice;
}

export function checkForge(
  { limits, onFailedChecks, pullRequests }: Pick<Lock, "limits" | "onFailedChecks" | "pullRequests">,
  reads: boolean,
  origin: string,
): string | null {
  const keys = [
    ...limits.openPullRequests === null ? [] : ["limits.open-pull-requests"],
    ...onFailedChecks === null ? [] : ["on-failed-checks"],
    ...pullRequests === null ? [] : ["pull-requests"],
  ];
  const [key] = keys;
  if (key === undefined || reads) return null;
  if (isLocal(origin)) {
    return `${keys.join(", ")} ${keys.length === 1 ? "has" : "have"} no effect because a local Mogplex has no forge; ` +
      `against a real forge, this command would exit with code 2 without a token in ${FORGE_TOKENS_TEXT}`;
  }
  throw new UsageError({
    attempted: `apply the key ${key}`,
    why: "no forge token is set, so pull requests cannot be read",
    advice: `set ${FORGE_TOKENS_TEXT}, or remove the key`,
  });
}

/** The newest start of the item's task that has a run. The item's pull request belongs to this run. */
function taskStart({ starts }: Pick<ItemMemory, "starts">): StartMemory | undefined {
  return starts.findLast(({ kind, runId }) => kind === "task" && runId !== null);
}

/**
 * A follow-up pushes to its branch without a review, and events are not trusted. Therefore only the branch in the start's request or in its answer is
 * used, and the forge must confirm that the pull request comes from this branch.
 */
function ownBranch(item: Pick<ItemMemory, "starts">): string | null {
  const start = taskStart(item);
  return start?.branch ?? start?.answered ?? null;
}

const NO_BRANCH = "the branch of its run is unknown";

export function foreignReason(
  item: Pick<ItemMemory, "item" | "renamed" | "starts">,
  { url, branch, isForeign }: Pick<PullRequestFacts, "url" | "branch" | "isForeign">,
): string | null {
  const repository = parsePullRequest(url)?.repository ?? "";
  const name = nameOf(item);
  if (!name.includes("/")) return "only the id of the item's repository is known, not its name";
  if (repository.toLowerCase() !== name.toLowerCase()) return `it is in another repository, ${repository}`;
  if (isForeign) return "its branch is not in this repository";
  const expectedBranch = ownBranch(item);
  if (expectedBranch === null) return NO_BRANCH;
  return branch === expectedBranch
    ? null
    : `its branch is ${JSON.stringify(branch)}, but the run works on ${JSON.stringify(expectedBranch)}`;
}

export function whyNotOwn(pull: ItemMemory["pull"]): string | null {
  if (pull === null) return "its pull request has not been read";
  if (pull.state === "unreadable") return "the forge does not show its pull request";
  if (pull.state !== "open") return `its pull request is ${pull.state}`;
  if (pull.foreign === undefined) return "the branch of its pull request has not been checked";
  return pull.foreign === null ? null : `its pull request does not belong to its run: ${pull.foreign}`;
}

export function followUpBranch(
  item: Pick<ItemMemory, "item" | "starts" | "pull">,
): { branch: string; reason: null } | { branch: null; reason: string } {
  const { pull, item: { baseBranch } } = item;
  const none = (reason: string) => ({ branch: null, reason });
  const expectedBranch = ownBranch(item);
  const reason = whyNotOwn(pull);
  if (pull === null || reason !== null) return none(reason ?? "");
  if (expectedBranch === null) return none(NO_BRANCH);
  if (branchKey(expectedBranch) === branchKey(baseBranch)) return none("its branch is the base branch");
  if (pull.guarded !== false) {
    return none(
      pull.guarded === true
        ? "its branch is protected, or is the default branch"
        : "the forge does not show whether its branch is protected",
    );
  }
  return { branch: expectedBranch, reason: null };
}

/** Time without activity after which a pull request is stuck, in milliseconds. */
export const STUCK_AFTER_MS = 3 * 86_400_000;

const CAUSES: Readonly<Record<PullRequestTrouble, string>> = {
  "closed-unmerged": "the pull request was closed without being merged",
  "conflict": "the pull request conflicts with its base branch",
  "failed-checks": "the checks of the pull request failed",
  "changes-requested": "a review requests changes",
  "no-reviewer": "no review of the pull request was requested",
  "inactive": "the pull request has had no activity for some time",
  "no-pull-request": "the run succeeded and changed something, but there is no pull request",
  "unreadable": "the forge does not show the pull request",
};

export const STUCK_CAUSES = Object.keys(CAUSES) as readonly PullRequestTrouble[];

const MAX_OWNERS = 20;

function stuckOpen(pull: PullRequestView, nowMs: number, stuckAfterMs: number): PullRequestTrouble | null {
  if (pull.conflict === true) return "conflict";
  if (pull.checks === "red") return "failed-checks";
  if (pull.review === "changes-requested") return "changes-requested";
  // A draft needs no reviewer, and no reviewer is expected before the checks have finished.
  if (pull.review === "not-requested" && !pull.draft && pull.checks !== "pending") return "no-reviewer";
  const lastMs = instantMs(pull.updatedAt);
  return lastMs !== null && nowMs - lastMs >= stuckAfterMs ? "inactive" : null;
}

export function stuckCause(
  { verdict, pullRequest, pullRequestState: pull, branch }: Omit<CampaignItem, "stuck">,
  changed: boolean | null,
  nowMs: number,
  stuckAfterMs: number,
): PullRequestTrouble | null {
  if (verdict === "skipped" || !GOOD_VERDICTS.includes(verdict)) return null;
  if (pullRequest === null) return changed === true && branch !== null ? "no-pull-request" : null;
  if (pull === null || pull.state === "merged") return null;
  if (pull.state === "closed") return "closed-unmerged";
  return pull.state === "unreadable" ? "unreadable" : stuckOpen(pull, nowMs, stuckAfterMs);
}

export function ownerOf({ repository, pullRequestState }: CampaignItem): string {
  return pullRequestState?.owner ?? repository.split("/")[0] ?? repository;
}

export function groupStuck(items: readonly CampaignItem[]): CauseGroup[] {
  return STUCK_CAUSES.flatMap((stuck): CauseGroup[] => {
    const stuckItems = items.filter((item) => item.stuck === stuck);
    if (stuckItems.length === 0) return [];
    const owners = [...new Set(stuckItems.map(ownerOf))].slice(0, MAX_OWNERS);
    const ids = stuckItems.map(({ id }) => id);
    return [{ verdict: "succeeded", cause: CAUSES[stuck], word: stuck, stuck, owners, items: ids }];
  });
}

const REVIEW_WORDS: Readonly<Record<ReviewState | "null", string>> = {
  approved: "approved",
  "changes-requested": "changes requested",
  requested: "review requested",
  "not-requested": "no review requested",
  null: "review not read",
};

export function pullRequestText(
  { pullRequest, pullRequestState: pull }: Pick<CampaignItem, "pullRequest" | "pullRequestState">,
): string | null {
  if (pullRequest === null || pull === null) return null;
  if (pull.state !== "open") return pull.state;
  const words = [
    pull.draft ? "draft" : "open",
    ...(pull.checks === null ? ["checks not read"] : pull.checks === "none" ? [] : [pull.checks]),
    ...(pull.conflict === true ? ["conflict"] : []),
    REVIEW_WORDS[pull.review ?? "null"],
  ];
  return words.join(", ");
}

export function pullRequestsSentence(items: readonly CampaignItem[]): string | null {
  const itemsWithPull = items.filter(({ pullRequest }) => pullRequest !== null);
  if (itemsWithPull.length === 0) return null;
  const stuck = itemsWithPull.filter((item) => item.stuck !== null && item.pullRequestState?.state === "open").length;
  const counts = (["open", "merged", "closed", "unreadable"] as const).map((state) => {
    const count = itemsWithPull.filter((item) => item.pullRequestState?.state === state).length;
    return count === 0 ? "" : `${count} ${state}${state === "open" && stuck > 0 ? ` (${stuck} stuck)` : ""}`;
  });
  const unread = itemsWithPull.filter(({ pullRequestState }) => pullRequestState === null).length;
  if (unread === itemsWithPull.length) return formatCount(itemsWithPull.length, "pull request");
  const parts = [...counts, unread === 0 ? "" : `${unread} not read`].filter((part) => part !== "");
  return `${formatCount(itemsWithPull.length, "pull request")}: ${parts.join(", ")}`;
}

/** Pull requests on this machine are ignored, because a token does not help with an emulator. */
export function unreadAdvice(items: readonly CampaignItem[]): string | null {
  const isUnread = items.some(({ pullRequest, pullRequestState }) =>
    pullRequest !== null && pullRequestState === null && !isLocal(pullRequest)
  );
  return isUnread ? `to see which are merged, set ${FORGE_TOKENS_TEXT}` : null;
}

export function openPullText(
  { state, pullRequest, pullState }: { state: ItemState; pullRequest: string | null; pullState: string | undefined },
): string | null {
  if (state !== "succeeded" || pullRequest === null || pullState === "merged" || pullState === "closed") return null;
  const number = parsePullRequest(pullRequest)?.number;
  const name = number === undefined ? pullRequest : `#${number} (${pullRequest})`;
  return `its pull request ${name} stays open; the campaign follows the new one`;
}
