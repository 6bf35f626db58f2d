/**
 * Reads the pull requests of a campaign from their forges, and says what the journal has to remember of it: only what has changed.
 *
 * @module
 */
import { unawaited } from "../../hook.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { UsageError } from "../../errors.ts";
import { FORGE_VARIABLES, resolveForgeAccess } from "../../forge/access.ts";
import { parsePullRequest, type PullRequestAddress } from "../../forge/address.ts";
import { type ForgeReading, Forges } from "../../forge/forges.ts";
import type { ForgeName, PullRequestFacts } from "../../forge/pull_request.ts";
import { formatCount } from "../../result/duration.ts";
import { environmentVariable } from "../../runtime.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import type { CampaignMemory, ItemMemory } from "../journal/memory.ts";
import type { Lock } from "../journal/lock.ts";
import type { PullRequestMemory, RecordBody } from "../journal/record.ts";
import { foreignReason, ownBranch } from "./follow_up_branch.ts";

/** How long what was read of a pull request is not read again by the same process, in milliseconds. */
const FRESH_MS = 5 * 60_000;

/** How long pull requests of branches are looked for at once, in milliseconds; a search that takes this long is the last one. */
const SEARCH_MS = 5 * 60_000;
const SLOW_MS = 30_000;

/** Most that the clocks of service and forge differ, in milliseconds. */
const CLOCKS_MS = 5 * 60_000;

/** Most pull requests, and most hosts, that are told one by one: there may be as many as items. */
const MAX_TOLD = 20;

/** Takes a record into the memory: a writer writes it, a reader only imagines it. */
export type Take = (body: RecordBody) => Promise<void> | void;

/** What a reading may say to people. */
export type Tell = (message: string) => void;

function memoryOf(item: ItemMemory, facts: PullRequestFacts): PullRequestMemory {
  const { state, draft, checks, review, conflict, owner, createdAt, updatedAt, problem } = facts;
  const before = item.pull;
  return {
    state,
    draft,
    checks,
    review,
    // A forge that has not computed it yet has not found another answer.
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
    files: facts.files,
    additions: facts.additions,
    deletions: facts.deletions,
  };
}

/** A pull request of which nothing is shown. What was known of it is not known any more. */
function unreadable(reason: string): PullRequestMemory {
  const unknown = { checks: null, review: null, conflict: null, owner: null, createdAt: null, updatedAt: null };
  return { state: "unreadable", draft: false, ...unknown, reason };
}

function isSame(a: PullRequestMemory | null, b: PullRequestMemory): boolean {
  return a !== null && (Object.keys(b) as (keyof PullRequestMemory)[]).every((key) => a[key] === b[key]);
}

/** Reads the pull requests of one campaign. */
export class PullRequests {
  readonly #forges: Forges;
  readonly #clock: Clock;
  readonly #tell: Tell;
  /** Points on the clock of the last readings, by what was read. */
  readonly #readAt = new Map<string, number>();
  readonly #told = new Set<string>();
  /** Pull requests that the last reading could not read, for a while. */
  #failed = new Set<string>();

  constructor(forges: Forges, clock: Clock, tell: Tell) {
    this.#forges = forges;
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Pull requests that could not be read when they were last tried: what the journal says of them may be old. */
  get failed(): number {
    return this.#failed.size;
  }

  #isDue(key: string): boolean {
    const at = this.#readAt.get(key);
    if (at !== undefined && this.#clock.now() - at < FRESH_MS) return false;
    this.#readAt.set(key, this.#clock.now());
    return true;
  }

  /** Says something once. */
  #tellOnce(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.#tell(message);
  }

  /**
   * Reads what was not read lately, and records what has changed: states of pull requests, and items that turn out to have one.
   *
   * @returns Names of the items that have changed.
   * @throws `signal.reason` if the signal of the forges aborts; what `record` throws.
   */
  async refresh(memory: CampaignMemory, record: Take): Promise<string[]> {
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
      // A forge that does not answer would take its longest time for every item.
      if (now - from >= SLOW_MS || now >= searchUntil) break;
    }
    const wanted = new Map<string, ItemMemory[]>();
    for (const item of memory.items.values()) {
      const { pullRequest: url, pull, state } = item;
      // What is merged stays so.
      if (url === null || pull?.state === "merged" || state === "skipped") continue;
      wanted.set(url, [...wanted.get(url) ?? [], item]);
    }
    const due = [...wanted.keys()].filter((url) => this.#isDue(url));
    if (due.length > 0) {
      const reading = await this.#forges.read(due);
      this.#tellProblems(reading);
      for (const url of due) {
        this.#failed.delete(url);
        if (reading.failed.has(url)) this.#failed.add(url);
        for (const item of wanted.get(url) ?? []) {
          const body = recordOf(item, url, reading);
          if (body !== undefined) await take(body);
          const now = reading.facts.get(url)?.url;
          if (now !== undefined && now !== url) {
            this.#readAt.set(now, this.#clock.now());
            this.#tellOnce(`${item.item.repository}: its pull request is at ${now} now`);
          }
        }
      }
    }
    return [...changed];
  }

  /** Whether there is a token for the forge of an address. */
  mayAsk(address: PullRequestAddress): boolean {
    return this.#forges.mayAsk(address);
  }

  /** Says once why an item gets no follow-up. */
  tellNoFollowUp(repository: string, reason: string): void {
    this.#tellOnce(`${repository}: no follow-up is made: ${reason}`);
  }

  #tellProblems({ failed, refused, unasked }: ForgeReading): void {
    const reasons = new Map<string, number>();
    for (const reason of failed.values()) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    for (const [reason, count] of reasons) {
      this.#tellOnce(`${formatCount(count, "pull request")} could not be read this time: ${reason}`);
    }
    for (const [url, reason] of [...refused].slice(0, MAX_TOLD)) this.#tellOnce(`${url} could not be read: ${reason}`);
    if (refused.size > MAX_TOLD) this.#tellOnce(`${refused.size - MAX_TOLD} more pull requests could not be read`);
    const hosts = new Set([...unasked].map((url) => parsePullRequest(url)?.host ?? ""));
    for (const host of [...hosts].slice(0, MAX_TOLD)) {
      const message = host === ""
        ? "the service names addresses that are no pull requests of GitHub or GitLab: they are not read"
        : `pull requests at ${host} are not read: no token is for that host. If it is a forge of yours, name it: --forge-host HOST`;
      this.#tellOnce(message);
    }
  }

  /**
   * What settles an item of which nobody knows whether its run met the requirement: a pull request from the branch that we have asked for, or
   * that the answer to the start has named. What events say settles nothing. Nor does it that there is none: it may come yet, or the branch may
   * have another name.
   */
  async #settle({ items }: CampaignMemory, item: ItemMemory): Promise<(RecordBody & { item: string }) | undefined> {
    const start = item.starts.at(-1);
    const branch = ownBranch(item);
    const place = placeOf(items.values()) ?? this.#forges.only;
    if (start?.end !== "unknown" || start.runId === null || branch === null || place === undefined) return undefined;
    if (!item.item.repository.includes("/") || !this.#isDue(`${item.item.id} ${branch}`)) return undefined;
    // An earlier round may have had a branch of that name. The clocks of two services differ by less.
    const since = Date.parse(start.createdAt ?? start.sentAt) - CLOCKS_MS;
    const { repository } = item.item;
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
      createdAt,
      updatedAt,
    };
  }
}

/** The one host of all pull requests of a campaign; undefined when there are none, or several. */
function placeOf(items: Iterable<ItemMemory>) {
  const places = new Map<string, { forge: ForgeName; host: string }>();
  for (const { pullRequest } of items) {
    const address = pullRequest === null ? undefined : parsePullRequest(pullRequest);
    if (address !== undefined) places.set(address.origin, { forge: address.forge, host: address.host });
  }
  const [place] = places.values();
  return places.size === 1 ? place : undefined;
}

/** What a reading changes about an item's pull request; undefined for nothing. */
function recordOf(
  memory: ItemMemory,
  url: string,
  { facts, refused }: ForgeReading,
): (RecordBody & { item: string }) | undefined {
  const { item, pull } = memory;
  const [found, refusal] = [facts.get(url), refused.get(url)];
  if (found === undefined && refusal === undefined) return undefined;
  const now = found === undefined ? unreadable(refusal ?? "") : memoryOf(memory, found);
  const address = found?.url ?? url;
  if (address === url && isSame(pull, now)) return undefined;
  const { state, ...details } = now;
  return { type: "pull-request", item: item.id, state, url: address, details };
}

/**
 * What reads the pull requests of a campaign, with the tokens of the environment.
 *
 * @returns Undefined when nobody asks for it, or there is no token.
 * @throws {UsageError} when a host is none, or it is not clear which token is for it.
 */
export function pullRequestsOf(options: CampaignOptions, random?: () => number): PullRequests | undefined {
  const { forge, env = environmentVariable, clock = systemClock, fetch, signal, onNotice } = options;
  const access = forge === undefined ? undefined : resolveForgeAccess(env, forge.hosts);
  if (access === undefined) return undefined;
  const forges = new Forges(access, { clock, fetch, signal, onNotice, random });
  return new PullRequests(forges, clock, (message) => unawaited(onNotice?.({ kind: "text", message })));
}

/** Proves that what a campaign decides by pull requests can be decided. @throws {UsageError} when nothing reads them. */
export function checkForge({ limits, onFailedChecks }: Pick<Lock, "limits" | "onFailedChecks">, reads: boolean): void {
  const key = limits.openPullRequests !== null
    ? "limits.open-pull-requests"
    : onFailedChecks !== null
    ? "on-failed-checks"
    : undefined;
  if (key === undefined || reads) return;
  const { github, gitlab } = FORGE_VARIABLES;
  throw new UsageError({
    attempted: `obey ${key}`,
    why: "no token of a forge is there, so pull requests cannot be read",
    advice: `set ${github} or ${gitlab}, or remove the key`,
  });
}
