import type { Run } from "../../model.ts";
import { lackedSandbox } from "../../run/no_sandbox.ts";
import { endOfRun, type EventFacts } from "../../run/result.ts";
import type { CampaignFile } from "../file/campaign_file.ts";
import { NO_CHANGE, type StartVerdict } from "../view/verdicts.ts";

/** Untrusted text: `reason` may contain text from the service. */
export interface Judgement {
  as: StartVerdict;
  reason: string | null;
}

interface Evidence {
  facts: EventFacts;
  /** `null` if the events could not be read. */
  isUnbegun: boolean | null;
  success: CampaignFile["success"];
  doubt: (address: string) => string | null;
}

/** An unknown status is treated as active. */
export function judgeRun(
  run: Pick<Run, "status" | "error" | "runtime">,
  { facts, isUnbegun, success, doubt }: Evidence,
): Judgement | undefined {
  switch (endOfRun(run.status, facts)) {
    case "success":
      return judgeSuccess(facts, success, doubt);
    case "failed": {
      const reason = run.error ?? facts.failureError ?? facts.failureMessage;
      if (!seemsUnbegun(run) || isUnbegun === false) return { as: "failed", reason };
      const text = reason ?? "the service's queue did not accept the run";
      if (isUnbegun === null) {
        return { as: "failed", reason: `${text}; its events could not be read, so an agent may have run` };
      }
      return { as: lackedSandbox(run) ? "quota" : "service", reason: text };
    }
    case "cancelled":
      return { as: "cancelled", reason: null };
    case "awaiting_input":
      return { as: "needs-input", reason: "the run is waiting for an answer" };
    default:
      return undefined;
  }
}

function judgeSuccess(
  facts: EventFacts,
  { require, acceptUnchanged }: CampaignFile["success"],
  doubt: (address: string) => string | null,
): Judgement {
  const { changed, pullRequest } = facts;
  if (changed === false) {
    if (require === "run" || acceptUnchanged) return { as: "unchanged", reason: null };
    return { as: "failed", reason: NO_CHANGE };
  }
  if (require === "run") return { as: "succeeded", reason: null };
  if (changed === null) {
    return { as: "unknown", reason: "the run succeeded, but its events do not show whether it changed anything" };
  }
  if (require === "changes") return { as: "succeeded", reason: null };
  if (pullRequest.state === "open") {
    const why = doubt(pullRequest.url ?? "");
    return why === null ? { as: "succeeded", reason: null } : { as: "unknown", reason: why };
  }
  return pullRequest.state === "none"
    ? { as: "failed", reason: "changes without a pull request" }
    : { as: "unknown", reason: "the run succeeded, but its events do not show whether there is a pull request" };
}

export function seemsUnbegun(run: Pick<Run, "status" | "error" | "runtime">): boolean {
  return lackedSandbox(run) || lackedQueue(run);
}

/**
 * Whether a run failed before the service's queue accepted it, because the queue was down. Source: contract section 5, "When the queue is
 * unavailable".
 */
function lackedQueue({ status, runtime }: Pick<Run, "status" | "runtime">): boolean {
  return status === "failed" && (runtime === null || runtime.provider === null && runtime.runId === null);
}
