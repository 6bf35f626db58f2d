/**
 * Starts, follows and reports hosted Mogplex agent runs from CI.
 *
 * {@linkcode run} returns when the service reports `success`, and throws an error with an exit code otherwise. Importing this
 * module has no effect; started as a program, it is the command `mogplex-ci`.
 *
 * @example Run an agent, write a summary, exit with the verdict
 * ```ts
 * import { createLogText, exitCodeFor, report, run, RunVerdictError } from "@mogplex/ci";
 *
 * async function main(): Promise<number> {
 *   try {
 *     const result = await run({
 *       repo: "acme/web",
 *       prompt: "Fix the flaky tests",
 *     }, { timeoutMs: 30 * 60_000, onStarted: ({ runId }) => console.log(runId) });
 *     await report(result, [{ format: "markdown", path: "summary.md" }]);
 *     return result.exitCode;
 *   } catch (error) {
 *     if (error instanceof RunVerdictError) console.error(createLogText().line(error.result.reason ?? ""));
 *     return exitCodeFor(error);
 *   }
 * }
 * console.log(typeof main);
 * ```
 *
 * @module
 */
import { isMain } from "./lib/runtime.ts";

// One service and one token, with the verbs on it, and what surrounds a script.
export { createMogplex, type Mogplex, type MogplexAutomations, type MogplexCampaigns } from "./lib/library/mogplex.ts";
export type { MogplexOptions, VerbOptions } from "./lib/library/connect.ts";
export type { AsyncDisposing, Handle } from "./lib/library/handle.ts";
export type { AttachedRun, RunEnd, RunHandle, RunHandleItem, RunTask } from "./lib/library/run_handle.ts";
export type { AutomationHandle, AutomationHandleItem, AutomationRunEnd } from "./lib/library/automation_handle.ts";
export type { CampaignEnd, CampaignHandle, CampaignHandleItem } from "./lib/library/campaign_handle.ts";
export { main, type MainContext } from "./lib/library/main.ts";

// Runs.
export { cancel, type CancelOptions } from "./lib/runs/cancel.ts";
export { AwaitingInputError, RunCancelledError, RunFailedError, RunVerdictError } from "./lib/runs/errors.ts";
export { follow, type FollowOptions } from "./lib/runs/follow.ts";
export { attach, run, type RunOptions } from "./lib/runs/run.ts";
export type { FollowItem, GapCause } from "./lib/runs/run_items.ts";
export type { RunRequest } from "./lib/runs/run_request.ts";
export { start } from "./lib/runs/start.ts";
export type { StartedRun, StartOptions } from "./lib/runs/start_plan.ts";

// Automations.
export { AutomationSuppressedError, AutomationVerdictError } from "./lib/automations/errors.ts";
export { type AutomationItem, type FollowAutomationOptions, followAutomationRun } from "./lib/automations/follow.ts";
export { listAutomations, type ListAutomationsOptions } from "./lib/automations/list.ts";
export type { TriggeredRun, TriggerOptions, TriggerRequest } from "./lib/automations/plan.ts";
export { runAutomation, type RunAutomationOptions } from "./lib/automations/run.ts";
export { triggerAutomation } from "./lib/automations/trigger.ts";

// Campaigns: one task, many repositories.
export { advanceCampaign, planCampaign, readCampaign, runCampaign } from "./lib/campaign/campaign.ts";
export type { CampaignItem } from "./lib/campaign/campaign_items.ts";
export type {
  AdvanceCampaignOptions,
  CampaignForge,
  CampaignOptions,
  CampaignPlan,
  PlanCampaignOptions,
  RunCampaignOptions,
  WavesForecast,
} from "./lib/campaign/campaign_options.ts";
export type { Bound } from "./lib/campaign/pace/pace.ts";
export type { LockChanges } from "./lib/campaign/plan/lock_changes.ts";
export type { CampaignState, ItemState, ItemVerdict, OpenState } from "./lib/campaign/verdicts.ts";
export type {
  CampaignAbout,
  CampaignView,
  CauseGroup,
  ItemView,
  OpenedGate,
  PullRequestView,
  QuotaView,
  Stuck,
} from "./lib/campaign/view.ts";
export type { ChecksState, PullRequestStatus, ReviewState } from "./lib/forge/pull_request.ts";

// Shared by both: a CI job from the start to the verdict.
export type { OnTimeout } from "./lib/job/interrupt.ts";
export type { KeyScope } from "./lib/job/key.ts";
export type { ConnectOptions } from "./lib/job/session.ts";
export type { KeyOptions } from "./lib/job/start_key.ts";
export type { AnyResult } from "./lib/result/any_result.ts";
export type { AutomationOutcome, AutomationResult } from "./lib/result/automation_result.ts";
export type { AutomationEnd, EndOutcome } from "./lib/result/ends.ts";
export type { ResultError } from "./lib/result/result_error.ts";
export type { Outcome, Phase, RunResult, WaitTotal } from "./lib/result/run_result.ts";

// For scripts: reports, and untrusted text in the log.
export { createLogText, type LogText } from "./lib/script/log_text.ts";
export type { LogTextOptions } from "./lib/script/masking.ts";
export { maskResult, renderReport, report, type ReportOptions } from "./lib/script/report.ts";
export type { ReportFormatName } from "./lib/report/formats.ts";
export type { ReportTarget } from "./lib/report/targets.ts";

// The service: a client with one method for each route.
export { type CallOptions, type ClientOptions, createClient, type MogplexClient } from "./lib/api/client.ts";
export type { RepositoryChoice } from "./lib/api/repository.ts";
export type { RunEventStream, StreamItem } from "./lib/api/stream.ts";
export type { StreamStep } from "./lib/http/stream.ts";
export type { Fetch, FetchAnswer, FetchInit, RequestReport } from "./lib/http/transport.ts";
export type * from "./lib/model.ts";

// The rest: errors and exit codes, notices, time, the CI system, the version.
export { type Clock, type SleepOptions, systemClock } from "./lib/clock.ts";
export * from "./lib/errors.ts";
export { EXIT, type ExitName } from "./lib/exit_codes.ts";
export type { Notice, OnNotice, WaitCause } from "./lib/notice.ts";
export type { JobIdentity, ReadEnv } from "./lib/platforms/platform.ts";
export { VERSION } from "./lib/version.ts";

// Only when the runtime was started with this file.
void isMain(import.meta, "mod.ts").then(async (main) => {
  if (main) await (await import("./lib/cli/main.ts")).runProgram();
});
