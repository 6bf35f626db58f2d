/**
 * The engine: starts an operation or attaches to it, follows it, stops it at a deadline or signal, and builds the end of the job. It
 * knows no kind of operation.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { DeadlineError, exitCodeFor, MogplexError, NotFoundError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { END_EXIT, type EndOutcome } from "../result/ends.ts";
import { reasonOf } from "../result/result_error.ts";
import { setbackOf } from "../retry/setback.ts";
import { cancelsOnInterrupt, INTERRUPT_MS, interruptReason, type WatchSettings } from "./interrupt.ts";
import type { Ending, JobItem, Look, Operation, Stopped } from "./operation.ts";
import type { Session } from "./session.ts";

/** Settings of a {@linkcode Job}. */
export interface JobSettings<I> extends WatchSettings {
  /** Longest time of the whole job, in milliseconds. */
  timeoutMs: number;
  /** Whether the job ends as soon as the operation is started or found. @default {false} */
  startOnly?: boolean | undefined;
  /** Called with each item as it comes. */
  onItem: ((item: I) => void) | undefined;
}

/** How a job ended. */
export interface JobEnd<R> {
  /** Everything that is known of the operation. */
  result: R;
  /** The error that ended the job without a verdict of the service; undefined if there is a verdict. */
  error: unknown;
  /** Whether the operation exists, or may exist because the answer to its start was lost. */
  mayExist?: boolean | undefined;
  /** What became of the operation after a signal, as a clause; undefined without a signal. */
  stopped?: string | undefined;
}

/** The part of a result that the engine touches. */
export interface JobResult {
  /** Command that looks at the operation again; null if it has ended, or is not known. */
  resume: string | null;
}

/** Time limit for cancelling at the deadline, in milliseconds. */
export const CANCEL_MS = 20_000;

/** One job on one operation: call {@linkcode Job.start} or {@linkcode Job.attach} once. */
export class Job<I extends JobItem, R extends JobResult> {
  readonly #session: Session;
  readonly #operation: Operation<I, R>;
  readonly #settings: JobSettings<I>;
  #following = false;
  #stopping: Promise<Stopped> | undefined;
  /** After a signal: point on the clock until which the job may send requests. */
  #leaveBy = Infinity;

  constructor(session: Session, operation: Operation<I, R>, settings: JobSettings<I>) {
    this.#session = session;
    this.#operation = operation;
    this.#settings = settings;
    const { interrupts, onInterrupt } = settings;
    if (interrupts === undefined) return;
    const stop = () => {
      const cancels = (owned: boolean) => cancelsOnInterrupt(onInterrupt, owned, interrupts.terminal);
      this.#leaveBy = session.clock.now() + INTERRUPT_MS;
      this.#stopping = operation.stop({ kind: "signal", limitMs: session.platform.interruptMs, cancels });
    };
    // Stop in the handler itself: the request must leave before anything else reacts to the signal.
    if (interrupts.signal.aborted) stop();
    else interrupts.signal.addEventListener("abort", stop, { once: true });
  }

  /**
   * Starts the operation and follows it, or reads it `once`. The error that ends the job, a bug included, is returned in `error`, not
   * thrown.
   */
  async start({ once = false }: { once?: boolean } = {}): Promise<JobEnd<R>> {
    try {
      await this.#operation.start();
    } catch (error) {
      return await this.#failed(error);
    }
    if (!this.#settings.startOnly) return await this.#follow({ kind: once ? "once" : "all" });
    // A key can find a run that has ended: nothing was started, and its verdict is known.
    return this.#operation.foundEnded ? await this.#follow({ kind: "once" }) : await this.#detach();
  }

  /** Follows an operation that exists, or reads it `once`. Returns errors as {@linkcode Job.start} does. */
  async attach(once = false): Promise<JobEnd<R>> {
    return await this.#follow({ kind: once ? "once" : "all" });
  }

  /** Deadline of the job, as a point on the clock. */
  get #deadline(): number {
    return this.#session.startedAt + this.#settings.timeoutMs;
  }

  async #detach(): Promise<JobEnd<R>> {
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    this.#operation.part?.("detached");
    return this.#end({ outcome: "started", exitCode: EXIT.success, reason: null });
  }

  async #follow(look: Look): Promise<JobEnd<R>> {
    this.#following = true;
    try {
      const outcome = await this.#drain(look);
      if (outcome !== undefined) return await this.#ended(outcome);
      throw new Error("Cannot tell the verdict: the items of the operation ended without an end");
    } catch (error) {
      return await this.#failed(error);
    }
  }

  async #drain(look: Look): Promise<EndOutcome | undefined> {
    let outcome: EndOutcome | undefined;
    for await (const item of this.#operation.items(look)) {
      if (isEnd(item)) outcome = item.outcome;
      unawaited(this.#settings.onItem?.(item));
    }
    return outcome;
  }

  async #ended(outcome: EndOutcome): Promise<JobEnd<R>> {
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    const waits = outcome === "awaiting_input";
    this.#operation.part?.(waits ? "detached" : "ended");
    const reason = waits ? `${this.#operation.label} waits for a person: answer it in the app, or cancel it` : null;
    return this.#end({ outcome, exitCode: EXIT[END_EXIT[outcome]], reason });
  }

  async #failed(error: unknown): Promise<JobEnd<R>> {
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    const isLate = error instanceof DeadlineError || this.#isPast(error);
    // A start that was given up without an answer may have begun something that nobody follows.
    const isLost = !this.#following && this.#operation.mayExist && setbackOf(error, { worked: true }) !== undefined;
    const cancels = this.#settings.onTimeout === "cancel" && (this.#following && isLate || isLost);
    if (cancels && error instanceof MogplexError) return await this.#cancelLate(error, isLate);
    this.#operation.part?.(this.#operation.mayExist ? "detached" : "ended");
    return this.#withoutVerdict(error, reasonOf(error));
  }

  /** Whether the deadline has passed and the error is one after which we would otherwise try again. */
  #isPast(error: unknown): boolean {
    return this.#session.clock.now() >= this.#deadline && setbackOf(error, { worked: true }) !== undefined;
  }

  /**
   * Cancels at the deadline, or when a start was given up. What could not be found or cancelled is left to a later step.
   *
   * A cancel also makes the service correct a status that is stuck although the work has ended.
   */
  async #cancelLate(error: MogplexError, isLate: boolean): Promise<JobEnd<R>> {
    const stopped = await this.#operation.stop({ kind: "deadline", limitMs: CANCEL_MS });
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    const { answered, outcome, byItself, text } = stopped;
    if (outcome !== undefined && byItself) {
      await this.#drain({ kind: "rest", outcome });
      return await this.#ended(outcome);
    }
    // An answered cancel proves that the service was in reach: the deadline is the reason, not the error.
    if (answered && isLate || error instanceof DeadlineError) {
      const seconds = Math.round(this.#settings.timeoutMs / 1000);
      const attempted = error instanceof DeadlineError && error.attempted !== null
        ? error.attempted
        : `wait for ${this.#operation.label} longer than ${seconds} seconds`;
      const why = error instanceof DeadlineError ? `${error.why}; ${text}` : text;
      const late = new DeadlineError({ attempted, why }, { cause: error });
      return this.#withoutVerdict(late, late.message);
    }
    return this.#withoutVerdict(error, `${error.message}; ${text}`);
  }

  async #interrupted(stopping: Promise<Stopped>): Promise<JobEnd<R>> {
    const error = this.#settings.interrupts?.signal.reason;
    const { outcome, text } = await stopping;
    const own = outcome === "success" || outcome === "failed" ? outcome : undefined;
    // The operation ended just as the signal came: read its links for the reports, if there is time.
    const limitMs = this.#leaveBy - this.#session.clock.now();
    if (own !== undefined && limitMs > 0) {
      await this.#drain({ kind: "rest", outcome: own, limitMs, signal: new AbortController().signal });
    }
    const reason = interruptReason(this.#settings.interrupts, text);
    return {
      ...this.#end({ outcome: own ?? "interrupted", exitCode: exitCodeFor(error), reason, error }),
      stopped: text,
    };
  }

  #withoutVerdict(error: unknown, reason: string): JobEnd<R> {
    const outcome = error instanceof DeadlineError ? "deadline" : "error";
    const end = this.#end({ outcome, exitCode: exitCodeFor(error), reason, error });
    // A run that the service does not find cannot be followed later either.
    if (error instanceof NotFoundError) end.result.resume = null;
    return end;
  }

  #end(ending: Omit<Ending, "error"> & { error?: unknown }): JobEnd<R> {
    const { error } = ending;
    return { result: this.#operation.result({ ...ending, error }), error, mayExist: this.#operation.mayExist };
  }
}

function isEnd(item: JobItem): item is { type: "end"; outcome: EndOutcome } {
  return item.type === "end";
}
