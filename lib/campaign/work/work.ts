/**
 * What the steps of a wave share: service, time, lock and journal.
 *
 * @module
 */
import type { Session } from "../../job/session.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import type { Lock } from "../journal/lock.ts";
import type { RequestPace } from "../plan/request_pace.ts";
import type { Store } from "./store.ts";

/** See the module. */
export interface Work {
  /** The service, and time. */
  readonly session: Session;
  /** The frozen list. */
  readonly lock: Lock;
  /** The journal, and what it says now. */
  readonly store: Store;
  /** Runs that this process has seen to be of their item's repository, and so of this token's user. */
  readonly proven: Set<string>;
  /** Runs whose events this process could not read when it last tried. */
  readonly withoutEvents: Set<string>;
  /** Active sandboxes of the user when they were last read; null before that. */
  readonly seen: { sandboxes: number | null };
  /** Spaces out the requests. */
  readonly pace: RequestPace;
  /** Makes a text of the service fit for the journal. */
  readonly reason: (text: string | null) => string | null;
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
