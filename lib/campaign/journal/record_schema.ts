/**
 * What a record may contain. Records that are read are checked; those that are written are made fit, so that the texts of a service never
 * make a journal that cannot be read again.
 *
 * @module
 */
import * as z from "zod/mini";
import { isUuid } from "../../api/contract/rules.ts";
import { uuid } from "../../api/contract/schemas.ts";
import { EXIT } from "../../exit_codes.ts";
import { ITEM_VERDICTS } from "../verdicts.ts";
import {
  hex,
  isTime,
  isVisible,
  isWebUrl,
  MAX_BRANCH,
  MAX_ITEM_ID,
  MAX_NUMBER,
  MAX_PERSON,
  MAX_REASON,
  MAX_RECORD_ITEMS,
  MAX_STATUS,
  problemOf,
  time,
  visible,
  webUrl,
  whole,
} from "./checks.ts";
import { CHECKS_STATES, REVIEW_STATES } from "../../forge/pull_request.ts";
import type { JournalRecord, StartEnd } from "./record.ts";

/** Most times of a `joined` record: more than the service takes in a day. */
const MAX_SLOTS = 200;
const GATES = ["canary", "threshold"] as const;
const ENDS: readonly StartEnd[] = [...ITEM_VERDICTS.filter((verdict) => verdict !== "skipped"), "quota", "service"];

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
    z.minLength(1, "it is empty"),
    z.maxLength(MAX_RECORD_ITEMS, `it has more than ${MAX_RECORD_ITEMS} items`),
  );
  const start = whole(1, MAX_NUMBER);
  const status = visible(MAX_STATUS, 1);
  const by = visible(MAX_PERSON, 1);
  const reason = visible(MAX_REASON);
  const branch = z.nullable(visible(MAX_BRANCH, 1));
  const gate = z.enum(GATES);
  const size = z.optional(z.nullable(whole(0, MAX_NUMBER)));
  const followUp = z.optional(z.enum(["checks", "conflict", "review"]));
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
    }),
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
    z.object({ ...place, type: z.literal("seen"), item, start, status, updatedAt: z.nullable(time()) }),
    z.object({
      ...place,
      type: z.literal("ended"),
      item,
      start,
      as: z.enum(ENDS),
      runId: z.nullable(uuid),
      slot: z.boolean(),
      retryAt: z.nullable(time()),
      reason: z.nullable(reason),
      status: z.nullable(status),
      changed: z.nullable(z.boolean()),
      branch,
      pullRequest: z.nullable(webUrl()),
      createdAt: z.nullable(time()),
      updatedAt: z.nullable(time()),
    }),
    z.object({
      ...place,
      type: z.literal("sandboxes"),
      used: whole(0, MAX_NUMBER),
      lingering: z.optional(z.array(item).check(z.maxLength(MAX_RECORD_ITEMS))),
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
    z.object({
      ...place,
      type: z.literal("pull-request"),
      item,
      state: status,
      url: webUrl(),
      details: z.optional(z.object({
        draft: z.boolean(),
        checks: z.nullable(z.enum(CHECKS_STATES)),
        review: z.nullable(z.enum(REVIEW_STATES)),
        conflict: z.nullable(z.boolean()),
        owner: z.nullable(by),
        ...{ createdAt: z.nullable(time()), updatedAt: z.nullable(time()), reason: z.nullable(reason) },
        commit: z.optional(z.nullable(status)),
        foreign: z.optional(z.nullable(reason)),
        guarded: z.optional(z.nullable(z.boolean())),
        behind: z.optional(z.boolean()),
        queue: z.optional(z.boolean()),
        ...{ files: size, additions: size, deletions: size },
      })),
    }),
    z.object({ ...place, type: z.literal("gate"), gate, reason }),
    z.object({ ...place, type: z.literal("approved"), gate, by, note: z.nullable(reason) }),
    z.object({
      ...place,
      type: z.literal("retry"),
      items,
      by,
      adopt: z.boolean(),
      followUp,
      settle: z.optional(z.boolean()),
    }),
    z.object({ ...place, type: z.literal("skipped"), items, by, reason, cancel: z.optional(z.boolean()) }),
    z.object({ ...place, type: z.literal("stopped"), by, cancel: z.boolean() }),
    z.object({ ...place, type: z.literal("resumed"), by }),
    z.object({
      ...place,
      type: z.literal("joined"),
      from: reason,
      records: whole(0, MAX_NUMBER),
      slots: z.array(time()).check(z.maxLength(MAX_SLOTS, `it has more than ${MAX_SLOTS} times`)),
    }),
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
  const shown = (most: number, least = 1) =>
    text((value) => value.length >= least && value.length <= most && isVisible(value));
  const time = text(isTime);
  const id = text(isUuid);
  const status = shown(MAX_STATUS);
  const start = { item: shown(MAX_ITEM_ID), start: number };
  const times = { createdAt: orNull(time), updatedAt: orNull(time) };
  const branch = orNull(shown(MAX_BRANCH));
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
    seen: { ...start, status, updatedAt: times.updatedAt },
    ended: {
      ...start,
      as: text((value) => (ENDS as readonly string[]).includes(value)),
      runId: orNull(id),
      slot: flag,
      retryAt: orNull(time),
      reason: orNull(shown(MAX_REASON, 0)),
      status: orNull(status),
      changed: orNull(flag),
      branch,
      pullRequest: orNull(text(isWebUrl)),
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

/** Whether a value is a valid record of one of the usual types, with all of its fields and no others. Any other one is for {@linkcode readRecord}. */
export function isUsualRecord(value: unknown): value is JournalRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  const fields = (tests ??= makeTests()).get(record.type);
  if (fields === undefined) return false;
  const known = fields.filter(([name]) => Object.hasOwn(record, name)).length;
  return Object.keys(record).length === known && fields.every(([name, test]) => test(record[name]));
}

/** Outcome of {@linkcode readRecord}. */
export type RecordResult = { ok: true; record: JournalRecord } | { ok: false; problem: string };

/** Checks a parsed line. Unknown fields are dropped. The problem is a clause, and never contains a value of the record. */
export function readRecord(value: unknown): RecordResult {
  const { success, data, error } = z.safeParse(schema, value);
  return success ? { ok: true, record: data } : { ok: false, problem: `a field is not valid: ${problemOf(error)}` };
}
