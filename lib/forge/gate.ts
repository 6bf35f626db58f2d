import { MogplexError, UsageError } from "../errors.ts";
import { judgeApprovals, type NamedRequester, withRequesters } from "./approvals.ts";
import { GATE_CHECK } from "./checks.ts";
import type { ForgeUser } from "./findings.ts";
import type { MergeReading } from "./merging.ts";
import { isUnread } from "./model.ts";
import type { OpenPull } from "./forge.ts";
import { readRequesters } from "./requester.ts";

export interface GateRules {
  readonly approvals: number;
  /** Only pull requests by this author need approvals. `undefined` if all pull requests need approvals. */
  readonly author?: string | undefined;
  readonly requesters: readonly string[];
  /** Names of bots that the forge does not mark as bots. */
  readonly notPeople: readonly string[];
}

/**
 * `not-needed`: the pull request is not open, or its author's pull requests need no approvals. `unknown`: the forge does not show enough to decide.
 */
export type GateState = "approved" | "not-approved" | "changes-requested" | "unknown" | "not-needed";

export interface GateResult {
  readonly url: string;
  readonly state: GateState;
  readonly isOpen: boolean;
  readonly text: string;
  readonly isSet: boolean;
}

interface Judged extends Pick<GateResult, "state" | "text"> {
  readonly hint?: string;
}

const clauseOf = (state: GateState, reason: string) => `${state.replace("-", " ")}: ${reason}`;

/** Maximum length of the text of a status. Source: GitHub, REST reference, "Create a commit status". */
const MAX_TEXT = 140;

/** The status is `success` or `pending`, but never a failure, because agents would try to fix a failed check. */
export async function runGate(
  { forge, client: unnamed, address }: OpenPull,
  rules: GateRules,
  setsStatus: boolean,
): Promise<GateResult> {
  const needs = forge.job?.needs[setsStatus ? "status" : "gate"];
  const client = unnamed.within({
    limits: {},
    reason: (status, token) =>
      status === 403 && needs !== undefined ? `${token} is not allowed to do this: it needs ${needs}` : undefined,
  });
  const attempted = `read ${address.url}`;
  const { merging, statuses, system } = forge;
  if (merging === undefined || statuses === undefined) {
    throw new UsageError({ attempted, why: `approvals cannot be read on ${system}` });
  }
  const reading = await merging.read(client, address);
  if (isUnread(reading)) throw new MogplexError({ attempted, why: reading.reason }, "unavailable");
  const token = await forge.writes?.me(client) ?? null;
  const judged = await judgeGate(reading, rules, token, () => readRequesters(forge, client, address));
  const { facts: { commit, state, url } } = reading;
  const mayOpen = opens(judged) && state === "open" && commit !== null;
  const shared = mayOpen ? judgeSharers(await statuses.sharers(client, address, commit)) : null;
  const result = shared ?? judged;
  const { text: reason, hint } = result;
  const isOpen = opens(result);
  const verdict = { url, state: result.state, isOpen, text: hint === undefined ? reason : `${reason}; ${hint}` };
  if (!setsStatus || state !== "open") return { ...verdict, isSet: false };
  if (commit === null) {
    throw new MogplexError({ attempted, why: `${system} does not show the newest commit` }, "unavailable");
  }
  const objection = await statuses.objection?.(client, address, reading.base, GATE_CHECK) ?? null;
  if (objection !== null) {
    throw new UsageError({ attempted: `set the status ${GATE_CHECK}`, ...objection });
  }
  const status = { state: isOpen ? "success" as const : "pending" as const, text: shorten(reason) };
  const earlier = await statuses.read(client, address, commit, GATE_CHECK);
  // Skip an unchanged status, because a forge limits the number of statuses of a commit.
  const isSame = earlier?.state === status.state && (earlier.text === status.text || !statuses.takesTexts);
  if (isSame) return { ...verdict, isSet: false };
  await statuses.set(client, address, commit, { ...status, name: GATE_CHECK, url });
  return { ...verdict, isSet: true };
}

const opens = ({ state }: Judged) => state === "approved" || state === "not-needed";

/**
 * A status belongs to a commit, so it would also open the gate for other pull requests with the same newest commit, which may have no approvals or a
 * different target.
 */
function judgeSharers(sharers: readonly string[] | undefined): Judged | null {
  if (sharers === undefined) {
    const reason = "the forge does not show whether other pull requests have this commit";
    return { state: "unknown", text: clauseOf("unknown", reason) };
  }
  const [first] = sharers;
  if (first === undefined) return null;
  const reason = `${first} has the same newest commit; close one of them`;
  return { state: "not-approved", text: clauseOf("not-approved", reason) };
}

async function judgeGate(
  { facts, review }: MergeReading,
  { approvals, author, requesters, notPeople }: GateRules,
  token: ForgeUser | null,
  mentioners: () => Promise<readonly NamedRequester[] | null>,
): Promise<Judged> {
  if (facts.state !== "open") return { state: "not-needed", text: `the pull request is ${facts.state}` };
  if (author !== undefined && review.author !== null && !isNamed(review.author, author)) {
    return { state: "not-needed", text: `no approval is needed: ${review.author.name} opened the pull request` };
  }
  const required = Math.max(approvals, review.required ?? 0);
  const notCounted = { requesters: requesters.map((name) => ({ id: 0, name, isBot: null })), token, notPeople };
  const whole = await withRequesters({ ...review, required }, notCounted, mentioners);
  const { state: approval, reason } = judgeApprovals(whole, notCounted);
  const state = approval === "missing" ? "not-approved" : approval;
  const judged = { state, text: clauseOf(state, reason) } as const;
  return state === "approved" && requesters.length === 0 && whole.requesters?.length === 0
    ? { ...judged, hint: "if somebody asked an agent for this work, specify that user with --requester" }
    : judged;
}

/** GitHub writes the names of its apps with and without `[bot]`. */
function isNamed(user: ForgeUser, name: string): boolean {
  const bare = (text: string) => text.toLowerCase().replace(/\[bot\]$/, "");
  return bare(user.name) === bare(name);
}

const shorten = (text: string) => text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
