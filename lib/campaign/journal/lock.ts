/**
 * The lock: the frozen list of a campaign, its text, and the checks of a text that is read. `plan` writes it, and every later step reads it
 * instead of the file.
 *
 * @module
 */
import * as z from "zod/mini";
import { MogplexError, UsageError } from "../../errors.ts";
import { MERGE_METHODS } from "../../forge/model.ts";
import { maxLength, minLength } from "../../lengths.ts";
import { decodeUtf8 } from "../../runtime.ts";
import { uuid } from "../../service/contract.ts";
import { sha256Hex } from "../../sha256.ts";
import { CAMPAIGN_NAME, type CampaignFile } from "../file/campaign_file.ts";
import { campaignText } from "../file/mistakes.ts";
import { MAX_WAIT_S } from "../file/rules.ts";
import {
  hex,
  isWebUrl,
  MAX_BRANCH,
  MAX_ITEM_ID,
  MAX_REASON,
  MAX_REPOSITORY,
  MAX_RESULT_PATH,
  newerSchema,
  problemOf,
  time,
  visible,
  whole,
} from "./record.ts";

/** An item of a campaign: a repository with its base branch and root directory. */
export interface LockItem {
  /** Stable name of the item in the journal: `owner/name@branch` or `owner/name@branch:root`. Unique in the lock. */
  id: string;
  /** Full name; the UUID when the repository is hidden. */
  repository: string;
  /** UUID, in lower case. */
  repositoryId: string;
  /** Base branch; sent with every start. Empty for `invalid` items. */
  baseBranch: string;
  /** Root directory; null for the repository's root. Sent with every start. */
  root: string | null;
  variables: Readonly<Record<string, string>>;
  /** SHA-256 over prompt text with its variables, agent and branch, as 64 hex digits. Empty for `invalid` items. */
  requestHash: string;
  /** Index of its task in {@linkcode Lock.tasks}. */
  task: number;
  canary: boolean;
  /** Why it cannot or must not be started; null for an ordinary item. */
  excluded: { as: "invalid" | "skipped"; reason: string } | null;
}

/** The parts of a request that items share. There is more than one when a later plan brought another prompt. */
export type LockTask = Pick<CampaignFile, "title" | "prompt" | "variables" | "agent" | "branch" | "result">;

export interface Lock {
  schema: 1;
  campaign: string;
  /** Its round; empty by default. */
  round: string;
  /** This machine's time of the plan, in ISO 8601. */
  plannedAt: string;
  origin: string;
  /** SHA-256 over everything else in the lock: see `sealLock`. The journal carries it. */
  hash: string;
  /** SHA-256 of the file with its includes, as 64 hex digits: shows whether the file has changed since. */
  fileHash: string;
  tasks: readonly LockTask[];
  success: CampaignFile["success"];
  /** Limits, canary and windows of the file. */
  limits: CampaignFile["limits"];
  canary: CampaignFile["canary"];
  /** What is done about red checks of pull requests; null for nothing. */
  onFailedChecks: CampaignFile["onFailedChecks"];
  pullRequests: CampaignFile["pullRequests"];
  merge: CampaignFile["merge"];
  notPeople: CampaignFile["notPeople"];
  windows: CampaignFile["windows"];
  /** Items, canary first, then in the order of the file. */
  items: readonly LockItem[];
}

export type UnsealedLock = Omit<Lock, "hash">;

/** Most characters of a prompt, with all that is put into it later. The service takes 100 000. */
const MAX_PROMPT = 1_000_000;
const MAX_ITEMS = 100_000;
const MAX_TASKS = 1000;
const MAX_WINDOWS = 1000;

/** Names to texts. The schema library drops `__proto__`. */
function variables() {
  return z.record(z.string().check(maxLength(200)), z.string().check(maxLength(MAX_PROMPT)));
}

/** Whether this runtime knows a time zone. An unknown one would end the campaign without a clear message. */
function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function makeItemSchema() {
  const hash = hex(64);
  return z.object({
    id: visible(MAX_ITEM_ID, 1),
    repository: visible(MAX_REPOSITORY, 1),
    repositoryId: z.string().check(maxLength(36)),
    baseBranch: visible(MAX_BRANCH),
    root: z.nullable(visible(1024, 1)),
    variables: variables(),
    requestHash: z.string().check(maxLength(64)),
    task: whole(0, MAX_TASKS - 1),
    canary: z.boolean(),
    excluded: z.nullable(z.object({ as: z.enum(["invalid", "skipped"]), reason: visible(MAX_REASON) })),
  }).check(
    // For a repository unknown to the service, only the name is set.
    z.refine(({ excluded, baseBranch }) => excluded?.as === "invalid" || baseBranch !== "", "it has no base branch"),
    z.refine(
      ({ excluded, repositoryId }) => excluded?.as === "invalid" || z.safeParse(uuid, repositoryId).success,
      "its repositoryId is not a UUID",
    ),
    z.refine(
      ({ excluded, requestHash }) => excluded?.as === "invalid" || z.safeParse(hash, requestHash).success,
      "its requestHash is not 64 hex digits",
    ),
  );
}

function makeSchema() {
  const name = z.string().check(
    z.refine((text) => CAMPAIGN_NAME.test(text), "it is no name of a campaign"),
  );
  const prompt = z.string().check(maxLength(MAX_PROMPT));
  const threshold = z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("count"), count: whole(1, MAX_ITEMS) }),
    z.object({
      kind: z.literal("share"),
      share: z.number().check(z.refine((value) => value > 0 && value <= 1, "it is not above 0 and at most 1")),
    }),
  ]);
  const task = z.object({
    title: z.nullable(prompt),
    prompt,
    variables: variables(),
    agent: z.object({ harness: visible(100, 1), mode: z.nullable(visible(100, 1)) }),
    branch: z.nullable(visible(MAX_REASON, 1)),
    result: z.optional(
      z.object({ path: visible(MAX_RESULT_PATH, 1), schema: z.string().check(maxLength(MAX_PROMPT)) }),
    ),
  });
  return z.object({
    schema: z.literal(1),
    campaign: name,
    round: visible(200),
    plannedAt: time(),
    origin: z.string().check(
      z.refine((text) => isWebUrl(text) && new URL(text).origin === text, "it is not an origin"),
    ),
    hash: hex(64),
    fileHash: hex(64),
    tasks: z.array(task).check(minLength(1, "it is empty"), maxLength(MAX_TASKS, "it is too long")),
    success: z.object({ require: z.enum(["run", "changes", "pull-request"]), acceptUnchanged: z.boolean() }),
    limits: z.object({
      parallel: whole(1, 3),
      attempts: whole(1, 1000),
      runTimeoutMs: whole(1, Number.MAX_SAFE_INTEGER),
      stopAfterFailures: z.nullable(threshold),
      openPullRequests: z.nullable(whole(1, MAX_ITEMS)),
    }),
    canary: z.nullable(z.object({ size: whole(1, MAX_ITEMS), gate: z.enum(["automatic", "manual"]) })),
    onFailedChecks: z.nullable(z.object({ prompt, attempts: whole(1, 1000) })),
    pullRequests: z.nullable(z.object({
      reviewers: z.array(visible(300, 1)).check(maxLength(100, "it has more than 100 names")),
      labels: z.array(visible(300, 1)).check(maxLength(100, "it has more than 100 names")),
    })),
    merge: z.nullable(z.object({
      afterMs: whole(0, MAX_WAIT_S * 1_000),
      atMost: z.nullable(whole(1, 1000)),
      method: z.nullable(z.enum(MERGE_METHODS)),
      update: z.boolean(),
      withoutChecks: z.array(visible(MAX_REPOSITORY, 1)).check(maxLength(1000, "it has more than 1000 globs")),
    })),
    notPeople: z.array(visible(100, 1)).check(maxLength(100, "it has more than 100 names")),
    windows: z.array(z.object({
      text: visible(200),
      days: z.array(whole(1, 7)),
      fromMinute: whole(0, 1439),
      toMinute: whole(0, 1440),
      zone: visible(100, 1).check(z.refine(isZone, "it is no time zone that this program knows")),
    })).check(maxLength(MAX_WINDOWS, `it has more than ${MAX_WINDOWS} windows`)),
    items: z.array(itemSchema).check(maxLength(MAX_ITEMS, `it has more than ${MAX_ITEMS} items`)),
  });
}

const itemSchema: z.ZodMiniType<LockItem> = z.lazy(makeItemSchema);
const schema: z.ZodMiniType<Lock> = z.lazy(makeSchema);

type LockResult = { ok: true; lock: Lock } | { ok: false; problem: string };

/** Checks each field of a parsed lock on its own. Unknown fields are dropped. The problem is a clause, without any value of the lock. */
function readLockValue(value: unknown): LockResult {
  const { success, data, error } = z.safeParse(schema, value);
  return success ? { ok: true, lock: data } : { ok: false, problem: `a field is not valid: ${problemOf(error)}` };
}

function readItemValue(value: unknown): LockItem | undefined {
  return z.safeParse(itemSchema, value).data;
}

// The text of a lock: written so that a change of one item changes one line, and read with every check that needs no service.

/** Most bytes of a lock: 10 000 items take about 5 MB. */
export const MAX_LOCK_BYTES = 67_108_864;

export interface LockChecks {
  path: string;
  campaign: string;
  round: string;
  /**
   * Computes the hash of an item's request from its task, to be compared with the one in the lock. It needs the templates of the campaign
   * file, which this folder does not know. @default not compared
   */
  requestHash?: ((task: LockTask, item: LockItem) => string) | undefined;
}

const RESTORE =
  "restore it from the wave before (its artifact, commit or backup); without a journal beside it, remove it and plan again";

/** The name of an item: `owner/name@branch`, with `:root` when it has a root directory. */
export function itemId(repository: string, baseBranch: string, root: string | null): string {
  return `${repository}@${baseBranch}${root === null ? "" : `:${root}`}`;
}

/**
 * Text of a lock: JSON with one line for each item. Equal items have equal lines.
 *
 * @throws {Error} when it could not be read again, which is a bug.
 */
export function lockText(lock: Lock): string {
  const checked = readLockValue(lock);
  if (!checked.ok) throw new Error(`Cannot write the lock: ${checked.problem}`);
  const { items, ...head } = checked.lock;
  const beginning = JSON.stringify(head, null, 2).slice(0, -2);
  const lines = items.map((item) => `    ${JSON.stringify(item)}`).join(",\n");
  return `${beginning},\n  "items": [${lines === "" ? "" : `\n${lines}\n  `}]\n}\n`;
}

/**
 * The hash of a lock over all of its settings and items: SHA-256 of the lines `mogplex-ci/campaign-lock/1`, then of the JSON text of the
 * settings, then of each item, each as the 64 hex digits of its SHA-256.
 */
function hashOf({ items, hash: _, ...settings }: Lock): string {
  const lines = [settings, ...items].map((part) => sha256Hex(JSON.stringify(part)));
  return sha256Hex(["mogplex-ci/campaign-lock/1", ...lines].join("\n"));
}

/** Gives a lock its hash. Call it after every change. @throws {Error} when it is not valid. */
export function sealLock(lock: UnsealedLock): Lock {
  const checked = readLockValue({ ...lock, hash: "0".repeat(64) });
  if (!checked.ok) throw new Error(`Cannot seal the lock: ${checked.problem}`);
  // The fields are in the order of the reader.
  return { ...lock, hash: hashOf(checked.lock) };
}

/** Whether the hash of a lock is correct. */
export function isSealed(lock: Lock): boolean {
  return lock.hash === hashOf(lock);
}

/** The names of the first two items that a campaign cannot distinguish. */
function doubleOf(items: readonly LockItem[]): [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const { id, repositoryId, baseBranch, root, excluded } of items) {
    const names = [`id ${id}`];
    if (excluded === null) names.push(JSON.stringify([repositoryId.toLowerCase(), baseBranch, root]));
    for (const name of names) {
      const other = seen.get(name);
      if (other !== undefined) return [other, id];
      seen.set(name, id);
    }
  }
  return undefined;
}

const LINE_FEED = 10;
const ITEMS_BEGIN = '  "items": [';
const ITEMS_END = "  ]\n}\n";

/**
 * Reads a lock that has the lines of {@linkcode lockText}, item by item: the text and the values of 10 000 items would take ten times as much
 * memory as the items. Undefined for any other text, and for one with a mistake: it is then read as a whole, which finds the words for it.
 */
function readByLines(bytes: Uint8Array): Lock | undefined {
  const items: LockItem[] = [];
  let head: string | undefined;
  let from = 0;
  try {
    for (let to = bytes.indexOf(LINE_FEED); to >= 0; from = to + 1, to = bytes.indexOf(LINE_FEED, from)) {
      const line = bytes.subarray(from, to);
      if (head === undefined) {
        if (line.length !== ITEMS_BEGIN.length || decodeUtf8(line) !== ITEMS_BEGIN) continue;
        head = decodeUtf8(bytes.subarray(0, from));
        continue;
      }
      const text = decodeUtf8(line);
      if (!text.startsWith("    {") || items.length >= MAX_ITEMS) break;
      const isLast = !text.endsWith(",");
      const item = readItemValue(JSON.parse(isLast ? text : text.slice(0, -1)));
      if (item === undefined) return undefined;
      items.push(item);
      if (!isLast) continue;
      if (decodeUtf8(bytes.subarray(to + 1)) !== ITEMS_END) return undefined;
      const result = readLockValue(JSON.parse(`${head}"items":[]}`));
      return result.ok ? { ...result.lock, items } : undefined;
    }
  } catch {
    // It is not JSON, or not UTF-8.
  }
  return undefined;
}

/**
 * Reads a lock.
 *
 * @throws {UsageError} when it is not one, was changed by hand, was made by a newer version, or belongs to another campaign or round.
 */
export function parseLock(bytes: Uint8Array, checks: LockChecks): Lock {
  const { path, campaign, round, requestHash } = checks;

  function refused(why: string, advice = RESTORE, cause?: unknown): UsageError {
    return new UsageError({ attempted: `read lock ${JSON.stringify(path)}`, why, advice }, { cause });
  }

  function readWhole(): Lock {
    let value: unknown;
    try {
      value = JSON.parse(decodeUtf8(bytes));
    } catch (cause) {
      throw refused(cause instanceof SyntaxError ? "it is not JSON" : (cause as Error).message, RESTORE, cause);
    }
    const newer = newerSchema(value);
    if (newer !== undefined) {
      throw refused(`a newer version made it (schema ${newer})`, "use that version, or a later one");
    }
    const result = readLockValue(value);
    if (!result.ok) throw refused(result.problem);
    return result.lock;
  }

  const lock = readByLines(bytes) ?? readWhole();
  if (lock.campaign !== campaign || lock.round !== round) {
    const lockName = campaignText({ name: lock.campaign, round: lock.round });
    throw refused(
      `it belongs to ${lockName}, and the campaign file to ${campaignText({ name: campaign, round })}`,
      "keep each campaign and each round in a directory (--dir) or branch (--home) of its own",
    );
  }
  const double = doubleOf(lock.items);
  if (double !== undefined) {
    throw refused(`two items are the same: ${double.map((id) => JSON.stringify(id)).join(" and ")}`);
  }
  for (const item of lock.items) {
    const task = lock.tasks[item.task];
    const name = JSON.stringify(item.id);
    if (task === undefined) throw refused(`item ${name} has task ${item.task}, which is not there`);
    if (requestHash === undefined || item.excluded?.as === "invalid") continue;
    let hash: string;
    try {
      hash = requestHash(task, item);
    } catch (cause) {
      // The texts do not fit together. That is a mistake in the lock, and gets the lock's message.
      if (cause instanceof MogplexError) throw refused(`item ${name}: ${cause.why}`, RESTORE, cause);
      throw cause;
    }
    if (hash !== item.requestHash) throw refused(`prompt, variables or agent of item ${name} were changed in it`);
  }
  return lock;
}
