/**
 * The records of a journal, as types. Their order is the history of a campaign; everything else is computed from it.
 *
 * @module
 */
import type { ItemVerdict } from "../verdicts.ts";
import type { PullRequestView } from "../view.ts";

/** What a start is for. */
export type StartKind = "task" | "follow-up";

/**
 * How a start ended. An {@linkcode ItemVerdict} that comes from a run or a refusal; `quota`: refused by a limit, or the run failed because
 * of too many sandboxes; `service`: the service or the network failed, or its queue refused the start.
 */
export type StartEnd = Exclude<ItemVerdict, "skipped"> | "quota" | "service";

/** Who did something by hand: the CI's user, or what `--by` says. */
export type Person = string;

/** What a follow-up has to mend: red checks, a conflict with the base branch, or what a review asks for. */
export type FollowUp = "checks" | "conflict" | "review";

/** A pull request as its forge showed it last. */
export type PullRequestMemory = PullRequestView;

/** What a record says. */
export type RecordBody =
  /** A wave begins. */
  | { type: "wave" }
  /** A start is about to be sent. It is on disk before the request is. */
  | {
    type: "intent";
    item: string;
    kind: StartKind;
    /** Number of the start, from 1. */
    start: number;
    /** Idempotency key. */
    key: string;
    /** Our estimate of the service's time, in ISO 8601. Only for the quota, when no answer gives a better one. */
    sentAt: string;
    /** Working branch that the request asks for; null when the service names it. */
    branch: string | null;
    /** What a follow-up has to mend; absent for a task. */
    followUp?: FollowUp | undefined;
  }
  /** The service accepted a start. */
  | {
    type: "started";
    item: string;
    start: number;
    runId: string;
    status: string;
    /** Whether the key found a run that existed. */
    replayed: boolean;
    /** The run's own time of creation, by the service. */
    createdAt: string | null;
    /** When the start took its slot, by the service's `Date`: later than `createdAt` for a replay. */
    slotAt: string;
    /** Working branch that the answer names, where the request asks for none; absent otherwise. */
    branch?: string | null | undefined;
  }
  /** The status of a run has changed, and it has not ended. */
  | { type: "seen"; item: string; start: number; status: string; updatedAt: string | null }
  /** A start has ended, or was refused. */
  | {
    type: "ended";
    item: string;
    start: number;
    as: StartEnd;
    /** Null when no run was started, or none is known. */
    runId: string | null;
    /** Whether the start took a slot of the quota. Only when there is no `started` record. */
    slot: boolean;
    /** When the service takes starts again, by its own time; null when it did not say. Only with `quota`. */
    retryAt: string | null;
    /** Cause in at most 500 characters, masked; null when there is nothing to say. */
    reason: string | null;
    /** Status of the run; null without a run. */
    status: string | null;
    /** Whether the agent changed something; null when unknown. */
    changed: boolean | null;
    /** Branch with the agent's changes; null when there is none, or unknown. */
    branch: string | null;
    /** Address of the pull request; null when there is none, or unknown. */
    pullRequest: string | null;
    /** When the run was created and last changed, by the service. */
    createdAt: string | null;
    updatedAt: string | null;
  }
  /** Sandboxes that others use keep the next start from being sent, or those of ended runs have changed. `used`: all active ones of the user. */
  /** `lingering`: items whose run has ended and whose sandbox is active, at the time `seenAt` of the service. */
  | { type: "sandboxes"; used: number; lingering?: readonly string[] | undefined; seenAt?: string | undefined }
  /** An error stopped the wave. `refused`: the start that the service refused with it, which began no run. */
  /** `exit`: 64 when the service refused the token. */
  /** `missing`: the start whose run the service did not find, nor anything else of the campaign. */
  | {
    type: "trouble";
    reason: string;
    exit?: 64 | undefined;
    refused?: { item: string; start: number } | undefined;
    missing?: { item: string; start: number } | undefined;
  }
  /** A pull request was read from its forge, and has changed. `details`: everything but its state; absent when only that is known. */
  | {
    type: "pull-request";
    item: string;
    state: string;
    url: string;
    details?: Omit<PullRequestMemory, "state"> | undefined;
  }
  /** Nothing is started from here on, until somebody approves. */
  | { type: "gate"; gate: "canary" | "threshold"; reason: string }
  /** Somebody opened a gate. */
  | { type: "approved"; gate: "canary" | "threshold"; by: Person; note: string | null }
  /** Somebody allowed another attempt for items. `adopt`: with the request of the lock as it is now. */
  /** `followUp`: on the branch of its pull request, to mend that; absent for another attempt at the task. */
  /** `settle`: their starts are open, and the run that is found is their attempt; with `adopt`, the new task begins when it has ended. */
  | {
    type: "retry";
    items: readonly string[];
    by: Person;
    adopt: boolean;
    followUp?: FollowUp | undefined;
    settle?: boolean | undefined;
  }
  /** Somebody, or a change of the list, decided about items. `cancel`: their runs are cancelled, also those of open starts. */
  | { type: "skipped"; items: readonly string[]; by: Person; reason: string; cancel?: boolean | undefined }
  /** Somebody stopped the campaign. `cancel`: what runs is cancelled as well. */
  | { type: "stopped"; by: Person; cancel: boolean }
  /** Somebody let it go on. */
  | { type: "resumed"; by: Person }
  /**
   * Only earlier versions wrote it: the next `records` records come from another journal. `slots`: when starts that it alone knew took
   * their slots.
   */
  | { type: "joined"; from: string; records: number; slots: readonly string[] }
  /** Anything else that a reader should know: a repaired line, a change of the clock. */
  | { type: "note"; text: string };

/** A record with its place in the chain. */
export type JournalRecord = RecordBody & {
  /** Version of this form. */
  schema: 1;
  /** Number of the record, from 1. */
  seq: number;
  /** SHA-256 of the line of the record before, as 64 hex digits; of the campaign's name and round for the first. */
  previous: string;
  /** This machine's time, in ISO 8601. Only for people. */
  at: string;
  /** Number of the wave, from 1; 0 before the first. */
  wave: number;
  /** Hash of the lock from this record on; absent when it is the same as before. */
  lock?: string | undefined;
};
