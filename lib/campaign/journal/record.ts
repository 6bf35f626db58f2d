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

export type Person = string;

export type MergeException = (typeof MERGE_EXCEPTIONS)[number];

const MERGE_EXCEPTIONS = ["review", "checks", "own-approval"] as const;

/**
 * The outcome of a merge request.
 *
 * - `merged`: the pull request was merged at the commit that was checked.
 * - `elsewhere`: someone else merged the pull request, possibly at another commit.
 * - `queued`, `pending`: the forge will merge the pull request later.
 * - `foreign`: the forge will merge the pull request later because someone else requested the merge.
 * - `refused`: the forge refused the merge.
 * - `out`: the forge dropped the request, or the campaign gave it up. Waves do not repeat the request for the same commit.
 * - `left`: the campaign removed the pull request from the merge queue.
 * - `withdrawn`: something changed before the request, so nothing was sent.
 * - `unanswered`: the request got no answer, and the pull request is not merged.
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

export type FollowUp = (typeof FOLLOW_UPS)[number];

const FOLLOW_UPS = ["checks", "conflict", "review", "result"] as const;

export type PullRequestMemory = PullRequestView;

export const ITEM_RESULT_CAUSES = ["result-missing", "result-not-json", "result-invalid"] as const;

/** Maximum size of a value, in bytes of JSON. */
export const MAX_RESULT_VALUE = 16_384;
const MAX_NUMBER = 1e9;
/** Source: specification of campaigns, section 5. */
export const MAX_REASON = 500;
export const LAST_LINES = { most: 3, length: 200 } as const;
const MAX_STATUS = 64;
/** Source: the longest file name in which Git can store a branch. */
export const MAX_BRANCH = 255;
const MAX_PERSON = 200;
export const MAX_ITEM_ID = 1500;
export const MAX_REPOSITORY = 300;
const MAX_QUOTE = 10_000;
export const MAX_RESULT_PATH = 200;
const MAX_MISTAKES = 20;
/** Limits the length of a record's line. */
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
// A shortened or changed name would refer to another branch, so an invalid name becomes `null`.
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
  id: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
};

/** Recorded in place of a person's name for follow-ups that the campaign file requests. */
export const CHECKS_RULE = "on-failed-checks";

export type ForgePerson = Readonly<ObjectOf<typeof FORGE_PERSON>>;

const user = orAbsent(object(FORGE_PERSON));

const lastLines: Field<readonly string[]> = {
  ...list(line(LAST_LINES.length, 1), 0, LAST_LINES.most, "lines"),
  fit: (lines) =>
    (lines as string[]).map((each) => oneLine(each, LAST_LINES.length)).filter(Boolean).slice(-LAST_LINES.most),
};

const RESULT = {
  path: visible(MAX_RESULT_PATH, 1),
  cause: orNull(oneOf(...ITEM_RESULT_CAUSES)),
  commit: orNull(commit),
  blob: orNull(commit),
  sha256: orNull(hex(64)),
  mistakes: list(reason, 0, MAX_MISTAKES, "lines"),
  value: orAbsent(anything),
};

/** Text from the file is untrusted. */
export type ResultMemory = ObjectOf<typeof RESULT>;

/** Fields are written in this order. */
const RECORDS = {
  wave: {},
  /** A start is about to be sent. The record is on disk before the request is sent. */
  intent: {
    item,
    kind: oneOf(...START_KINDS),
    start,
    key: hex(40, "cp1-"),
    sentAt: time,
    branch,
    followUp,
    /** The forge's description of the problem, one entry for each line. Appended to the task. Does not change when the start is sent again. */
    quote: orAbsent(list(visible(MAX_QUOTE), 0, MAX_QUOTE, "lines")),
  },
  /** An intent was shared with other machines, but its request was not sent. This record undoes the intent. */
  withdrawn: { item, start },
  started: {
    item,
    start,
    runId: uuid,
    status,
    replayed: flag,
    createdAt: times.createdAt,
    /** When the start used a slot of the quota, according to the service's `Date` header. For a replay, this is later than `createdAt`. */
    slotAt: time,
    branch: orAbsent(branch),
  },
  /** `overdue` means that only one of two clocks shows the run as far overdue. */
  seen: { item, start, status, updatedAt: times.updatedAt, overdue: orAbsent(oneOf(true)) },
  ended: {
    item,
    start,
    as: oneOf(...ENDS),
    runId: orNull(uuid),
    slot: flag,
    answered: orAbsent(flag),
    /** By the service's clock. */
    retryAt: orNull(time),
    limit: orAbsent(oneOf("start_limit")),
    /** Secrets are masked. */
    reason: orNull(reason),
    status: orNull(status),
    changed: orNull(flag),
    branch,
    pullRequest: elseNull(webUrl),
    files: orAbsent(whole(1, MAX_NUMBER)),
    /** Secrets are masked. */
    lastLines: orAbsent(lastLines),
    result: orAbsent(object(RESULT)),
    /** These times are by the service's clock. */
    ...times,
  },
  sandboxes: {
    used: whole(0, MAX_NUMBER),
    /** Items whose run has ended, but whose sandbox was still active at `seenAt`, by the service's clock. */
    lingering: orAbsent(list(item, 0, MAX_RECORD_ITEMS)),
    seenAt: orAbsent(time),
  },
  trouble: {
    reason,
    exit: orAbsent(oneOf(EXIT.unauthorized)),
    refused: orAbsent(object({ item, start })),
    missing: orAbsent(object({ item, start })),
  },
  renamed: { item, repository: visible(MAX_REPOSITORY, 1) },
  "pull-request": {
    item,
    state: status,
    url: webUrl,
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
  gate: { gate, reason },
  approved: { gate, by: person, note: orNull(reason) },
  /** `canary` means that the canary has new items. Earlier approvals of the canary then no longer apply. */
  planned: { by: person, user, canary: orAbsent(flag) },
  /** A merge is about to be requested. The record is shared with other machines before the request is sent. */
  "merge-intent": {
    item,
    url: webUrl,
    repositoryId: visible(MAX_STATUS, 1),
    head: commit,
    base: visible(MAX_BRANCH, 1),
    baseCommit: orAbsent(commit),
    method: oneOf(...MERGE_METHODS),
    by: person,
    exceptions: orAbsent(list(oneOf(...MERGE_EXCEPTIONS), 0, MERGE_EXCEPTIONS.length)),
    targetChecks: checks,
    deleteBranch: orAbsent(oneOf(true)),
  },
  merge: {
    item,
    as: oneOf(...MERGE_WORDS),
    commit: elseNull(commit),
    handle: orAbsent(line(MAX_STATUS, 1)),
    reason: orNull(reason),
  },
  /** `checks` is `null` if the campaign no longer waits for the checks. */
  "merge-target": { item, checks },
  /** `kept` means that the branch has other commits, or could not be deleted. */
  "merge-branch": { item, as: oneOf("deleted", "gone", "kept") },
  "merge-update": { item, head: commit, by: person },
  /** A change to a pull request is about to be sent. The record is shared with other machines before the change is sent. */
  "write-intent": {
    item,
    act: oneOf(...WRITE_ACTS),
    url: webUrl,
    by: person,
    users: names,
    teams: names,
    labels: names,
    why: orAbsent(reason),
  },
  write: { item, act: oneOf(...WRITE_ACTS), as: oneOf("done", "refused", "withdrawn"), reason: orNull(reason) },
  retry: {
    items,
    by: person,
    user,
    adopt: flag,
    reason: orAbsent(reason),
    followUp,
    settle: orAbsent(flag),
  },
  skipped: { items, by: person, reason, cancel: orAbsent(flag) },
  stopped: {
    by: person,
    cancel: flag,
    reason: orAbsent(reason),
    request: orAbsent(hex(32)),
  },
  resumed: { by: person, reason: orAbsent(reason) },
  note: { text: reason },
} as const satisfies Record<string, Fields>;

type RecordType = keyof typeof RECORDS;

export type RecordBody = { [T in RecordType]: { type: T } & ObjectOf<(typeof RECORDS)[T]> }[RecordType];

export interface StopRequest {
  id: string;
  by: Person;
  cancel: boolean;
  /** Secrets are masked. */
  reason?: string | undefined;
}

const PLACE = {
  schema: oneOf(1),
  seq: whole(1, MAX_NUMBER),
  previous: hex(64),
  /** By the clock of the machine that wrote the record. */
  at: time,
  wave: whole(0, MAX_NUMBER),
  /** Hash of the lock from this record on. Absent if the lock has not changed. */
  lock: orAbsent(hex(64)),
};

export type JournalRecord = RecordBody & ObjectOf<typeof PLACE>;

const record = kinds(
  "type",
  new Map(Object.entries(RECORDS).map(([type, fields]) => [type, object({ ...PLACE, type: oneOf(type), ...fields })])),
) as Field<JournalRecord>;

export type RecordResult = ReturnType<typeof tryRead<JournalRecord>>;

/** Unknown fields are dropped. `problem` never contains a value of the record. */
export function readRecord(value: unknown): RecordResult {
  return tryRead(record, value);
}

/**
 * Makes the text fields of a record valid where possible. The reason must already be masked.
 *
 * @param nowText Replaces an invalid required time; in ISO 8601.
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
