/**
 * The records of a journal: their fields, and the types that follow from them. Their order is the history of a campaign; everything else
 * is computed from it.
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

/** Who did something by hand: the CI's user, or the name in `--by`. */
export type Person = string;

/** Rules that a person has set aside for a merge. */
export type MergeException = (typeof MERGE_EXCEPTIONS)[number];

const MERGE_EXCEPTIONS = ["review", "checks", "own-approval"] as const;

/**
 * What happened to a merge that was requested.
 *
 * - `merged`: it was merged at the commit that was checked; `elsewhere`: somebody else merged it, possibly at another commit.
 * - `queued`, `pending`, `foreign`: the forge will merge it later; for `foreign`, somebody else requested it.
 * - `refused`: the forge refused it; `out`: it was dropped from the queue; `left`: the campaign took it out of the queue.
 * - `withdrawn`: something changed before the request, so nothing was sent; `unanswered`: the request got no answer, and it is not merged.
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

/** A change of a pull request. `setup`: reviewers and labels of the campaign file. */
export type WriteAct = (typeof WRITE_ACTS)[number];

const WRITE_ACTS = ["setup", "ask", "close"] as const;

export type GateName = (typeof GATES)[number];

export const GATES = ["canary", "threshold", "merge"] as const;

export type StartKind = (typeof START_KINDS)[number];

const START_KINDS = ["task", "follow-up"] as const;

/** What a follow-up is for. `result`: the file of the result alone. */
export type FollowUp = (typeof FOLLOW_UPS)[number];

const FOLLOW_UPS = ["checks", "conflict", "review", "result"] as const;

/** A pull request as its forge showed it last. */
export type PullRequestMemory = PullRequestView;

/** What is wrong with the file of a result. */
export const ITEM_RESULT_CAUSES = ["result-missing", "result-not-json", "result-invalid"] as const;

/** Maximum size of a value in the journal, as JSON, in bytes. */
export const MAX_RESULT_VALUE = 16_384;
/** Largest number of a start, a record, a wave, and of lines of a change. */
const MAX_NUMBER = 1e9;
/** Maximum length of a reason or a note, in characters. Source: specification of campaigns, section 5. */
export const MAX_REASON = 500;
/** Maximum number of lines of an agent's log in a verdict, and maximum length of a line, in characters. */
export const LAST_LINES = { most: 3, length: 200 } as const;
/** Maximum length of a status of the service or of a forge, in characters. */
const MAX_STATUS = 64;
/** Maximum length of a branch's name, in characters. Source: longest name of a file in Git's own storage. */
export const MAX_BRANCH = 255;
const MAX_PERSON = 200;
/** Maximum length of the name of an item, in characters: repository, branch and root directory. */
export const MAX_ITEM_ID = 1500;
export const MAX_REPOSITORY = 300;
/** Maximum number of lines of a quote, and maximum length of a line, in characters. */
const MAX_QUOTE = 10_000;
/** Maximum length of the path of a result file, in characters. */
export const MAX_RESULT_PATH = 200;
/** Maximum number of lines about a result file. */
const MAX_MISTAKES = 20;
/** Maximum number of items that one record names, so that no line grows without bounds. */
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
// A name that is cut or changed would be another branch.
const branch = elseNull(visible(MAX_BRANCH, 1));
const gate = oneOf(...GATES);
const checks = orNull(oneOf(...CHECKS_STATES));
const names = orAbsent(list(visible(MAX_PERSON, 1), 0, MAX_RECORD_ITEMS, "names"));
const size = orAbsent(elseNull(whole(0, MAX_NUMBER)));
const followUp = orAbsent(oneOf(...FOLLOW_UPS));
const times = { createdAt: orNull(time), updatedAt: orNull(time) };

const FORGE_PERSON = {
  /** Host of the forge. */
  host: visible(MAX_REPOSITORY, 1),
  name: visible(MAX_PERSON, 1),
  /** Null where the CI system does not show it. */
  id: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
};

/** The name in the journal for follow-ups that the campaign file requests. No person has this name. */
export const CHECKS_RULE = "on-failed-checks";

/** The user of a forge who started the job of its CI system, by the variables of the job. */
export type ForgePerson = Readonly<ObjectOf<typeof FORGE_PERSON>>;

const user = orAbsent(object(FORGE_PERSON));

const lastLines: Field<readonly string[]> = {
  ...list(line(LAST_LINES.length, 1), 0, LAST_LINES.most, "lines"),
  fit: (lines) =>
    (lines as string[]).map((each) => oneLine(each, LAST_LINES.length)).filter(Boolean).slice(-LAST_LINES.most),
};

const RESULT = {
  /** Path in the repository. */
  path: visible(MAX_RESULT_PATH, 1),
  /** Null for a good file. */
  cause: orNull(oneOf(...ITEM_RESULT_CAUSES)),
  /** Commit from which the file was read; null if no file was read. */
  commit: orNull(commit),
  /** Its Git blob; null if there is no file. */
  blob: orNull(commit),
  /** Of its content, as 64 hex digits; null without a file. */
  sha256: orNull(hex(64)),
  /** What is wrong with the file, one line for each mistake; never a part of its value. */
  mistakes: list(reason, 0, MAX_MISTAKES, "lines"),
  /** Absent without a value, or if it is larger than {@linkcode MAX_RESULT_VALUE}. */
  value: orAbsent(anything),
};

/** The result file of an item's run. Texts in it are untrusted. */
export type ResultMemory = ObjectOf<typeof RESULT>;

/** The fields of each type of record, in the order in which they are written. */
const RECORDS = {
  wave: {},
  /** A start is about to be sent. It is on disk before the request is. */
  intent: {
    item,
    kind: oneOf(...START_KINDS),
    start,
    key: hex(40, "cp1-"),
    /** Our estimate of the service's time, in ISO 8601. Only for the quota, when no answer gives a better one. */
    sentAt: time,
    /** Working branch in the request; null when the service names it. */
    branch,
    /** What a follow-up has to fix; absent for a task. */
    followUp,
    /** Lines of what the forge showed of it. They follow the task, and are the same when the start is sent again. Absent without any. */
    quote: orAbsent(list(visible(MAX_QUOTE), 0, MAX_QUOTE, "lines")),
  },
  /** An intent that was shared with other machines, and whose request was not sent: everything is as before it. */
  withdrawn: { item, start },
  started: {
    item,
    start,
    runId: uuid,
    status,
    /** Whether the key found a run that existed. */
    replayed: flag,
    /** The run's own time of creation, by the service. */
    createdAt: times.createdAt,
    /** When the start took its slot, by the service's `Date`: later than `createdAt` for a replay. */
    slotAt: time,
    /** Working branch that the answer names, where the request asks for none; absent otherwise. */
    branch: orAbsent(branch),
  },
  /** The status of a run has changed, but the run has not ended. `overdue`: only one clock shows that it has taken much too long. */
  seen: { item, start, status, updatedAt: times.updatedAt, overdue: orAbsent(oneOf(true)) },
  ended: {
    item,
    start,
    as: oneOf(...ENDS),
    /** Null when no run was started, or none is known. */
    runId: orNull(uuid),
    /** Whether the start took a slot of the quota. Only when there is no `started` record. */
    slot: flag,
    /** Whether the service answered, but said nothing about the run of an open start. Absent if not. */
    answered: orAbsent(flag),
    /** When the service takes starts again, by its own time; null when it did not say. Only with `quota`. */
    retryAt: orNull(time),
    /** Present when the starts of the user, which all tokens share, are used up. Only with `quota`. */
    limit: orAbsent(oneOf("start_limit")),
    /** Cause, masked; null when there is nothing to say. */
    reason: orNull(reason),
    /** Status of the run; null without a run. */
    status: orNull(status),
    /** Whether the agent changed something; null when unknown. */
    changed: orNull(flag),
    /** Branch with the agent's changes; null without one, or if unknown. */
    branch,
    /** Address of the pull request; null without one, or if unknown. */
    pullRequest: elseNull(webUrl),
    /** How many changed files the service committed, by the events of the run; absent when they named none. */
    files: orAbsent(whole(1, MAX_NUMBER)),
    /** The last lines of the agent's log, masked, where its item did not succeed; absent without any. */
    lastLines: orAbsent(lastLines),
    /** The file that the task asks for, where the run succeeded; absent where the task asks for none. */
    result: orAbsent(object(RESULT)),
    /** When the run was created and last changed, by the service. */
    ...times,
  },
  /** Other users' sandboxes block the next start, or sandboxes of ended runs have changed. */
  sandboxes: {
    /** All active ones of the user. */
    used: whole(0, MAX_NUMBER),
    /** Items whose run has ended and whose sandbox is active, at the time `seenAt` of the service. */
    lingering: orAbsent(list(item, 0, MAX_RECORD_ITEMS)),
    seenAt: orAbsent(time),
  },
  /** An error stopped the wave. */
  trouble: {
    reason,
    /** Present when the service refused the token. */
    exit: orAbsent(oneOf(EXIT.unauthorized)),
    /** The start that the service refused with it, which began no run. */
    refused: orAbsent(object({ item, start })),
    /** The start whose run the service did not find, along with everything else of the campaign. */
    missing: orAbsent(object({ item, start })),
  },
  /** The service has another name for the item's repository now. */
  renamed: { item, repository: visible(MAX_REPOSITORY, 1) },
  /** A pull request was read from its forge, and has changed. */
  "pull-request": {
    item,
    state: status,
    url: webUrl,
    /** Everything but its state; absent when only that is known. */
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
  /** Nothing is started (or, for `merge`, merged) from here on until a person approves. */
  gate: { gate, reason },
  approved: { gate, by: person, note: orNull(reason) },
  /** A plan was written. `canary`: its canary has new items, so the canary's gate starts again, without an earlier approval. */
  planned: { by: person, user, canary: orAbsent(flag) },
  /** A merge is about to be requested. It is shared with other machines before the request is sent. */
  "merge-intent": {
    item,
    url: webUrl,
    /** The forge's own id of the repository. */
    repositoryId: visible(MAX_STATUS, 1),
    head: commit,
    /** Name of the target branch. */
    base: visible(MAX_BRANCH, 1),
    /** The newest commit of the target. Absent when it is not shown. */
    baseCommit: orAbsent(commit),
    method: oneOf(...MERGE_METHODS),
    by: person,
    /** Absent for none. */
    exceptions: orAbsent(list(oneOf(...MERGE_EXCEPTIONS), 0, MERGE_EXCEPTIONS.length)),
    /** Checks of the target's newest commit; null when they are not shown. */
    targetChecks: checks,
    deleteBranch: orAbsent(oneOf(true)),
  },
  /** What is known of the merge that the last intent of the item is about. */
  merge: {
    item,
    as: oneOf(...MERGE_WORDS),
    /** The commit on the target; null if nothing was merged, or if the forge does not show it. */
    commit: elseNull(commit),
    /** By which the forge knows a pending merge. Absent without one. */
    handle: orAbsent(line(MAX_STATUS, 1)),
    reason: orNull(reason),
  },
  /** The checks of the target at the merge commit have finished. Null: nothing is waiting for them anymore. */
  "merge-target": { item, checks },
  /** The branch of a merged pull request. `kept`: it has other commits, or could not be deleted. */
  "merge-branch": { item, as: oneOf("deleted", "gone", "kept") },
  /** The branch of a pull request was brought up to date with its target. `head`: its commit before that. */
  "merge-update": { item, head: commit, by: person },
  /** A change of a pull request is about to be sent. It is shared with other machines before that. */
  "write-intent": {
    item,
    act: oneOf(...WRITE_ACTS),
    url: webUrl,
    by: person,
    /** Reviewers and labels to add. Absent for none. */
    users: names,
    teams: names,
    labels: names,
    /** Why it is closed. Absent for any other change. */
    why: orAbsent(reason),
  },
  /** What is known of the change that the last intent of the item is about. `withdrawn`: nothing was sent. */
  write: { item, act: oneOf(...WRITE_ACTS), as: oneOf("done", "refused", "withdrawn"), reason: orNull(reason) },
  /** A person allowed another attempt for items. */
  retry: {
    items,
    by: person,
    user,
    /** With the request of the lock as it is now. */
    adopt: flag,
    /** Why; absent if no reason was given. */
    reason: orAbsent(reason),
    /** On the branch of its pull request, to fix that; absent for another attempt at the task. */
    followUp,
    /** Their starts are open, and the run that is found is their attempt; with `adopt`, the new task begins when it has ended. */
    settle: orAbsent(flag),
  },
  /** A person skipped items, or they left the list. `cancel`: their runs are cancelled, including runs of open starts. */
  skipped: { items, by: person, reason, cancel: orAbsent(flag) },
  /** A person stopped the campaign. */
  stopped: {
    by: person,
    /** What runs is cancelled as well. */
    cancel: flag,
    reason: orAbsent(reason),
    /** Id of the file with which another process requested it. */
    request: orAbsent(hex(32)),
  },
  resumed: { by: person, reason: orAbsent(reason) },
  /** Anything else worth recording, such as a repaired line or a sent notification. */
  note: { text: reason },
} as const satisfies Record<string, Fields>;

type RecordType = keyof typeof RECORDS;

export type RecordBody = { [T in RecordType]: { type: T } & ObjectOf<(typeof RECORDS)[T]> }[RecordType];

/** A stop that another process requests, see `stop_request.ts`. */
export interface StopRequest {
  /** 32 random hex digits. */
  id: string;
  by: Person;
  cancel: boolean;
  /** Masked; absent if no reason was given. */
  reason?: string | undefined;
}

const PLACE = {
  schema: oneOf(1),
  seq: whole(1, MAX_NUMBER),
  /** SHA-256 of the line of the record before, as 64 hex digits; of the campaign's name and round for the first. */
  previous: hex(64),
  /** This machine's time, in ISO 8601. Only for people. */
  at: time,
  /** Number of the wave, from 1; 0 before the first. */
  wave: whole(0, MAX_NUMBER),
  /** Hash of the lock from this record on; absent when it is the same as before. */
  lock: orAbsent(hex(64)),
};

/** A record with its place in the chain. */
export type JournalRecord = RecordBody & ObjectOf<typeof PLACE>;

const record = kinds(
  "type",
  new Map(Object.entries(RECORDS).map(([type, fields]) => [type, object({ ...PLACE, type: oneOf(type), ...fields })])),
) as Field<JournalRecord>;

export type RecordResult = ReturnType<typeof tryRead<JournalRecord>>;

/** Checks a parsed line. Unknown fields are dropped. The problem is a clause, and never contains a value of the record. */
export function readRecord(value: unknown): RecordResult {
  return tryRead(record, value);
}

/**
 * Makes the texts of a body fit for a record: one visible line each, cut where they are too long; what cannot be fixed (an address, a
 * branch, a time of the service) becomes null. Ids, keys and numbers are left as they are.
 *
 * @param body Its reason must be masked already.
 * @param nowText Replaces an unfit time that is required, in ISO 8601.
 * @returns Several bodies where one names too many items.
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
