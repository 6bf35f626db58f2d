/**
 * The settings of traces, from OpenTelemetry's own variables, and the trace that a job belongs to. An invalid value causes a warning and no error,
 * because other programs also read these variables.
 * Source: OpenTelemetry, "Environment variable specification" and "OTLP exporter".
 * @module
 */
import type { ReadEnv } from "../ci/platform.ts";
import { sha256Hex } from "../sha256.ts";
import { valueOr } from "../lookup.ts";

export interface TraceSettings {
  endpoint: Endpoint | undefined;
  sampler: Sampler;
  resource: ReadonlyMap<string, string>;
  warnings: string[];
}

export interface Endpoint {
  url: string;
  /** Headers by name. Their values are secrets. */
  headers: Readonly<Record<string, string>>;
  timeoutMs: number;
  gzip: boolean;
}

export interface Sampler {
  byParent: boolean;
  /** Applies to traces that begin in this job. */
  root: "on" | "off" | "share";
  share: number;
}

export function readTraceSettings(env: ReadEnv, hasFile: boolean): TraceSettings | undefined {
  const exports = asksForExport(env);
  if (read(env, "OTEL_SDK_DISABLED")?.toLowerCase() === "true" || !(exports || hasFile)) return undefined;
  const warnings: string[] = [];
  const endpoint = exports ? endpointOf(env, warnings) : undefined;
  return { endpoint, sampler: samplerOf(env, warnings), resource: resourceOf(env, warnings), warnings };
}

const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const TIMEOUT_MS = 10_000;
const MAX_GIVEN = 64;

function asksForExport(env: ReadEnv): boolean {
  const isNamed = [ENDPOINT, TRACES_ENDPOINT].some((name) => read(env, name) !== undefined);
  return isNamed && read(env, "OTEL_TRACES_EXPORTER") !== "none";
}

function read(env: ReadEnv, name: string): string | undefined {
  return env(name)?.trim() || undefined;
}

function endpointOf(env: ReadEnv, warnings: string[]): Endpoint | undefined {
  const { url, source } = addressOf(env);
  if (url === undefined) {
    warnings.push(`${source} must be an HTTP or HTTPS address without a password: no spans are sent`);
    return undefined;
  }
  const { warning, refused } = protocolProblem(env);
  if (warning !== undefined) warnings.push(warning);
  if (refused) return undefined;
  const [headerText = "", headersSource] = readOtlp(env, "HEADERS");
  const pairs = pairsOf(headerText);
  const good = pairs.filter((pair) =>
    pair !== undefined && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(pair[0]) && /^[\t\x20-\x7e]*$/.test(pair[1])
  ) as [string, string][];
  if (good.length < pairs.length) {
    warnings.push(`${headersSource} must be NAME=VALUE,…, percent-encoded: invalid parts are ignored`);
  }
  const [timeout = String(TIMEOUT_MS), timeoutSource] = readOtlp(env, "TIMEOUT");
  const isTime = /^\d{1,9}$/.test(timeout) && Number(timeout) > 0;
  if (!isTime) warnings.push(`${timeoutSource} must be a number of milliseconds: ${TIMEOUT_MS} is used`);
  const [compression = "none", compressionSource] = readOtlp(env, "COMPRESSION");
  if (!["none", "gzip"].includes(compression)) {
    warnings.push(`${compressionSource} must be gzip or none: nothing is compressed`);
  }
  return {
    url: url.href,
    headers: Object.fromEntries(good),
    timeoutMs: isTime ? Number(timeout) : TIMEOUT_MS,
    gzip: compression === "gzip",
  };
}

function addressOf(env: ReadEnv): { url: URL | undefined; source: string } {
  const endpoint = read(env, TRACES_ENDPOINT);
  const source = endpoint === undefined ? ENDPOINT : TRACES_ENDPOINT;
  const text = endpoint ?? read(env, ENDPOINT) ?? "";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usable = url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === "";
  if (!usable) return { url: undefined, source };
  if (endpoint === undefined) url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  return { url, source };
}

function protocolProblem(env: ReadEnv): { warning?: string; refused: boolean } {
  const [protocol = "http/json", source] = readOtlp(env, "PROTOCOL");
  if (protocol === "http/json") return { refused: false };
  if (protocol === "http/protobuf") {
    return { warning: `${source} is "http/protobuf": spans are sent as http/json to the same address`, refused: false };
  }
  const why = `${source} is set to an unsupported protocol: no spans are sent`;
  return { warning: `${why} (set it to http/json, with the address of the receiver for HTTP)`, refused: true };
}

function readOtlp(env: ReadEnv, name: string): [value: string | undefined, source: string] {
  const tracesName = `OTEL_EXPORTER_OTLP_TRACES_${name}`;
  const common = `OTEL_EXPORTER_OTLP_${name}`;
  const value = read(env, tracesName);
  return value === undefined ? [read(env, common), common] : [value, tracesName];
}

function pairsOf(text: string): ([string, string] | undefined)[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "").map((part) => {
    const cut = part.indexOf("=");
    if (cut < 1) return undefined;
    return valueOr(() => [part.slice(0, cut).trim(), decodeURIComponent(part.slice(cut + 1).trim())], undefined);
  });
}

const SAMPLERS = new Map<string, Pick<Sampler, "byParent" | "root">>([
  ["always_on", { byParent: false, root: "on" }],
  ["always_off", { byParent: false, root: "off" }],
  ["traceidratio", { byParent: false, root: "share" }],
  ["parentbased_always_on", { byParent: true, root: "on" }],
  ["parentbased_always_off", { byParent: true, root: "off" }],
  ["parentbased_traceidratio", { byParent: true, root: "share" }],
]);

function samplerOf(env: ReadEnv, warnings: string[]): Sampler {
  const name = read(env, "OTEL_TRACES_SAMPLER") ?? "parentbased_always_on";
  const sampler = SAMPLERS.get(name);
  if (sampler === undefined) {
    warnings.push(`OTEL_TRACES_SAMPLER must be one of ${[...SAMPLERS.keys()].join(", ")}: all traces are recorded`);
    return { byParent: true, root: "on", share: 1 };
  }
  const argument = sampler.root === "share" ? read(env, "OTEL_TRACES_SAMPLER_ARG") ?? "1" : "1";
  const isShare = /^(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})$/.test(argument) && Number(argument) <= 1;
  if (!isShare) warnings.push("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: all traces are recorded");
  return { ...sampler, share: isShare ? Number(argument) : 1 };
}

function resourceOf(env: ReadEnv, warnings: string[]): Map<string, string> {
  const pairs = pairsOf(read(env, "OTEL_RESOURCE_ATTRIBUTES") ?? "");
  const good = pairs.filter((pair) => pair !== undefined);
  // Source: OpenTelemetry, "Resource SDK": one invalid pair invalidates the whole value.
  const isWrong = good.length < pairs.length;
  if (isWrong) {
    warnings.push("OTEL_RESOURCE_ATTRIBUTES must be NAME=VALUE,…, percent-encoded: the variable is ignored");
  } else if (good.length > MAX_GIVEN) {
    warnings.push(
      `OTEL_RESOURCE_ATTRIBUTES has more than ${MAX_GIVEN} attributes: only the first ${MAX_GIVEN} are used`,
    );
  }
  const resource = new Map(isWrong ? [] : good.slice(0, MAX_GIVEN));
  const name = read(env, "OTEL_SERVICE_NAME");
  if (name !== undefined) resource.set("service.name", name);
  return resource;
}

// Source: W3C, "Trace Context", `traceparent`; OpenTelemetry, "Environment variables as context propagation carriers".

type RandomBytes = (count: number) => Uint8Array;

const randomBytes: RandomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

export interface TraceContext {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  sampled: boolean;
  /** For programs that the job or a later step starts. */
  traceparent: string;
}

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

function parseTraceparent(
  text: string,
): { traceId: string; spanId: string; sampled: boolean } | undefined {
  const [, version = "ff", traceId = "", spanId = "", flags = "", more = ""] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})((?:-.*)?)$/s.exec(text.trim()) ?? [];
  if (version === "ff" || isZero(traceId) || isZero(spanId) || (version === "00" && more !== "")) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

const isZero = (id: string) => /^0*$/.test(id);

function pipelineTrace(env: ReadEnv, platform: string): string | undefined {
  if (platform === "gitlab") {
    const id = env("CI_PIPELINE_ID") ?? "";
    const trace = /^\d{1,30}$/.test(id) ? BigInt(id).toString(16).padStart(32, "0") : "";
    return isZero(trace) ? undefined : trace;
  }
  if (platform !== "github") return undefined;
  const [run, attempt] = [env("GITHUB_RUN_ID") ?? "", env("GITHUB_RUN_ATTEMPT") ?? "1"];
  // The collector's receiver for GitHub builds the same id from the same two numbers.
  return /^\d+$/.test(run) && /^\d+$/.test(attempt) ? sha256Hex(`${run}${attempt}t`).slice(0, 32) : undefined;
}

export function newId(bytes: number, random: RandomBytes = randomBytes): string {
  const id = hex(random(bytes));
  return isZero(id) ? `${id.slice(1)}1` : id;
}

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function isSampled({ byParent, root, share }: Sampler, traceId: string, parent: boolean | undefined): boolean {
  if (byParent && parent !== undefined) return parent;
  return root === "share" ? isInShare(traceId, share) : root === "on";
}

function isInShare(traceId: string, share: number): boolean {
  // The last seven bytes of the id decide, so all programs with the same share make the same decision. Source: OpenTelemetry, `TraceIdRatioBased`.
  return Number.parseInt(traceId.slice(-14), 16) < share * 2 ** 56;
}
