/**
 * Signals: SIGINT and SIGTERM end a job before its operation ends, and may cancel the operation.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { InterruptedError } from "../errors.ts";
import type { Io } from "../io.ts";

/**
 * What becomes of the run when this process is told to stop. `auto`: cancelled when this job owns it and nobody watches at a
 * terminal; `cancel`: always cancelled; `detach`: it goes on.
 */
export type OnInterrupt = "auto" | "cancel" | "detach";

/** All values of {@linkcode OnInterrupt}, for checks and for the help. */
export const ON_INTERRUPT: readonly OnInterrupt[] = ["auto", "cancel", "detach"];

/** What becomes of a run when our deadline passes. */
export type OnTimeout = "detach" | "cancel";

/** All values of {@linkcode OnTimeout}, for checks and for the help. */
export const ON_TIMEOUT: readonly OnTimeout[] = ["detach", "cancel"];

/** The signals of the process, as a job sees them. */
export interface Interrupts {
  /** Aborts with an {@linkcode InterruptedError} at the first signal. */
  readonly signal: AbortSignal;
  /** Whether a person sits at a terminal. */
  readonly terminal: boolean;
}

/** When a job stops its operation. */
export interface WatchSettings {
  /** What becomes of the operation at the deadline. */
  onTimeout: OnTimeout;
  /** What becomes of it at a signal. */
  onInterrupt: OnInterrupt;
  /** The signals; absent in a library, which leaves them to its caller. */
  interrupts: Interrupts | undefined;
}

/** What ends a job: the caller's signal, or one of the process. */
export function endingSignal(signal: AbortSignal | undefined, interrupts?: Interrupts): AbortSignal | undefined {
  const signals = [signal, interrupts?.signal].filter((each) => each !== undefined);
  return signals.length > 1 ? AbortSignal.any(signals) : signals[0];
}

/**
 * The reason of a job that a signal ended.
 *
 * @param text What became of its operation, as a clause: `the run goes on`.
 */
export function interruptReason(interrupts: Interrupts | undefined, text: string): string {
  const error = interrupts?.signal.reason;
  return `${error instanceof Error ? error.message : "Cannot go on"}; ${text}`;
}

/** What {@linkcode interruptible} needs. */
export interface InterruptibleOptions {
  /** The process. */
  io: Pick<Io, "onSignal" | "exitNow" | "isTerminal">;
  /** Time. */
  clock: Clock;
}

/**
 * From a signal to the end of the last request that only adds to the reports, in milliseconds. The cancel itself has
 * `Platform.interruptMs`. Source: design, "Signals"; some runners kill after 5 s.
 */
export const INTERRUPT_MS = 4_000;

/**
 * Signals within this time are one: `deno task`, `bun run` and `npm exec` deliver up to three. In milliseconds.
 * Source: measured on Node 20.20, Bun 1.4, Deno 2.9.
 */
const SAME_SIGNAL_MS = 1_500;

/** Whether a signal cancels the run. */
export function cancelsOnInterrupt(what: OnInterrupt, owned: boolean, terminal: boolean): boolean {
  return what === "cancel" || what === "auto" && owned && !terminal;
}

/**
 * Runs `body` while SIGINT and SIGTERM are handled: the first one aborts {@linkcode Interrupts.signal}; further ones within
 * 1.5 s are taken for the same; a later one ends the process at once.
 *
 * After a first signal they are handled to the end of the process: its twin may come when `body` is over already, and must not
 * kill what still writes reports.
 */
export async function interruptible<T>(
  options: InterruptibleOptions,
  body: (interrupts: Interrupts) => Promise<T>,
): Promise<T> {
  const { io, clock } = options;
  const controller = new AbortController();
  let firstAt: number | undefined;
  const stop = io.onSignal((signal) => {
    if (firstAt === undefined) {
      firstAt = clock.now();
      controller.abort(new InterruptedError(signal));
    } else if (clock.now() - firstAt >= SAME_SIGNAL_MS) {
      io.exitNow(new InterruptedError(signal).exitCode);
    }
  });
  try {
    return await body({ signal: controller.signal, terminal: io.isTerminal("stdout") || io.isTerminal("stderr") });
  } finally {
    if (firstAt === undefined) stop();
  }
}
