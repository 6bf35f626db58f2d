/**
 * One line for each request, for the person who watches the emulator.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { API_PREFIX } from "../../api/contract/rules.ts";
import type { World } from "../state/world.ts";
import { splitUrl } from "./gate.ts";

/** A request that was answered, or whose connection broke. */
export interface LoggedRequest {
  /** Wall time of its arrival, in milliseconds since 1970. */
  atMs: number;
  /** HTTP method. */
  method: string;
  /** Path and query, as they were sent. */
  target: string;
  /** Status of the answer; null if there was none. */
  status: number | null;
  /** Milliseconds until the answer's headers. */
  tookMs: number;
  /** Kind of the fault that was played; undefined for none. */
  fault: string | undefined;
}

/** Characters of a path that are shown. */
const MAX_TARGET = 200;

/** A request as a line: `02:56:05  202  POST /runs  3 ms`. Whatever the request contains, it is one line of plain ASCII. */
export function requestLine({ atMs, method, target, status, tookMs, fault }: LoggedRequest): string {
  const time = new Date(atMs).toISOString().slice(11, 19);
  const short = target.startsWith(`${API_PREFIX}/`) ? target.slice(API_PREFIX.length) : target;
  const shown = `${method} ${short.length > MAX_TARGET ? `${short.slice(0, MAX_TARGET)}...` : short}`;
  const how = fault === undefined ? "" : `  (fault ${fault})`;
  return `${time}  ${status ?? "---"}  ${shown.replace(/[^\x20-\x7e]/g, "?")}  ${Math.round(tookMs)} ms${how}`;
}

/**
 * Tells each request when its answer has headers, or when its connection broke.
 *
 * @param faults Kinds of the faults that were played, by request.
 */
export function logRequests(
  { clock }: World,
  tell: (request: LoggedRequest) => void,
  faults: WeakMap<Request, string>,
): MiddlewareHandler {
  return async (c, next) => {
    const { raw } = c.req;
    const atMs = clock.wallMs();
    const { path, query } = splitUrl(raw.url);
    const target = query === "" ? path : `${path}?${query}`;
    const done = (status: number | null) =>
      tell({ atMs, method: raw.method, target, status, tookMs: clock.wallMs() - atMs, fault: faults.get(raw) });
    try {
      await next();
    } catch (error) {
      done(null);
      throw error;
    }
    done(faults.get(raw)?.startsWith("reset") ? null : c.res.status);
  };
}
