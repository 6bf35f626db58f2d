/**
 * Everything about a trigger that is settled before anything is sent: the request, its key, the deadline.
 *
 * @module
 */
import { MAX_KEY_LENGTH } from "../api/contract/rules.ts";
import { checkUuid } from "../api/validate.ts";
import { UsageError } from "../errors.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import type { KeyScope } from "../job/key.ts";
import { checkTimeout, type ConnectOptions, DEFAULT_TIMEOUT_MS, type Session } from "../job/session.ts";
import { jobOf, type KeyOptions, planKey, type StartKey } from "../job/start_key.ts";

/** What an automation is triggered with. */
export interface TriggerRequest {
  /** UUID of the repository. */
  repoId: string;
  /**
   * Becomes metadata of the run; whatever JSON can hold. Names that the service uses itself are overwritten by it.
   * @default none
   */
  input?: Record<string, unknown> | undefined;
}

/**
 * Options of {@linkcode triggerAutomation}. The key is made as for {@linkcode start}, of the input as well: another input is
 * another run. Every key, one that is given included, is sent with the automation's id before it.
 */
export interface TriggerOptions extends ConnectOptions, KeyOptions {
  /** Whole wait in milliseconds: more than 0, at most 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** Gets the run at once, before anything else happens. @default nobody */
  onTriggered?: ((triggered: TriggeredRun) => void) | undefined;
}

/** A run of an automation that a trigger started or found. */
export interface TriggeredRun {
  /** UUID of the automation. */
  automationId: string;
  /** UUID of the automation run. */
  runId: string;
  /** Where it is: `pending` while it waits for a slot, so that nothing runs yet; `running`; or how it ended. */
  status: string;
  /** Whether the key was known: nothing was started now, and the run is shown as it is. */
  replayed: boolean;
  /** Why it did not start at once, in the service's word; null where there is none. */
  reason: string | null;
  /** Key that finds it again, as it was sent. */
  idempotencyKey: string;
  /** Where the key comes from; `given` is the caller's own. */
  keyScope: KeyScope | "given";
  /** Whether this job owns the run, so that it may stop it: see `ownsRun`. */
  owned: boolean;
}

/** Everything about a trigger that is settled before anything is sent. */
export interface TriggerPlan {
  /** UUID of the automation. */
  automationId: string;
  /** The request in the form that is sent. */
  request: { repoId: string; input?: Record<string, unknown> };
  /** Its key. */
  key: StartKey;
  /** Who the job is. */
  job: JobIdentity | null;
  /** Point on the clock. */
  deadline: number;
}

/**
 * What a trigger's key begins with. Older revisions share all keys among all users and automations, and an automation belongs
 * to one user. Source: contract, trap 32.
 */
function prefixOf(automationId: string): string {
  return `${automationId}/`;
}

function prefixed(automationId: string, key: StartKey): StartKey {
  const prefix = prefixOf(automationId);
  // A key that an earlier trigger printed is taken as it is.
  const full = key.key.startsWith(prefix) ? key.key : prefix + key.key;
  if (full.length <= MAX_KEY_LENGTH) return { ...key, key: full };
  throw new UsageError({
    attempted: "use idempotency key",
    why: `it must have at most ${
      MAX_KEY_LENGTH - prefix.length
    } characters, since the automation's id is put before it`,
    value: `it has ${key.key.length}`,
  });
}

/** The same value with the keys of all objects in order, so that equal inputs have equal texts. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, each]) => [key, ordered(each)]));
}

/** The input as JSON makes it. @throws {UsageError} when it is not an object, or one that the service cannot store. */
function checkInput(input: Record<string, unknown>): Record<string, unknown> {
  const attempted = "trigger automation";
  let text: string | undefined;
  try {
    text = JSON.stringify(input);
  } catch (cause) {
    throw new UsageError({ attempted, why: "'input' cannot be written as JSON" }, { cause });
  }
  if (text === undefined || !text.startsWith("{")) {
    const why = "'input' must be an object of names and values";
    throw new UsageError({ attempted, why, value: `it is ${Array.isArray(input) ? "a list" : typeof input}` });
  }
  // The service's database cannot store it: the answer would be a 500, however often it is tried.
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(text)) {
    throw new UsageError({ attempted, why: "'input' must not contain the character U+0000" });
  }
  return JSON.parse(text);
}

/** Settles request and key. @throws {UsageError} when something breaks a rule; nothing was sent. */
export async function planTrigger(
  session: Session,
  automation: string,
  request: TriggerRequest,
  options: TriggerOptions,
): Promise<TriggerPlan> {
  const automationId = checkUuid(automation, "automation id");
  const deadline = session.startedAt + checkTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const repoId = checkUuid(request.repoId, "repository id");
  const input = request.input === undefined ? undefined : checkInput(request.input);
  const job = jobOf(session, options);
  // The base compares no bodies: under the same key another input would silently find the run of the first one.
  const more = input === undefined ? undefined : JSON.stringify(ordered(input));
  const key = await planKey(session, options, "trigger automation", { job, repoId, more });
  return {
    automationId,
    request: { repoId, ...(input !== undefined && { input }) },
    key: prefixed(automationId, key),
    job,
    deadline,
  };
}
