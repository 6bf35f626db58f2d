/**
 * The chain of a journal: converts records to lines, and lines to records, without using files. Each line is linked to the previous line. This file
 * also computes the keys of starts.
 *
 * A line is one JSON object without whitespace between its tokens:
 *
 * - The fields are `schema`, `seq`, `previous`, `at`, `wave`, `type`, and then the fields of the type; see `record.ts`.
 * - `previous` is the SHA-256 of the previous line without its line feed, as 64 hex digits. In the first record, it is the SHA-256 of the JSON text
 *   `["mogplex-ci/journal/1",CAMPAIGN,ROUND]`.
 * - `check`, the last field, is the first 16 hex digits of the SHA-256 of the line without this field. It reveals a partly written line. It also
 *   reveals a change of the last line, to which no other line is linked yet.
 *
 * The chain detects accidents, not attacks: anyone who changes a line on purpose can compute the hashes again.
 *
 * @module
 */
import { parseJson } from "../../lookup.ts";
import { sha256Hex } from "../../sha256.ts";
import type { LockTask } from "./lock.ts";
import { newerSchema } from "./fields.ts";
import { fitBody, type JournalRecord, readRecord, type RecordBody, type StartKind } from "./record.ts";

/** Maximum size in bytes. The longest record has 100 items with names of 1500 characters. */
export const MAX_LINE_BYTES = 524_288;

const CHECK = /,"check":"([0-9a-f]{16})"\}$/;

export interface ChainProblem {
  why: string;
  /**
   * `cut`: only the beginning of a line exists. `damaged`: lines were changed, removed or moved. `newer`: the line was written by a newer version.
   * `other`: the journal belongs to another campaign or round.
   */
  kind: "cut" | "damaged" | "newer" | "other";
}

type ChainResult = { ok: true; record: JournalRecord } | { ok: false; problem: ChainProblem };

export interface Chain {
  readonly seq: number;
  /** After a problem, the chain is unchanged. */
  read(bytes: Uint8Array): ChainResult;
  /** If this throws, the chain is unchanged. */
  make(
    bodies: readonly (RecordBody & { lock?: string | undefined })[],
    at: string,
  ): { record: JournalRecord; line: string }[];
  reset(mark: ChainMark): void;
  mark(): ChainMark;
}

interface ChainMark {
  readonly seq: number;
  readonly wave: number;
  readonly previous: string;
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

  function misplaced(record: JournalRecord, line: string): ChainResult | undefined {
    const expected = end.seq + 1;
    if (line === end.last) return problem("the line appears twice");
    if (record.seq > expected) {
      const count = record.seq - expected;
      return problem(`${count === 1 ? `record ${expected} is` : `${count} records are`} missing before the line`);
    }
    if (record.seq < expected) return problem(`the line is record ${record.seq}, where ${expected} is expected`);
    if (record.previous !== end.previous) {
      if (expected > 1) return problem("the line does not follow the previous line: one of the two was replaced");
      const ours = round === "" ? "without a round" : `round ${JSON.stringify(round)}`;
      return problem(`it belongs to a different campaign or round than ${JSON.stringify(campaign)}, ${ours}`, "other");
    }
    const wave = waveAfter(record.type);
    if (record.wave !== wave) return problem(`the line belongs to wave ${record.wave}, where wave ${wave} is expected`);
    return undefined;
  }

  return {
    get seq() {
      return end.seq;
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
        return problem(`the line was written by a newer version (schema ${newer})`, "newer");
      }
      if (check === null && value === undefined) return problem("the line is truncated", "cut");
      if (check === null || sha256Hex(text).slice(0, 16) !== check[1]) {
        return problem("the line was changed");
      }
      const result = readRecord(value);
      if (!result.ok) return problem(result.problem);
      const record = result.value;
      const wrong = misplaced(record, line);
      if (wrong !== undefined) return wrong;
      goOn(record, line);
      return { ok: true, record };
    },
    make(bodies, at) {
      const before = end;
      try {
        return bodies.flatMap((body) => fitBody(body, at)).map((body) => {
          const { type, ...fields } = body;
          const place = { schema: 1, seq: end.seq + 1, previous: end.previous, at, wave: waveAfter(type) };
          const checked = readRecord({ ...place, type, ...fields });
          if (!checked.ok) throw new Error(`Cannot write a record of type ${type}: ${checked.problem}`);
          const record = checked.value;
          const text = JSON.stringify(record);
          const line = `${text.slice(0, -1)},"check":"${sha256Hex(text).slice(0, 16)}"}`;
          goOn(record, line);
          return { record, line };
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

/**
 * The data from which an idempotency key is derived. Two workers that do not know of each other must send the same key for the same start, so the
 * data contains no user, host or time.
 */
export interface FenceParts {
  campaign: string;
  round: string;
  requestHash: string;
  repositoryId: string;
  baseBranch: string;
  root: string | null;
  kind: StartKind;
  start: number;
}

interface RequestParts extends Pick<LockTask, "agent" | "branch"> {
  /** The prompt as it is sent: with the title, and with all variables replaced. */
  prompt: string;
}

/**
 * SHA-256 of the JSON array `["mogplex-ci/campaign-request/1", prompt, harness, mode, branch]`, as 64 hex digits. The branch is the template from the
 * campaign file. The branch and the mode are `null` if the service chooses them.
 */
export function requestHash({ prompt, agent, branch }: RequestParts): string {
  return sha256Hex(JSON.stringify(["mogplex-ci/campaign-request/1", prompt, agent.harness, agent.mode, branch]));
}

/**
 * Returns the idempotency key of a start: `cp1-` and the first 40 hex digits of the SHA-256 of the JSON array `["mogplex-ci/campaign/1", campaign,
 * round, request hash, repository id, base branch, root, kind, start number]`. Source: specification of campaigns, section 5.
 */
export function itemKey(parts: FenceParts): string {
  const { campaign, round, repositoryId, baseBranch, root, kind, start } = parts;
  const place = [repositoryId.toLowerCase(), baseBranch, root];
  const text = JSON.stringify(["mogplex-ci/campaign/1", campaign, round, parts.requestHash, ...place, kind, start]);
  return `cp1-${sha256Hex(text).slice(0, 40)}`;
}
