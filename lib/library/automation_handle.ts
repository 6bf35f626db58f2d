/**
 * Handles of automations: `mogplex.automations.run()`.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { checkOptions } from "../api/option_check.ts";
import { verdictErrorOf } from "../automations/errors.ts";
import type { AutomationItem } from "../automations/follow.ts";
import { checkTriggerKeys, type TriggeredRun, type TriggerRequest } from "../automations/plan.ts";
import { runAutomationJob, runAutomationKeys, type RunAutomationOptions } from "../automations/run.ts";
import type { AutomationOutcome, AutomationResult } from "../result/automation_result.ts";
import type { Connect, VerbOptions } from "./connect.ts";
import { type Handle, handleOf } from "./handle.ts";
import { jobWork } from "./job_work.ts";

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
  const work = jobWork<RunAutomationOptions, AutomationItem, AutomationResult, TriggeredRun>(connect, {
    attempted: "trigger automation",
    options,
    check() {
      checkOptions("trigger automation", options, runAutomationKeys());
      checkTriggerKeys(request);
    },
    begin(all, more, onStarted) {
      const onTriggered = (triggered: TriggeredRun) => {
        onStarted(triggered);
        unawaited(options.onTriggered?.(triggered));
      };
      return runAutomationJob(automationId, request, { ...all, onTriggered }, more);
    },
    verdictError: verdictErrorOf,
    async cancel({ runId }) {
      const { client } = await connect();
      await client?.cancelAutomationRun(automationId, runId);
    },
  });
  return handleOf(work);
}
