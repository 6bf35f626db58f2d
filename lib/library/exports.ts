/**
 * Everything that the library exports. `mod.ts` adds the command, which the package of the library does not have.
 *
 * @module
 */
// One service and one token, with the verbs on it, and what surrounds a script.
export { createMogplex, type Mogplex, type MogplexAutomations, type MogplexCampaigns } from "./mogplex.ts";
export type { MogplexOptions, VerbOptions } from "./connect.ts";
export type { AsyncDisposing, Handle } from "./handle.ts";
export type { AttachedRun, RunEnd, RunHandle, RunHandleItem, RunTask } from "./run_handle.ts";
export type { AutomationHandle, AutomationHandleItem, AutomationRunEnd } from "./automation_handle.ts";
export type { CampaignEnd, CampaignHandle, CampaignHandleItem } from "./campaign_handle.ts";
export { main, type MainContext } from "./main.ts";

// Runs.
export { cancel, type CancelOptions } from "../runs/cancel.ts";
export { AwaitingInputError, RunCancelledError, RunFailedError, RunVerdictError } from "../runs/errors.ts";
export { follow, type FollowOptions } from "../runs/follow.ts";
export { attach, run, type RunOptions } from "../runs/run.ts";
export type { FollowItem, GapCause } from "../runs/run_items.ts";
export type { RunRequest } from "../runs/run_request.ts";
export { start } from "../runs/start.ts";
export type { StartedRun, StartOptions } from "../runs/start_plan.ts";

// Automations.
export { AutomationSuppressedError, AutomationVerdictError } from "../automations/errors.ts";
export { type AutomationItem, type FollowAutomationOptions, followAutomationRun } from "../automations/follow.ts";
export { listAutomations, type ListAutomationsOptions } from "../automations/list.ts";
export type { TriggeredRun, TriggerOptions, TriggerRequest } from "../automations/plan.ts";
export { runAutomation, type RunAutomationOptions } from "../automations/run.ts";
export { triggerAutomation } from "../automations/trigger.ts";

// Campaigns: one task, many repositories.
export { advanceCampaign, planCampaign, readCampaign, runCampaign } from "../campaign/campaign.ts";
export type { CampaignItem } from "../campaign/campaign_items.ts";
export type {
  AdvanceCampaignOptions,
  CampaignForge,
  CampaignOptions,
  CampaignPlan,
  PlanCampaignOptions,
  RunCampaignOptions,
  WavesForecast,
} from "../campaign/campaign_options.ts";
export type { Bound } from "../campaign/pace/pace.ts";
export type { LockChanges } from "../campaign/plan/lock_changes.ts";
export type { CampaignState, ItemState, ItemVerdict, OpenState } from "../campaign/verdicts.ts";
export type {
  CampaignAbout,
  CampaignView,
  CauseGroup,
  ItemView,
  OpenedGate,
  PullRequestView,
  QuotaView,
  Stuck,
} from "../campaign/view.ts";
export type { ChecksState, PullRequestStatus, ReviewState } from "../forge/pull_request.ts";

// Shared by both: a CI job from the start to the verdict.
export type { OnTimeout } from "../job/interrupt.ts";
export type { KeyScope } from "../job/key.ts";
export type { ConnectOptions } from "../job/session.ts";
export type { KeyOptions } from "../job/start_key.ts";
export type { AnyResult } from "../result/any_result.ts";
export type { AutomationOutcome, AutomationResult } from "../result/automation_result.ts";
export type { AutomationEnd, EndOutcome } from "../result/ends.ts";
export type { ResultError } from "../result/result_error.ts";
export type { Outcome, Phase, RunResult, WaitTotal } from "../result/run_result.ts";

// For scripts: reports, and untrusted text in the log.
export { createLogText, type LogText } from "../script/log_text.ts";
export type { LogTextOptions } from "../script/masking.ts";
export { maskResult, renderReport, report, type ReportOptions } from "../script/report.ts";
export type { ReportFormatName } from "../report/formats.ts";
export type { ReportTarget } from "../report/targets.ts";

// The service: a client with one method for each route.
export { type CallOptions, type ClientOptions, createClient, type MogplexClient } from "../api/client.ts";
export type { RepositoryChoice } from "../api/repository.ts";
export type { RunEventStream, StreamItem } from "../api/stream.ts";
export type { StreamStep } from "../http/stream.ts";
export type { Fetch, FetchAnswer, FetchInit, RequestReport } from "../http/transport.ts";
export type * from "../model.ts";

// The rest: errors and exit codes, notices, time, the CI system, the version.
export { type Clock, type SleepOptions, systemClock } from "../clock.ts";
export * from "../errors.ts";
export { EXIT, type ExitName } from "../exit_codes.ts";
export type { Notice, OnNotice, WaitCause } from "../notice.ts";
export type { JobIdentity, ReadEnv } from "../platforms/platform.ts";
export { VERSION } from "../version.ts";
