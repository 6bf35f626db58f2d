import type { JobIdentity } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import { MAX_KEY_LENGTH } from "../service/contract.ts";
import { checkRepository, type RepositoryChoice, resolveRepository } from "../service/repository.ts";
import { checkOptions, checkTriggerInput, checkUuid, type Keys } from "../service/validate.ts";
import { jobOf, keyKeys, type KeyOptions, type KeyScope, planKey, type StartKey } from "./key.ts";
import { type Session, verbKeys, type VerbOptions } from "./session.ts";

/**
 * Names and prefixes that later revisions of the service drop, unless the automation has an API trigger that declares them. Source: contract, section
 * 12.
 */
const DROPPED =
  /^(?:(?:flow_|repo_|sandbox_|source|dispatch_|trigger|input).*|working_branch|installation_id|team_id|default_branch|webhook|slack|schedule)$/s;

function droppedInputsWarning(input: Readonly<Record<string, unknown>>): string | undefined {
  const names = Object.keys(input).filter((name) => DROPPED.test(name));
  if (names.length === 0) return undefined;
  return `the service may drop the input ${
    names.map((name) => JSON.stringify(name)).join(", ")
  }, because it passes on ` +
    "reserved names only if the automation's API trigger declares them";
}

/** Request to trigger an automation. `repo` or `repoId` names the repository. */
export type TriggerRequest = RepositoryChoice & {
  /**
   * Metadata for the run: a JSON object. The service overwrites the names that it uses itself.
   */
  input?: Record<string, unknown> | undefined;
};

/**
 * Options for {@linkcode MogplexAutomations.trigger}. The key is derived as for {@linkcode Mogplex.start}, and also from the input, so a
 * different input means a different run. Every key, including one from the caller, is sent as `AUTOMATION/REPOSITORY/KEY`, because the
 * service has one set of keys for all automations and repositories.
 */
export interface TriggerOptions extends VerbOptions, KeyOptions {
  /**
   * Maximum time to wait, in milliseconds: more than 0 (at least one second if the run is followed), at most 30 days. @default {1_800_000}
   */
  timeoutMs?: number | undefined;
  /**
   * Called as soon as the run is started or found. The return value is not awaited. If the function throws or rejects, a notice reports the error.
   */
  onTriggered?: ((triggered: TriggeredRun) => unknown) | undefined;
}

export function triggerKeys(): Keys<TriggerOptions> {
  return { ...verbKeys(), ...keyKeys(), timeoutMs: "number", onTriggered: "function" };
}

export function checkTriggerKeys(request: unknown): void {
  const keys: Keys<TriggerRequest> = { repo: "string", repoId: "string", input: "any" };
  checkOptions("trigger automation", request, keys, "requests");
}

/** An automation run that a trigger started or found. */
export interface TriggeredRun {
  /** UUID of the automation. */
  automationId: string;
  /** UUID of the automation run. */
  runId: string;
  /** `pending` while the run is waiting for a slot, `running`, or its final status. */
  status: string;
  /** Whether the key found an existing run, so that nothing was started. */
  replayed: boolean;
  /** Why the run did not start at once, in the service's words; `null` if the service gave no reason. */
  reason: string | null;
  /** Key that finds the run again, exactly as it was sent. */
  idempotencyKey: string;
  /** Scope of the key; `given` for a key from the caller. */
  keyScope: KeyScope | "given";
  /**
   * Whether this job, or an earlier attempt of it, triggered the run. `false` if your own key, or a key with the scope `day`, found an existing run;
   * `cancel()` and `cancelOn` still cancel that run.
   */
  owned: boolean;
}

export interface TriggerPlan {
  automationId: string;
  request: { repoId: string; input?: Record<string, unknown> };
  key: StartKey;
  job: JobIdentity | null;
}

/**
 * The prefix of a trigger's key. Older revisions have one set of keys for all users and automations. An automation belongs to one user, so its id
 * separates the keys of different users. Every known revision finds a run by its key alone, even a run for another repository. Source: contract, trap
 * 32 and section 12.
 */
function prefixOf(automationId: string, repoId: string): string {
  return `${automationId}/${repoId}/`;
}

const PRINTED_KEY = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/){2}/i;

function prefixed(prefix: string, automationId: string, key: StartKey): StartKey {
  if (key.key.startsWith(prefix)) return key;
  const attempted = "use idempotency key";
  if (PRINTED_KEY.test(key.key) || key.key.startsWith(`${automationId}/`)) {
    const why = "it belongs to another automation or repository";
    throw new UsageError({
      attempted,
      why,
      value: JSON.stringify(key.key),
      advice: `keys for this automation and repository begin with "${prefix}"`,
    });
  }
  const full = prefix + key.key;
  if (full.length <= MAX_KEY_LENGTH) return { ...key, key: full };
  const most = MAX_KEY_LENGTH - prefix.length;
  const why =
    `it must have at most ${most} characters (the ids of the automation and the repository are added in front)`;
  throw new UsageError({ attempted, why, value: `it has ${key.key.length}` });
}

/** Equal inputs must have equal JSON, so the names in all objects are sorted. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, each]) => [key, ordered(each)]));
}

export async function planTrigger(
  session: Session,
  automation: string,
  request: TriggerRequest,
  options: KeyOptions,
): Promise<TriggerPlan> {
  const automationId = checkUuid(automation, "automation id");
  const repository = checkRepository(request, "trigger automation");
  const input = request.input === undefined ? undefined : checkTriggerInput(request.input);
  const warning = droppedInputsWarning(input ?? {});
  if (warning !== undefined) session.notify({ kind: "text", message: warning });
  const { client, deadline, signal } = session;
  const repoId = await resolveRepository(client, repository, { deadline, signal });
  const job = jobOf(session, options);
  // The oldest revision does not compare inputs. Without the input in the key, a different input would find the first run.
  const more = input === undefined ? undefined : JSON.stringify(ordered(input));
  const key = planKey(session, options, "trigger automation", { job, repoId, more });
  return {
    automationId,
    request: { repoId, ...(input !== undefined && { input }) },
    key: prefixed(prefixOf(automationId, repoId), automationId, key),
    job,
  };
}
