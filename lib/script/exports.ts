/**
 * Everything that the library exports. `mod.ts` adds the command, which the package of the library does not have.
 *
 * @module
 */

// One service and one token, with the verbs on it, and what surrounds a script.
export { createMogplex, type Mogplex, type MogplexAutomations } from "./mogplex.ts";
export type { MogplexOptions, VerbOptions } from "./connect.ts";
export type { AsyncDisposing, Handle } from "./handle.ts";
export type { AttachedRun, RunEnd, RunHandle, RunHandleItem, RunTask } from "./handle.ts";
export type { AutomationHandle, AutomationHandleItem, AutomationRunEnd } from "./handle.ts";
export { main, type MainContext } from "./main.ts";

// Runs.
export { cancel, type CancelOptions } from "../run/cancel.ts";
export { AwaitingInputError, RunCancelledError, RunFailedError, RunVerdictError } from "../run/run.ts";
export { follow, type FollowOptions } from "../run/follow.ts";
export { attach, run, type RunOptions } from "../run/run.ts";
export type { FollowItem, GapCause } from "../run/follow.ts";
export type { RunRequest } from "../run/request.ts";
export { start } from "../run/request.ts";
export type { StartOptions } from "../run/request.ts";
export type { StartedRun } from "../run/start.ts";

// Automations.
export { AutomationSuppressedError, AutomationVerdictError } from "../run/automation.ts";
export { type AutomationItem, type FollowAutomationOptions, followAutomationRun } from "../run/follow_automation.ts";
export { listAutomations, type ListAutomationsOptions } from "../run/list_automations.ts";
export type { TriggeredRun, TriggerOptions, TriggerRequest } from "../run/automation_request.ts";
export { runAutomation, type RunAutomationOptions } from "../run/automation.ts";
export { triggerAutomation } from "../run/automation.ts";

// Shared by both: a CI job from the start to the verdict.
export type { StopPolicy } from "../run/session.ts";
export type { KeyScope } from "../run/key.ts";
export type { ConnectOptions } from "../run/session.ts";
export type { KeyOptions } from "../run/key.ts";
export type { AnyResult } from "../run/result.ts";
export type { AutomationOutcome, AutomationResult } from "../run/result.ts";
export type { AutomationEnd, EndOutcome } from "../run/result.ts";
export type { ResultError } from "../run/result.ts";
export type { Outcome, RunPhase, RunResult, WaitTotal } from "../run/result.ts";

// For scripts: reports, and untrusted text in the log.
export { createLogText, type LogText } from "./report.ts";
export type { LogTextOptions } from "./report.ts";
export { maskResult, renderReport, report, type ReportOptions } from "./report.ts";
export type { ReportFormatName } from "../report/write.ts";
export type { ReportTarget } from "../report/write.ts";

// The service: a client with one method for each route.
export { type CallOptions, type ClientOptions, createClient, type MogplexClient } from "../service/client.ts";
export type { RepositoryChoice } from "../service/repository.ts";
export type { RunEventStream, StreamItem } from "../service/stream.ts";
export type { StreamStep } from "../service/transport.ts";
export type { Fetch, FetchAnswer, FetchInit, RequestReport } from "../service/transport.ts";
export type * from "../model.ts";

// The rest: errors and exit codes, notices, time, the CI system, the version.
export { type Clock, type SleepOptions, systemClock } from "../clock.ts";
export * from "../errors.ts";
export { EXIT, type ExitName } from "../exit_codes.ts";
export type { Notice, OnNotice, WaitCause } from "../notice.ts";
export type { JobIdentity, ReadEnv } from "../ci/platform.ts";
export { VERSION } from "../version.ts";
