/**
 * The chain of a journal: records to lines and lines to records, each bound to the one before; and the key of a start, which follows from
 * what is started. Knows no files.
 *
 * A line is one JSON object without blanks between its tokens:
 *
 * - `schema`, `seq`, `previous`, `at`, `wave`, `type`, then the fields of its type: see `record.ts`.
 * - `previous` is SHA-256 of the line before, without its line feed, as 64 hex digits. In the first record it is SHA-256 of the JSON text
 *   `["mogplex-ci/journal/1",CAMPAIGN,ROUND]`.
 * - `check`, the last field, is the first 16 hex digits of SHA-256 of the line without this field. It reveals a changed last line, which no
 *   other line is bound to yet, and a line that was only partly written.
 *
 * The chain detects accidents, not attackers: anyone who changes a line on purpose can compute the hashes again.
 *
 * @module
 */
import { parseJson } from "../../lookup.ts";
import { isUuid } from "../../service/contract.ts";
import { sha256Hex } from "../../sha256.ts";
import type { LockTask } from "./lock.ts";
import {
  isCommit,
  isTime,
  isUsualRecord,
  isVisible,
  isWebUrl,
  type JournalRecord,
  LAST_LINES,
  MAX_BRANCH,
  MAX_NUMBER,
  MAX_PERSON,
  MAX_REASON,
  MAX_RECORD_ITEMS,
  MAX_STATUS,
  newerSchema,
  oneLine,
  readRecord,
  type RecordBody,
  type RecordResult,
  type StartKind,
} from "./record.ts";

const timeOrNull = (text: string | null) => text !== null && isTime(text) ? text : null;
const statusOf = (text: string) => oneLine(text, MAX_STATUS) || "unknown";
const personOf = (text: string) => oneLine(text, MAX_PERSON) || "unknown";
const reasonOf = (text: string) => oneLine(text, MAX_REASON);
// A name that is cut or changed would be another branch.
const branchOf = (text: string | null) =>
  text !== null && text !== "" && text.length <= MAX_BRANCH && isVisible(text) ? text : null;
const numberOf = (value: number | null) => value !== null && value >= 0 && value <= MAX_NUMBER ? value : null;
const idOf = (text: string | null) => text !== null && isUuid(text) ? text.toLowerCase() : null;

type Details = NonNullable<Extract<RecordBody, { type: "pull-request" }>["details"]>;

function fitDetails(details: Details): Details {
  const { owner, createdAt, updatedAt, reason, commit = null, foreign = null } = details;
  const { files = null, additions = null, deletions = null } = details;
  return {
    ...details,
    files: numberOf(files),
    additions: numberOf(additions),
    deletions: numberOf(deletions),
    commit: commit === null ? null : statusOf(commit),
    foreign: foreign === null ? null : reasonOf(foreign),
    owner: owner === null ? null : oneLine(owner, MAX_PERSON) || null,
    createdAt: timeOrNull(createdAt),
    updatedAt: timeOrNull(updatedAt),
    reason: reason === null ? null : reasonOf(reason),
  };
}

/** The reason of a decision, which may have none. */
function fitReason({ reason }: { reason?: string | undefined }): { reason?: string } {
  return reason === undefined ? {} : { reason: reasonOf(reason) };
}

function fitLines(lines: readonly string[]): string[] {
  return lines.map((line) => oneLine(line, LAST_LINES.length)).filter(Boolean).slice(-LAST_LINES.most);
}

/**
 * Makes the texts of a body fit for a record: one visible line each, cut where they are too long; what cannot be fixed (an address, a
 * branch, a time of the service) becomes null. Ids, keys, numbers and our own times are left as they are.
 *
 * @param body Its reason must be masked already.
 * @param nowText Replaces an unfit time of the service that is required, in ISO 8601.
 * @returns Several bodies where one names too many items.
 */
export function fitBody(body: RecordBody, nowText: string): RecordBody[] {
  switch (body.type) {
    case "intent":
      return [{ ...body, branch: branchOf(body.branch), sentAt: timeOrNull(body.sentAt) ?? nowText }];
    case "started": {
      const { runId, createdAt, slotAt, status } = body;
      const times = { createdAt: timeOrNull(createdAt), slotAt: timeOrNull(slotAt) ?? nowText };
      const branch = body.branch === undefined ? {} : { branch: branchOf(body.branch) };
      return [{ ...body, ...times, ...branch, runId: idOf(runId) ?? runId, status: statusOf(status) }];
    }
    case "seen":
      return [{ ...body, status: statusOf(body.status), updatedAt: timeOrNull(body.updatedAt) }];
    case "ended":
      return [{
        ...body,
        runId: idOf(body.runId) ?? body.runId,
        retryAt: timeOrNull(body.retryAt),
        reason: body.reason === null ? null : reasonOf(body.reason),
        status: body.status === null ? null : statusOf(body.status),
        ...(body.lastLines !== undefined && { lastLines: fitLines(body.lastLines) }),
        ...(body.result !== undefined && {
          result: { ...body.result, mistakes: body.result.mistakes.map(reasonOf) },
        }),
        branch: branchOf(body.branch),
        pullRequest: body.pullRequest !== null && isWebUrl(body.pullRequest) ? body.pullRequest : null,
        createdAt: timeOrNull(body.createdAt),
        updatedAt: timeOrNull(body.updatedAt),
      }];
    case "pull-request":
      return [{ ...body, state: statusOf(body.state), ...(body.details && { details: fitDetails(body.details) }) }];
    case "gate":
    case "trouble":
      return [{ ...body, reason: reasonOf(body.reason) }];
    case "approved":
      return [{ ...body, by: personOf(body.by), note: body.note === null ? null : reasonOf(body.note) }];
    case "retry":
      return chunks(body.items).map((items) => ({ ...body, items, by: personOf(body.by), ...fitReason(body) }));
    case "skipped":
      return chunks(body.items).map((items) => ({
        ...body,
        items,
        by: personOf(body.by),
        reason: reasonOf(body.reason),
      }));
    case "merge": {
      const { commit, handle, reason } = body;
      return [{
        ...body,
        commit: commit !== null && isCommit(commit) ? commit : null,
        ...(handle !== undefined && { handle: oneLine(handle, MAX_STATUS) }),
        reason: reason === null ? null : reasonOf(reason),
      }];
    }
    case "write-intent":
      return [{ ...body, by: personOf(body.by), ...(body.why !== undefined && { why: reasonOf(body.why) }) }];
    case "write":
      return [{ ...body, reason: body.reason === null ? null : reasonOf(body.reason) }];
    case "merge-intent":
    case "merge-update":
    case "planned":
      return [{ ...body, by: personOf(body.by) }];
    case "stopped":
    case "resumed":
      return [{ ...body, by: personOf(body.by), ...fitReason(body) }];
    case "note":
      return [{ ...body, text: reasonOf(body.text) }];
    case "merge-branch":
    case "merge-target":
    case "renamed":
    case "sandboxes":
    case "wave":
    case "withdrawn":
      return [body];
  }
}

function chunks(items: readonly string[]): string[][] {
  const count = Math.ceil(items.length / MAX_RECORD_ITEMS);
  return Array.from(
    { length: count },
    (_, index) => items.slice(index * MAX_RECORD_ITEMS, (index + 1) * MAX_RECORD_ITEMS),
  );
}

/** Most bytes of a line. The longest record has 100 items with names of 1500 characters. */
export const MAX_LINE_BYTES = 524_288;

const CHECK = /,"check":"([0-9a-f]{16})"\}$/;

export interface ChainProblem {
  why: string;
  /**
   * Its kind, which decides what happens. `cut`: only the beginning of a line is there. `damaged`: changed, missing or moved lines.
   * `newer`: made by a newer version. `other`: the journal of another campaign or round.
   */
  kind: "cut" | "damaged" | "newer" | "other";
}

type ChainResult = { ok: true; record: JournalRecord } | { ok: false; problem: ChainProblem };

/** The end of a journal, to which the next record is bound. */
export interface Chain {
  /** Number of the last record; 0 before the first. */
  readonly seq: number;
  /** Number of the present wave; 0 before the first. */
  readonly wave: number;
  /** Takes the next line, without its line feed. After a problem the chain is unchanged. */
  read(bytes: Uint8Array): ChainResult;
  /**
   * Makes the lines of new records and continues the chain from them.
   *
   * @param at This machine's time, in ISO 8601.
   * @throws {Error} when a body cannot be made fit, which is a bug. The chain is then unchanged.
   */
  make(
    bodies: readonly (RecordBody & { lock?: string | undefined })[],
    at: string,
  ): { record: JournalRecord; line: string }[];
  /** Goes back to an earlier end: to what {@linkcode Chain.mark} returned. */
  reset(mark: ChainMark): void;
  mark(): ChainMark;
}

interface ChainMark {
  readonly seq: number;
  readonly wave: number;
  readonly previous: string;
  /** The last line; undefined before the first. */
  readonly last: string | undefined;
}

function problem(why: string, kind: ChainProblem["kind"] = "damaged"): ChainResult {
  return { ok: false, problem: { why, kind } };
}

export function beginChain(campaign: string, round: string): Chain {
  const root = sha256Hex(JSON.stringify(["mogplex-ci/journal/1", campaign, round]));
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let end: ChainMark = { seq: 0, wave: 0, previous: root, last: undefined };

  function waveAfter(type: RecordBody["type"]): number {
    return end.wave + (type === "wave" ? 1 : 0);
  }

  function goOn({ seq, wave }: JournalRecord, line: string): void {
    end = { seq, wave, previous: sha256Hex(line), last: line };
  }

  /** Why a valid record is not the next one; undefined when it is. */
  function misplaced(record: JournalRecord, line: string): ChainResult | undefined {
    const expected = end.seq + 1;
    if (line === end.last) return problem("the line stands there twice");
    if (record.seq > expected) {
      const count = record.seq - expected;
      return problem(`${count === 1 ? `record ${expected} is` : `${count} records are`} missing before the line`);
    }
    if (record.seq < expected) return problem(`the line is record ${record.seq}, where ${expected} belongs`);
    if (record.previous !== end.previous) {
      if (expected > 1) return problem("the line does not follow the one before: one of the two was replaced");
      const ours = round === "" ? "without a round" : `round ${JSON.stringify(round)}`;
      return problem(`it belongs to another campaign or round than ${JSON.stringify(campaign)}, ${ours}`, "other");
    }
    const wave = waveAfter(record.type);
    if (record.wave !== wave) return problem(`the line is of wave ${record.wave}, where wave ${wave} belongs`);
    return undefined;
  }

  return {
    get seq() {
      return end.seq;
    },
    get wave() {
      return end.wave;
    },
    read(bytes) {
      let line: string;
      try {
        line = decoder.decode(bytes);
      } catch {
        return problem("the line was changed: it is not UTF-8");
      }
      const check = CHECK.exec(line);
      const text = check === null ? line : `${line.slice(0, check.index)}}`;
      const value = parseJson(text);
      const newer = newerSchema(value);
      if (newer !== undefined) {
        return problem(`the line was made by a newer version (schema ${newer})`, "newer");
      }
      if (check === null && value === undefined) return problem("the line is cut", "cut");
      if (check === null || sha256Hex(text).slice(0, 16) !== check[1]) {
        return problem("the line was changed");
      }
      const result: RecordResult = isUsualRecord(value) ? { ok: true, record: value } : readRecord(value);
      if (!result.ok) return problem(result.problem);
      const wrong = misplaced(result.record, line);
      if (wrong !== undefined) return wrong;
      goOn(result.record, line);
      return result;
    },
    make(bodies, at) {
      const before = end;
      try {
        return bodies.flatMap((body) => fitBody(body, at)).map((body) => {
          const { type, ...fields } = body;
          const place = { schema: 1, seq: end.seq + 1, previous: end.previous, at, wave: waveAfter(type) };
          const checked = readRecord({ ...place, type, ...fields });
          if (!checked.ok) throw new Error(`Cannot write a record of type ${type}: ${checked.problem}`);
          const text = JSON.stringify(checked.record);
          const line = `${text.slice(0, -1)},"check":"${sha256Hex(text).slice(0, 16)}"}`;
          goOn(checked.record, line);
          return { record: checked.record, line };
        });
      } catch (error) {
        end = before;
        throw error;
      }
    },
    reset(mark) {
      end = mark;
    },
    mark: () => end,
  };
}

// The fence: the idempotency key of a start follows from what is started, and from nothing else. Two workers that do not know of each other
// send the same key and get the same run.

/** What a key is derived from. No user, host or time is in it. */
export interface FenceParts {
  campaign: string;
  /** Its round; empty by default. */
  round: string;
  requestHash: string;
  /** UUID of the repository; upper and lower case are the same. */
  repositoryId: string;
  baseBranch: string;
  /** Root directory; null for the repository's root. */
  root: string | null;
  kind: StartKind;
  start: number;
}

/** The parts of a request that make it another task when they change. */
interface RequestParts extends Pick<LockTask, "agent" | "branch"> {
  /** The whole prompt with its title, as it is sent: every template is filled in. */
  prompt: string;
}

/**
 * The hash of a request: SHA-256 of the JSON array `["mogplex-ci/campaign-request/1", prompt, harness, mode, branch]`, as 64 hex digits.
 * The branch is the pattern of the campaign file; null where the service names it, as is a mode that the service chooses.
 */
export function requestHash({ prompt, agent, branch }: RequestParts): string {
  return sha256Hex(JSON.stringify(["mogplex-ci/campaign-request/1", prompt, agent.harness, agent.mode, branch]));
}

/**
 * The idempotency key of a start: `cp1-` and the first 40 hex digits of SHA-256 of the JSON array `["mogplex-ci/campaign/1", campaign,
 * round, request hash, repository id, base branch, root, kind, start number]`. Source: specification of campaigns, section 5.
 */
export function itemKey(parts: FenceParts): string {
  const { campaign, round, repositoryId, baseBranch, root, kind, start } = parts;
  const place = [repositoryId.toLowerCase(), baseBranch, root];
  const text = JSON.stringify(["mogplex-ci/campaign/1", campaign, round, parts.requestHash, ...place, kind, start]);
  return `cp1-${sha256Hex(text).slice(0, 40)}`;
}
