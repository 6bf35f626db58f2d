import type { ForgeReading } from "../forge/batch.ts";
import { groupBy } from "../lookup.ts";
import {
  isRead,
  type ListState,
  mayMissOlder,
  type Pair,
  type PullRequestEntry,
  type PullRequests,
  sumOf,
  type UnreadPullRequests,
} from "./data.ts";

export interface NamedPull extends Pick<PullRequestEntry, "url" | "repository" | "task" | "campaign" | "openedAt"> {
  /** What the campaign read from the forge. */
  known: Pick<PullRequestEntry, "state" | "draft" | "checks" | "review" | "conflict" | "owner"> | null;
}

export const MAX_ASKED = 500;
const MAX_ENTRIES = 500;
const WEEK_MS = 7 * 86_400_000;

const UNKNOWN = { state: "unknown", draft: null, checks: null, review: null, conflict: null, owner: null } as const;

/**
 * @param named Newest first, without duplicate addresses.
 * @param reading `null` if there is no token for any forge.
 * @param from When the first run in the files ended. Nothing is known about earlier pull requests.
 */
export function pullRequestsOf(
  named: readonly NamedPull[],
  reading: ForgeReading | null,
  nowMs: number,
  from: string | null = null,
): PullRequests {
  const all = named.map(({ known, ...pull }) => {
    const facts = reading?.facts.get(pull.url);
    if (facts === undefined) {
      return {
        ...pull,
        ...known ?? UNKNOWN,
        endedAt: null,
        wasRead: known !== null && known.state !== "unreadable",
        problem: null,
      };
    }
    const { state, draft, checks, review, conflict, owner, createdAt, mergedAt, closedAt } = facts;
    const problem = state === "open" ? facts.problem : null;
    const end = mergedAt ?? closedAt;
    const looks = { state, draft, checks, review, conflict, owner };
    return { ...pull, ...looks, openedAt: createdAt, endedAt: end, wasRead: true, problem };
  });
  const moments = all.map((pull) => ({
    state: pull.state,
    opened: Date.parse(pull.openedAt ?? ""),
    ended: Date.parse(pull.endedAt ?? ""),
  }));
  const inSpan = (ms: number, back: number) => ms > nowMs - (back + 1) * WEEK_MS && ms <= nowMs - back * WEEK_MS;
  const pair = (count: (back: number) => number) => ({ last: count(0), before: count(1) });
  const wereOpen = (atMs: number) =>
    moments.filter(({ state, opened, ended }) =>
      opened <= atMs && (state === "open" || (state === "merged" || state === "closed") && ended > atMs)
    ).length;
  const unreadPulls = all.filter(({ wasRead }) => !wasRead);
  const unread = reading === null ? [] : unreadOf(unreadPulls.map(({ url }) => url), reading);
  const unreadFromMs = unreadPulls.reduce((ms, { openedAt }) => Math.min(ms, Date.parse(openedAt ?? "")), Infinity);
  const unreadFrom = Number.isFinite(unreadFromMs) ? new Date(unreadFromMs).toISOString() : null;
  const state = stateOf(named.length, unread, reading);
  const isNew = Date.parse(from ?? "") > nowMs - WEEK_MS;
  const isPartial = mayMissOlder({ state: state.state, unreadFrom }, nowMs - WEEK_MS);
  const known = (figures: Pair, isUnknown = isNew || isPartial): Pair =>
    isUnknown ? { ...figures, before: null } : figures;
  const endedPair = (wanted: string) =>
    known(pair((back) => moments.filter(({ state, ended }) => state === wanted && inSpan(ended, back)).length));
  const counts = !isRead(state) ? null : {
    merged: endedPair("merged"),
    closed: endedPair("closed"),
    waiting: known({
      last: moments.filter(({ state }) => state === "open").length,
      before: wereOpen(nowMs - WEEK_MS),
    }),
  };
  const waiting = all.filter(({ state }) => state === "open")
    .sort((a, b) => (Date.parse(a.openedAt ?? "") || nowMs) - (Date.parse(b.openedAt ?? "") || nowMs));
  return {
    ...state,
    count: named.length,
    opened: known(pair((back) => moments.filter(({ opened }) => inSpan(opened, back)).length), isNew),
    merged: counts?.merged ?? null,
    closed: counts?.closed ?? null,
    waiting: counts?.waiting ?? null,
    entries: waiting.slice(0, MAX_ENTRIES).map((
      { wasRead: _wasRead, problem: _problem, endedAt: _endedAt, ...entry },
    ) => entry),
    unread: unread.slice(0, MAX_REASONS),
    partlyRead: byReason(all.filter(({ problem }) => problem !== null), ({ problem }) => problem ?? "")
      .slice(0, MAX_REASONS),
    unreadFrom,
  };
}

export const NOT_AMONG_NEWEST = `only the newest ${MAX_ASKED} are read`;

const MAX_URLS = 5;
const MAX_REASONS = 10;

function unreadOf(urls: readonly string[], { failed, refused, unasked }: ForgeReading): UnreadPullRequests[] {
  return byReason(urls.map((url) => ({ url })), ({ url }) => {
    const host = unasked.get(url);
    return failed.get(url) ?? refused.get(url) ??
      (host === undefined
        ? NOT_AMONG_NEWEST
        : host === ""
        ? "the address is not recognized as a pull request"
        : `there is no token for ${host}`);
  });
}

function byReason<T extends { url: string }>(pulls: readonly T[], whyOf: (pull: T) => string): UnreadPullRequests[] {
  return [...groupBy(pulls, whyOf)].map(([why, all]) => ({
    why,
    pullRequests: all.length,
    urls: all.slice(0, MAX_URLS).map(({ url }) => url),
  }))
    .sort((a, b) => b.pullRequests - a.pullRequests);
}

function stateOf(count: number, unread: readonly UnreadPullRequests[], reading: ForgeReading | null): ListState {
  if (reading === null) {
    const why = "To see which pull requests are open or were merged, set GITHUB_TOKEN or GITLAB_TOKEN";
    return count === 0 ? { state: "complete", why: null } : { state: "skipped", why };
  }
  const [first, second] = unread;
  if (first === undefined) return { state: "complete", why: null };
  const total = sumOf(unread, ({ pullRequests }) => pullRequests);
  const reason = second === undefined ? `: ${first.why}` : `. The most frequent reason: ${first.why}`;
  const what = total < count
    ? `${total} of ${count} pull requests could not be read`
    : count === 1
    ? "The pull request could not be read"
    : `None of the ${count} pull requests could be read`;
  const why = `${what}${reason}`;
  if (total === count) return { state: "failed", why };
  return { state: unread.every((each) => each.why === NOT_AMONG_NEWEST) ? "cut" : "partial", why };
}
