/**
 * The time limit of one attempt, and its two network failures: {@linkcode Lost} and {@linkcode TimedOut}.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/**
 * The network failed: wraps whatever `fetch` or the reading of a body threw. Wrapping it at that place means that no later code
 * has to recognise a network failure by its text.
 */
export class Lost extends Error {
  constructor(cause: unknown) {
    super("connection lost", { cause });
  }
}

/** The attempt took longer than its limit. */
export class TimedOut extends Error {}

/** Options of {@linkcode withLimit}. */
export interface LimitOptions {
  clock: Clock;
  /** Longest time of the work, in milliseconds. */
  limitMs: number;
  /** Ends the work early; the call then rejects with its reason. */
  signal: AbortSignal | undefined;
}

/**
 * Runs `work` until it settles, its time is up, or the caller aborts.
 *
 * @param work Gets a signal that aborts in the last two cases. The call then rejects without waiting for `work`.
 * @throws {TimedOut} when the time is up.
 * @throws `signal.reason` when the caller aborts; what `work` throws.
 */
export function withLimit<T>(work: (signal: AbortSignal) => Promise<T>, options: LimitOptions): Promise<T> {
  const { clock, limitMs, signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const inner = new AbortController();
    const ended = new AbortController();
    function end(settle: () => void): void {
      signal?.removeEventListener("abort", onAbort);
      ended.abort();
      settle();
    }
    function onAbort(): void {
      end(() => reject(signal?.reason));
      inner.abort();
    }
    signal?.addEventListener("abort", onAbort, { once: true });
    clock.sleep(limitMs, { signal: ended.signal, limit: true }).then(() => {
      end(() => reject(new TimedOut()));
      inner.abort();
    }, () => {});
    work(inner.signal).then((value) => end(() => resolve(value)), (error) => end(() => reject(error)));
  });
}

function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  const own = typeof code === "string" && !error.message.includes(code) ? `${error.message} (${code})` : error.message;
  const inner = error.cause === undefined || depth > 2 ? "" : describe(error.cause, depth + 1);
  return inner === "" || own.includes(inner) ? own : `${own}: ${inner}`;
}

/**
 * Describes a network failure, and gives a cause that an error may keep: the original, or a masked copy if any message or stack
 * in the chain of causes contains a secret.
 */
export function explainLoss(lost: Lost, redact: (text: string) => string): { detail: string; cause: unknown } {
  const detail = describe(lost.cause);
  const masked = redact(detail);
  let texts = detail;
  for (let error = lost.cause, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth++) {
    texts += error.stack ?? "";
  }
  if (redact(texts) === texts) return { detail: masked, cause: lost.cause };
  const copy = new Error(masked);
  copy.stack = `Error: ${masked}`;
  return { detail: masked, cause: copy };
}
