import { errorSentence } from "../error_sentence.ts";
import { MogplexError } from "../errors.ts";
import { EXIT, type ExitName } from "../exit_codes.ts";
import type { RunEvent, RunStatus } from "../model.ts";
import type { WaitCause } from "../notice.ts";
import { twoUnits } from "../text/duration.ts";
import { webUrl } from "../text/escape.ts";
import { detach } from "../text/plain_text.ts";
import { NO_SANDBOX } from "./no_sandbox.ts";

/** The parts of the error that stopped a job, as results and reports show them. Texts are untrusted. */
export interface ResultError {
  /** What was attempted: the words after "Cannot" in the message. `null` if the message is not about an attempt. */
  attempted: string | null;
  /** Why the attempt failed; the whole message if the error has no parts. */
  why: string;
  /** The invalid value, quoted; `null` if there is no such value. */
  value: string | null;
  /** What the reader can do; `null` if there is no advice. */
  advice: string | null;
  /**
   * The error code of the service, such as `FORBIDDEN`; `null` if there is no code. The code can also be `NO_SANDBOX`, if no sandbox was free and no
   * agent has started, or `STILL_RUNNING`, if the run had not ended when the result was reported.
   */
  code: string | null;
}

// The error line of the log has the details of a bug.
const BUG = "the toolkit failed";

const OWN_CODES: readonly (string | null)[] = [NO_SANDBOX, "STILL_RUNNING"];

export function resultError(error: unknown): ResultError {
  if (!(error instanceof MogplexError)) return { attempted: null, why: BUG, value: null, advice: null, code: null };
  const { attempted, why, value, advice, serviceCode, code } = error;
  return { attempted, why, value, advice, code: OWN_CODES.includes(code) ? code : serviceCode };
}

export function resultSentence({ attempted, why, value, advice }: ResultError): string {
  if (attempted === null) return why;
  return errorSentence({ attempted, why, value: value ?? undefined, advice: advice ?? undefined });
}

export function reasonOf(error: unknown): string {
  return error instanceof MogplexError ? error.message : BUG;
}

/**
 * How the run or the job ended. `success`, `failed` and `cancelled` come from the service; a run that the service marks as failed after a
 * cancellation is `cancelled`. `awaiting_input`: the run is waiting for an answer, and the job has stopped waiting. `deadline`: the run did not
 * finish in time. `interrupted`: a signal stopped the job. `started`: the job was only asked to start the run. `error`: an error stopped the job
 * before the outcome was known. The fields `error`, `reason` and `exitCode` explain why.
 */
export type Outcome =
  | "success"
  | "failed"
  | "cancelled"
  | "awaiting_input"
  | "deadline"
  | "interrupted"
  | "started"
  | "error";

/** A phase of a run, as its events show it. */
export interface RunPhase {
  /**
   * `queue` (until the sandbox is ready), `prepare` (until the agent's process starts), `agent` (until the agent ends) or `deliver` (until
   * the run ends).
   */
  name: string;
  /** When the phase began, in ISO 8601. */
  startedAt: string;
  /** Length of the phase in milliseconds; `null` if the phase is still running, or if the end of the phase is unknown. */
  durationMs: number | null;
}

/** All waits with the same cause. */
export interface WaitTotal {
  /** Why the requests waited. */
  cause: WaitCause;
  /** Number of waits. */
  count: number;
  /** Total length of the waits, in milliseconds. */
  totalMs: number;
}

/** Why there is no value. See {@linkcode ResultFile.cause}. */
export type ResultCause = "result-missing" | "result-not-json" | "result-invalid" | "result-unreadable";

/** The result file of a run. Its texts are untrusted and not yet redacted. */
export interface ResultFile {
  /** Path in the repository. */
  path: string;
  /** Branch from which the file was read; `null` if the run reported no branch. */
  branch: string | null;
  /** Commit from which the file was read, as hex digits; `null` if no commit was read. */
  commit: string | null;
  /** Git blob of the file, as hex digits; `null` if no file was read. */
  blob: string | null;
  /**
   * `null` if the file is valid. `result-missing`: the run did not write the file. `result-not-json`: the file is not strict JSON. `result-invalid`:
   * the file does not match the schema. `result-unreadable`: it is not known what the run wrote.
   */
  cause: ResultCause | null;
  /**
   * What is wrong with the file, one line for each mistake, at most 20. Except for names of properties, the toolkit's own lines contain no part of
   * the value.
   */
  mistakes: string[];
  /** Top-level values that are outputs for later steps, by name. */
  outputs: Record<string, string | number | boolean>;
  /** The value as it is in the file; `null` unless the file is valid. */
  value: unknown;
}

/** Everything that is known about a run. Its texts are untrusted and not yet redacted. */
export interface RunResult<V = unknown> {
  /** Version of this format. It changes when a field changes its meaning or is removed. */
  schemaVersion: 1;
  /** Distinguishes this result from the result of an automation run. */
  kind: "run";
  /** UUID of the run; `null` if no run was started. */
  runId: string | null;
  /** UUID of the repository. */
  repoId: string | null;
  /** Name of the repository, `owner/name`; `null` if the service did not report the name in time. */
  repository: string | null;
  /**
   * The task as it was sent, without the paragraph about a result file; `null` if only the id of the run is known, or if the task should not be
   * shown.
   */
  task: string | null;
  /** Agent, such as `codex` or `claude-code`. */
  harness: string | null;
  /** Last status that the service reported; `null` if the service reported no status. */
  status: RunStatus | null;
  /** How the run or the job ended. */
  outcome: Outcome;
  /** Exit code for the outcome. */
  exitCode: number;
  /** Why the run ended this way, in one or more lines; `null` if there is nothing to report. */
  reason: string | null;
  /** The error that stopped the job before the service reported how the run ended; `null` if the service reported it. */
  error: ResultError | null;
  /** `failure_code` of the newest `failed` event with a code; `null` if no event has one. */
  failureCode: string | null;
  /** `true` if the start found an existing run; `null` if the job attached by id. */
  replayed: boolean | null;
  /** Key that finds the run again. */
  idempotencyKey: string | null;
  /**
   * Whether a run exists, or might exist because a start got no answer. `false` if nothing was started: the service refused the start, or the start
   * was never sent.
   */
  mayExist: boolean;
  /**
   * Whether the job can start no further run, because all keys that it has tried belong to finished runs. The result then describes the last of these runs.
   */
  keysUsedUp: boolean;
  /** Branches of the run. `pushed` comes from the events; it is `null` if they show no pushed branch. */
  branch: { base: string | null; requested: string | null; pushed: string | null };
  /**
   * `none` only if the service reported that the run made no pull request; `unknown` if the events that would show the pull request were not seen.
   */
  pullRequest: { state: "open" | "none" | "unknown"; url: string | null };
  /** Whether the agent changed anything; `null` if this is unknown. */
  changed: boolean | null;
  /**
   * Paths in the delivery event, at most 25; `null` if no delivery event with paths was seen. The paths are the files that the service committed.
   * Files that the agent committed itself are not included.
   */
  files: string[] | null;
  /** Last message of the agent, at most 20,000 UTF-16 units; `null` if the agent sent none or the service does not report it. */
  finalMessage: string | null;
  /**
   * The checked value of the result file, as the validator returned it. `null` if no result was requested, or if `resultFile.cause` is set.
   * `result.json` has the value as it is in the file.
   */
  value: V;
  /** The result file; `null` if no result was requested, or the run did not succeed. */
  resultFile: ResultFile | null;
  /** When the service created the run, in ISO 8601. */
  createdAt: string | null;
  /** When the service last changed the run, in ISO 8601. */
  updatedAt: string | null;
  /** Phases, in order. */
  phases: RunPhase[];
  /** Number of events seen, whether some were missed, and whether the event feed was full. A full feed shows no later events. */
  eventCount: { seen: number; missed: boolean; windowFull: boolean };
  /** Number of HTTP requests sent, including retries. */
  requests: number;
  /** Waits by cause. */
  waits: WaitTotal[];
  /** Duration of the job in milliseconds. */
  durationMs: number;
  /** Origin of the service; empty if there is no origin to which requests can be sent. */
  origin: string;
  /**
   * How to check the run again: a command, a call of the library, or an instruction such as `retry this job`. `null` if the run has ended, or if no
   * run is known.
   */
  resume: string | null;
  /** Whether `resume` is a command or a call to copy. */
  resumeIsCommand: boolean;
  /**
   * Number of events seen that are not in `events`. The command's `ndjson` report has all events, and so does the `eventsFile` of a script. `onItem`
   * receives every event. @default {0}
   */
  eventsOmitted: number;
  /**
   * Events, oldest first: the newest 200, and earlier events about a phase, a branch, the pull request or the end of the run. Very large events are
   * left out to limit memory use. Events are frozen, like the items of a handle; copy an event before you change it. `result.json` has no events.
   */
  events: RunEvent[];
}

export function emptyRunResult(): RunResult {
  return {
    schemaVersion: 1,
    kind: "run",
    runId: null,
    repoId: null,
    repository: null,
    task: null,
    harness: null,
    status: null,
    outcome: "error",
    exitCode: EXIT.internal,
    reason: null,
    error: null,
    failureCode: null,
    replayed: null,
    idempotencyKey: null,
    mayExist: false,
    keysUsedUp: false,
    branch: { base: null, requested: null, pushed: null },
    pullRequest: { state: "unknown", url: null },
    changed: null,
    files: null,
    finalMessage: null,
    value: null,
    resultFile: null,
    createdAt: null,
    updatedAt: null,
    phases: [],
    eventCount: { seen: 0, missed: false, windowFull: false },
    requests: 0,
    waits: [],
    durationMs: 0,
    origin: "",
    resume: null,
    resumeIsCommand: false,
    eventsOmitted: 0,
    events: [],
  };
}

/** Everything that is known about an automation run. Its texts are untrusted and not yet redacted. */
export interface AutomationResult {
  /** Version of this format. It changes when a field changes its meaning or is removed. */
  schemaVersion: 1;
  /** Distinguishes this result from the result of a run. */
  kind: "automation-run";
  /** UUID of the automation; empty if no automation was specified. */
  automationId: string;
  /** UUID of the automation run; `null` if none is known. */
  runId: string | null;
  /** UUID of the repository; `null` if it is not known. */
  repoId: string | null;
  /** Name of the repository, `owner/name`; `null` if the service did not report the name in time. */
  repository: string | null;
  /** Last status that the service reported; `null` if the service reported no status. */
  status: string | null;
  /** How the run ended. `suppressed`: nothing was started, because too many runs are active. */
  outcome: Exclude<Outcome, "awaiting_input" | "started"> | "suppressed";
  /** Exit code for the outcome. */
  exitCode: number;
  /** Why the run ended this way, in one or more lines; `null` if there is nothing to report. */
  reason: string | null;
  /** The error that stopped the job before the service reported how the run ended; `null` if the service reported it. */
  error: ResultError | null;
  /** Whether the service already knew the key and therefore started nothing; `null` if no trigger got an answer, or if the job attached by id. */
  replayed: boolean | null;
  /** Key that finds the run again. */
  idempotencyKey: string | null;
  /**
   * Whether a run exists, or might exist because a start got no answer. `false` if nothing was started: the service refused the start, or the start
   * was never sent.
   */
  mayExist: boolean;
  /** When the service created the run, in ISO 8601. */
  createdAt: string | null;
  /** When the run began, in ISO 8601; `null` while the run is waiting for a slot. */
  startedAt: string | null;
  /** When the run ended, in ISO 8601; `null` while the run is in progress. */
  completedAt: string | null;
  /** Duration of the run in milliseconds, according to the service. */
  runDurationMs: number | null;
  /** Number of HTTP requests sent, including retries. */
  requests: number;
  /** Waits by cause. */
  waits: WaitTotal[];
  /** Duration of the job in milliseconds. */
  durationMs: number;
  /** Origin of the service; empty if there is no origin to which requests can be sent. */
  origin: string;
  /** How to check the run again; `null` if the run has ended, or if no run is known. */
  resume: string | null;
  /** Whether `resume` is a command to copy. */
  resumeIsCommand: boolean;
}

export type AutomationOutcome = AutomationResult["outcome"];

export function emptyAutomationResult(): AutomationResult {
  return {
    schemaVersion: 1,
    kind: "automation-run",
    automationId: "",
    runId: null,
    repoId: null,
    repository: null,
    status: null,
    outcome: "error",
    exitCode: EXIT.internal,
    reason: null,
    error: null,
    replayed: null,
    idempotencyKey: null,
    mayExist: false,
    createdAt: null,
    startedAt: null,
    completedAt: null,
    runDurationMs: null,
    requests: 0,
    waits: [],
    durationMs: 0,
    origin: "",
    resume: null,
    resumeIsCommand: false,
  };
}

/** A result of any kind; `kind` shows which one. */
export type AnyResult = RunResult | AutomationResult;

/** `awaiting_input` is treated as an end, because only a person can make the run continue. */
export type EndOutcome = Extract<Outcome, "success" | "failed" | "cancelled" | "awaiting_input">;

export type AutomationEnd = Extract<AutomationOutcome, "success" | "failed" | "cancelled">;

export const SEE_REASON = "; see 'result.reason'";

export const END_EXIT: Readonly<Record<EndOutcome, ExitName>> = {
  success: "success",
  failed: "failed",
  cancelled: "cancelled",
  awaiting_input: "awaitingInput",
};

export const AUTOMATION_EXIT: Readonly<Record<AutomationEnd, ExitName>> = {
  success: END_EXIT.success,
  failed: END_EXIT.failed,
  cancelled: END_EXIT.cancelled,
};

/**
 * The service can mark a run as failed although it was cancelled while its sandbox booted. The cancellation event then comes first. Only the service
 * writes events of that type, so the run is treated as cancelled. Source: contract 4.1 and 4.3.
 */
export function endOfRun(
  status: RunStatus,
  { firstEnd }: Pick<EventFacts, "firstEnd"> = NO_END,
): EndOutcome | undefined {
  if (status === "failed" && firstEnd === "cancelled") return "cancelled";
  return Object.hasOwn(END_EXIT, status) ? status as EndOutcome : undefined;
}

const NO_END = { firstEnd: null };

export function hasEnded(status: RunStatus): boolean {
  return endOfRun(status) !== undefined;
}

export function endOfAutomationRun(status: string): AutomationEnd | undefined {
  return Object.hasOwn(AUTOMATION_EXIT, status) ? status as AutomationEnd : undefined;
}

const ATTACH = "mogplex.attach(";

/** Programs replace the call with their own command. */
export function attachCall(runId: string): string {
  return `${ATTACH}${JSON.stringify(runId)})`;
}

/** Whether the result comes from a script, whose options have other names than flags. */
export function isOfScript({ resume, resumeIsCommand }: Pick<AnyResult, "resume" | "resumeIsCommand">): boolean {
  return resumeIsCommand && resume?.startsWith(ATTACH) === true;
}

export function runMsOf(result: AnyResult): number | null {
  if (result.kind === "automation-run") return result.runDurationMs;
  if (result.status === null || !hasEnded(result.status)) return null;
  const ms = Date.parse(result.updatedAt ?? "") - Date.parse(result.createdAt ?? "");
  return ms >= 0 ? ms : null;
}

export function tookMsOf(result: AnyResult): number {
  return result.replayed === false ? result.durationMs : runMsOf(result) ?? result.durationMs;
}

const MAX_MESSAGE = 20_000;
/** Longer than {@linkcode MAX_MESSAGE}, so that the message can be cut at a space. */
const MAX_SAID = 40_000;

/** Texts are untrusted. Their total size does not grow with the number of events. */
export interface EventFacts {
  readonly workingBranch: string | null;
  readonly pushedBranch: string | null;
  /** `unknown` also if the address is not a safe web address. */
  readonly pullRequest: RunResult["pullRequest"];
  readonly changed: boolean | null;
  readonly files: string[] | null;
  readonly said: string | null;
  readonly speaking: boolean;
  readonly firstEnd: string | null;
  readonly failureCode: string | null;
  readonly failureError: string | null;
  readonly failureMessage: string | null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

export function noFacts(): EventFacts {
  return {
    workingBranch: null,
    pushedBranch: null,
    pullRequest: { state: "unknown", url: null },
    changed: null,
    files: null,
    said: null,
    speaking: false,
    firstEnd: null,
    failureCode: null,
    failureError: null,
    failureMessage: null,
  };
}

export function isGitEvent({ type, payload }: RunEvent): boolean {
  return type === "log" && (payload.stage === "git_sync" || payload.stage === "git_delivery");
}

function delivery(
  payload: RunEvent["payload"],
): Pick<EventFacts, "changed" | "files" | "pushedBranch" | "pullRequest"> {
  const changed = typeof payload.changed === "boolean" ? payload.changed : null;
  const address = payload.pull_request_url;
  const files = payload.auto_committed_files;
  const url = webUrl(textOf(address) ?? "") ?? null;
  return {
    changed,
    files: Array.isArray(files) ? files.filter((path) => textOf(path) !== null).map(String) : null,
    pushedBranch: changed === true ? textOf(payload.working_branch) : null,
    pullRequest: { state: address === null ? "none" : url === null ? "unknown" : "open", url },
  };
}

/** The message is shortened at a space, because half a secret would not be recognized as a secret. */
export function finalMessageOf({ said }: EventFacts): string | null {
  const text = said?.trim() ?? null;
  if (text === null || text.length <= MAX_MESSAGE) return text;
  let end = MAX_MESSAGE;
  while (end > 0 && !/\s/.test(text.charAt(end))) end--;
  return `${text.slice(0, end)} …`;
}

function speech(facts: EventFacts, { type, message, payload: { kind } }: RunEvent): EventFacts | undefined {
  if (type !== "log" || kind !== "assistant_final" && kind !== "run_progress" && kind !== "assistant_delta") {
    return undefined;
  }
  const isPiece = kind === "assistant_delta";
  const before = isPiece && facts.speaking ? facts.said ?? "" : "";
  if (before.length >= MAX_SAID) return facts;
  const wholeText = before + (message ?? "");
  if (textOf(wholeText) === null) return facts;
  return {
    ...facts,
    said: wholeText.length > MAX_SAID ? detach(wholeText.slice(0, MAX_SAID)) : wholeText,
    speaking: isPiece,
  };
}

/**
 * There can be several `failed` events. The first comes from the agent, and the last comes from the worker that gave up. Source: service source,
 * events of stages `git_sync` and `git_delivery`.
 */
export function addEvent(facts: EventFacts, event: RunEvent): EventFacts {
  const { type, message, payload } = event;
  if (isGitEvent(event)) {
    const workingBranch = textOf(payload.working_branch) ?? facts.workingBranch;
    return { ...facts, workingBranch, ...(payload.stage === "git_delivery" && delivery(payload)) };
  }
  const spoken = speech(facts, event);
  if (spoken !== undefined) return spoken;
  // Other events, such as a heartbeat of the worker, can arrive in the middle of a sentence.
  if (type === "tool_started" || type === "tool_finished") return { ...facts, speaking: false };
  const firstEnd = facts.firstEnd ?? (isTerminalType(type) ? type : null);
  if (type !== "failed") return firstEnd === facts.firstEnd ? facts : { ...facts, firstEnd };
  return {
    ...facts,
    firstEnd,
    failureCode: textOf(payload.failure_code) ?? facts.failureCode,
    failureError: textOf(payload.error) ?? facts.failureError,
    failureMessage: textOf(message) ?? facts.failureMessage,
  };
}

export function factsFromEvents(events: readonly RunEvent[]): EventFacts {
  return events.reduce(addEvent, noFacts());
}

interface PhasesOptions {
  createdAt?: string | null | undefined;
  endedAt?: string | null | undefined;
}

export interface Milestones {
  readonly firstAt: number;
  readonly begun: readonly { readonly name: string; readonly at: number }[];
  readonly endedAt: number;
}

// The service has no code for a refused push, only a message that begins with these words. Source: service source, "What `error` contains".
const NOT_DELIVERED = "The agent finished, but";

const ENDS: readonly string[] = ["finished", "failed", "cancelled"];

/** An event of this type does not prove that the run has finished. Only the status does. */
export function isTerminalType(type: string): boolean {
  return ENDS.includes(type);
}

function failsInDelivery({ type, message, payload }: RunEvent): boolean {
  return type === "failed" && [payload.error, message].some((text) => String(text).startsWith(NOT_DELIVERED));
}

export function beginsPhase(event: RunEvent): string | undefined {
  const { type, payload } = event;
  // The event "External Mogplex run accepted" has `external_run_id`, and the event "Harness run started" does not.
  if (type === "started" && payload.external_run_id === undefined) return "prepare";
  if (type === "status_changed" && payload.to === "streaming") return "agent";
  // Later revisions of the service send the agent's final message before delivery. The base revision sends only `git_delivery`, when delivery ends.
  if (type === "log" && (payload.kind === "assistant_final" || payload.stage === "git_delivery")) return "deliver";
  if (failsInDelivery(event)) return "deliver";
  return isTerminalType(type) ? "" : undefined;
}

export const PHASES: readonly string[] = ["queue", "prepare", "agent", "deliver"];

export function addMilestone(milestones: Milestones | undefined, event: RunEvent): Milestones {
  const name = beginsPhase(event);
  if (milestones !== undefined && name === undefined) return milestones;
  const at = Date.parse(event.createdAt);
  const { firstAt, begun, endedAt } = milestones ?? { firstAt: at, begun: [], endedAt: NaN };
  const end = isTerminalType(event.type) ? at : endedAt;
  // The agent can send its last message and then fail. In that case, delivery did not begin.
  const failed = event.type === "failed" && typeof event.payload.exit_code === "number";
  if (name === undefined || name === "") {
    return { firstAt, begun: failed ? begun.filter((phase) => phase.name !== "deliver") : begun, endedAt: end };
  }
  const last = begun.at(-1);
  // A resumed run repeats milestones. A repeated milestone does not begin a phase again.
  const isNext = last === undefined || PHASES.indexOf(name) > PHASES.indexOf(last.name);
  return { firstAt, begun: isNext && !Number.isNaN(at) ? [...begun, { name, at }] : begun, endedAt: end };
}

export function phasesOf(milestones: Milestones | undefined, options: PhasesOptions = {}): RunPhase[] {
  const phases: { name: string; at: number }[] = [];
  const { createdAt, endedAt } = options;
  const queuedAt = createdAt == null ? milestones?.firstAt ?? NaN : Date.parse(createdAt);
  for (const { name, at } of [{ name: "queue", at: queuedAt }, ...milestones?.begun ?? []]) {
    if (!Number.isNaN(at)) phases.push({ name, at: Math.max(at, phases.at(-1)?.at ?? at) });
  }
  let end = Date.parse(endedAt ?? "");
  if (Number.isNaN(end)) end = milestones?.endedAt ?? NaN;
  return phases.map(({ name, at }, index) => {
    const until = phases[index + 1]?.at ?? end;
    return {
      name,
      startedAt: new Date(at).toISOString(),
      durationMs: Number.isNaN(until) ? null : Math.max(0, until - at),
    };
  });
}

export function phasesFromEvents(events: readonly RunEvent[], options: PhasesOptions = {}): RunPhase[] {
  return phasesOf(events.reduce<Milestones | undefined>(addMilestone, undefined), options);
}

const MINUTE = 60_000;

/** Examples: `40 s`, `12 min`, `4 h 35 min`, `6 d 3 h`. */
export function spanText(ms: number): string {
  if (!(ms >= 500)) return "0 s";
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return twoUnits(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return twoUnits(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return twoUnits(Math.floor(hours / 24), "d", hours % 24, "h");
}

export function instantMs(time: string | null): number | null {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) ? null : ms;
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) ? null : isoTime(ms);
}

/** Example: `2026-12-01 14:05 UTC`. The year must be from 0 to 9999. */
export function utcText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Example: `12 Nov`. */
export function dayText(time: string | number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Example: `1 Dec 2026, 06:14 UTC`. The year must be from 0 to 9999. */
export function dayTimeText(ms: number | null): string | null {
  if (ms === null || Number.isNaN(ms)) return null;
  const date = new Date(ms);
  return `${dayText(ms)} ${date.getUTCFullYear()}, ${date.toISOString().slice(11, 16)} UTC`;
}

export function roundSpanText(ms: number): string {
  return spanText(ms < MINUTE ? ms : Math.round(ms / MINUTE) * MINUTE);
}

export function distanceText(ms: number, nowMs: number): string {
  const distance = ms - nowMs;
  if (Math.abs(distance) < 1_000) return "now";
  const span = roundSpanText(Math.abs(distance));
  return distance > 0 ? `in ${span}` : `${span} ago`;
}

export function timeText(ms: number, nowMs: number, textOf: (ms: number) => string | null = utcText): string {
  return `${textOf(ms)} (${distanceText(ms, nowMs)})`;
}
