import { detected } from "../ci/detect.ts";
import { ConflictError, MogplexError, UnavailableError } from "../errors.ts";
import { isObject } from "../lookup.ts";
import type { AutomationRun, TriggerResult } from "../model.ts";
import { PROCESS, type TriggerFacts } from "../service/memory.ts";
import type { CallOptions } from "../service/client.ts";
import { TOO_DEEP } from "../service/contract.ts";
import { isMissingRoute, OTHER_KEY } from "../service/errors.ts";
import type { Startable } from "../service/start.ts";
import { type Keys } from "../service/validate.ts";
import { createRedactor } from "../text/redact.ts";
import {
  checkTriggerKeys,
  planTrigger,
  type TriggeredRun,
  triggerKeys,
  type TriggerOptions,
  type TriggerPlan,
  type TriggerRequest,
} from "./automation_request.ts";
import { guardResult } from "./clean.ts";
import {
  attachAutomationKeys,
  type AttachAutomationOptions,
  AutomationFollower,
  type AutomationItem,
  AutomationReader,
} from "./follow_automation.ts";
import {
  type Ending,
  Job,
  type JobEnd,
  type Look,
  type Operation,
  startError,
  type StopCause,
  type Stopped,
} from "./job.ts";
import type { KeyOptions } from "./key.ts";
import type { JobOptions } from "./options.ts";
import { type AutomationResult, emptyAutomationResult, endOfAutomationRun, resultError, SEE_REASON } from "./result.ts";
import { type ConnectOptions, openSession, type Session } from "./session.ts";
import { RepositoryName } from "./repository_name.ts";
import { type StartAnswer, StartSeries } from "./start.ts";

/** Options for {@linkcode MogplexAutomations.run}. */
export interface RunAutomationOptions extends TriggerOptions, AttachAutomationOptions {}

export function runAutomationKeys(): Keys<RunAutomationOptions> {
  return { ...triggerKeys(), ...attachAutomationKeys() };
}

export type AutomationJob = JobOptions<AutomationItem, TriggeredRun>;

export async function runAutomationJob(
  automationId: string,
  request: TriggerRequest,
  options: AutomationJob,
): Promise<JobEnd<AutomationResult>> {
  return await new Job(new AutomationOperation(automationId, request, options), options).start();
}

export async function attachAutomationJob(
  automationId: string,
  runId: string,
  options: AutomationJob,
): Promise<JobEnd<AutomationResult>> {
  return await new Job(new AutomationOperation(automationId, runId, options), options).attach();
}

class AutomationOperation implements Operation<AutomationItem, AutomationResult> {
  readonly #session: Session;
  readonly #automationId: string;
  readonly #target: TriggerRequest | string;
  readonly #options: AutomationJob;
  #plan: TriggerPlan | undefined;
  #series: TriggerSeries | undefined;
  #triggered: TriggeredRun | undefined;
  #follower: AutomationFollower | undefined;
  #stopped: StoppedAutomationRun | undefined;
  readonly #name: RepositoryName;

  constructor(automationId: string, target: TriggerRequest | string, options: AutomationJob) {
    this.#session = options.session;
    this.#automationId = automationId;
    this.#target = target;
    this.#options = options;
    this.#name = new RepositoryName(options.session);
  }

  get #runId(): string | undefined {
    return typeof this.#target === "string" ? this.#target : this.#triggered?.runId;
  }

  get #repoId(): string | undefined {
    const run = this.#follower?.run;
    return this.#plan?.request.repoId ?? (run && PROCESS.triggerOf(run).repo?.id) ?? undefined;
  }

  get label(): string {
    return `automation run "${this.#runId ?? ""}"`;
  }

  get mayExist(): boolean {
    return this.#runId !== undefined || this.#series?.mayExist === true;
  }

  get isSeen(): boolean {
    return (this.#follower?.run ?? this.#triggered) !== undefined;
  }

  async start(): Promise<void> {
    const request = this.#target;
    if (typeof request === "string") throw new Error("Cannot trigger a run that already exists");
    const plan = await planTrigger(this.#session, this.#automationId, request, this.#options);
    this.#plan = plan;
    this.#series = triggerSeries(this.#session, plan, this.#options, true);
    const triggered = this.#triggered = await triggerWith(this.#series, plan);
    this.#name.ask(plan.request.repoId);
    this.#options.onStarted(triggered);
  }

  async *items(look: Look): AsyncGenerator<AutomationItem, void, void> {
    if (look.kind === "rest") return;
    const runId = this.#runId;
    if (runId === undefined) throw new Error("Cannot follow before the trigger");
    const { tokenShare } = this.#options;
    const repoId = this.#plan?.request.repoId;
    this.#follower = new AutomationFollower(this.#session, this.#automationId, runId, tokenShare, repoId);
    for await (const item of this.#follower.items()) {
      if (this.#repoId !== undefined) this.#name.ask(this.#repoId);
      yield item;
    }
  }

  /** A trigger is not repeated to find its run, because a repeated trigger could start a run that some revisions of the service cannot cancel. */
  async stop(cause: StopCause): Promise<Stopped> {
    const runId = this.#runId;
    if (runId === undefined) {
      const key = JSON.stringify(this.#series?.key);
      const text = this.mayExist
        ? `the automation may have been triggered; to find its run, trigger it again with idempotency key ${key}`
        : "nothing was triggered";
      return { answered: false, text };
    }
    if (cause.kind === "signal" && !cause.cancels(this.#triggered?.owned ?? false)) {
      return { answered: false, text: "the automation run continues" };
    }
    return this.#stopped = await stopAutomationRun(this.#session, this.#automationId, runId, cause);
  }

  result({ outcome: ending, exitCode, reason, error }: Ending): AutomationResult {
    const session = this.#session;
    const run = this.#follower?.run;
    const triggered = this.#triggered;
    const outcome = error instanceof AutomationSuppressedError ? "suppressed" : automationOutcome(ending);
    // The status after a cancel request is newer than the last read of the run.
    const status = this.#stopped?.status ?? run?.status ?? triggered?.status ?? null;
    const idempotencyKey = triggered?.idempotencyKey ?? this.#series?.key ?? null;
    const ended = endOfAutomationRun(status ?? "") !== undefined;
    return {
      ...emptyAutomationResult(),
      automationId: this.#automationId,
      runId: run?.id ?? this.#runId ?? null,
      repoId: this.#repoId ?? null,
      repository: this.#name.take(this.#repoId) ?? null,
      status,
      outcome,
      exitCode,
      reason: reason ?? (run?.status === "failed" ? run.error : null),
      error: error === undefined || endOfAutomationRun(outcome) !== undefined ? null : resultError(error),
      replayed: triggered?.replayed ?? null,
      idempotencyKey,
      mayExist: this.mayExist,
      createdAt: run?.created_at ?? null,
      startedAt: run?.started_at ?? null,
      completedAt: run?.completed_at ?? null,
      runDurationMs: run?.duration_ms ?? null,
      requests: session.requests(),
      waits: session.waits(),
      durationMs: Math.round(session.clock.now() - session.startedAt),
      origin: session.client.origin,
      resume: ended || !this.mayExist || idempotencyKey === null
        ? null
        : `the same call with idempotencyKey ${idempotencyKey}`,
      resumeIsCommand: false,
    };
  }
}

function automationOutcome(outcome: Ending["outcome"]): AutomationResult["outcome"] {
  return outcome === "awaiting_input" || outcome === "started" ? "error" : outcome;
}

interface StoppedAutomationRun extends Stopped {
  status?: string | undefined;
}

/** Errors of the service or the network must not reject the promise. */
async function stopAutomationRun(
  { client, clock, signal }: Session,
  automationId: string,
  runId: string,
  { limitMs, kind }: { limitMs: number; kind: "deadline" | "signal" },
): Promise<StoppedAutomationRun> {
  // After a signal, the session's own signal is already aborted. The aborted signal must not end the cancel request.
  const ending = kind === "deadline" ? signal : undefined;
  const call = { deadline: clock.now() + limitMs, requestTimeoutMs: limitMs, signal: ending };
  let ended = false;
  try {
    const { status } = await client.cancelAutomationRun(automationId, runId, call);
    ended = endOfAutomationRun(status ?? "") !== undefined && status !== "cancelled";
    if (!ended) return answer(status ?? undefined, false, "the automation run was cancelled");
  } catch (error) {
    // Only later revisions of the service can cancel automation runs. Source: contract 3.11.
    if (isMissingRoute(error)) {
      const text = "the automation run continues, because this revision of the service cannot cancel automation runs";
      return { answered: false, text };
    }
    if (!(error instanceof ConflictError)) {
      const why = error instanceof MogplexError ? error.message : String(error);
      return {
        answered: false,
        text: `the automation run may still be running, because it could not be cancelled: ${why}`,
      };
    }
  }
  // The run has finished or is about to finish. The run is read, because only its status shows how it ended.
  const run = await client.getAutomationRun(automationId, runId, call).catch(() => undefined);
  if (run === undefined) {
    const text = ended
      ? "the automation run has ended, but its result could not be read"
      : "the automation run could not be cancelled in its current state";
    return { answered: ended, text };
  }
  const is = `is ${JSON.stringify(run.status)}`;
  const text = ended ? `the automation run ${is}` : `the automation run could not be cancelled because it ${is}`;
  return answer(run.status, true, text);
}

function answer(status: string | undefined, hadEnded: boolean, text: string): StoppedAutomationRun {
  const outcome = status === undefined ? undefined : endOfAutomationRun(status);
  const byItself = outcome !== undefined && (hadEnded || outcome !== "cancelled");
  return { answered: true, status, outcome, byItself, text };
}

export async function triggerAutomation(
  automationId: string,
  request: TriggerRequest,
  options: TriggerOptions & ConnectOptions,
): Promise<TriggeredRun> {
  checkTriggerKeys(request);
  const session = openSession(options, detected(options));
  const errorOf = (error: unknown, series: TriggerSeries) => startError(error, series, options.signal);
  const triggered = await triggerJob(automationId, request, session, options, errorOf);
  options.onTriggered?.(triggered);
  return triggered;
}

interface FoundAutomationRun extends StartAnswer {
  reason: string | null;
}

type TriggerSeries = StartSeries<FoundAutomationRun>;

/** An existing run is read, because the oldest revision of the service answers without the run's status and times. */
async function found(
  { client }: Session,
  plan: TriggerPlan,
  result: TriggerResult,
  idempotencyKey: string,
  call: CallOptions,
): Promise<FoundAutomationRun | undefined> {
  const { jobRunId, outcome, reason, status } = result;
  if (jobRunId === null) return undefined;
  const runId = jobRunId.toLowerCase();
  if (outcome === "queued") {
    return { runId, status: status ?? "pending", replayed: false, createdAt: null, updatedAt: null, reason };
  }
  const run = await new AutomationReader(client, plan.automationId, runId).read(call);
  checkReplay(plan, result, run, idempotencyKey);
  const { created_at: createdAt, completed_at: updatedAt } = run;
  return { runId, status: run.status, replayed: true, createdAt, updatedAt, reason: null };
}

/** Maximum backoff after the first suppressed trigger. Active runs take minutes to finish. */
const SUPPRESSED_MS = 15_000;

function triggerSeries(
  session: Session,
  plan: TriggerPlan,
  { onStarting }: KeyOptions,
  waits: boolean,
): TriggerSeries {
  const { automationId, request, key, job } = plan;
  let isNamed = false;
  const what: Startable<FoundAutomationRun> = {
    what: `trigger automation "${automationId}"`,
    takesSlot: false,
    isNamed: () => isNamed,
    async attempt(idempotencyKey, call) {
      const result = await session.client.triggerAutomation(automationId, request, { idempotencyKey }, call);
      isNamed = result.jobRunId !== null;
      const run = await found(session, plan, result, idempotencyKey, call);
      if (run !== undefined) return run;
      if (result.outcome === "suppressed") throw new AutomationSuppressedError(automationId, result.reason);
      const facts = { status: 202, code: null, requestId: null, retryAfterMs: null };
      const why = `the response breaks the API's contract: outcome ${JSON.stringify(result.outcome)} without a run`;
      throw new UnavailableError({ attempted: what.what, why }, "unavailable", facts);
    },
    judge(error) {
      if (error instanceof ConflictError) isNamed = false;
      if (!waits || !(error instanceof AutomationSuppressedError)) return undefined;
      const detail = `suppressed: ${error.reason}`;
      return { cause: "start_limit", detail, namedMs: null, refused: true, baseMs: SUPPRESSED_MS };
    },
  };
  return new StartSeries(session, { what, key, job }, { onStarting });
}

async function triggerWith(series: TriggerSeries, { automationId }: TriggerPlan): Promise<TriggeredRun> {
  const { run, runId, replayed, idempotencyKey, keyScope, owned } = await series.start();
  const { status, reason } = run;
  return { automationId, runId, status, replayed, reason, idempotencyKey, keyScope, owned };
}

export async function triggerJob(
  automationId: string,
  request: TriggerRequest,
  session: Session,
  options: KeyOptions,
  errorOf: (error: unknown, series: TriggerSeries) => unknown = (error) => error,
): Promise<TriggeredRun> {
  const plan = await planTrigger(session, automationId, request, options);
  const series = triggerSeries(session, plan, options, false);
  try {
    return await triggerWith(series, plan);
  } catch (error) {
    throw errorOf(error, series);
  }
}

/** The service sets these names in the metadata itself, and overwrites input with the same names. Source: recorded exchanges, `automation-runs/*`. */
const WRITTEN: readonly string[] = [
  "source",
  "source_type",
  "dispatch_source",
  "default_branch",
  "flow_id",
  "flow_version_id",
  "repo_id",
  "repo_full_name",
  "installation_id",
];
/** Later revisions may set these names themselves, or remove them from an input. Source: contract, section 12. */
const RESERVED =
  /^(?:flow_|repo_|sandbox_|source|dispatch_|trigger|input)|^(?:working_branch|installation_id|team_id|default_branch|webhook|slack|schedule)$/;

/** Nested parts that were cut off when the record was read are treated as equal. */
function isSame(sent: unknown, recorded: unknown): boolean {
  if (recorded === TOO_DEEP || Object.is(sent, recorded)) return true;
  if (Array.isArray(sent)) {
    return Array.isArray(recorded) && sent.length === recorded.length &&
      sent.every((value, index) => isSame(value, recorded[index]));
  }
  if (!isObject(sent) || !isObject(recorded)) return false;
  const names = Object.keys(sent);
  return names.length === Object.keys(recorded).length &&
    names.every((name) => Object.hasOwn(recorded, name) && isSame(sent[name], recorded[name]));
}

function hasOtherInput(input: Record<string, unknown>, { metadata }: TriggerFacts, outcome: string): boolean {
  if (metadata === null) return false;
  // Later revisions of the service compare inputs themselves, and may add other names to the record.
  if (outcome === "replayed") {
    const { input: recorded } = metadata;
    return isObject(recorded) &&
      Object.entries(input).some(([name, value]) => Object.hasOwn(recorded, name) && !isSame(value, recorded[name]));
  }
  const changed = Object.entries(input).some(([name, value]) => {
    if (WRITTEN.includes(name)) return false;
    return Object.hasOwn(metadata, name) ? !isSame(value, metadata[name]) : !RESERVED.test(name);
  });
  return changed || Object.keys(metadata).some((name) => !Object.hasOwn(input, name) && !RESERVED.test(name));
}

/**
 * Not every revision of the service checks that the run of a repeated key belongs to this trigger. The input is compared only if the caller gave the
 * key, because a derived key depends on the input.
 */
function checkReplay(
  { automationId, request, key }: TriggerPlan,
  { outcome }: TriggerResult,
  run: AutomationRun,
  idempotencyKey: string,
): void {
  const facts = PROCESS.triggerOf(run);
  const repoId = facts.repo?.id ?? facts.metadata?.repo_id;
  const otherRepo = typeof repoId === "string" && repoId.toLowerCase() !== request.repoId;
  const otherInput = key.scope === "given" && hasOtherInput(request.input ?? {}, facts, outcome);
  if (!otherRepo && !otherInput) return;
  const what = otherRepo ? " of another repository" : ", which was triggered with a different input";
  throw new ConflictError(
    {
      attempted: `trigger automation "${automationId}"`,
      why: `the idempotency key ${JSON.stringify(idempotencyKey)} belongs to run "${run.id}"${what}`,
      advice: OTHER_KEY,
    },
    "usage",
    { status: 202, code: null, requestId: null, retryAfterMs: null },
  );
}

/** An automation run ended as `failed` (exit code 1) or `cancelled` (exit code 3). */
export class AutomationVerdictError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "AutomationVerdictError";

  constructor(outcome: "failed" | "cancelled", result: AutomationResult) {
    const end = outcome === "failed" ? `failed${SEE_REASON}` : "was cancelled";
    super(`Automation run "${result.runId}" ${end}`, outcome, { code: `RUN_${outcome.toUpperCase()}` });
    const { runId, idempotencyKey } = result;
    MogplexError.tellRun(this, { runId, idempotencyKey, result: guardResult(result, createRedactor()) });
  }

  /** The result of the run. */
  override get result(): AutomationResult {
    return super.result as AutomationResult;
  }
}

/**
 * The service accepted a trigger but started nothing, because too many automation runs are active. The exit code is 75, because a later trigger can
 * succeed, as after a 429. The key is still unused.
 */
export class AutomationSuppressedError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "AutomationSuppressedError";
  /** UUID of the automation. */
  readonly automationId: string;
  /** The service's reason: `REPO_PENDING_LIMIT` (25 per repository), `INSTALLATION_PENDING_LIMIT` (100 per installation), or another. */
  readonly reason: string | null;

  constructor(automationId: string, reason: string | null) {
    super({
      attempted: `trigger automation "${automationId}"`,
      why: `the service accepted the request but started nothing, because too many runs are active: ${
        JSON.stringify(reason)
      }`,
      advice: "try again when some runs have finished",
    }, "rateLimited");
    this.automationId = automationId;
    this.reason = reason;
  }
}

export function automationVerdictErrorOf(result: AutomationResult): AutomationVerdictError | undefined {
  const { outcome } = result;
  return outcome === "failed" || outcome === "cancelled" ? new AutomationVerdictError(outcome, result) : undefined;
}
