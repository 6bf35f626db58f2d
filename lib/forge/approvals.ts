import type { ForgeUser } from "./findings.ts";

/** The newest review of a reviewer. Withdrawn and dismissed reviews are left out. */
export interface Opinion {
  /** The id is not positive if the user has no account, for example a deleted user or the forge itself. */
  readonly by: ForgeUser;
  readonly word: "approved" | "changes-requested";
  readonly commit: string | null;
  /** ISO 8601. */
  readonly at: string | null;
  readonly mayPush: boolean | null;
}

export interface ReviewReading {
  readonly head: string | null;
  readonly required: number | null;
  readonly opinions: readonly Opinion[] | null;
  readonly author: ForgeUser | null;
  readonly writers: readonly ForgeUser[] | null;
  /**
   * Users who pushed to the branch. Commits do not prove this, because anyone can write any name into a commit. `null` if the list is incomplete.
   * Absent if the list is hidden or was not read.
   */
  readonly pushers?: readonly ForgeUser[] | null;
  /**
   * Users who requested work on the pull request in its comments. `null` if the forge does not show all comments. Absent if the comments were not
   * read.
   */
  readonly requesters?: readonly NamedRequester[] | null;
  /**
   * Time at which the target of the pull request was changed, in ISO 8601. An earlier approval was for different changes. `null` or absent if the
   * target was not changed, or if the time is not shown.
   */
  readonly retargetedAt?: string | null;
}

export interface NamedRequester extends ForgeUser {
  /** The author of the comment that names this user as a requester. Anyone can write a comment like this. */
  readonly namedBy: string;
}

export interface NotCounted {
  readonly requesters: readonly ForgeUser[];
  readonly token: ForgeUser | null;
  /** Names of bots that the forge does not mark as bots. */
  readonly notPeople: readonly string[];
}

export interface ApprovalVerdict {
  readonly state: "approved" | "missing" | "changes-requested" | "unknown";
  readonly have: number;
  /**
   * `null` if the forge does not show the required number of approvals. In that case, one approval is enough here, and the forge must reject the
   * merge if more are required.
   */
  readonly needed: number | null;
  readonly by: readonly ForgeUser[];
  readonly lastAt: string | null;
  readonly reason: string;
}

const MAX_NAMES = 5;

/** An approval counts only for the newest commit. A request for changes counts for every commit. */
export function judgeApprovals(reading: ReviewReading, notCounted: NotCounted): ApprovalVerdict {
  const { head, required, opinions } = reading;
  const needed = required === null ? null : Math.max(required, 1);
  const none = { have: 0, needed, by: [], lastAt: null };
  if (opinions === null) return { state: "unknown", ...none, reason: "the forge does not show the reviews" };
  const clauses: string[] = [];
  const counting: Opinion[] = [];
  let [mayCount, mayBlock] = [0, false];
  const blocking: string[] = [];
  for (const opinion of opinions) {
    const { by: { name }, word, mayPush } = opinion;
    if (word === "changes-requested") {
      if (notAPerson(opinion.by, notCounted) !== null || mayPush === false) continue;
      if (mayPush === true) blocking.push(`${name} requests changes`);
      else {
        mayBlock = true;
        clauses.push(`${name} requests changes, and the forge does not show whether ${name} can push`);
      }
      continue;
    }
    const objection = objectionTo(opinion, reading, notCounted);
    if (objection === null) counting.push(opinion);
    else {
      clauses.push(objection.clause);
      if (objection.isUnknown) mayCount++;
    }
  }
  if (head === null) clauses.unshift("the forge does not show the newest commit");
  if (needed === null) clauses.push("the forge does not show how many approvals the target requires");
  const enough = needed ?? 1;
  const have = counting.length;
  const state = blocking.length > 0
    ? "changes-requested"
    : mayBlock || have < enough && have + mayCount >= enough
    ? "unknown"
    : have >= enough
    ? "approved"
    : "missing";
  if (state === "approved" && reading.pushers === undefined) {
    clauses.unshift("the forge does not show who pushed to the branch");
  }
  const count = `${have} of ${enough} ${enough === 1 ? "approval" : "approvals"} of the newest commit`;
  const more = clauses.length - MAX_NAMES;
  return {
    ...{ state, have, needed },
    by: counting.map(({ by }) => by),
    lastAt: have < enough ? null : timeOf(counting, enough),
    reason: [...blocking, count, ...clauses].slice(0, blocking.length + 1 + MAX_NAMES).join("; ") +
      (more > 0 ? `; and ${more} more` : ""),
  };
}

function timeOf(approvals: readonly Opinion[], enough: number): string | null {
  const times = approvals.map(({ at }) => ({ at, ms: Date.parse(at ?? "") }));
  if (times.some(({ ms }) => Number.isNaN(ms))) return null;
  return times.sort((a, b) => a.ms - b.ms)[enough - 1]?.at ?? null;
}

function objectionTo(
  { by, commit, at, mayPush }: Opinion,
  { head, author, writers, pushers = [], requesters: mentioners = [], retargetedAt = null }: ReviewReading,
  { requesters, token, notPeople }: NotCounted,
): { clause: string; isUnknown: boolean } | null {
  const { name } = by;
  const no = (clause: string) => ({ clause, isUnknown: false });
  const unknown = (clause: string) => ({ clause: `the forge does not show ${clause}`, isUnknown: true });
  const program = notAPerson(by, { notPeople });
  if (program !== null) return no(program);
  if (commit !== null && head !== null && commit !== head) return no(`${name} approved an older commit`);
  if (retargetedAt !== null && at !== null && Date.parse(at) <= Date.parse(retargetedAt)) {
    return no(`${name} approved before the target branch changed`);
  }
  const ignored = `${name}'s approval does not count:`;
  if (mayPush === false) return no(`${ignored} ${name} cannot push`);
  if (requesters.some((user) => isSame(user, by))) return no(`${ignored} ${name} requested the work`);
  const named = mentioners?.find((user) => isSame(user, by));
  if (named !== undefined) return no(`${ignored} a comment by ${named.namedBy} names ${name} as the requester`);
  if (author !== null && isSame(author, by)) return no(`${name} opened the pull request`);
  if (writers?.some((user) => isSame(user, by))) return no(`${name} wrote some of the commits`);
  if (pushers?.some((user) => isSame(user, by))) return no(`${name} pushed some of the commits`);
  if (token !== null && isSame(token, by)) return no(`${ignored} the token belongs to ${name}`);
  if (commit === null || head === null) return unknown(`which commit ${name} approved`);
  if (retargetedAt !== null && at === null) return unknown(`for which target branch ${name} approved`);
  if (mayPush === null) return unknown(`whether ${name} can push`);
  if (writers === null) return unknown(`whether ${name} wrote some of the commits`);
  if (pushers === null) return unknown(`whether ${name} pushed some of the commits`);
  return mentioners === null ? unknown(`whether ${name} asked for this work`) : null;
}

/** Comments can only invalidate approvals, so they are read only if there are enough approvals. */
export async function withRequesters(
  review: ReviewReading,
  notCounted: NotCounted,
  read: () => Promise<readonly NamedRequester[] | null>,
): Promise<ReviewReading> {
  return judgeApprovals(review, notCounted).state === "approved" ? { ...review, requesters: await read() } : review;
}

export function notAPerson(
  { id, name, isBot }: ForgeUser,
  { notPeople }: Pick<NotCounted, "notPeople">,
): string | null {
  if (id <= 0) return `${name} has no account`;
  if (isBot === true) return `${name} is a bot`;
  return notPeople.some((each) => each.toLowerCase() === name.toLowerCase()) ? `${name} is listed as a bot` : null;
}

/** A requester from a flag or from a CI variable may be known only by name. */
function isSame(a: ForgeUser, b: ForgeUser): boolean {
  return a.id > 0 ? a.id === b.id : a.name.toLowerCase() === b.name.toLowerCase();
}
