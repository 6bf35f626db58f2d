/**
 * `mod.ts` adds the command, which the library's package does not contain.
 *
 * @module
 */

export { createMogplex, follow, type KnownRunRequest, type Mogplex, type MogplexAutomations, run } from "./mogplex.ts";
export type { DerivedOptions, MogplexOptions } from "./connect.ts";
export type { Logger, LogLevel } from "./log.ts";
export type { VerbOptions } from "../run/session.ts";
export type { AsyncDisposing, RunWorkHandle, WorkHandle } from "./handle.ts";
export type { AttachedRun, RunHandle } from "./handle.ts";
export type { CancelOptions } from "../run/cancel.ts";
export type { AttachOptions, RunOptions } from "../run/run.ts";
export type { FollowOptions, GapCause, RunEnd, RunHandleItem } from "../run/follow.ts";
export type { RunDetails, RunRequest, StartOptions } from "../run/request.ts";
export type { StartedRun } from "../run/start.ts";
export type { CancelCause } from "../run/interrupts.ts";
export type { KeyOptions, KeyScope } from "../run/key.ts";
export type {
  AnyResult,
  Outcome,
  ResultCause,
  ResultError,
  ResultFile,
  RunPhase,
  RunResult,
  WaitTotal,
} from "../run/result.ts";
export type {
  ResultRequest,
  ResultValue,
  StandardSchema,
  StandardSchemaAnswer,
  StandardSchemaIssue,
} from "../result/wanted_result.ts";

export type { AttachedAutomationRun, AutomationHandle } from "./handle.ts";
export type {
  AttachAutomationOptions,
  AutomationHandleItem,
  AutomationRunEnd,
  MissedItems,
} from "../run/follow_automation.ts";
export type { ListAutomationsOptions } from "../run/list_automations.ts";
export type { TriggeredRun, TriggerOptions, TriggerRequest } from "../run/automation_request.ts";
export type { RunAutomationOptions } from "../run/automation.ts";
export type { AutomationResult } from "../run/result.ts";

export { main, type MainContext } from "./main.ts";
export {
  type AnyCampaignView,
  createLogText,
  type EscapeText,
  escapeText,
  type LogText,
  mask,
  type MaskOptions,
  render,
  report,
} from "./report.ts";
export type { ReportFormatName, ReportTarget } from "../report/write.ts";
export type { CampaignFormatName } from "../campaign/report/write.ts";

export type { CallOptions, ListCall, MogplexApi, RequestOptions } from "../service/methods.ts";
export type { RepositoryChoice } from "../service/repository.ts";
export type { RunEventStream, StreamItem } from "../service/stream.ts";
export type { StreamStep } from "../service/event_stream.ts";
export type { Fetch, FetchAnswer, FetchInit, OutgoingRequest, RequestReport } from "../service/transport.ts";
export type * from "../model.ts";

export {
  AbortedError,
  ApiError,
  BodyTooLargeError,
  ConflictError,
  DeadlineError,
  exitCodeFor,
  ForbiddenError,
  InterruptedError,
  MogplexError,
  NetworkError,
  NotFoundError,
  RateLimitedError,
  StartUnknownError,
  UnauthorizedError,
  UnavailableError,
  UsageError,
} from "../errors.ts";
export type { ErrorParts, MogplexErrorOptions, ResultSoFar } from "../errors.ts";
export {
  AwaitingInputError,
  InvalidResultError,
  RunCancelledError,
  RunFailedError,
  RunVerdictError,
} from "../run/run.ts";
export { AutomationSuppressedError, AutomationVerdictError } from "../run/automation.ts";
export { EXIT, type ExitName } from "../exit_codes.ts";
export type { Notice, OnNotice, WaitCause } from "../notice.ts";
export type { Clock, SleepOptions } from "../clock.ts";
export type { JobIdentity, ReadEnv } from "../ci/platform.ts";
