import { UsageError } from "../../errors.ts";
import { checkOptions, type Keys } from "../../check_options.ts";
import { API_PREFIX } from "../../service/contract.ts";
import { meantOrKnown } from "../../nearest.ts";

export const STREAM_FAULT_KINDS = [
  "stream-buffered",
  "stream-cut",
  "stream-closed",
  "stream-silent",
  "stream-disorder",
  "stream-hostile",
  "stream-405",
  "stream-html",
  "stream-json",
  "stream-500",
] as const;

export type StreamFaultKind = typeof STREAM_FAULT_KINDS[number];

export const FAULT_KINDS = [
  "429",
  "503",
  "503-no-retry",
  "500",
  "empty5xx",
  "html502",
  "truncated",
  "reset0",
  "resetMid",
  "slow",
  "401",
  "login",
  "limiter-down",
  ...STREAM_FAULT_KINDS,
] as const;

/** Kind of a fault. */
export type FaultKind = typeof FAULT_KINDS[number];

/** A failure to inject: a request that fails, or an answer that does not arrive. */
export interface Fault {
  /** What goes wrong. */
  kind: FaultKind;
  /**
   * Requests that the fault affects: `[METHOD ]PATH` below the API's prefix. A `*` matches one segment, as in `POST /runs/*`. A client that follows a
   * run sends `GET /runs/ID/events`.
   * @default every request
   */
  route?: string | undefined;
  /** Id of a run. Only requests about this run are affected. @default all */
  runId?: string | undefined;
  /** Number of requests that the fault affects, at least 1. @default {1} */
  times?: number | undefined;
  /** Seconds in `Retry-After`. @default {60} */
  retryAfter?: number | undefined;
  /** For `slow`: milliseconds until the headers arrive. @default {1_000} */
  delayMs?: number | undefined;
  /** For `stream-cut`: number of complete pieces before the cut. 0 cuts the first piece, and 1 cuts the first live event. @default {1} */
  after?: number | undefined;
  /**
   * Whether the request takes effect although its answer is lost, for `500`, `empty5xx`, `html502` and `reset0`. With `truncated`, `resetMid` and
   * `slow`, the request always takes effect. @default {false}
   */
  processed?: boolean | undefined;
}

/** A fault to inject, and the number of requests that it has hit. */
export interface PlannedFault extends Fault {
  /** Number of requests that the fault has hit so far. */
  hits: number;
}

export interface RandomFaults {
  rate: number;
  kinds: readonly FaultKind[];
  seed?: number | undefined;
  retryAfter?: number | undefined;
  delayMs?: number | undefined;
}

function isKind(kind: unknown): kind is FaultKind {
  return (FAULT_KINDS as readonly unknown[]).includes(kind);
}

export function parseFault(args: Record<string, unknown>): Fault {
  const keys: Keys<Fault> = {
    kind: "any",
    route: "any",
    runId: "any",
    times: "any",
    retryAfter: "any",
    delayMs: "any",
    after: "any",
    processed: "any",
  };
  const { kind, route, runId, times, retryAfter, delayMs, after, processed } = checkOptions(
    "inject fault",
    args,
    keys,
    "faults",
  );
  if (!isKind(kind)) {
    throw new UsageError({
      attempted: "inject fault",
      why: `unknown kind "${kind}"`,
      advice: meantOrKnown(String(kind), FAULT_KINDS),
    });
  }
  const number = (value: unknown, name: string) => {
    if (value === undefined || (typeof value === "number" && value >= 0)) return value as number | undefined;
    throw new UsageError({
      attempted: "inject fault",
      why: `"${name}" must be a number of 0 or more: current value is ${value}`,
    });
  };
  if (route !== undefined && (typeof route !== "string" || !route.includes("/"))) {
    throw new UsageError({
      attempted: "inject fault",
      why: `"route" must be a path, such as "GET /runs/*": current value is ${route}`,
    });
  }
  if (times !== undefined && !(Number.isInteger(times) && times as number >= 1)) {
    throw new UsageError({
      attempted: "inject fault",
      why: `"times" must be a whole number of 1 or more: current value is ${times}`,
    });
  }
  if (runId !== undefined && typeof runId !== "string") {
    throw new UsageError({ attempted: "inject fault", why: `"runId" must be text: current value is ${runId}` });
  }
  return {
    kind,
    route,
    runId,
    times: times as number | undefined,
    retryAfter: number(retryAfter, "retryAfter"),
    delayMs: number(delayMs, "delayMs"),
    after: number(after, "after"),
    processed: processed === true,
  };
}

function meets(route: string, knownRoute: string): boolean {
  const [method, path = ""] = knownRoute.split(" ");
  const [first = "", second] = route.split(" ");
  if (second !== undefined && first !== method) return false;
  const [wanted, actual] = [(second ?? first).split("/"), path.split("/")];
  return wanted.length === actual.length &&
    wanted.every((part, index) => part === "*" || actual[index] === "*" || part === actual[index]);
}

const STREAM_ROUTE = "GET /runs/*/events/stream";

export function onlyRoute(kind: FaultKind): string | undefined {
  if ((STREAM_FAULT_KINDS as readonly string[]).includes(kind)) return STREAM_ROUTE;
  return kind === "limiter-down" ? "POST /runs" : undefined;
}

/** @param routes All routes of the service, as `METHOD PATH` with `*` for each parameter. */
export function checkFaultRoute({ kind, route }: Fault, routes: readonly string[], hasStreams: boolean): void {
  const only = onlyRoute(kind);
  if (only === STREAM_ROUTE && !hasStreams) {
    const why = `"${kind}" affects only streams, but this revision of the service has no streams`;
    const advice = 'set revision to "later", or use --server-revision later';
    throw new UsageError({ attempted: "inject fault", why, advice });
  }
  if (route === undefined) return;
  const met = routes.filter((knownRoute) => meets(route, knownRoute));
  if (met.length > 0) {
    if (only === undefined || met.includes(only)) return;
    const why = `"${kind}" applies only to ${only}: current route is "${route.slice(0, 100)}"`;
    throw new UsageError({ attempted: "inject fault", why });
  }
  throw new UsageError({
    attempted: "inject fault",
    why: `no route matches "${route.slice(0, 100)}"`,
    advice: `${meantOrKnown(route, routes)} (routes are below ${API_PREFIX})`,
  });
}

const FIELDS = ["rate", "kinds", "retryAfter", "delayMs"];

export function parseRandomFaults(text: string, seed: number): RandomFaults {
  const fields = new Map(
    text.split(",").map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, Math.max(at, 0)).trim(), part.slice(at + 1).trim()] as const;
    }),
  );
  const problem = (why: string, advice?: string) =>
    new UsageError({ attempted: `parse faults "${text}"`, why, advice });
  for (const name of fields.keys()) {
    if (!FIELDS.includes(name)) throw problem(`unknown field "${name}"`, `use one of ${FIELDS.join(", ")}`);
  }
  const rate = Number(fields.get("rate"));
  if (!(rate >= 0 && rate <= 1)) throw problem(`rate must be between 0 and 1: current value is ${fields.get("rate")}`);
  const kinds = (fields.get("kinds") ?? "").split("+").map((kind) => {
    if (isKind(kind)) return kind;
    throw problem(`unknown kind "${kind}"`, meantOrKnown(kind, FAULT_KINDS));
  });
  const number = (name: string) => {
    const value = fields.get(name);
    if (value === undefined) return undefined;
    if (!(Number(value) >= 0)) throw problem(`${name} must be a number of 0 or more: current value is ${value}`);
    return Number(value);
  };
  return { rate, kinds, seed, retryAfter: number("retryAfter"), delayMs: number("delayMs") };
}
