/**
 * The records of a journal: their types, and the checks of those that are read. Their order is the history of a campaign; everything else
 * is computed from it.
 *
 * @module
 */
import * as z from "zod/mini";
import { EXIT } from "../../exit_codes.ts";
import { CHECKS_STATES, type ChecksState, MERGE_METHODS, type MergeMethod, REVIEW_STATES } from "../../forge/model.ts";
import { maxLength, minLength } from "../../lengths.ts";
import type { Fix } from "../../run/fix.ts";
import { isUuid, uuid } from "../../service/contract.ts";
import { plainText } from "../../text/plain_text.ts";
import { ITEM_VERDICTS, type StartVerdict } from "../view/verdicts.ts";
import type { PullRequestView } from "../view/view.ts";

export type StartKind = "task" | "follow-up";

/** Who did something by hand: the CI's user, or what `--by` says. */
export type Person = string;

/** The user of a forge who started the job of its CI system, by the variables of the job. */
export interface ForgePerson {
  /** Host of the forge. */
  readonly host: string;
  readonly name: string;
  /** Null where the CI system does not show it. */
  readonly id: number | null;
}

/** Rules that a person has set aside for a merge. */
export type MergeException = "review" | "checks" | "own-approval";

const MERGE_EXCEPTIONS = ["review", "checks", "own-approval"] as const satisfies readonly MergeException[];

/**
 * What is known of a merge that was asked for.
 *
 * - `merged`: at the commit that was judged; `elsewhere`: somebody else has merged it, maybe at another commit.
 * - `queued`, `pending`, `foreign`: the forge merges it later; `foreign` was asked for by somebody else.
 * - `refused`: by the forge; `out`: it was in the queue, and is not any more.
 * - `left`: we took it out of the queue; `withdrawn`: nothing was sent; `unanswered`: no answer came, and it is not merged.
 */
export type MergeWord = (typeof MERGE_WORDS)[number];

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
] as const;

/** A change of a pull request. `setup`: reviewers and labels of the campaign file. */
export type WriteAct = (typeof WRITE_ACTS)[number];

const WRITE_ACTS = ["setup", "ask", "close"] as const;

export type GateName = "canary" | "threshold" | "merge";

/** What a follow-up is for. `result`: the file of the result alone. */
export type FollowUp = Fix | "result";

/** A pull request as its forge showed it last. */
export type PullRequestMemory = PullRequestView;

/** What the run of an item has left of the file that its task asks for. Texts in it are untrusted. */
export interface ResultMemory {
  /** Path in the repository. */
  path: string;
  /** Null for a good file. */
  cause: ItemResultCause | null;
  /** From which it was read; null without one. */
  commit: string | null;
  /** Its Git blob; null without a file. */
  blob: string | null;
  /** Of its content, as 64 hex digits; null without a file. */
  sha256: string | null;
  /** What is wrong with it, one line each; never a part of its value. */
  mistakes: readonly string[];
  /** Absent if there is none, or it is larger than {@linkcode MAX_RESULT_VALUE}. */
  value?: unknown;
}

export type ItemResultCause = "result-missing" | "result-not-json" | "result-invalid";

export const ITEM_RESULT_CAUSES = [
  "result-missing",
  "result-not-json",
  "result-invalid",
] as const satisfies readonly ItemResultCause[];

/** Most bytes of a value in the journal, as JSON. */
export const MAX_RESULT_VALUE = 16_384;

export type RecordBody =
  | { type: "wave" }
  /** A start is about to be sent. It is on disk before the request is. */
  | {
    type: "intent";
    item: string;
    kind: StartKind;
    start: number;
    key: string;
    /** Our estimate of the service's time, in ISO 8601. Only for the quota, when no answer gives a better one. */
    sentAt: string;
    /** Working branch in the request; null when the service names it. */
    branch: string | null;
    /** What a follow-up has to fix; absent for a task. */
    followUp?: FollowUp | undefined;
    /** Lines of what the forge showed of it. They follow the task, and are the same when the start is sent again. Absent without any. */
    quote?: readonly string[] | undefined;
  }
  /** An intent that was shared with other machines, and whose request was not sent: everything is as before it. */
  | { type: "withdrawn"; item: string; start: number }
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
  /** The status of a run has changed, and it has not ended. `overdue`: one clock alone shows that it has taken much too long. */
  | { type: "seen"; item: string; start: number; status: string; updatedAt: string | null; overdue?: true | undefined }
  | {
    type: "ended";
    item: string;
    start: number;
    as: StartVerdict;
    /** Null when no run was started, or none is known. */
    runId: string | null;
    /** Whether the start took a slot of the quota. Only when there is no `started` record. */
    slot: boolean;
    /** Whether the service answered, but said nothing about the run of an open start. Absent if not. */
    answered?: boolean | undefined;
    /** When the service takes starts again, by its own time; null when it did not say. Only with `quota`. */
    retryAt: string | null;
    /** Cause in at most 500 characters, masked; null when there is nothing to say. */
    reason: string | null;
    /** Status of the run; null without a run. */
    status: string | null;
    /** Whether the agent changed something; null when unknown. */
    changed: boolean | null;
    /** Branch with the agent's changes; null without one, or if unknown. */
    branch: string | null;
    /** Address of the pull request; null without one, or if unknown. */
    pullRequest: string | null;
    /** How many changed files the service committed, by the events of the run; absent when they named none. */
    files?: number | undefined;
    /** The last lines of the agent's log, masked, where its item did not succeed; absent without any. */
    lastLines?: readonly string[] | undefined;
    /** The file that the task asks for, where the run succeeded; absent where the task asks for none. */
    result?: ResultMemory | undefined;
    /** When the run was created and last changed, by the service. */
    createdAt: string | null;
    updatedAt: string | null;
  }
  /** Other users' sandboxes block the next start, or sandboxes of ended runs have changed. `used`: all active ones of the user. */
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
  /** The service has another name for the item's repository now. */
  | { type: "renamed"; item: string; repository: string }
  /** Nothing is started (or, for `merge`, merged) from here on until a person approves. */
  | { type: "gate"; gate: GateName; reason: string }
  | { type: "approved"; gate: GateName; by: Person; note: string | null }
  /** A plan was written. */
  | { type: "planned"; by: Person; user?: ForgePerson | undefined }
  /** A merge is about to be asked for. It is shared with other machines before the request is sent. */
  | {
    type: "merge-intent";
    item: string;
    url: string;
    /** The forge's own id of the repository. */
    repositoryId: string;
    head: string;
    /** Name of the target branch. */
    base: string;
    method: MergeMethod;
    by: Person;
    /** Absent for none. */
    exceptions?: readonly MergeException[] | undefined;
    /** Checks of the target's newest commit; null when they are not shown. */
    targetChecks: ChecksState | null;
    deleteBranch?: true | undefined;
  }
  /** What is known of the merge that the last intent of the item is about. */
  | {
    type: "merge";
    item: string;
    as: MergeWord;
    /** The commit on the target; null when there is none, or it is not shown. */
    commit: string | null;
    /** By which the forge knows a pending merge. Absent without one. */
    handle?: string | undefined;
    reason: string | null;
  }
  /** The checks of the target at the merge commit have finished, or are not waited for any more: null. */
  | { type: "merge-target"; item: string; checks: ChecksState | null }
  /** The branch of a merged pull request. `kept`: it has other commits, or could not be deleted. */
  | { type: "merge-branch"; item: string; as: "deleted" | "gone" | "kept" }
  /** The branch of a pull request was brought up to date with its target. `head`: its commit before that. */
  | { type: "merge-update"; item: string; head: string; by: Person }
  /** A change of a pull request is about to be sent. It is shared with other machines before that. */
  | {
    type: "write-intent";
    item: string;
    act: WriteAct;
    url: string;
    by: Person;
    /** Reviewers and labels to add. Absent for none. */
    users?: readonly string[] | undefined;
    teams?: readonly string[] | undefined;
    labels?: readonly string[] | undefined;
    /** Why it is closed. Absent for any other change. */
    why?: string | undefined;
  }
  /** What is known of the change that the last intent of the item is about. `withdrawn`: nothing was sent. */
  | { type: "write"; item: string; act: WriteAct; as: "done" | "refused" | "withdrawn"; reason: string | null }
  /** A person allowed another attempt for items. `adopt`: with the request of the lock as it is now. */
  /** `followUp`: on the branch of its pull request, to fix that; absent for another attempt at the task. */
  /** `settle`: their starts are open, and the run that is found is their attempt; with `adopt`, the new task begins when it has ended. */
  | {
    type: "retry";
    items: readonly string[];
    by: Person;
    adopt: boolean;
    user?: ForgePerson | undefined;
    /** Why; absent when nothing was said. */
    reason?: string | undefined;
    followUp?: FollowUp | undefined;
    settle?: boolean | undefined;
  }
  /** A person, or a change of the list, gave up items. `cancel`: their runs are cancelled, including runs of open starts. */
  | { type: "skipped"; items: readonly string[]; by: Person; reason: string; cancel?: boolean | undefined }
  /** A person stopped the campaign. `cancel`: what runs is cancelled as well. */
  /** `request`: id of the file by which another process asked for it. */
  | { type: "stopped"; by: Person; cancel: boolean; reason?: string | undefined; request?: string | undefined }
  | { type: "resumed"; by: Person; reason?: string | undefined }
  /** Anything else that a reader should know: a repaired line, a change of the clock. */
  | { type: "note"; text: string };

/** A stop that a second process asks for, see `stop_request.ts`. */
export interface StopRequest {
  /** 32 random hex digits. */
  id: string;
  by: Person;
  cancel: boolean;
  /** Masked; absent when nothing was said. */
  reason?: string | undefined;
}

/** A record with its place in the chain. */
export type JournalRecord = RecordBody & {
  schema: 1;
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

// What a text in lock and journal may be. Both come from outside: from an artifact, a commit, another machine.

/** Largest number of a start, a record, a wave, and of lines of a change. */
export const MAX_NUMBER = 1e9;
/** Most characters of a reason or a note. Source: specification of campaigns, section 5. */
export const MAX_REASON = 500;
/** Most lines of an agent's log that a verdict carries, and most characters of one of them. */
export const LAST_LINES = { most: 3, length: 200 } as const;
/** Most characters of a status, of the service or of a forge. */
export const MAX_STATUS = 64;
/** Most characters of a branch's name. Source: longest name of a file in Git's own storage. */
export const MAX_BRANCH = 255;
const MAX_URL = 2048;
export const MAX_PERSON = 200;
/** Most characters of the name of an item: repository, branch and root directory. */
export const MAX_ITEM_ID = 1500;
export const MAX_REPOSITORY = 300;
/** Most lines of a quote, and most characters of one of them. */
const MAX_QUOTE = 10_000;
/** Most characters of the path of a result file. */
export const MAX_RESULT_PATH = 200;
/** Most lines about a result file. */
const MAX_MISTAKES = 20;
/** Most items that one record names, so that no line grows without limit. */
export const MAX_RECORD_ITEMS = 100;

/** Whether a text is one line without characters that are not seen: control characters, directions, zero-width characters. */
export function isVisible(text: string): boolean {
  // Nearly all texts end here: the normalization takes longer than all other checks together.
  return /^[\x20-\x7e]*$/.test(text) || plainText(text) === text && !/[\t\n]/.test(text);
}

/** A text as one visible line of at most `maxLength` UTF-16 units, at least 1; blanks in a row become one. */
export function oneLine(text: string, maxLength: number): string {
  const line = plainText(text).replace(/\s+/g, " ").trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Whether a text is a date with time and zone in ISO 8601, as the service writes it, with up to nine digits of a second. */
export function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text));
}

/** Whether a text is an address that a person may click: HTTP, visible, without credentials. */
export function isWebUrl(text: string): boolean {
  if (text.length > MAX_URL || !isVisible(text) || /\s/.test(text)) return false;
  try {
    const { protocol, username, password } = new URL(text);
    return /^https?:$/.test(protocol) && username === "" && password === "";
  } catch {
    return false;
  }
}

/** Whether a text is the whole name of a commit. */
export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(text);
}

/** The `schema` of a value that a newer version has written; undefined for any other. */
export function newerSchema(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !("schema" in value)) return undefined;
  const { schema } = value;
  return typeof schema === "number" && Number.isSafeInteger(schema) && schema > 1 ? schema : undefined;
}

/** A visible text of at most `most` characters, at least `fewest`. */
export function visible(most: number, fewest = 0): z.ZodMiniType<string> {
  return z.string().check(
    minLength(fewest, "it is empty"),
    maxLength(most, `it has more than ${most} characters`),
    z.refine(isVisible, "it has characters that are not visible"),
  );
}

export function time(): z.ZodMiniType<string> {
  return z.string().check(z.refine(isTime, "it is not a date with time and zone"));
}

function webUrl(): z.ZodMiniType<string> {
  return z.string().check(z.refine(isWebUrl, "it is not an address of a web page"));
}

/** A text in lower-case hex digits, after `prefix`. */
export function hex(digits: number, prefix = ""): z.ZodMiniType<string> {
  const form = new RegExp(`^${prefix}[0-9a-f]{${digits}}$`);
  return z.string().check(z.refine((text) => form.test(text), `it is not ${prefix}${digits} hex digits`));
}

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number): z.ZodMiniType<number> {
  const inside = (value: number) => Number.isSafeInteger(value) && value >= min && value <= max;
  return z.number().check(z.refine(inside, `it is not a whole number from ${min} to ${max}`));
}

/** Where a value does not fit a schema, and why: `"runId" (it is not a UUID)`. Never the value itself. */
export function problemOf(error: z.core.$ZodError): string {
  const issue = error.issues[0];
  const path = issue?.path.map(String).join(".") ?? "";
  const why = issue?.code === "custom" || issue?.code === "too_big" || issue?.code === "too_small"
    ? issue.message
    : issue?.code === "invalid_type"
    ? `it is not ${issue.expected === "object" || issue.expected === "array" ? "an" : "a"} ${issue.expected}`
    : "it has no value of its kind";
  return path === "" ? why : `${JSON.stringify(oneLine(path, 100))} (${why})`;
}

// What a record may contain. Records that are read are checked; those that are written are made fit, so that the texts of a service never
// make a journal that cannot be read again.

export const GATES = ["canary", "threshold", "merge"] as const satisfies readonly GateName[];
const ENDS: readonly StartVerdict[] = [...ITEM_VERDICTS.filter((verdict) => verdict !== "skipped"), "quota", "service"];

function makeSchema() {
  const place = {
    schema: z.literal(1),
    seq: whole(1, MAX_NUMBER),
    previous: hex(64),
    at: time(),
    wave: whole(0, MAX_NUMBER),
    lock: z.optional(hex(64)),
  };
  const item = visible(MAX_ITEM_ID, 1);
  const items = z.array(item).check(
    minLength(1, "it is empty"),
    maxLength(MAX_RECORD_ITEMS, `it has more than ${MAX_RECORD_ITEMS} items`),
  );
  const start = whole(1, MAX_NUMBER);
  const status = visible(MAX_STATUS, 1);
  const by = visible(MAX_PERSON, 1);
  const reason = visible(MAX_REASON);
  const branch = z.nullable(visible(MAX_BRANCH, 1));
  const commit = z.string().check(z.refine(isCommit, "it is not a commit"));
  const gate = z.enum(GATES);
  const checks = z.nullable(z.enum(CHECKS_STATES));
  const user = z.optional(z.object({
    host: visible(MAX_REPOSITORY, 1),
    name: visible(MAX_PERSON, 1),
    id: z.nullable(whole(1, Number.MAX_SAFE_INTEGER)),
  }));
  const names = z.optional(
    z.array(visible(MAX_PERSON, 1)).check(maxLength(MAX_RECORD_ITEMS, `it has more than ${MAX_RECORD_ITEMS} names`)),
  );
  const size = z.optional(z.nullable(whole(0, MAX_NUMBER)));
  const followUp = z.optional(z.enum(["checks", "conflict", "review", "result"]));
  return z.discriminatedUnion("type", [
    z.object({ ...place, type: z.literal("wave") }),
    z.object({
      ...place,
      type: z.literal("intent"),
      item,
      kind: z.enum(["task", "follow-up"]),
      start,
      key: hex(40, "cp1-"),
      sentAt: time(),
      branch,
      followUp,
      quote: z.optional(
        z.array(visible(MAX_QUOTE)).check(maxLength(MAX_QUOTE, `it has more than ${MAX_QUOTE} lines`)),
      ),
    }),
    z.object({ ...place, type: z.literal("withdrawn"), item, start }),
    z.object({
      ...place,
      type: z.literal("started"),
      item,
      start,
      runId: uuid,
      status,
      replayed: z.boolean(),
      createdAt: z.nullable(time()),
      slotAt: time(),
      branch: z.optional(branch),
    }),
    z.object({
      ...place,
      type: z.literal("seen"),
      item,
      start,
      status,
      updatedAt: z.nullable(time()),
      overdue: z.optional(z.literal(true)),
    }),
    z.object({
      ...place,
      type: z.literal("ended"),
      item,
      start,
      as: z.enum(ENDS),
      runId: z.nullable(uuid),
      slot: z.boolean(),
      answered: z.optional(z.boolean()),
      retryAt: z.nullable(time()),
      reason: z.nullable(reason),
      status: z.nullable(status),
      changed: z.nullable(z.boolean()),
      branch,
      pullRequest: z.nullable(webUrl()),
      files: z.optional(whole(1, MAX_NUMBER)),
      lastLines: z.optional(
        z.array(visible(LAST_LINES.length, 1)).check(
          maxLength(LAST_LINES.most, `it has more than ${LAST_LINES.most} lines`),
        ),
      ),
      result: z.optional(z.object({
        path: visible(MAX_RESULT_PATH, 1),
        cause: z.nullable(z.enum(ITEM_RESULT_CAUSES)),
        commit: z.nullable(commit),
        blob: z.nullable(commit),
        sha256: z.nullable(hex(64)),
        mistakes: z.array(visible(MAX_REASON)).check(maxLength(MAX_MISTAKES, `it has more than ${MAX_MISTAKES} lines`)),
        value: z.optional(z.unknown()),
      })),
      createdAt: z.nullable(time()),
      updatedAt: z.nullable(time()),
    }),
    z.object({
      ...place,
      type: z.literal("sandboxes"),
      used: whole(0, MAX_NUMBER),
      lingering: z.optional(z.array(item).check(maxLength(MAX_RECORD_ITEMS))),
      seenAt: z.optional(time()),
    }),
    z.object({
      ...place,
      type: z.literal("trouble"),
      reason,
      exit: z.optional(z.literal(EXIT.unauthorized)),
      refused: z.optional(z.object({ item, start })),
      missing: z.optional(z.object({ item, start })),
    }),
    z.object({ ...place, type: z.literal("renamed"), item, repository: visible(MAX_REPOSITORY, 1) }),
    z.object({
      ...place,
      type: z.literal("pull-request"),
      item,
      state: status,
      url: webUrl(),
      details: z.optional(z.object({
        draft: z.boolean(),
        checks,
        review: z.nullable(z.enum(REVIEW_STATES)),
        conflict: z.nullable(z.boolean()),
        owner: z.nullable(by),
        ...{ createdAt: z.nullable(time()), updatedAt: z.nullable(time()), reason: z.nullable(reason) },
        commit: z.optional(z.nullable(status)),
        foreign: z.optional(z.nullable(reason)),
        guarded: z.optional(z.nullable(z.boolean())),
        behind: z.optional(z.boolean()),
        queue: z.optional(z.boolean()),
        repositoryId: z.optional(z.nullable(visible(MAX_STATUS, 1))),
        ...{ files: size, additions: size, deletions: size },
      })),
    }),
    z.object({ ...place, type: z.literal("gate"), gate, reason }),
    z.object({ ...place, type: z.literal("approved"), gate, by, note: z.nullable(reason) }),
    z.object({ ...place, type: z.literal("planned"), by, user }),
    z.object({
      ...place,
      type: z.literal("merge-intent"),
      item,
      url: webUrl(),
      repositoryId: visible(MAX_STATUS, 1),
      head: commit,
      base: visible(MAX_BRANCH, 1),
      method: z.enum(MERGE_METHODS),
      by,
      exceptions: z.optional(z.array(z.enum(MERGE_EXCEPTIONS)).check(maxLength(MERGE_EXCEPTIONS.length))),
      targetChecks: checks,
      deleteBranch: z.optional(z.literal(true)),
    }),
    z.object({
      ...place,
      type: z.literal("merge"),
      item,
      as: z.enum(MERGE_WORDS),
      commit: z.nullable(commit),
      handle: z.optional(visible(MAX_REPOSITORY, 1)),
      reason: z.nullable(reason),
    }),
    z.object({ ...place, type: z.literal("merge-target"), item, checks }),
    z.object({ ...place, type: z.literal("merge-branch"), item, as: z.enum(["deleted", "gone", "kept"]) }),
    z.object({ ...place, type: z.literal("merge-update"), item, head: commit, by }),
    z.object({
      ...place,
      type: z.literal("write-intent"),
      item,
      act: z.enum(WRITE_ACTS),
      url: webUrl(),
      by,
      users: names,
      teams: names,
      labels: names,
      why: z.optional(reason),
    }),
    z.object({
      ...place,
      type: z.literal("write"),
      item,
      act: z.enum(WRITE_ACTS),
      as: z.enum(["done", "refused", "withdrawn"]),
      reason: z.nullable(reason),
    }),
    z.object({
      ...place,
      type: z.literal("retry"),
      items,
      by,
      user,
      adopt: z.boolean(),
      reason: z.optional(reason),
      followUp,
      settle: z.optional(z.boolean()),
    }),
    z.object({ ...place, type: z.literal("skipped"), items, by, reason, cancel: z.optional(z.boolean()) }),
    z.object({
      ...place,
      type: z.literal("stopped"),
      by,
      cancel: z.boolean(),
      reason: z.optional(reason),
      request: z.optional(hex(32)),
    }),
    z.object({ ...place, type: z.literal("resumed"), by, reason: z.optional(reason) }),
    z.object({ ...place, type: z.literal("note"), text: reason }),
  ]);
}

const schema: z.ZodMiniType<JournalRecord> = z.lazy(makeSchema);

type Test = (value: unknown) => boolean;

/**
 * What the fields of the usual records may be, by type: the same as in the schema, in a third of its time. A campaign of 10 000 items has
 * 45 000 records, and every command reads them all.
 */
function makeTests(): Map<unknown, [string, Test][]> {
  const text = (test: (text: string) => boolean): Test => (value) => typeof value === "string" && test(value);
  const number: Test = (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= MAX_NUMBER;
  const flag: Test = (value) => typeof value === "boolean";
  const orNull = (test: Test): Test => (value) => value === null || test(value);
  const orAbsent = (test: Test): Test => (value) => value === undefined || test(value);
  const visibleText = (most: number, least = 1) =>
    text((value) => value.length >= least && value.length <= most && isVisible(value));
  const time = text(isTime);
  const id = text(isUuid);
  const status = visibleText(MAX_STATUS);
  const start = { item: visibleText(MAX_ITEM_ID), start: number };
  const times = { createdAt: orNull(time), updatedAt: orNull(time) };
  const branch = orNull(visibleText(MAX_BRANCH));
  const rows: Record<string, Record<string, Test>> = {
    wave: {},
    intent: {
      ...start,
      kind: (value) => value === "task" || value === "follow-up",
      key: text((value) => /^cp1-[0-9a-f]{40}$/.test(value)),
      sentAt: time,
      branch,
    },
    started: {
      ...start,
      runId: id,
      status,
      replayed: flag,
      createdAt: times.createdAt,
      slotAt: time,
      branch: orAbsent(branch),
    },
    seen: { ...start, status, updatedAt: times.updatedAt, overdue: orAbsent((value) => value === true) },
    ended: {
      ...start,
      as: text((value) => (ENDS as readonly string[]).includes(value)),
      runId: orNull(id),
      slot: flag,
      retryAt: orNull(time),
      reason: orNull(visibleText(MAX_REASON, 0)),
      status: orNull(status),
      changed: orNull(flag),
      branch,
      pullRequest: orNull(text(isWebUrl)),
      files: orAbsent(number),
      lastLines: orAbsent((value) =>
        Array.isArray(value) && value.length <= LAST_LINES.most && value.every(visibleText(LAST_LINES.length))
      ),
      ...times,
    },
  };
  const place: Record<string, Test> = {
    schema: (value) => value === 1,
    seq: number,
    previous: text((value) => /^[0-9a-f]{64}$/.test(value)),
    at: time,
    wave: (value) => value === 0 || number(value),
    type: () => true,
  };
  return new Map(Object.entries(rows).map(([type, fields]) => [type, Object.entries({ ...place, ...fields })]));
}

let tests: Map<unknown, [string, Test][]> | undefined;

/**
 * Whether a value is a valid record of one of the usual types, with all of its fields and no others. Any other one is for {@linkcode readRecord}.
 * The schema takes twice as long, and a campaign of 10 000 items has 45 000 such records.
 */
export function isUsualRecord(value: unknown): value is JournalRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  const fields = (tests ??= makeTests()).get(record.type);
  if (fields === undefined) return false;
  const knownFields = fields.filter(([name]) => Object.hasOwn(record, name)).length;
  return Object.keys(record).length === knownFields && fields.every(([name, test]) => test(record[name]));
}

export type RecordResult = { ok: true; record: JournalRecord } | { ok: false; problem: string };

/** Checks a parsed line. Unknown fields are dropped. The problem is a clause, and never contains a value of the record. */
export function readRecord(value: unknown): RecordResult {
  const { success, data, error } = z.safeParse(schema, value);
  return success ? { ok: true, record: data } : { ok: false, problem: `a field is not valid: ${problemOf(error)}` };
}
