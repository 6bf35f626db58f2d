/**
 * What the steps of a wave share: service, time, lock and journal.
 *
 * @module
 */
import type { MogplexError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Session } from "../../job/session.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import type { Lock } from "../journal/lock.ts";
import { RequestPace } from "../plan/request_pace.ts";
import type { RecordBody } from "../journal/record.ts";
import { followUpsDue, followUpsRefused } from "../progress.ts";
import type { PullRequests } from "../pulls/pull_requests.ts";
import type { OwnStarts } from "./own_starts.ts";
import type { Store } from "./store.ts";

/** See the module. */
export interface Work {
  /** The service, and time. */
  readonly session: Session;
  /** The frozen list. */
  readonly lock: Lock;
  /** The journal, and what it says now. */
  readonly store: Store;
  /** Ids that this process has found, and that are so of this token's user: runs of their item's repository, and repositories. */
  readonly proven: Set<string>;
  /** Runs whose events this process could not read when it last tried. */
  readonly withoutEvents: Set<string>;
  /** What went wrong with single items while the decisions of people were obeyed, when that was last done. */
  readonly failures: unknown[];
  /** Starts that the service has accepted from this process. */
  readonly started: OwnStarts;
  /** Items whose open start this process has asked for. */
  readonly asked: Set<string>;
  /** Active sandboxes of the user when they were last read, with the own ones that boot; null before that. */
  readonly seen: { sandboxes: number | null };
  /** Runs that this process has seen without a sandbox: one is on its way, and in no list of the service. */
  readonly booting: Set<string>;
  /** Reads pull requests; undefined where nobody asks for it, or there is no token. */
  readonly pulls: PullRequests | undefined;
  /** Hosts of forges, also of those for which there is no token. */
  readonly forgeHosts: readonly string[];
  /** Spaces out the requests. */
  readonly pace: RequestPace;
  /** Makes a text of the service fit for the journal. */
  readonly reason: (text: string | null) => string | null;
}

/** The record of what stopped a wave. @param reason Made fit for the journal. */
export function troubleBody(reason: string, error: MogplexError): Extract<RecordBody, { type: "trouble" }> {
  return { type: "trouble", reason, ...(error.exit === "unauthorized" && { exit: EXIT.unauthorized }) };
}

/**
 * Tells the client that the token has worked before, where the journal shows it: the service's first answer may then be a 401 that passes.
 * Not after a wave that ended with a refused token.
 */
export function expectToken({ memory }: Pick<Session, "memory">, store: Store | undefined): void {
  if (store === undefined || store.memory.tokenRefused) return;
  memory.workedBefore ||= store.memory.runs.size > 0;
}

/** Hosts at which everybody has repositories. */
const PUBLIC_HOSTS: readonly string[] = ["github.com", "gitlab.com"];

/** Makes a {@linkcode Work}. @param redact Masks secrets. */
export function workOn(
  session: Session,
  store: Store,
  redact: (text: string) => string,
  { pulls, pace = new RequestPace(session), forge, started = new Map() }:
    & { pulls?: PullRequests | undefined; pace?: RequestPace | undefined; started?: OwnStarts | undefined }
    & Pick<CampaignOptions, "forge"> = {},
): Work {
  const named = (forge?.hosts ?? []).map((text) => text.split("=")[0]?.trim().toLowerCase() ?? "");
  return {
    forgeHosts: [...PUBLIC_HOSTS, ...named],
    ...{ session, lock: store.memory.lock, store, pulls, pace, started, failures: [] },
    ...{
      proven: new Set<string>(),
      withoutEvents: new Set<string>(),
      asked: new Set<string>(),
      booting: new Set<string>(),
    },
    seen: { sandboxes: null },
    reason: reasonCleaner(redact),
  };
}

/** Longest reason in the journal, in UTF-16 units. Source: specification of campaigns, section 5. */
const MAX_REASON = 500;

/** Makes the function that cleans, masks and cuts reasons. @param redact Masks secrets. */
export function reasonCleaner(redact: (text: string) => string): Work["reason"] {
  return (text) => {
    if (text === null) return null;
    // Cut after masking: half a token has no shape that could be found.
    const masked = redact(plainText(text)).trim();
    return masked === "" ? null : cutText(masked, MAX_REASON - CUT_NOTE);
  };
}

/** Room for what `cutText` adds to a text that it cut. */
const CUT_NOTE = 40;

/** The service's time, in milliseconds since 1970: this machine's, corrected by the `Date` of the last answer. */
export function serviceNow({ client, clock }: Pick<Session, "client" | "clock">): number {
  return clock.wallTime() - (client.clockSkewMs ?? 0);
}

/**
 * Reads the pull requests that were not read lately, and lets those be mended whose checks are red, where the file says so.
 *
 * @returns Names of the items that have changed.
 * @throws `signal.reason` if the session's signal aborts; what the journal throws.
 */
export async function readPullRequests({ store, pulls }: Pick<Work, "store" | "pulls">): Promise<string[]> {
  if (pulls === undefined) return [];
  const changed = await pulls.refresh(store.memory, (body) => store.record(body));
  const items = followUpsDue(store.memory);
  for (const { repository, reason } of followUpsRefused(store.memory)) pulls.tellNoFollowUp(repository, reason);
  if (items.length > 0) {
    await store.record({ type: "retry", items, by: "on-failed-checks", adopt: false, followUp: "checks" });
  }
  return [...new Set([...changed, ...items])];
}
