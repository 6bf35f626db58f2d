/**
 * A whole job on an automation: trigger it, follow its run, deal with deadlines and signals, and put the result together.
 *
 * @module
 */
import { DeadlineError, exitCodeFor } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { AutomationOutcome, AutomationResult } from "../result/automation_result.ts";
import { AUTOMATION_EXIT, type AutomationEnd, endOfAutomationRun } from "../result/ends.ts";
import { reasonOf } from "../result/result_error.ts";
import { AutomationFollower, type AutomationItem } from "./follow.ts";
import { planTrigger, type TriggeredRun, type TriggerOptions, type TriggerPlan, type TriggerRequest } from "./plan.ts";
import { buildAutomationResult } from "./result.ts";
import { type AutomationStop, stopAutomationRun } from "./stop.ts";
import { type TriggerStarter, triggerStarter, triggerWith } from "./trigger.ts";
import { CANCEL_MS } from "../runs/cancel.ts";
import { AutomationSuppressedError } from "../runs/errors.ts";
import { cancelsOnInterrupt, INTERRUPT_MS, interruptReason, type WatchSettings } from "../job/interrupt.ts";
import { Pacer } from "../retry/pacer.ts";
import type { Session } from "../job/session.ts";

/** What a job on an automation does, beside the trigger. */
export interface AutomationJobSettings extends WatchSettings {
  /** Gets each item of the follower. */
  onItem: ((item: AutomationItem) => void) | undefined;
}

/** How a job on an automation ended. */
export interface AutomationJobEnd {
  /** Everything that is known of the run. */
  result: AutomationResult;
  /** What stopped us without a verdict of the service; undefined when there is one. */
  error: unknown;
}

/** Longest wait after the first suppressed trigger, in milliseconds; the runs in the way take minutes. */
const SUPPRESSED_MS = 15_000;

/** One job on one automation. */
export class AutomationJob {
  readonly #session: Session;
  readonly #automationId: string;
  readonly #settings: AutomationJobSettings;
  #plan: TriggerPlan | undefined;
  #starter: TriggerStarter | undefined;
  #triggered: TriggeredRun | undefined;
  #follower: AutomationFollower | undefined;
  #stopping: Promise<AutomationStop> | undefined;

  /** @param settings See {@linkcode AutomationJobSettings}. */
  constructor(session: Session, automationId: string, settings: AutomationJobSettings) {
    this.#session = session;
    this.#automationId = automationId;
    this.#settings = settings;
    // In the handler itself, so that the request is on its way before anything else unwinds.
    settings.interrupts?.signal.addEventListener("abort", () => {
      this.#stopping = this.#stop();
    }, { once: true });
  }

  /** Triggers, and follows the run. */
  async run(request: TriggerRequest, options: TriggerOptions): Promise<AutomationJobEnd> {
    try {
      const plan = await planTrigger(this.#session, this.#automationId, request, options);
      this.#plan = plan;
      this.#starter = triggerStarter(this.#session, plan);
      const triggered = await this.#trigger(this.#starter, plan);
      this.#triggered = triggered;
      options.onTriggered?.(triggered);
      return await this.#follow(triggered, plan.deadline);
    } catch (error) {
      return await this.#failed(error);
    }
  }

  /** Triggers until something is started or found: what is suppressed now can be accepted when other runs have ended. */
  async #trigger(starter: TriggerStarter, plan: TriggerPlan): Promise<TriggeredRun> {
    const { clock, signal, notify, requests, startedAt, random } = this.#session;
    const pacer = new Pacer({ clock, deadline: plan.deadline, startedAt, signal, notify, requests, random });
    pacer.status = "suppressed";
    for (let attempt = 1;; attempt++) {
      try {
        return await triggerWith(starter, plan);
      } catch (error) {
        if (!(error instanceof AutomationSuppressedError)) throw error;
        const setback = {
          cause: "start_limit",
          detail: `suppressed: ${error.reason}`,
          namedMs: null,
          refused: true,
        } as const;
        const what = `trigger automation "${plan.automationId}"`;
        if (!await pacer.setBack(what, setback, attempt, SUPPRESSED_MS)) throw error;
      }
    }
  }

  async #follow({ runId }: TriggeredRun, deadline: number): Promise<AutomationJobEnd> {
    const { tokenShare, onItem } = this.#settings;
    const options = { deadline, tokenShare, proven: true };
    this.#follower = new AutomationFollower(this.#session, this.#automationId, runId, options);
    let end: AutomationEnd | undefined;
    for await (const item of this.#follower.items()) {
      if (item.type === "end") end = item.outcome;
      onItem?.(item);
    }
    if (end === undefined) throw new Error("a follower ended without an end");
    if (this.#stopping !== undefined) return await this.#interrupted();
    return { result: this.#result(end, EXIT[AUTOMATION_EXIT[end]], null), error: undefined };
  }

  async #failed(error: unknown): Promise<AutomationJobEnd> {
    if (this.#stopping !== undefined) return await this.#interrupted();
    if (error instanceof DeadlineError && this.#settings.onTimeout === "cancel") return await this.#cancelLate(error);
    const outcome = error instanceof DeadlineError
      ? "deadline"
      : error instanceof AutomationSuppressedError
      ? "suppressed"
      : "error";
    return { result: this.#result(outcome, exitCodeFor(error), reasonOf(error), undefined, error), error };
  }

  async #cancelLate(error: DeadlineError): Promise<AutomationJobEnd> {
    const runId = this.#triggered?.runId ?? "";
    const { status, words } = await stopAutomationRun(this.#session, this.#automationId, runId, CANCEL_MS);
    if (this.#stopping !== undefined) return await this.#interrupted();
    const end = endOfAutomationRun(status ?? "");
    // It ended in the same moment, by itself.
    if (end === "success" || end === "failed") {
      return { result: this.#result(end, EXIT[AUTOMATION_EXIT[end]], null, status), error: undefined };
    }
    const last = new DeadlineError(`${error.message}; ${words}`);
    return { result: this.#result("deadline", exitCodeFor(last), last.message, status, last), error: last };
  }

  /** Answers a signal. An automation is not triggered once more to find its run: where it cannot be cancelled, that would start it. */
  async #stop(): Promise<AutomationStop> {
    const { onInterrupt, interrupts } = this.#settings;
    const [starter, triggered] = [this.#starter, this.#triggered];
    if (triggered === undefined) {
      if (starter?.mayExist !== true) return { words: "nothing was triggered" };
      return {
        words: `the automation may have been triggered; its run is found with the key ${JSON.stringify(starter.key)}`,
      };
    }
    if (!cancelsOnInterrupt(onInterrupt, triggered.owned, interrupts?.terminal ?? false)) {
      return { words: "the automation run goes on" };
    }
    const stop = await stopAutomationRun(this.#session, this.#automationId, triggered.runId, INTERRUPT_MS);
    return { ...stop, words: stop.words.replace(/^it/, "the automation run") };
  }

  async #interrupted(): Promise<AutomationJobEnd> {
    const error = this.#settings.interrupts?.signal.reason;
    const { status, words } = await this.#stopping!;
    const end = endOfAutomationRun(status ?? "");
    const outcome = end === "success" || end === "failed" ? end : "interrupted";
    const reason = interruptReason(this.#settings.interrupts, words);
    return { result: this.#result(outcome, exitCodeFor(error), reason, status, error), error };
  }

  #result(
    outcome: AutomationOutcome,
    exitCode: number,
    reason: string | null,
    status?: string,
    error?: unknown,
  ): AutomationResult {
    return buildAutomationResult(this.#session, {
      automationId: this.#automationId,
      repoId: this.#plan?.request.repoId,
      outcome,
      exitCode,
      reason,
      error,
      idempotencyKey: this.#starter?.key,
      triggered: this.#triggered,
      run: this.#follower?.run,
      status,
    });
  }
}
