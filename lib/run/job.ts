import { AbortedError, DeadlineError, exitCodeFor, InterruptedError, MogplexError, NotFoundError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { PROCESS } from "../service/memory.ts";
import type { Pacer } from "../service/pacer.ts";
import { failureOf } from "../service/retry.ts";
import { cutText, detach } from "../text/plain_text.ts";
import { createRedactor } from "../text/redact.ts";
import { guardResult } from "./clean.ts";
import { type AnyResult, END_EXIT, type EndOutcome, reasonOf } from "./result.ts";
import { cancelsOnInterrupt, INTERRUPT_MS, interruptReason } from "./interrupts.ts";
import type { Connected, Session } from "./session.ts";
import { type CadenceEvent, lookAtDeadline, recordAtDeadline, type Source, type Subject } from "./source.ts";
import type { JobOptions } from "./options.ts";
import type { Parting } from "./state.ts";

export class Job<I extends JobItem, R extends Pick<AnyResult, "resume" | "resumeIsCommand">> {
  readonly #session: Session;
  readonly #operation: Operation<I, R>;
  readonly #options: JobOptions<I, never>;
  #following = false;
  #stopping: Promise<Stopped> | undefined;
  #leaveBy = Infinity;

  constructor(operation: Operation<I, R>, options: JobOptions<I, never>) {
    const { session, interrupts, onInterrupt } = options;
    this.#session = session;
    this.#operation = operation;
    this.#options = options;
    if (interrupts === undefined) return;
    const stop = () => {
      const cancels = (owned: boolean) => cancelsOnInterrupt(onInterrupt, owned, interrupts.terminal);
      this.#leaveBy = session.clock.now() + INTERRUPT_MS;
      this.#stopping = operation.stop({ kind: "signal", limitMs: session.platform.interruptMs, cancels });
    };
    // The handler itself stops the operation, so that the request is sent before anything else reacts to the signal.
    if (interrupts.signal.aborted) stop();
    else interrupts.signal.addEventListener("abort", stop, { once: true });
  }

  /** Errors are returned in `error`, not thrown, even if they are bugs. */
  async start(): Promise<JobEnd<R>> {
    try {
      await this.#operation.start();
    } catch (error) {
      return await this.#failed(error);
    }
    if (!this.#options.startOnly) return await this.#follow({ kind: "all" });
    return this.#operation.foundEnded ? await this.#follow({ kind: "once" }) : await this.#detach();
  }

  async attach(once = false): Promise<JobEnd<R>> {
    return await this.#follow({ kind: once ? "once" : "all" });
  }

  async #detach(): Promise<JobEnd<R>> {
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    this.#operation.part?.("detached");
    return await this.#end({ outcome: "started", exitCode: EXIT.success, reason: null });
  }

  async #follow(look: Look): Promise<JobEnd<R>> {
    this.#following = true;
    try {
      const outcome = await this.#drain(look);
      if (outcome !== undefined) return await this.#ended(outcome);
      throw new Error("Cannot determine the verdict: the operation ended without a result");
    } catch (error) {
      return await this.#failed(error);
    }
  }

  async #drain(look: Look): Promise<EndOutcome | undefined> {
    let outcome: EndOutcome | undefined;
    for await (const item of this.#operation.items(look)) {
      if (isEnd(item)) outcome = item.outcome;
      this.#options.onItem(item);
    }
    return outcome;
  }

  async #ended(outcome: EndOutcome): Promise<JobEnd<R>> {
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    const waits = outcome === "awaiting_input";
    this.#operation.part?.(waits ? "detached" : "ended");
    const reason = waits ? "The agent asked a question and is waiting for an answer." : null;
    return await this.#end({ outcome, exitCode: EXIT[END_EXIT[outcome]], reason });
  }

  async #failed(error: unknown): Promise<JobEnd<R>> {
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    const { signal } = this.#session;
    if (signal?.aborted && error === signal.reason) return await this.#left(error);
    const mayPass = failureOf(error, { worked: true }) !== undefined;
    const isPast = mayPass && this.#session.clock.now() >= this.#session.deadline;
    const isLate = error instanceof DeadlineError || isPast;
    // A start that was abandoned without an answer may have created an operation that is not followed.
    const isLost = mayPass && !this.#following && this.#operation.mayExist;
    const cancels = this.#options.cancelOn.includes("timeout") && (this.#following && isLate || isLost);
    if (cancels && error instanceof MogplexError) return await this.#cancelLate(error, isLate);
    this.#operation.part?.(this.#operation.mayExist ? "detached" : "ended");
    return await this.#withoutVerdict(error, reasonOf(error));
  }

  /** A cancel request also makes the service correct the status of a run that is stuck although its work is done. */
  async #cancelLate(error: MogplexError, isLate: boolean): Promise<JobEnd<R>> {
    const stopped = await this.#operation.stop({ kind: "deadline", limitMs: CANCEL_MS });
    if (this.#stopping !== undefined) return await this.#interrupted(this.#stopping);
    const { answered, outcome, byItself, text } = stopped;
    if (outcome !== undefined && byItself) {
      return await this.#ended(await this.#drain({ kind: "rest", outcome }) ?? outcome);
    }
    // An answered cancel request proves that the service was reachable. The reason is therefore the deadline, not the error.
    if (answered && isLate || error instanceof DeadlineError) {
      const seconds = Math.round((this.#session.deadline - this.#session.startedAt) / 1000);
      const problem = !(error instanceof DeadlineError)
        ? { attempted: `wait for ${this.#operation.label} longer than ${seconds} seconds`, why: text }
        : error.attempted === null
        ? `${error.message}; ${text}`
        : { attempted: error.attempted, why: `${error.why}; ${text}` };
      const late = new DeadlineError(problem, { cause: error });
      return await this.#withoutVerdict(late, late.message);
    }
    return await this.#withoutVerdict(error, `${error.message}; ${text}`);
  }

  async #interrupted(stopping: Promise<Stopped>): Promise<JobEnd<R>> {
    const { interrupts } = this.#options;
    const { outcome, text } = await stopping;
    const verdict = outcome === "success" || outcome === "failed" ? outcome : undefined;
    // The operation finished just as the signal arrived. If there is time, its links are read for the reports.
    const limitMs = this.#leaveBy - this.#session.clock.now();
    if (verdict !== undefined && limitMs > 0) {
      await this.#drain({ kind: "rest", outcome: verdict, limitMs, signal: new AbortController().signal });
    }
    const reason = interruptReason(interrupts, text);
    return await this.#stopped(verdict, interrupts?.signal.reason, reason, text);
  }

  async #left(by: unknown): Promise<JobEnd<R>> {
    const { label, mayExist, isSeen, idle } = this.#operation;
    this.#operation.part?.(mayExist ? "detached" : "ended");
    const text = idle !== undefined
      ? idle
      : isSeen
      ? `${label} continues`
      : this.#following
      ? `the status of ${label} is not known yet`
      : mayExist
      ? "the run may have been started"
      : "nothing was started";
    return await this.#stopped(undefined, by, interruptReason(undefined, text), text);
  }

  async #stopped(endOutcome: EndOutcome | undefined, by: unknown, reason: string, text: string): Promise<JobEnd<R>> {
    // The result's error describes what happened to the run. The thrown error uses the caller's own reason.
    const error = by instanceof InterruptedError
      ? new InterruptedError(by.signal, reason)
      : new AbortedError(reason, by);
    const end = await this.#end({ outcome: endOutcome ?? "interrupted", exitCode: error.exitCode, reason, error });
    return { ...end, error: by, stopped: text };
  }

  async #withoutVerdict(error: unknown, reason: string): Promise<JobEnd<R>> {
    const outcome = error instanceof DeadlineError ? "deadline" : "error";
    const end = await this.#end({ outcome, exitCode: exitCodeFor(error), reason, error });
    // If the service cannot find the run now, the run cannot be followed later either.
    if (error instanceof NotFoundError) Object.assign(end.result, { resume: null, resumeIsCommand: false });
    return end;
  }

  async #end(ending: Omit<Ending, "error"> & { error?: unknown }): Promise<JobEnd<R>> {
    const { error } = ending;
    await PROCESS.turn(this.#session.clock);
    return { result: this.#operation.result({ ...ending, error }), error, mayExist: this.#operation.mayExist };
  }
}

const CANCEL_MS = 20_000;

function isEnd(item: JobItem): item is { type: "end"; outcome: EndOutcome } {
  return item.type === "end";
}

type JobItem = { type: "end"; outcome: EndOutcome } | { type: string };

export type Look =
  | { kind: "all" }
  | { kind: "once" }
  | { kind: "rest"; outcome: EndOutcome; limitMs?: number | undefined; signal?: AbortSignal | undefined };

export type StopCause =
  | { kind: "deadline"; limitMs: number }
  | { kind: "signal"; limitMs: number; cancels: (owned: boolean) => boolean };

export interface Stopped {
  answered: boolean;
  outcome?: EndOutcome | undefined;
  /** Whether the operation ended before the cancel request reached it. */
  byItself?: boolean | undefined;
  text: string;
}

export interface Ending {
  outcome: EndOutcome | "deadline" | "interrupted" | "started" | "error";
  exitCode: number;
  /** `null` means that the reason from the service is used. */
  reason: string | null;
  error: unknown;
}

export interface Operation<I extends JobItem, R> {
  readonly label: string;
  readonly mayExist: boolean;
  readonly isSeen: boolean;
  /** Why no run is in progress although one was started, as a clause for messages. */
  readonly idle?: string | undefined;
  readonly foundEnded?: boolean;
  start(): Promise<void>;
  /** If the operation ends, the last item is `end`. */
  items(look: Look): AsyncGenerator<I, unknown, void>;
  /**
   * Cancels the operation, or lets it continue if the cause requires that. The first request must be sent before control returns to the event loop.
   * Errors of the service or the network must not reject the promise.
   */
  stop(cause: StopCause): Promise<Stopped>;
  result(ending: Ending): R;
  part?(parting: Parting): void;
}

export interface JobEnd<R> {
  result: R;
  error: unknown;
  mayExist?: boolean | undefined;
  stopped?: string | undefined;
}

function abortedError(
  reason: unknown,
  { runId, idempotencyKey: key }: { runId: string | null; idempotencyKey: string | null },
  said = "the run may have been started",
  ending = "The signal ended the call",
): AbortedError {
  const isCancelled = runId !== null && said === "the run was cancelled";
  const clause = isCancelled ? `run "${runId}" was cancelled` : said;
  const advice = key === null || isCancelled
    ? ""
    : `; to find the run, start again with idempotency key ${JSON.stringify(key)} and the same inputs`;
  return MogplexError.tellRun(new AbortedError(`${ending}; ${clause}${advice}`, reason), {
    runId,
    idempotencyKey: key,
  });
}

export function startError(
  error: unknown,
  { mayExist, key }: { mayExist: boolean; key: string },
  signal: AbortSignal | undefined,
): unknown {
  if (!mayExist) return error;
  const facts = { runId: null, idempotencyKey: key };
  if (signal?.aborted && error === signal.reason) return abortedError(error, facts);
  return error instanceof MogplexError ? MogplexError.tellRun(error, facts) : error;
}

export function guarded<R extends AnyResult>(result: R, session: Session | undefined): R {
  return guardResult(result, session?.redactor() ?? createRedactor());
}

export function settle<R extends AnyResult>(
  { result, error, mayExist, stopped }: JobEnd<R>,
  { throwOnFailure = true, signal, ending }: {
    throwOnFailure?: boolean | undefined;
    signal?: AbortSignal | undefined;
    ending?: string | undefined;
  },
  verdictError: (result: R) => MogplexError | undefined,
): R {
  // The reason of the caller's signal may be an error of the toolkit. Even then, it is always thrown.
  const aborted = signal?.aborted === true && error === signal.reason;
  const isReturned = !throwOnFailure && error instanceof MogplexError && result.runId !== null && !aborted;
  if (error !== undefined && !isReturned) {
    if (!mayExist) throw error;
    // The reason of a signal may belong to several calls, so it becomes the cause of a new error.
    const failure = aborted ? abortedError(error, result, stopped, ending) : error;
    const { runId, idempotencyKey } = result;
    throw failure instanceof MogplexError ? MogplexError.tellRun(failure, { runId, idempotencyKey, result }) : failure;
  }
  const verdict = throwOnFailure ? verdictError(result) : undefined;
  if (verdict !== undefined) throw verdict;
  return result;
}

interface Followable<N, I, E> {
  source: Source<N>;
  subject: Subject<N>;
  take(news: N): Generator<I, CadenceEvent, void> | AsyncGenerator<I, CadenceEvent, void>;
  end(news: N): AsyncGenerator<I, E, void> | undefined;
  late(news: N): DeadlineError;
  close(): void;
}

export async function* followToEnd<N, I, E>(
  session: Connected,
  followed: Followable<N, I, E>,
): AsyncGenerator<I, E, void> {
  try {
    let meaning: CadenceEvent | undefined;
    for (;;) {
      const inTime = await followed.source.next(meaning);
      const news = inTime ?? await lookAtDeadline(followed.subject, session);
      meaning = yield* followed.take(news);
      const end = followed.end(news);
      if (end !== undefined) {
        followed.close();
        return yield* end;
      }
      if (inTime === null) return yield* lastLook(session, followed, news);
    }
  } finally {
    followed.close();
  }
}

async function* lastLook<N, I, E>(
  session: Connected,
  followed: Followable<N, I, E>,
  seen: N,
): AsyncGenerator<I, E, void> {
  const news = await recordAtDeadline(followed.subject, session);
  if (news === undefined) throw followed.late(seen);
  yield* followed.take(news);
  const end = followed.end(news);
  if (end === undefined) throw followed.late(news);
  followed.close();
  return yield* end;
}

/** Maximum number of announced statuses. Otherwise, a service that keeps sending new statuses could fill the memory. */
const MAX_ANNOUNCED = 20;
const MAX_STATUS_LENGTH = 200;

export class StatusWatch {
  readonly #session: Connected;
  readonly #pacer: Pacer;
  readonly #known: readonly string[];
  readonly #announced = new Set<string>();
  #status: string | undefined;

  constructor(session: Connected, pacer: Pacer, known: readonly string[]) {
    this.#session = session;
    this.#pacer = pacer;
    this.#known = known;
  }

  take(status: string, shown = status): boolean {
    const changed = status !== this.#status;
    this.#status = status;
    this.#pacer.status = shown;
    if (changed) this.#pacer.spoke();
    return changed;
  }

  announceUnknown(): void {
    const status = this.#status;
    if (status === undefined || this.#known.includes(status)) return;
    const word = cutText(status, MAX_STATUS_LENGTH);
    if (this.#announced.has(word) || this.#announced.size >= MAX_ANNOUNCED) return;
    this.#announced.add(detach(word));
    this.#session.notify({ kind: "unknown_status", status });
  }
}
