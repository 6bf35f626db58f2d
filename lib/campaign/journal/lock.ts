import { MogplexError, UsageError } from "../../errors.ts";
import { MERGE_METHODS } from "../../forge/model.ts";
import { decodeUtf8 } from "../../runtime.ts";
import { isUuid } from "../../service/contract.ts";
import { sha256Hex } from "../../sha256.ts";
import { CAMPAIGN_NAME, type CampaignFile, type Threshold } from "../file/campaign_file.ts";
import { campaignText } from "../file/mistakes.ts";
import { MAX_WAIT_S } from "../file/rules.ts";
import {
  anyNumber,
  atMost,
  checked,
  type Field,
  flag,
  hex,
  isWebUrl,
  kinds,
  list,
  newerSchema,
  object,
  oneOf,
  orAbsent,
  orNull,
  text,
  texts,
  time,
  tryRead,
  visible,
  whole,
} from "./fields.ts";
import { MAX_BRANCH, MAX_ITEM_ID, MAX_REASON, MAX_REPOSITORY, MAX_RESULT_PATH } from "./record.ts";

export interface LockItem {
  /** The name of the item in the journal: `owner/name@branch` or `owner/name@branch:root`. Unique, and never changes. */
  id: string;
  /** `owner/name`, or the UUID if the repository is hidden. */
  repository: string;
  repositoryId: string;
  baseBranch: string;
  root: string | null;
  variables: Readonly<Record<string, string>>;
  requestHash: string;
  /** Index in {@linkcode Lock.tasks}. */
  task: number;
  canary: boolean;
  excluded: { as: "invalid" | "skipped"; reason: string } | null;
}

/** The parts of a request that items share. Items that were planned at different times can have different tasks. */
export type LockTask = Pick<CampaignFile, "title" | "prompt" | "variables" | "agent" | "branch" | "result">;

export const LOCK_SETTINGS = [
  "success",
  "limits",
  "canary",
  "windows",
  "onFailedChecks",
  "pullRequests",
  "merge",
  "notPeople",
] as const satisfies readonly (keyof CampaignFile)[];

export interface Lock extends Pick<CampaignFile, (typeof LOCK_SETTINGS)[number]> {
  schema: 1;
  campaign: string;
  round: string;
  /** In ISO 8601, by the clock of the machine that planned the campaign. */
  plannedAt: string;
  origin: string;
  /** SHA-256 of the other fields of the lock; see `hashOf`. The journal also contains this hash. */
  hash: string;
  /** Hash of the campaign file and the files that it references, used to detect changes. */
  fileHash: string;
  tasks: readonly LockTask[];
  /** The campaign's items. The canary comes first, followed by the other items in the order of the campaign file. */
  items: readonly LockItem[];
}

export type UnsealedLock = Omit<Lock, "hash">;

/** In characters, including all inserted text. Far above the service's limit of 100,000. */
const MAX_PROMPT = 1_000_000;
const MAX_ITEMS = 100_000;
const MAX_TASKS = 1000;
const MAX_WINDOWS = 1000;

/** An unknown time zone would end the campaign without a clear message. */
function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const variables = texts(atMost(200), atMost(MAX_PROMPT));
const prompt = atMost(MAX_PROMPT);
const hash = hex(64);

const itemField: Field<LockItem> = checked(
  object({
    id: visible(MAX_ITEM_ID, 1),
    repository: visible(MAX_REPOSITORY, 1),
    repositoryId: atMost(36),
    baseBranch: visible(MAX_BRANCH),
    root: orNull(visible(1024, 1)),
    variables,
    requestHash: atMost(64),
    task: whole(0, MAX_TASKS - 1),
    canary: flag,
    excluded: orNull(object({ as: oneOf("invalid", "skipped"), reason: visible(MAX_REASON) })),
  }),
  ({ excluded, baseBranch, repositoryId, requestHash }) => {
    // An `invalid` item has no base branch, and may have no id.
    if (excluded?.as === "invalid") return undefined;
    if (baseBranch === "") return "it has no base branch";
    if (!isUuid(repositoryId)) return "its repositoryId is not a UUID";
    return tryRead(hash, requestHash).ok ? undefined : "its requestHash is not 64 hex digits";
  },
);

const threshold = kinds<Threshold>(
  "kind",
  new Map<string, Field<Threshold>>([
    ["count", object({ kind: oneOf("count"), count: whole(1, MAX_ITEMS) })],
    [
      "share",
      object({
        kind: oneOf("share"),
        share: checked(anyNumber, (value) => value > 0 && value <= 1 ? undefined : "it is not above 0 and at most 1"),
      }),
    ],
  ]),
);

const lockField: Field<Lock> = object({
  schema: oneOf(1),
  campaign: text((name) => CAMPAIGN_NAME.test(name), "it is not the name of a campaign"),
  round: visible(200),
  plannedAt: time,
  origin: text((address) => isWebUrl(address) && new URL(address).origin === address, "it is not an origin"),
  hash,
  fileHash: hash,
  tasks: list(
    object({
      title: orNull(prompt),
      prompt,
      variables,
      agent: object({ harness: visible(100, 1), mode: orNull(visible(100, 1)) }),
      branch: orNull(visible(MAX_REASON, 1)),
      result: orAbsent(object({ path: visible(MAX_RESULT_PATH, 1), schema: prompt })),
    }),
    1,
    MAX_TASKS,
  ),
  success: object({ require: oneOf("run", "changes", "pull-request"), acceptUnchanged: flag }),
  limits: object({
    parallel: whole(1, 3),
    attempts: whole(1, 1000),
    runTimeoutMs: whole(1, Number.MAX_SAFE_INTEGER),
    stopAfterFailures: orNull(threshold),
    openPullRequests: orNull(whole(1, MAX_ITEMS)),
  }),
  canary: orNull(object({ size: whole(1, MAX_ITEMS), gate: oneOf("automatic", "manual") })),
  onFailedChecks: orNull(object({ prompt, attempts: whole(1, 1000) })),
  pullRequests: orNull(object({
    reviewers: list(visible(300, 1), 0, 100, "names"),
    labels: list(visible(300, 1), 0, 100, "names"),
  })),
  merge: orNull(object({
    afterMs: whole(0, MAX_WAIT_S * 1_000),
    atMost: orNull(whole(1, 1000)),
    method: orNull(oneOf(...MERGE_METHODS)),
    update: flag,
    withoutChecks: list(visible(MAX_REPOSITORY, 1), 0, 1000, "globs"),
  })),
  notPeople: list(visible(100, 1), 0, 100, "names"),
  windows: list(
    object({
      text: visible(200),
      days: list(whole(1, 7), 0, Infinity),
      fromMinute: whole(0, 1439),
      toMinute: whole(0, 1440),
      zone: checked(
        visible(100, 1),
        (name) => isZone(name) ? undefined : "it is not a known time zone",
      ),
    }),
    0,
    MAX_WINDOWS,
    "windows",
  ),
  items: list(itemField, 0, MAX_ITEMS),
});

/** Maximum size in bytes. 10,000 items take about 5 MB. */
export const MAX_LOCK_BYTES = 67_108_864;

export interface LockChecks {
  path: string;
  campaign: string;
  round: string;
  /**
   * Computes the hash of an item's request, to compare it with the hash in the lock. Passed in, because this module cannot parse the templates of the
   * campaign file. @default the hash is not compared
   */
  requestHash?: ((task: LockTask, item: LockItem) => string) | undefined;
}

const RESTORE =
  "restore it from the previous wave (its artifact, commit or backup); if there is no journal next to it, remove it and plan again";

export function itemId(repository: string, baseBranch: string, root: string | null): string {
  return `${repository}@${baseBranch}${root === null ? "" : `:${root}`}`;
}

/** JSON with one line for each item, so a change of one item changes one line. */
export function lockText(lock: Lock): string {
  const result = tryRead(lockField, lock);
  if (!result.ok) throw new Error(`Cannot write the lock: ${result.problem}`);
  const { items, ...head } = result.value;
  const beginning = JSON.stringify(head, null, 2).slice(0, -2);
  const lines = items.map((item) => `    ${JSON.stringify(item)}`).join(",\n");
  return `${beginning},\n  "items": [${lines === "" ? "" : `\n${lines}\n  `}]\n}\n`;
}

/**
 * SHA-256 of several lines: `mogplex-ci/campaign-lock/1`, then the SHA-256 of the settings' JSON text, then the SHA-256 of each item's JSON text.
 * Each inner hash is written as 64 hex digits.
 */
function hashOf({ items, hash: _, ...settings }: Lock): string {
  const lines = [settings, ...items].map((part) => sha256Hex(JSON.stringify(part)));
  return sha256Hex(["mogplex-ci/campaign-lock/1", ...lines].join("\n"));
}

/** Required after every change of a lock. */
export function sealLock(lock: UnsealedLock): Lock {
  const result = tryRead(lockField, { ...lock, hash: "0".repeat(64) });
  if (!result.ok) throw new Error(`Cannot seal the lock: ${result.problem}`);
  // The hash needs the fields in the order in which they are read.
  return { ...lock, hash: hashOf(result.value) };
}

export function isSealed(lock: Lock): boolean {
  return lock.hash === hashOf(lock);
}

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
 * Reads the format of {@linkcode lockText} item by item, because reading 10,000 items at once would take ten times as much memory as the items
 * themselves. If this fails, the caller reads the text as a whole, which finds the error.
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
      const item = tryRead(itemField, JSON.parse(isLast ? text : text.slice(0, -1)));
      if (!item.ok) return undefined;
      items.push(item.value);
      if (!isLast) continue;
      if (decodeUtf8(bytes.subarray(to + 1)) !== ITEMS_END) return undefined;
      const result = tryRead(lockField, JSON.parse(`${head}"items":[]}`));
      return result.ok ? { ...result.value, items } : undefined;
    }
  } catch {
    // The text is not JSON or not UTF-8.
  }
  return undefined;
}

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
      throw refused(`it was written by a newer version (schema ${newer})`, "use that version, or a later one");
    }
    const result = tryRead(lockField, value);
    if (!result.ok) throw refused(result.problem);
    return result.value;
  }

  const lock = readByLines(bytes) ?? readWhole();
  if (lock.campaign !== campaign || lock.round !== round) {
    const lockName = campaignText({ name: lock.campaign, round: lock.round });
    throw refused(
      `it belongs to ${lockName}, but the campaign file is for ${campaignText({ name: campaign, round })}`,
      "keep each campaign and each round in its own directory (--dir) or branch (--home)",
    );
  }
  const double = doubleOf(lock.items);
  if (double !== undefined) {
    throw refused(`two items are the same: ${double.map((id) => JSON.stringify(id)).join(" and ")}`);
  }
  for (const item of lock.items) {
    const task = lock.tasks[item.task];
    const name = JSON.stringify(item.id);
    if (task === undefined) throw refused(`item ${name} has task ${item.task}, which does not exist`);
    if (requestHash === undefined || item.excluded?.as === "invalid") continue;
    let hash: string;
    try {
      hash = requestHash(task, item);
    } catch (cause) {
      // An error means that the texts in the lock are inconsistent, so the error is reported as an error in the lock.
      if (cause instanceof MogplexError) throw refused(`item ${name}: ${cause.why}`, RESTORE, cause);
      throw cause;
    }
    if (hash !== item.requestHash) {
      throw refused(`the prompt, the variables or the agent of item ${name} have been changed`);
    }
  }
  return lock;
}
