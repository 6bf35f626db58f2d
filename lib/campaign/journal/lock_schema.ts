/**
 * What a lock may contain.
 *
 * @module
 */
import * as z from "zod/mini";
import { uuid } from "../../api/contract/schemas.ts";
import { CAMPAIGN_NAME } from "../file/campaign_file.ts";
import { hex, isWebUrl, MAX_BRANCH, MAX_ITEM_ID, MAX_REASON, problemOf, time, visible, whole } from "./checks.ts";
import type { Lock, LockItem } from "./lock.ts";

/** Most characters of a prompt, with all that is put into it later. The service takes 100 000. */
const MAX_PROMPT = 1_000_000;
/** Most items of a lock. */
export const MAX_ITEMS = 100_000;
const MAX_TASKS = 1000;
const MAX_WINDOWS = 1000;

/** Names to texts. The schema library drops `__proto__`. */
function variables() {
  return z.record(z.string().check(z.maxLength(200)), z.string().check(z.maxLength(MAX_PROMPT)));
}

/** Whether this runtime knows a time zone: another one would end the campaign without a sentence. */
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
    repository: visible(300, 1),
    repositoryId: z.string().check(z.maxLength(36)),
    baseBranch: visible(MAX_BRANCH),
    root: z.nullable(visible(1024, 1)),
    variables: variables(),
    requestHash: z.string().check(z.maxLength(64)),
    task: whole(0, MAX_TASKS - 1),
    canary: z.boolean(),
    excluded: z.nullable(z.object({ as: z.enum(["invalid", "skipped"]), reason: visible(MAX_REASON) })),
  }).check(
    // Of a repository that the service does not know there is nothing but its name.
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
  const prompt = z.string().check(z.maxLength(MAX_PROMPT));
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
  });
  return z.object({
    schema: z.literal(1),
    campaign: name,
    round: visible(200),
    plannedAt: time(),
    origin: z.string().check(
      z.refine((text) => isWebUrl(text) && new URL(text).origin === text, "it is not an origin"),
    ),
    hash: z.optional(hex(64)),
    fileHash: hex(64),
    tasks: z.array(task).check(z.minLength(1, "it is empty"), z.maxLength(MAX_TASKS, "it is too long")),
    success: z.object({ require: z.enum(["run", "changes", "pull-request"]), acceptUnchanged: z.boolean() }),
    limits: z.object({
      parallel: whole(1, 3),
      attempts: whole(1, 1000),
      runTimeoutMs: whole(1, Number.MAX_SAFE_INTEGER),
      stopAfterFailures: z.nullable(threshold),
      // Locks of earlier versions do not have it.
      openPullRequests: z._default(z.nullable(whole(1, MAX_ITEMS)), null),
    }),
    canary: z.nullable(z.object({ size: whole(1, MAX_ITEMS), gate: z.enum(["automatic", "manual"]) })),
    onFailedChecks: z._default(z.nullable(z.object({ prompt, attempts: whole(1, 1000) })), null),
    windows: z.array(z.object({
      text: visible(200),
      days: z.array(whole(1, 7)),
      fromMinute: whole(0, 1439),
      toMinute: whole(0, 1440),
      zone: visible(100, 1).check(z.refine(isZone, "it is no time zone that this program knows")),
    })).check(z.maxLength(MAX_WINDOWS, `it has more than ${MAX_WINDOWS} windows`)),
    items: z.array(itemSchema).check(z.maxLength(MAX_ITEMS, `it has more than ${MAX_ITEMS} items`)),
  });
}

const itemSchema: z.ZodMiniType<LockItem> = z.lazy(makeItemSchema);
const schema: z.ZodMiniType<Lock> = z.lazy(makeSchema);

/** Outcome of {@linkcode readLockValue}. */
export type LockResult = { ok: true; lock: Lock } | { ok: false; problem: string };

/** Checks a parsed lock, each field by itself. Unknown fields are dropped. The problem is a clause, without any value of the lock. */
export function readLockValue(value: unknown): LockResult {
  const { success, data, error } = z.safeParse(schema, value);
  return success ? { ok: true, lock: data } : { ok: false, problem: `a field is not valid: ${problemOf(error)}` };
}

/** Checks a parsed item; undefined when it is not valid. */
export function readItemValue(value: unknown): LockItem | undefined {
  return z.safeParse(itemSchema, value).data;
}
