/**
 * Which trace a job belongs to, which span is above it, and whether it is recorded.
 *
 * Source: W3C, "Trace Context", `traceparent`; OpenTelemetry, "Environment variables as context propagation carriers".
 *
 * @module
 */
import type { ReadEnv } from "../platforms/platform.ts";
import { sha256Hex } from "../sha256.ts";
import type { Sampler } from "./settings.ts";

/** Where a job is in a trace. */
export interface TraceContext {
  /** 32 hex digits. */
  traceId: string;
  /** Id of the job's own span, 16 hex digits. */
  spanId: string;
  /** Id of the span above it, from `TRACEPARENT`; null for none. */
  parentSpanId: string | null;
  /** Whether spans are recorded. */
  sampled: boolean;
  /** `traceparent` for what the job, or a later step, begins. */
  traceparent: string;
}

/** Makes so many random bytes. */
export type RandomBytes = (count: number) => Uint8Array;

const randomBytes: RandomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const isZero = (id: string) => /^0*$/.test(id);

/** A new id. @param bytes 16 for a trace, 8 for a span. */
export function newId(bytes: number, random: RandomBytes = randomBytes): string {
  const id = hex(random(bytes));
  return isZero(id) ? `${id.slice(1)}1` : id;
}

/**
 * Reads a `traceparent`. A later version may have more fields at its end.
 *
 * @returns Undefined for everything that is none.
 */
export function parseTraceparent(
  text: string,
): { traceId: string; spanId: string; sampled: boolean } | undefined {
  const [, version = "ff", traceId = "", spanId = "", flags = "", more = ""] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})((?:-.*)?)$/s.exec(text.trim()) ?? [];
  if (version === "ff" || isZero(traceId) || isZero(spanId) || (version === "00" && more !== "")) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The id that all jobs of a pipeline share; undefined where there is none. */
function pipelineTrace(env: ReadEnv, platform: string): string | undefined {
  if (platform === "gitlab") {
    const id = env("CI_PIPELINE_ID") ?? "";
    const trace = /^\d{1,30}$/.test(id) ? BigInt(id).toString(16).padStart(32, "0") : "";
    return isZero(trace) ? undefined : trace;
  }
  if (platform !== "github") return undefined;
  const [run, attempt] = [env("GITHUB_RUN_ID") ?? "", env("GITHUB_RUN_ATTEMPT") ?? "1"];
  // The collector's receiver for GitHub makes the same id of the same two numbers.
  return /^\d+$/.test(run) && /^\d+$/.test(attempt) ? sha256Hex(`${run}${attempt}t`).slice(0, 32) : undefined;
}

/** Whether a trace falls into a share. Every program that uses the same share decides alike. */
function isInShare(traceId: string, share: number): boolean {
  // Source: OpenTelemetry, `TraceIdRatioBased`: by the last seven bytes of the id.
  return Number.parseInt(traceId.slice(-14), 16) < share * 2 ** 56;
}

function isSampled({ byParent, root, share }: Sampler, traceId: string, parent: boolean | undefined): boolean {
  if (byParent && parent !== undefined) return parent;
  return root === "share" ? isInShare(traceId, share) : root === "on";
}

/**
 * Finds the place of a job: below `TRACEPARENT` if it is valid, else in the trace of its pipeline, else in a new one.
 *
 * @param platform Name of the CI system.
 * @param random Replaces the random numbers, for tests.
 */
export function openTrace(
  env: ReadEnv,
  platform: string,
  sampler: Sampler,
  random: RandomBytes = randomBytes,
): TraceContext {
  const parent = parseTraceparent(env("TRACEPARENT") ?? "");
  const traceId = parent?.traceId ?? pipelineTrace(env, platform) ?? newId(16, random);
  const spanId = newId(8, random);
  const sampled = isSampled(sampler, traceId, parent?.sampled);
  return {
    traceId,
    spanId,
    parentSpanId: parent?.spanId ?? null,
    sampled,
    traceparent: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`,
  };
}
