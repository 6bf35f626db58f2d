/**
 * One attempt: a time limit around it, and the two ways in which a network can fail it.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** What `fetch`, or the reading of a body, threw. Wraps it where it is thrown, so that nobody has to guess from its text. */
export class Lost extends Error {
  /** @param cause What was thrown. */
  constructor(cause: unknown) {
    super("connection lost", { cause });
  }
}

/** The attempt took too long. */
export class TimedOut extends Error {}

/** Options of {@linkcode withLimit}. */
export interface LimitOptions {
  clock: Clock;
  /** Milliseconds. */
  limitMs: number;
  /** The caller's own signal. */
  signal: AbortSignal | undefined;
}

/**
 * Runs `work` until it ends, its time is up, or the caller aborts.
 *
 * @param work Gets a signal that aborts in the latter two cases; it is not waited for then.
 * @throws {TimedOut}, `signal.reason`, or what `work` throws.
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
 * A network failure in words, and the cause that may be kept: the original, or a copy without the secret where one of its
 * texts holds it.
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
