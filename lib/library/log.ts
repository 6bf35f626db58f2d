import { UsageError } from "../errors.ts";
import { callHook } from "../hook.ts";
import { didYouMean } from "../nearest.ts";
import type { Notice } from "../notice.ts";
import type { RequestReport } from "../service/transport.ts";

/** Where log lines go. `console` fits this type, and so do most loggers. */
export interface Logger {
  /** Requests and heartbeats. */
  debug(message: string): unknown;
  /** The start and end of each run, waits, and starts that are sent with another key. */
  info(message: string): unknown;
  /** Something that might need attention. */
  warn(message: string): unknown;
  /** Failures of your own functions. */
  error(message: string): unknown;
}

/** The lowest level that is logged. With `off`, nothing is logged. */
export type LogLevel = "off" | "error" | "warn" | "info" | "debug";

const LOG_LEVELS: readonly LogLevel[] = ["off", "error", "warn", "info", "debug"];

const LEVELS: Readonly<Record<Notice["kind"], Exclude<LogLevel, "off">>> = {
  wait: "info",
  heartbeat: "debug",
  window_full: "info",
  events_missed: "warn",
  unknown_status: "warn",
  restart: "info",
  no_sandbox: "warn",
  random_key: "warn",
  shared_key: "warn",
  hook_failed: "error",
  text: "warn",
};

export interface Log {
  progress(message: string): void;
  notice(notice: Notice): void;
  request(request: RequestReport): void;
}

export function logOf(
  attempted: string,
  { logger, logLevel }: { logger?: Logger | undefined; logLevel?: LogLevel | undefined },
): Log | undefined {
  const level = logLevel ?? "warn";
  if (!LOG_LEVELS.includes(level)) {
    const why = `'logLevel' must be one of ${LOG_LEVELS.join(", ")}`;
    throw new UsageError({
      attempted,
      why,
      value: JSON.stringify(level),
      advice: didYouMean(String(level), LOG_LEVELS),
    });
  }
  if (logger === undefined && logLevel === undefined) return undefined;
  const to = logger ?? console;
  for (const name of LOG_LEVELS.slice(1) as Exclude<LogLevel, "off">[]) {
    if (typeof to[name] !== "function") {
      throw new UsageError({
        attempted,
        why: `'logger' must have the methods debug, info, warn and error`,
        value: `no ${name}`,
      });
    }
  }
  const write = (each: Exclude<LogLevel, "off">, message: string) => {
    if (LOG_LEVELS.indexOf(each) <= LOG_LEVELS.indexOf(level)) {
      callHook((text: string) => to[each](text), `mogplex: ${message}`);
    }
  };
  return {
    progress: (message) => write("info", message),
    notice: (notice) => write(LEVELS[notice.kind], notice.message),
    request({ method, path, status, attempt, durationMs, requestId }) {
      const answer = status === null ? "no answer" : `HTTP ${status}`;
      const id = requestId === null ? "" : `, request ${requestId}`;
      write("debug", `${method} ${path}: ${answer} after ${durationMs} ms (attempt ${attempt}${id})`);
    },
  };
}
