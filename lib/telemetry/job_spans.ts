/**
 * No span contains the task or a text of the agent.
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import { type AnyResult, hasEnded } from "../run/result.ts";
import { cutText } from "../text/plain_text.ts";
import { type Attributes, OWN, type RequestLog, SEMCONV, type Span } from "./otlp.ts";
import { newId, type TraceContext } from "./settings.ts";

export interface JobFacts {
  /** Start and end of the job on this machine's clock, in milliseconds since 1970. */
  startMs: number;
  endMs: number;
  /** Milliseconds by which this machine's clock is ahead of the service's clock; 0 if unknown. */
  skewMs: number;
  requests: RequestLog;
  task: Attributes;
}

export function jobSpans(result: AnyResult, trace: TraceContext, facts: JobFacts): Span[] {
  const work = workSpan(result, trace, facts);
  return [
    jobSpan(result, trace, facts),
    ...(work === undefined ? [] : [work, ...phaseSpans(result, work, facts.skewMs)]),
    ...facts.requests.spans(result.origin, trace.spanId),
  ];
}

function workSpan(result: AnyResult, trace: TraceContext, facts: JobFacts): Span | undefined {
  const { endMs, skewMs } = facts;
  const { runId, createdAt, outcome } = result;
  const beganMs = Date.parse(createdAt ?? "") + skewMs;
  if (runId === null || Number.isNaN(beganMs)) return undefined;
  const { isWithin, startMs } = placeBelow(beganMs, facts.startMs);
  const ended = result.kind === "run"
    ? result.status !== null && hasEnded(result.status) ? result.updatedAt : null
    : result.completedAt;
  const until = Date.parse(ended ?? "") + skewMs;
  const failed = outcome === "failed";
  const isAgent = result.kind === "run";
  return {
    spanId: newId(8),
    // If an earlier job started the run, the run is not a child of this job.
    parentSpanId: isWithin ? trace.spanId : null,
    ...!isWithin && { links: [{ traceId: trace.traceId, spanId: trace.spanId }] },
    name: isAgent ? ["invoke_agent", short(result.harness) ?? []].flat().join(" ") : "automation run",
    kind: "client",
    startMs,
    endMs: Number.isNaN(until) ? endMs : until,
    attributes: {
      [SEMCONV.operation]: isAgent ? "invoke_agent" : null,
      [SEMCONV.provider]: isAgent ? "mogplex" : null,
      [SEMCONV.agentName]: isAgent ? short(result.harness) : null,
      [SEMCONV.conversation]: runId,
      [OWN.runStatus]: short(result.status),
      [OWN.open]: Number.isNaN(until) ? true : null,
      [SEMCONV.errorType]: failed ? errorType(result) : null,
    },
    error: failed ? outcome : null,
  };
}

/** The clocks may differ by a few seconds, so a run may seem to begin up to this many milliseconds before the job started it. */
const CLOCKS_MS = 5_000;

/** Whether an operation can be a child of a span, and the start of the operation. The start of a child is never before the start of the span. */
function placeBelow(beganMs: number, aboveMs: number): { isWithin: boolean; startMs: number } {
  const isWithin = beganMs >= aboveMs - CLOCKS_MS;
  return { isWithin, startMs: isWithin ? Math.max(beganMs, aboveMs) : beganMs };
}

const MAX_TEXT = 200;

const short = (text: string | null) => text === null || text === "" ? null : cutText(text, MAX_TEXT);

const RESULTS: Readonly<Record<AnyResult["outcome"], string>> = {
  success: "success",
  started: "success",
  failed: "failure",
  awaiting_input: "failure",
  cancelled: "cancellation",
  interrupted: "cancellation",
  deadline: "timeout",
  suppressed: "skip",
  error: "error",
};

function errorType(result: AnyResult): string | null {
  const kind = RESULTS[result.outcome];
  if (["success", "skip", "cancellation"].includes(kind)) return null;
  const code = result.kind === "run" ? result.resultFile?.cause ?? result.failureCode : null;
  if (code !== null && /^[A-Za-z0-9_.-]{1,60}$/.test(code)) return code;
  return exitType(result.exitCode);
}

/** Source: OpenTelemetry, `error.type`: `_OTHER` if no other value applies. */
function exitType(exitCode: number): string {
  return Object.entries(EXIT).find(([, code]) => code === exitCode)?.[0] ?? "_OTHER";
}

function jobSpan(result: AnyResult, trace: TraceContext, { startMs, endMs, requests, task }: JobFacts): Span {
  const { outcome, exitCode, replayed } = result;
  const type = errorType(result);
  const events = result.kind === "run" ? result.eventCount : null;
  return {
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    remoteParent: trace.parentSpanId !== null,
    name: result.kind === "run" ? "mogplex run" : "mogplex automation",
    kind: "internal",
    startMs,
    endMs,
    attributes: {
      ...task,
      [SEMCONV.taskResult]: RESULTS[outcome],
      [SEMCONV.errorType]: type,
      ...repositoryOf(result.repository),
      ...gitOf(result),
      [OWN.kind]: result.kind,
      [OWN.outcome]: outcome,
      [OWN.exitCode]: exitCode,
      [OWN.runStatus]: short(result.status),
      [OWN.automation]: result.kind === "run" ? null : short(result.automationId),
      [OWN.replayed]: replayed,
      [OWN.requests]: result.requests,
      [OWN.polls]: requests.polls,
      [OWN.unshown]: requests.unshown === 0 ? null : requests.unshown,
      [OWN.eventsSeen]: events?.seen ?? null,
      [OWN.eventsMissed]: events?.missed ?? null,
      [OWN.changed]: result.kind === "run" ? result.changed : null,
      [OWN.files]: result.kind === "run" ? result.files?.length ?? null : null,
    },
    events: requests.waits,
    error: type === null ? null : outcome,
  };
}

function repositoryOf(name: string | null): Attributes {
  const [owner, ...rest] = (name ?? "").split("/");
  if (rest.length === 0) return { [SEMCONV.repositoryName]: short(name) };
  return { [SEMCONV.ownerName]: short(owner ?? ""), [SEMCONV.repositoryName]: short(rest.join("/")) };
}

function gitOf(result: AnyResult): Attributes {
  if (result.kind !== "run") return {};
  const { branch, pullRequest: { state, url } } = result;
  const head = short(branch.pushed ?? branch.requested);
  return {
    [SEMCONV.headName]: head,
    [SEMCONV.headType]: head === null ? null : "branch",
    [SEMCONV.baseName]: short(branch.base),
    [SEMCONV.baseType]: branch.base === null ? null : "branch",
    [SEMCONV.changeId]: /\/(\d{1,12})\/?$/.exec(url ?? "")?.[1] ?? null,
    [SEMCONV.changeState]: state === "open" ? "open" : null,
  };
}

function phaseSpans(result: AnyResult, work: Span, skewMs: number): Span[] {
  if (result.kind !== "run") return [];
  return result.phases.map(({ name, startedAt, durationMs }) => {
    const startMs = Date.parse(startedAt) + skewMs;
    return {
      spanId: newId(8),
      parentSpanId: work.spanId,
      name,
      kind: "internal",
      startMs,
      endMs: durationMs === null ? work.endMs : startMs + durationMs,
      attributes: { [OWN.phase]: name, [OWN.open]: durationMs === null ? true : null },
      error: null,
    };
  });
}
