/**
 * The run of an automation as an operation for the engine: triggers, follows and stops it.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import type { Ending, Look, Operation, StopCause, Stopped } from "../job/operation.ts";
import { RepositoryName } from "../job/repository_name.ts";
import type { Session } from "../job/session.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { retry } from "../retry/retry.ts";
import type { Setback } from "../retry/setback.ts";
import { AutomationSuppressedError } from "./errors.ts";
import { AutomationFollower, type AutomationItem } from "./follow.ts";
import { planTrigger, type TriggeredRun, type TriggerOptions, type TriggerPlan, type TriggerRequest } from "./plan.ts";
import { buildAutomationResult } from "./result.ts";
import { stopAutomationRun, type StoppedAutomationRun } from "./stop.ts";
import { type TriggerStarter, triggerStarter, triggerWith } from "./trigger.ts";

/** Target and settings of an {@linkcode AutomationOperation}. */
export interface AutomationTarget {
  /** UUID of the automation. */
  automationId: string;
  /** The request. */
  request: TriggerRequest;
  /** Options of its key, and `onTriggered`. */
  options: TriggerOptions;
  /** Jobs that use the token at the same time, at least 1. */
  tokenShare: number;
}

/** Longest backoff after the first suppressed trigger, in milliseconds: the active runs take minutes to end. */
const SUPPRESSED_MS = 15_000;

/** One run of an automation, which is to be triggered. */
export class AutomationOperation implements Operation<AutomationItem, AutomationResult> {
  readonly #session: Session;
  readonly #target: AutomationTarget;
  #plan: TriggerPlan | undefined;
  #starter: TriggerStarter | undefined;
  #triggered: TriggeredRun | undefined;
  #follower: AutomationFollower | undefined;
  #stopped: StoppedAutomationRun | undefined;
  readonly #name: RepositoryName;

  constructor(session: Session, target: AutomationTarget) {
    this.#session = session;
    this.#target = target;
    this.#name = new RepositoryName(session);
  }

  get label(): string {
    return `automation run "${this.#triggered?.runId ?? ""}"`;
  }

  get mayExist(): boolean {
    return this.#triggered !== undefined || this.#starter?.mayExist === true;
  }

  /** Triggers until a run is started or found: a suppressed trigger may work once other runs have ended. */
  async start(): Promise<void> {
    const { automationId, request, options } = this.#target;
    const plan = await planTrigger(this.#session, automationId, request, options);
    const starter = triggerStarter(this.#session, plan, options);
    this.#plan = plan;
    this.#starter = starter;
    const pacer = this.#session.pacer(plan.deadline);
    pacer.status = "suppressed";
    const end = await retry<TriggeredRun>({
      memory: this.#session.memory,
      signal: this.#session.signal,
      attempt: () => triggerWith(starter, plan),
      // The starter has already retried all other errors.
      judge: (error) => error instanceof AutomationSuppressedError ? suppressed(error) : undefined,
      wait: (setback, count) => pacer.setBack(`trigger automation "${automationId}"`, setback, count, SUPPRESSED_MS),
    });
    if (!end.ok) throw end.error;
    this.#triggered = end.value;
    this.#name.ask(plan.request.repoId);
    unawaited(options.onTriggered?.(end.value));
  }

  async *items(look: Look): AsyncGenerator<AutomationItem, void, void> {
    // A run of an automation that has ended has nothing more to read.
    if (look.kind === "rest") return;
    if (this.#plan === undefined || this.#triggered === undefined) throw new Error("Cannot follow before the trigger");
    const { deadline, automationId } = this.#plan;
    const { tokenShare } = this.#target;
    const { runId } = this.#triggered;
    this.#follower = new AutomationFollower(this.#session, automationId, runId, { deadline, tokenShare });
    yield* this.#follower.items();
  }

  /** Does not repeat a trigger to find its run: that could start a run which some revisions of the service cannot cancel. */
  async stop(cause: StopCause): Promise<Stopped> {
    const triggered = this.#triggered;
    if (triggered === undefined) {
      const key = JSON.stringify(this.#starter?.key);
      const text = this.mayExist
        ? `the automation may have been triggered; its run is found with the key ${key}`
        : "nothing was triggered";
      return { answered: false, text };
    }
    if (cause.kind === "signal" && !cause.cancels(triggered.owned)) {
      return { answered: false, text: "the automation run goes on" };
    }
    const { automationId, runId } = triggered;
    return this.#stopped = await stopAutomationRun(this.#session, automationId, runId, cause);
  }

  result({ outcome, exitCode, reason, error }: Ending): AutomationResult {
    return buildAutomationResult(this.#session, {
      automationId: this.#target.automationId,
      repoId: this.#plan?.request.repoId,
      repository: this.#name.take(this.#plan?.request.repoId),
      outcome: error instanceof AutomationSuppressedError ? "suppressed" : automationOutcome(outcome),
      exitCode,
      reason,
      error,
      idempotencyKey: this.#starter?.key,
      triggered: this.#triggered,
      run: this.#follower?.run,
      status: this.#stopped?.status,
    });
  }
}

function suppressed({ reason }: AutomationSuppressedError): Setback {
  return { cause: "start_limit", detail: `suppressed: ${reason}`, namedMs: null, refused: true };
}

/** Outcomes that a run of an automation cannot have count as errors: it never ends waiting for a person, and is always followed. */
function automationOutcome(outcome: Ending["outcome"]): AutomationResult["outcome"] {
  return outcome === "awaiting_input" || outcome === "started" ? "error" : outcome;
}
