/**
 * All reports and screens use this module, so they all show the same step.
 *
 * @module
 */
import { areRunsOver, FAILED_VERDICTS, isFinal, NO_CHANGE } from "../view/verdicts.ts";
import type { CampaignView, CauseGroup } from "../view/view.ts";

export function isStoppedByFailures({ state, waitingFor }: Pick<CampaignView, "state" | "waitingFor">): boolean {
  return (state === "stopping" || state === "stopped") && waitingFor === "gate";
}

export function isAtGate(view: Pick<CampaignView, "state" | "waitingFor">): boolean {
  return view.state === "gated" || isStoppedByFailures(view);
}

/** Whether every item has its final verdict, or the only open runs are waiting for a person's answer. */
export function isOver({ state, nextWaveAt }: Pick<CampaignView, "state" | "nextWaveAt">): boolean {
  return areRunsOver(state) || state === "waiting" && nextWaveAt === null;
}

export function failedGroups({ causes }: Pick<CampaignView, "causes">): CauseGroup[] {
  return causes.filter(({ stuck, verdict }) => stuck === null && isFinal(verdict));
}

export function retriedCount({ items }: Pick<CampaignView, "items">): number {
  return items.filter(({ verdict, attempts }) => verdict === "waiting" && attempts > 0).length;
}

/** Whether the canary did not succeed and was not retried. A retry must come first, because an approval also starts the other items. */
export function needsRetry(view: Pick<CampaignView, "state" | "gateReason" | "canaryGate" | "causes">): boolean {
  const { state, gateReason, canaryGate } = view;
  return (state === "gated" || gateReason !== undefined) && canaryGate !== undefined && failedGroups(view).length > 0;
}

export function isCanaryRetried({ state, canaryGate }: Pick<CampaignView, "state" | "canaryGate">): boolean {
  return (state === "running" || state === "waiting") && (canaryGate?.retried ?? 0) > 0;
}

interface NextStep {
  readonly first: string | null;
  readonly command: readonly [verb: string, ...args: string[]];
}

export function nextStep(view: CampaignView, wave: "advance" | "run"): NextStep | null {
  if (view.waitingFor === "stopped" || view.pending?.hold === "stopped") return { first: null, command: ["resume"] };
  const isClosed = isAtGate(view);
  if (!isClosed && !isOver(view)) return { first: null, command: [wave] };
  const failed = failedGroups(view);
  if (failed.length === 0) {
    if (isClosed || view.pending?.hold !== undefined) return { first: null, command: ["approve"] };
    return view.pending === undefined ? null : { first: null, command: ["advance"] };
  }
  const [group, ...others] = failed;
  if (group === undefined || others.length > 0) {
    const areAllFailed = failed.every(isFailure);
    return areAllFailed ? { first: "fix all causes", command: ["retry", "--failed"] } : null;
  }
  if (isFailure(group)) return { first: "fix the cause", command: ["retry", "--cause", group.word] };
  return isClosed && group.verdict === "cancelled" ? { first: null, command: ["retry", "--cause", group.word] } : null;
}

/** Whether the cause must be fixed before a retry. A run that changed nothing may have been correct. */
function isFailure({ verdict, cause }: CauseGroup): boolean {
  return FAILED_VERDICTS.includes(verdict) && cause !== NO_CHANGE;
}
