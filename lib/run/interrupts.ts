import { type Clock } from "../clock.ts";
import { InterruptedError } from "../errors.ts";
import type { Io } from "../io.ts";

/**
 * What a signal (SIGHUP, SIGINT, SIGTERM) does to the run. `auto`: cancels the run if this job (outside CI: this
 * command) started it and nobody is watching at a terminal.
 * `cancel`: always cancels the run. `detach`: lets the run continue.
 */
export type OnInterrupt = "auto" | "cancel" | "detach";

export const ON_INTERRUPT: readonly OnInterrupt[] = ["auto", "cancel", "detach"];

export const ON_TIMEOUT = ["detach", "cancel"] as const;

/** What can cancel a followed run: `timeout`, the end of `timeoutMs`; `abort`, the caller's `signal`. */
export type CancelCause = "timeout" | "abort";

export const CANCEL_CAUSES: readonly CancelCause[] = ["timeout", "abort"];

export interface Interrupts {
  readonly signal: AbortSignal;
  /** Whether a person is at a terminal, possibly with redirected streams. The value is final once {@linkcode Interrupts.signal} has aborted. */
  readonly terminal: boolean;
}

export function endingSignal(signal: AbortSignal | undefined, interrupts?: Interrupts): AbortSignal | undefined {
  const signals = [signal, interrupts?.signal].filter((each) => each !== undefined);
  return signals.length > 1 ? AbortSignal.any(signals) : signals[0];
}

export function interruptReason(interrupts: Interrupts | undefined, text: string): string {
  const error = interrupts?.signal.reason;
  return `${error instanceof InterruptedError ? error.message : "Stopped"}; ${text}`;
}

interface InterruptibleOptions {
  io: Pick<Io, "onSignal" | "exitNow" | "isTerminal">;
  clock: Clock;
  /** In a job of a CI system, the parent process may end without a signal. */
  inJob?: boolean | undefined;
}

/**
 * After a signal, the last request for the reports must finish within this time. The time limit of the cancel request is `Platform.interruptMs`. Some
 * runners kill a job after 5 s. Source: design, "Signals".
 */
export const INTERRUPT_MS = 4_000;

/**
 * Signals within this time are treated as one signal, because `deno task`, `bun run` and `npm exec` deliver up to three. Source: measured on Node
 * 20.20, Bun 1.4, Deno 2.9.
 */
const SAME_SIGNAL_MS = 1_500;

export function cancelsOnInterrupt(what: OnInterrupt, owned: boolean, terminal: boolean): boolean {
  return what === "cancel" || what === "auto" && owned && !terminal;
}

export interface OpenInterrupts extends Interrupts {
  /** Stops listening, unless a signal has arrived. In that case, the signal may be repeated while reports are written. */
  close(): void;
}

export function openInterrupts({ io, clock, inJob = false }: InterruptibleOptions): OpenInterrupts {
  const controller = new AbortController();
  // With `2>&1 | tee log`, only stdin is the terminal. A CI job may have a terminal without a person.
  let terminal = io.isTerminal("stdout") || io.isTerminal("stderr") || !inJob && io.isTerminal("stdin");
  let firstAt: number | undefined;
  const stop = io.onSignal((signal) => {
    if (firstAt === undefined) {
      firstAt = clock.now();
      // A terminal sends Ctrl-C to every process in its foreground, even if all streams of the process are redirected.
      if (signal === "SIGINT" && !inJob) terminal ||= io.isTerminal("process");
      // People at a terminal know which keys they pressed, but not the names of signals.
      controller.abort(
        new InterruptedError(signal, `Stopped by ${terminal && signal === "SIGINT" ? "Ctrl-C" : signal}`),
      );
    } else if (clock.now() - firstAt >= SAME_SIGNAL_MS) {
      io.exitNow(new InterruptedError(signal).exitCode);
    }
  }, inJob && !terminal);
  return {
    signal: controller.signal,
    get terminal() {
      return terminal;
    },
    close() {
      if (firstAt === undefined) stop();
    },
  };
}

export async function interruptible<T>(
  options: InterruptibleOptions,
  body: (interrupts: Interrupts) => Promise<T>,
): Promise<T> {
  const interrupts = openInterrupts(options);
  try {
    return await body(interrupts);
  } finally {
    interrupts.close();
  }
}
