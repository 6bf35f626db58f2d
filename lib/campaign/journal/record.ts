/**
 * The records of a campaign's journal: their fields and their types. The records, in order, are the history of a campaign. Everything else is
 * computed from them.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import { CHECKS_STATES, MERGE_METHODS, REVIEW_STATES } from "../../forge/model.ts";
import { isUuid } from "../../service/contract.ts";
import { ITEM_VERDICTS, type StartVerdict } from "../view/verdicts.ts";
import type { PullRequestView } from "../view/view.ts";
import {
  anything,
  commit,
  elseNull,
  type Field,
  type Fields,
  fitFields,
  flag,
  hex,
  kinds,
  line,
  list,
  object,
  type ObjectOf,
  oneLine,
  oneOf,
  orAbsent,
  orNull,
  text,
  time,
  tryRead,
  visible,
  webUrl,
  whole,
} from "./fields.ts";

/** The user of the CI system, or the name in `--by`. */
export type Person = string;

/** A rule that a person has set aside for a merge. */
export type MergeException = (typeof MERGE_EXCEPTIONS)[number];

const MERGE_EXCEPTIONS = ["review", "checks", "own-approval"] as const;

/**
 * What happened to a merge that was requested.
 *
 * - `merged`: the pull request was merged at the commit that was checked; `elsewhere`: somebody else merged it, possibly at another commit.
 * - `queued`, `pending`, `foreign`: the forge will merge it later; for `foreign`, somebody else requested the merge.
 * - `refused`: the forge refused the merge; `out`: the pull request was dropped from the queue; `left`: the campaign took it out of the queue.
 * - `withdrawn`: something changed before the request, so nothing was sent; `unanswered`: the request got no answer, and the pull request is not
 * merged.
 */
export type MergeWord =
  | "merged"
  | "elsewhere"
  | "queued"
  | "pending"
  | "foreign"
  | "refused"
  | "out"
  | "left"
  | "withdrawn"
  | "unanswered";

const MERGE_WORDS = [
  "merged",
  "elsewhere",
  "queued",
  "pending",
  "foreign",
  "refused",
  "out",
  "left",
  "withdrawn",
  "unanswered",
] as const satisfies readonly MergeWord[];

/** `setup` adds the reviewers and labels from the campaign file. */
export type WriteAct = (typeof WRITE_ACTS)[number];

const WRITE_ACTS = ["setup", "ask", "close"] as const;

export type GateName = (typeof GATES)[number];

export const GATES = ["canary", "threshold", "merge"] as const;

export type StartKind = (typeof START_KINDS)[number];

const START_KINDS = ["task", "follow-up"] as const;

/** What a follow-up run must fix. For `result`, this is only the result file. */
export type FollowUp = (typeof FOLLOW_UPS)[number];

const FOLLOW_UPS = ["checks", "conflict", "review", "result"] as const;

export type PullRequestMemory = PullRequestView;

export const ITEM_RESULT_CAUSES = ["result-missing", "result-not-json", "result-invalid"] as const;

/** Maximum size of a value in the journal, in bytes of JSON. */
export const MAX_RESULT_VALUE = 16_384;
/** Upper limit for the number of a start, a record or a wave, and for the numbers of files and lines in a change. */
const MAX_NUMBER = 1e9;
/** Maximum length of a reason or a note, in characters. Source: specification of campaigns, section 5. */
export const MAX_REASON = 500;
/** Number of lines of an agent's log in a verdict, and maximum length of a line in characters. */
export const LAST_LINES = { most: 3, length: 200 } as const;
/** For statuses of the service and of forges, in characters. */
const MAX_STATUS = 64;
/** In characters. Source: the longest file name in which Git can store a branch. */
export const MAX_BRANCH = 255;
const MAX_PERSON = 200;
/** In characters: repository, branch and root directory. */
export const MAX_ITEM_ID = 1500;
export const MAX_REPOSITORY = 300;
/** Maximum number of lines, and maximum length of a line in characters. */
const MAX_QUOTE = 10_000;
/** In characters. */
export const MAX_RESULT_PATH = 200;
const MAX_MISTAKES = 20;
/** A record names at most this many items, so the length of its line is limited. */
const MAX_RECORD_ITEMS = 100;

const ENDS: readonly StartVerdict[] = [
  ...ITEM_VERDICTS.filter((verdict) => verdict !== "skipped"),
  ...["quota", "service"] as const,
];

const item = visible(MAX_ITEM_ID, 1);
const items = list(item, 1, MAX_RECORD_ITEMS);
const start = whole(1, MAX_NUMBER);
const uuid: Field<string> = {
  ...text(isUuid, "it is not a UUID"),
  fit: (value) => typeof value === "string" ? value.toLowerCase() : value,
};
const status = line(MAX_STATUS, 1, "unknown");
export const person: Field<Person> = line(MAX_PERSON, 1, "unknown");
export const reason: Field<string> = line(MAX_REASON);
// A shortened or changed name would refer to another branch, so an invalid name becomes null.
const branch = elseNull(visible(MAX_BRANCH, 1));
const gate = oneOf(...GATES);
const checks = orNull(oneOf(...CHECKS_STATES));
const names = orAbsent(list(visible(MAX_PERSON, 1), 0, MAX_RECORD_ITEMS, "names"));
const size = orAbsent(elseNull(whole(0, MAX_NUMBER)));
const followUp = orAbsent(oneOf(...FOLLOW_UPS));
const times = { createdAt: orNull(time), updatedAt: orNull(time) };

const FORGE_PERSON = {
  host: visible(MAX_REPOSITORY, 1),
  name: visible(MAX_PERSON, 1),
  /** Null if the CI system does not show the id. */
  id: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
};

/** In the journal, the author of follow-ups that the campaign file requests. */
export const CHECKS_RULE = "on-failed-checks";

/** The user of the forge who started the CI job, according to the job's variables. */
export type ForgePerson = Readonly<ObjectOf<typeof FORGE_PERSON>>;

const user = orAbsent(object(FORGE_PERSON));

const lastLines: Field<readonly string[]> = {
  ...list(line(LAST_LINES.length, 1), 0, LAST_LINES.most, "lines"),
  fit: (lines) =>
    (lines as string[]).map((each) => oneLine(each, LAST_LINES.length)).filter(Boolean).slice(-LAST_LINES.most),
};

const RESULT = {
  path: visible(MAX_RESULT_PATH, 1),
  /** Null for a valid file. */
  cause: orNull(oneOf(...ITEM_RESULT_CAUSES)),
  /** The commit from which the file was read; null if no file was read. */
  commit: orNull(commit),
  /** The Git blob of the file; null if there is no file. */
  blob: orNull(commit),
  /** SHA-256 of the content, as 64 hex digits; null if there is no file. */
  sha256: orNull(hex(64)),
  /** One line for each mistake in the file, without parts of its values. */
  mistakes: list(reason, 0, MAX_MISTAKES, "lines"),
  /** Absent if there is no value, or if the value is larger than {@linkcode MAX_RESULT_VALUE}. */
  value: orAbsent(anything),
};

/** Texts from the file are untrusted. */
export type ResultMemory = ObjectOf<typeof RESULT>;

/** The fields of each record type, in the order in which they are written. */
const RECORDS = {
  wave: {},
  /** A start is about to be sent. The record is on the disk before the request is sent. */
  intent: {
    item,
    kind: oneOf(...START_KINDS),
    start,
    key: hex(40, "cp1-"),
    /** Estimate of the service's time, in ISO 8601. The quota uses this time until an answer gives a better one. */
    sentAt: time,
    /** In the request; null if the service chooses the name. */
    branch,
    /** Absent if the start is for the task. */
    followUp,
    /**
     * What the forge showed about the problem, in lines. These lines follow the task, and stay the same when the start is sent again. Absent if there
     * are none.
     */
    quote: orAbsent(list(visible(MAX_QUOTE), 0, MAX_QUOTE, "lines")),
  },
  /** The request of an intent was not sent, although the intent was shared with other machines. The state from before the intent is restored. */
  withdrawn: { item, start },
  started: {
    item,
    start,
    runId: uuid,
    status,
    /** Whether the key matched a run that already existed. */
    replayed: flag,
    /** When the service created the run. */
    createdAt: times.createdAt,
    /** When the start used a slot of the quota, by the service's `Date` header. For a replay, this is later than `createdAt`. */
    slotAt: time,
    /** In the answer to a request without a branch; otherwise absent. */
    branch: orAbsent(branch),
  },
  /** The status of a run has changed, but the run has not ended. `overdue`: only one clock shows that it has taken much too long. */
  seen: { item, start, status, updatedAt: times.updatedAt, overdue: orAbsent(oneOf(true)) },
  ended: {
    item,
    start,
    as: oneOf(...ENDS),
    /** Null if no run was started, or if the run is unknown. */
    runId: orNull(uuid),
    /** Whether the start took a slot of the quota. Only when there is no `started` record. */
    slot: flag,
    /** Whether the service answered but did not say what happened to the run of an open start. */
    answered: orAbsent(flag),
    /** When the service accepts starts again, by its own clock; null if the service did not say. Used only with `quota`. */
    retryAt: orNull(time),
    /** Present if the user's start limit, which all of the user's tokens share, is used up. Used only with `quota`. */
    limit: orAbsent(oneOf("start_limit")),
    /** The cause, masked; null if there is nothing to report. */
    reason: orNull(reason),
    /** Null if there is no run. */
    status: orNull(status),
    /** Null if unknown. */
    changed: orNull(flag),
    /** The branch with the agent's changes; null if there is none, or if it is unknown. */
    branch,
    /** Null if there is no pull request, or if its address is unknown. */
    pullRequest: elseNull(webUrl),
    /** Number of changed files that the service committed, according to the run's events; absent if the events named none. */
    files: orAbsent(whole(1, MAX_NUMBER)),
    /** The last lines of the agent's log, masked, if the item did not succeed; absent if there are none. */
    lastLines: orAbsent(lastLines),
    /** The result file, if the run succeeded; absent if the task asks for none. */
    result: orAbsent(object(RESULT)),
    /** When the run was created and last changed, by the service's clock. */
    ...times,
  },
  /** Other sandboxes than those of active runs block the next start, or the sandboxes of finished runs have changed. */
  sandboxes: {
    /** All active sandboxes of the user. */
    used: whole(0, MAX_NUMBER),
    /** Items whose run has ended but whose sandbox was still active at `seenAt`, by the service's clock. */
    lingering: orAbsent(list(item, 0, MAX_RECORD_ITEMS)),
    seenAt: orAbsent(time),
  },
  /** An error stopped the wave. */
  trouble: {
    reason,
    /** Present if the service refused the token. */
    exit: orAbsent(oneOf(EXIT.unauthorized)),
    /** The start that the service refused with this error. The start did not begin a run. */
    refused: orAbsent(object({ item, start })),
    /** The start whose run the service did not find. The service did not find anything else of the campaign either. */
    missing: orAbsent(object({ item, start })),
  },
  /** The item's repository has a new name in the service. */
  renamed: { item, repository: visible(MAX_REPOSITORY, 1) },
  /** A reading of a pull request has shown a change. */
  "pull-request": {
    item,
    state: status,
    url: webUrl,
    /** Everything except the state; absent if only the state is known. */
    details: orAbsent(object({
      draft: flag,
      checks,
      review: orNull(oneOf(...REVIEW_STATES)),
      conflict: orNull(flag),
      owner: elseNull(line(MAX_PERSON, 1)),
      ...times,
      reason: orNull(reason),
      commit: orAbsent(orNull(status)),
      foreign: orAbsent(orNull(reason)),
      guarded: orAbsent(orNull(flag)),
      behind: orAbsent(flag),
      queue: orAbsent(flag),
      repositoryId: orAbsent(orNull(visible(MAX_STATUS, 1))),
      ...{ files: size, additions: size, deletions: size },
    })),
  },
  /** After this record, nothing is started (for `merge`: merged) until a person approves. */
  gate: { gate, reason },
  approved: { gate, by: person, note: orNull(reason) },
  /** A plan was written. `canary`: the canary has new items, so its gate is reset and earlier approvals no longer apply. */
  planned: { by: person, user, canary: orAbsent(flag) },
  /** A merge is about to be requested. This record is shared with other machines before the request is sent. */
  "merge-intent": {
    item,
    url: webUrl,
    /** The forge's id. */
    repositoryId: visible(MAX_STATUS, 1),
    head: commit,
    /** The target branch. */
    base: visible(MAX_BRANCH, 1),
    /** The newest commit of the target branch; absent if the forge does not show it. */
    baseCommit: orAbsent(commit),
    method: oneOf(...MERGE_METHODS),
    by: person,
    exceptions: orAbsent(list(oneOf(...MERGE_EXCEPTIONS), 0, MERGE_EXCEPTIONS.length)),
    /** Of the target branch's newest commit; null if the forge does not show them. */
    targetChecks: checks,
    deleteBranch: orAbsent(oneOf(true)),
  },
  /** The result of the merge that the item's last `merge-intent` requested. */
  merge: {
    item,
    as: oneOf(...MERGE_WORDS),
    /** On the target branch; null if nothing was merged, or if the forge does not show the commit. */
    commit: elseNull(commit),
    /** The forge's handle for a pending merge; absent if there is none. */
    handle: orAbsent(line(MAX_STATUS, 1)),
    reason: orNull(reason),
  },
  /** The checks of the target branch at the merge commit have finished. `checks` is null if nothing is waiting for them anymore. */
  "merge-target": { item, checks },
  /** What happened to the branch of a merged pull request. `kept`: the branch has other commits, or could not be deleted. */
  "merge-branch": { item, as: oneOf("deleted", "gone", "kept") },
  /** The branch of a pull request was brought up to date with its target branch. `head`: the branch's commit before the update. */
  "merge-update": { item, head: commit, by: person },
  /** A change to a pull request is about to be sent. This record is shared with other machines before the change is sent. */
  "write-intent": {
    item,
    act: oneOf(...WRITE_ACTS),
    url: webUrl,
    by: person,
    /** Reviewers and labels to add; absent if there are none. */
    users: names,
    teams: names,
    labels: names,
    /** Absent unless the pull request is closed. */
    why: orAbsent(reason),
  },
  /** The result of the change that the item's last `write-intent` requested. `withdrawn`: nothing was sent. */
  write: { item, act: oneOf(...WRITE_ACTS), as: oneOf("done", "refused", "withdrawn"), reason: orNull(reason) },
  /** A person allowed another attempt for some items. */
  retry: {
    items,
    by: person,
    user,
    /** Whether the next start uses the request that is now in the lock. */
    adopt: flag,
    reason: orAbsent(reason),
    /** What the next run must fix on the branch of the pull request; absent if it is for the task. */
    followUp,
    /**
     * Present if the starts of the items are open. If a run exists, the run is used as the attempt. With `adopt`, the new task starts after that
     * run has finished.
     */
    settle: orAbsent(flag),
  },
  /**
   * A person skipped items, or items left the list. `cancel`: their runs are cancelled, including runs that open starts may have begun.
   */
  skipped: { items, by: person, reason, cancel: orAbsent(flag) },
  stopped: {
    by: person,
    /** Whether open runs are cancelled as well. */
    cancel: flag,
    reason: orAbsent(reason),
    /** Id of the file in which another process requested the stop. */
    request: orAbsent(hex(32)),
  },
  resumed: { by: person, reason: orAbsent(reason) },
  /** Other information, such as a repaired line or a sent notification. */
  note: { text: reason },
} as const satisfies Record<string, Fields>;

type RecordType = keyof typeof RECORDS;

export type RecordBody = { [T in RecordType]: { type: T } & ObjectOf<(typeof RECORDS)[T]> }[RecordType];

/** A stop requested by another process; see `stop_request.ts`. */
export interface StopRequest {
  /** 32 random hex digits. */
  id: string;
  by: Person;
  cancel: boolean;
  /** Masked. */
  reason?: string | undefined;
}

const PLACE = {
  schema: oneOf(1),
  seq: whole(1, MAX_NUMBER),
  /** SHA-256 of the previous record's line, as 64 hex digits. For the first record, it is the SHA-256 of the campaign's name and round. */
  previous: hex(64),
  /** In ISO 8601, by the clock of the machine that wrote the record. */
  at: time,
  /** From 1; 0 before the first wave. */
  wave: whole(0, MAX_NUMBER),
  /** Hash of the lock from this record on; absent if the lock has not changed. */
  lock: orAbsent(hex(64)),
};

export type JournalRecord = RecordBody & ObjectOf<typeof PLACE>;

const record = kinds(
  "type",
  new Map(Object.entries(RECORDS).map(([type, fields]) => [type, object({ ...PLACE, type: oneOf(type), ...fields })])),
) as Field<JournalRecord>;

export type RecordResult = ReturnType<typeof tryRead<JournalRecord>>;

/** Drops unknown fields. `problem` is a clause without a value of the record. */
export function readRecord(value: unknown): RecordResult {
  return tryRead(record, value);
}

/**
 * Adjusts the texts of a body. Each text becomes one visible line and is cut if it is too long. An address, a branch or a time of the service that
 * cannot be fixed becomes null. Ids, keys and numbers are not changed.
 *
 * @param body Its reason must already be masked.
 * @param nowText Replaces a required time that is invalid, in ISO 8601.
 * @returns Several bodies if the record names too many items.
 */
export function fitBody(body: RecordBody, nowText: string): RecordBody[] {
  const fitted = fitFields<RecordBody>(RECORDS[body.type], body, nowText);
  if (!("items" in fitted)) return [fitted];
  const { items } = fitted;
  const count = Math.ceil(items.length / MAX_RECORD_ITEMS);
  return Array.from({ length: count }, (_, index) => ({
    ...fitted,
    items: items.slice(index * MAX_RECORD_ITEMS, (index + 1) * MAX_RECORD_ITEMS),
  }));
}
