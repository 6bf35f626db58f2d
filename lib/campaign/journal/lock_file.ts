/**
 * The text of a lock: written so that a change of one item changes one line, and read with every check that needs no service.
 *
 * @module
 */
import { MogplexError, UsageError } from "../../errors.ts";
import { decodeUtf8 } from "../../runtime.ts";
import { sha256Hex } from "../../sha256.ts";
import { newerSchema } from "./checks.ts";
import type { Lock, LockItem, LockTask } from "./lock.ts";
import { MAX_ITEMS, readItemValue, readLockValue } from "./lock_schema.ts";

/** Most bytes of a lock: 10 000 items take about 5 MB. */
export const MAX_LOCK_BYTES = 67_108_864;

/** What a lock is checked against. */
export interface LockChecks {
  /** Path of the file, for messages. */
  path: string;
  /** Name of the campaign. */
  campaign: string;
  /** Its round. */
  round: string;
  /**
   * Computes the hash of an item's request from its task, to be compared with the one in the lock. It needs the templates of the campaign
   * file, which this folder does not know. @default {undefined} (not compared)
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
 * @throws {Error} when it could not be read again: that is a mistake in our code.
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
 * settings, then of each item, each as the 64 hex digits of its own SHA-256.
 */
function hashOf(lock: Lock): string {
  const { items, hash: _, ...settings } = lock;
  const lines = [settings, ...items].map((part) => sha256Hex(JSON.stringify(part)));
  return sha256Hex(["mogplex-ci/campaign-lock/1", ...lines].join("\n"));
}

/** Gives a lock its own hash. To be done whenever something in it has changed. @throws {Error} when it is not valid. */
export function sealLock(lock: Lock): Lock {
  const checked = readLockValue(lock);
  if (!checked.ok) throw new Error(`Cannot seal the lock: ${checked.problem}`);
  // The order of the fields is that of the reader.
  return { ...lock, hash: hashOf(checked.lock) };
}

/** Whether a lock has its own hash. One of an earlier version has none. */
export function isSealed(lock: Lock): boolean {
  return lock.hash === hashOf(lock);
}

/** Two items that a campaign cannot tell apart: the names of the first such pair. */
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
    const name = (each: string, its: string) => JSON.stringify(its === "" ? each : `${each} ${its}`);
    throw refused(
      `it is of campaign ${name(lock.campaign, lock.round)}, and the file says ${name(campaign, round)}`,
      "use another --dir for this campaign or round",
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
    let own: string;
    try {
      own = requestHash(task, item);
    } catch (cause) {
      // The texts do not fit together, which is a mistake of the lock, and has words of its own.
      if (cause instanceof MogplexError) throw refused(`item ${name}: ${cause.why}`, RESTORE, cause);
      throw cause;
    }
    if (own !== item.requestHash) throw refused(`prompt, variables or agent of item ${name} were changed in it`);
  }
  return lock;
}
