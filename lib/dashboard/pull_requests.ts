/**
 * The pull requests of a dashboard: those that its runs and campaigns name, as their forges show them.
 * @module
 */
import type { ForgeReading } from "../forge/batch.ts";
import { formatCount } from "../text/duration.ts";
import type { ListState, PullRequestEntry, PullRequests } from "./data.ts";

/** A pull request that a file names, with what the file says of it. */
export interface NamedPull {
  url: string;
  repository: string | null;
  task: string | null;
  campaign: string | null;
  openedAt: string | null;
  /** What the campaign has read from the forge; null for a single run. */
  known: Pick<PullRequestEntry, "state" | "checks" | "review" | "conflict" | "owner"> | null;
}

/** Most pull requests that forges are asked for, the newest. */
export const MAX_ASKED = 500;
/** Most waiting pull requests in the data. */
const MAX_ENTRIES = 500;
const WEEK_MS = 7 * 86_400_000;

const UNKNOWN = { state: "unknown", checks: null, review: null, conflict: null, owner: null } as const;

/**
 * @param named Newest first, each address once.
 * @param reading What the forges answered; null if there is no token for any of them.
 */
export function pullRequestsOf(named: readonly NamedPull[], reading: ForgeReading | null, nowMs: number): PullRequests {
  const all = named.map(({ known, ...pull }) => {
    const facts = reading?.facts.get(pull.url);
    if (facts === undefined) return { ...pull, ...known ?? UNKNOWN, endedAt: null, isRead: known !== null };
    const { state, checks, review, conflict, owner, createdAt, mergedAt, closedAt } = facts;
    const end = mergedAt ?? closedAt;
    return { ...pull, state, checks, review, conflict, owner, openedAt: createdAt, endedAt: end, isRead: true };
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
  const counts = reading === null ? null : {
    merged: pair((back) => moments.filter(({ state, ended }) => state === "merged" && inSpan(ended, back)).length),
    closed: pair((back) => moments.filter(({ state, ended }) => state === "closed" && inSpan(ended, back)).length),
    waiting: { last: moments.filter(({ state }) => state === "open").length, before: wereOpen(nowMs - WEEK_MS) },
  };
  const waiting = all.filter(({ state }) => state === "open")
    .sort((a, b) => (Date.parse(a.openedAt ?? "") || nowMs) - (Date.parse(b.openedAt ?? "") || nowMs));
  return {
    ...stateOf(named.length, all.filter(({ isRead }) => !isRead).length, reading),
    count: named.length,
    opened: pair((back) => moments.filter(({ opened }) => inSpan(opened, back)).length),
    merged: counts?.merged ?? null,
    closed: counts?.closed ?? null,
    waiting: counts?.waiting ?? null,
    entries: waiting.slice(0, MAX_ENTRIES).map(({ isRead: _isRead, endedAt: _endedAt, ...entry }) => entry),
  };
}

function stateOf(count: number, unread: number, reading: ForgeReading | null): ListState {
  if (reading === null) {
    const why =
      "Unknown: without a token for the forge, this page cannot show which pull requests are waiting or were merged";
    return count === 0 ? { state: "complete", why: null } : { state: "skipped", why };
  }
  if (unread === 0) return { state: "complete", why: null };
  const [cause] = [...reading.failed.values(), ...reading.refused.values()];
  const why = `${formatCount(unread, "pull request")} of ${count} could not be read${
    cause === undefined ? "" : `: ${cause}`
  }`;
  return { state: "partial", why };
}
