/**
 * Everything about a trigger that is settled before anything is sent: the request, its key, the deadline.
 *
 * @module
 */
import { MAX_KEY_LENGTH } from "../api/contract/rules.ts";
import { checkTriggerInput, checkUuid } from "../api/validate.ts";
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
 * another run. Every key, one that is given included, is sent as `AUTOMATION/REPOSITORY/KEY`, since the service tells neither
 * automations nor repositories apart by the key.
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
 * to one user. Every known revision finds a run by the key alone, also one of another repository. Source: contract, trap 32 and
 * section 12.
 */
function prefixOf(automationId: string, repoId: string): string {
  return `${automationId}/${repoId}/`;
}

/** A printed key: two ids, and what follows. */
const PRINTED_KEY = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/){2}/i;

function prefixed(prefix: string, automationId: string, key: StartKey): StartKey {
  // A key that an earlier trigger printed is taken as it is.
  if (key.key.startsWith(prefix)) return key;
  const attempted = "use idempotency key";
  if (PRINTED_KEY.test(key.key) || key.key.startsWith(`${automationId}/`)) {
    const why = "it is the key of another automation or repository";
    throw new UsageError({
      attempted,
      why,
      value: JSON.stringify(key.key),
      advice: `such a key begins with "${prefix}"`,
    });
  }
  const full = prefix + key.key;
  if (full.length <= MAX_KEY_LENGTH) return { ...key, key: full };
  const most = MAX_KEY_LENGTH - prefix.length;
  const why = `it must have at most ${most} characters, since the ids of automation and repository are put before it`;
  throw new UsageError({ attempted, why, value: `it has ${key.key.length}` });
}

/** The same value with the keys of all objects in order, so that equal inputs have equal texts. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, each]) => [key, ordered(each)]));
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
  const input = request.input === undefined ? undefined : checkTriggerInput(request.input);
  const job = jobOf(session, options);
  // The base compares no bodies: under the same key another input would silently find the run of the first one.
  const more = input === undefined ? undefined : JSON.stringify(ordered(input));
  const key = await planKey(session, options, "trigger automation", { job, repoId, more });
  return {
    automationId,
    request: { repoId, ...(input !== undefined && { input }) },
    key: prefixed(prefixOf(automationId, repoId), automationId, key),
    job,
    deadline,
  };
}
