/**
 * Handles of automations: `mogplex.automations.run()`.
 *
 * @module
 */
import { checkOptions, checkSources } from "../api/option_check.ts";
import { verdictErrorOf } from "../automations/errors.ts";
import type { AutomationItem } from "../automations/follow.ts";
import { checkTriggerKeys, type TriggeredRun, type TriggerRequest } from "../automations/plan.ts";
import { runAutomationJob, runAutomationKeys, type RunAutomationOptions } from "../automations/run.ts";
import type { JobEnd } from "../job/job.ts";
import { abortInternals } from "../job/options.ts";
import type { Session } from "../job/session.ts";
import { guarded, settle } from "../job/settle.ts";
import type { AutomationOutcome, AutomationResult } from "../result/automation_result.ts";
import type { Connect, VerbOptions } from "./connect.ts";
import { type Handle, handleOf, signalIn } from "./handle.ts";
import { endsAsItem } from "./run_handle.ts";

/** The last item of an automation's handle. */
export interface AutomationRunEnd {
  /** Tells it from other items. */
  type: "end";
  /** Our verdict: also `deadline`, or `error` when there is none of the service. */
  outcome: AutomationOutcome;
  /** Exit code that belongs to the verdict. */
  exitCode: number;
  /** What is known of the run. */
  result: AutomationResult;
}

/** An item of an automation's handle. */
export type AutomationHandleItem = Exclude<AutomationItem, { type: "end" }> | AutomationRunEnd;

/** The run of an automation: await it, iterate it, or both. `cancel()` needs a later revision of the service. */
export type AutomationHandle = Handle<AutomationHandleItem, AutomationResult, TriggeredRun>;

/** Triggers an automation and follows its run. */
export function automationHandle(
  connect: Connect,
  automationId: string,
  request: TriggerRequest,
  options: VerbOptions<RunAutomationOptions>,
): AutomationHandle {
  let session: Session | undefined;
  return handleOf<AutomationHandleItem, AutomationResult, TriggeredRun, JobEnd<AutomationResult>>({
    signal: signalIn(options),
    async begin({ signal, onItem, onStarted }) {
      checkOptions("trigger automation", options, runAutomationKeys());
      checkTriggerKeys(request);
      const all: RunAutomationOptions = {
        ...await connect(),
        ...options,
        signal,
        onItem(item) {
          options.onItem?.(item);
          if (item.type !== "end") onItem(item);
        },
        onTriggered(triggered) {
          onStarted(triggered);
          options.onTriggered?.(triggered);
        },
      };
      checkSources("trigger automation", all);
      const how = { signal: options.signal, onAbort: options.onAbort };
      const more = abortInternals(how, { onSession: (opened: Session) => void (session = opened) });
      const end = await runAutomationJob(automationId, request, all, more);
      guarded(end.result, session);
      return end;
    },
    settle: (end, signal) => settle(end, { throwOnFailure: options.throwOnFailure, signal }, verdictErrorOf),
    last(end, signal) {
      const { result } = end;
      const { outcome, exitCode } = result;
      return endsAsItem(end, signal) ? { type: "end", outcome, exitCode, result } : undefined;
    },
    async cancel({ runId }) {
      const { client } = await connect();
      await client?.cancelAutomationRun(automationId, runId);
    },
  });
}
