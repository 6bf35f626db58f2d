import type { MogplexError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { parsePullRequest, PUBLIC_HOSTS } from "../../forge/all.ts";
import { hostIn } from "../../forge/open.ts";
import type { OpenFiles } from "../../run/options.ts";
import type { Session } from "../../run/session.ts";
import { laterFailure } from "../../service/retry.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import type { Lock } from "../journal/lock.ts";
import { type ItemMemory, nameOf } from "../journal/memory.ts";
import { CHECKS_RULE, type GateName, MAX_REASON, type RecordBody } from "../journal/record.ts";
import type { Pace } from "../pace/next_starts.ts";
import type { RequestPace } from "../plan/resolve.ts";
import { followUpsDue } from "../view/pending_pulls.ts";
import { whoStopped } from "../view/progress.ts";
import { itemsElsewhere, type PullRequests } from "../pulls.ts";
import type { OwnStarts } from "./own_starts.ts";
import { setUpPullRequests } from "./set_up_pulls.ts";
import type { Store } from "./store.ts";

export type Rest = Omit<Pace, "starts">;

/** Called after each change, once its record is written. The work waits until the call returns, and ends with any error that the call throws. */
interface Listener {
  changed(item: string): Promise<void>;
  gateClosed(gate: GateName, reason: string): Promise<void>;
  stopped(): void;
  waits(rest: Rest): Promise<void>;
  merge(): Promise<string[]>;
}

export interface Work extends Listener {
  readonly session: Session;
  readonly lock: Lock;
  readonly store: Store;
  readonly proven: Set<string>;
  readonly named: Set<string>;
  readonly withoutEvents: Set<string>;
  readonly failures: unknown[];
  readonly obeyed: { cancelSeq: number };
  readonly unreadResults: Map<string, MogplexError>;
  readonly started: OwnStarts;
  readonly seen: { sandboxes: number | null };
  /** Runs that this process has seen without a sandbox. Their sandboxes are booting, and the service does not list them yet. */
  readonly booting: Set<string>;
  readonly pulls: PullRequests | undefined;
  readonly openFiles: OpenFiles;
  readonly forgeHosts: readonly string[];
  readonly pace: RequestPace;
  /** Cleans untrusted text from the service for the journal. */
  readonly reason: (text: string | null) => string | null;
  readonly redact: (text: string) => string;
  readonly showTask: boolean;
}

export function troubleBody(reason: string, error: MogplexError): Extract<RecordBody, { type: "trouble" }> {
  return { type: "trouble", reason, ...(error.exit === "unauthorized" && { exit: EXIT.unauthorized }) };
}

/**
 * If the journal shows that the token has worked before, a first 401 response may be temporary. This does not apply after a wave that ended with a
 * refused token.
 */
export function expectToken({ memory }: Pick<Session, "memory">, store: Store | undefined): void {
  if (store === undefined || store.memory.tokenRefused) return;
  memory.workedBefore ||= store.memory.runs.size > 0;
}

export async function takeStops({ store, redact, session, stopped }: Work): Promise<boolean> {
  const stops = await store.takeStops(redact);
  for (const { by } of stops) {
    const message = `${whoStopped({ by })} stopped the campaign from another process: nothing more will start`;
    session.notify({ kind: "text", message });
  }
  if (stops.length > 0) stopped();
  return stops.length > 0;
}

const NO_LISTENER: Listener = {
  stopped: () => {},
  changed: () => Promise.resolve(),
  gateClosed: () => Promise.resolve(),
  waits: () => Promise.resolve(),
  merge: () => Promise.resolve([]),
};

type WorkParts = Pick<Work, "pace" | "openFiles" | "started" | "showTask"> & Partial<Listener & Pick<Work, "pulls">>;

export function workOn(
  session: Session,
  store: Store,
  redact: (text: string) => string,
  forge: CampaignOptions["forge"],
  parts: WorkParts,
): Work {
  return {
    ...NO_LISTENER,
    pulls: undefined,
    ...parts,
    session,
    store,
    lock: store.memory.lock,
    forgeHosts: [...PUBLIC_HOSTS, ...(forge?.hosts ?? []).map(hostIn)],
    failures: [],
    obeyed: { cancelSeq: 0 },
    unreadResults: new Map(),
    proven: new Set(),
    named: new Set(),
    withoutEvents: new Set(),
    booting: new Set(),
    seen: { sandboxes: null },
    reason: reasonCleaner(redact),
    redact,
  };
}

export function reasonCleaner(redact: (text: string) => string): Work["reason"] {
  return (text) => {
    if (text === null) return null;
    // The text is truncated after masking, because a part of a secret would not be recognized.
    const masked = redact(plainText(text)).trim();
    return masked === "" ? null : cutText(masked, MAX_REASON);
  };
}

/** This machine's time, corrected by the `Date` header of the last response. */
export function serviceNow({ client, clock }: Pick<Session, "client" | "clock">): number {
  return clock.wallTime() - (client.clockSkewMs ?? 0);
}

/** A repository that was renamed or transferred keeps its id. */
export async function noteName(work: Work, item: ItemMemory, url: string | null): Promise<void> {
  const { session: { client }, pace, store, lock: { origin }, named } = work;
  const address = url === null ? undefined : parsePullRequest(url, origin);
  if (address === undefined || address.repository.toLowerCase() === nameOf(item).toLowerCase()) return;
  const { id, repositoryId } = item.item;
  if (named.has(`${id} ${address.repository}`)) return;
  const [repository] = await pace.request((call) => client.listRepos({ id: repositoryId, limit: 1 }, call));
  named.add(`${id} ${address.repository}`);
  if (repository === undefined || repository.full_name === nameOf(item)) return;
  await store.record({ type: "renamed", item: id, repository: repository.full_name });
}

export async function readPullRequests(work: Work): Promise<string[]> {
  const changed = await refreshPullRequests(work);
  if (work.pulls === undefined) return changed;
  for (const item of itemsElsewhere(work.store.memory)) {
    try {
      await noteName(work, item, item.pullRequest);
    } catch (error) {
      if (laterFailure(error) === undefined) throw error;
    }
  }
  return changed;
}

export async function refreshPullRequests({ store, pulls }: Pick<Work, "store" | "pulls">): Promise<string[]> {
  if (pulls === undefined) return [];
  const changed = await pulls.refresh(store.memory, (body) => store.record(body));
  await setUpPullRequests({ store, pulls });
  const items: string[] = [];
  for (const { item: { item }, reason } of followUpsDue(store.memory)) {
    if (reason === null) items.push(item.id);
    else pulls.tell(`${item.repository}: no follow-up is started: ${reason}`);
  }
  if (items.length > 0) {
    await store.record({ type: "retry", items, by: CHECKS_RULE, adopt: false, followUp: "checks" });
  }
  return [...new Set([...changed, ...items])];
}
