/**
 * What the handles of runs, of automations and of campaigns have in common.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { checkSources } from "../api/option_check.ts";
import { MogplexError } from "../errors.ts";
import { detected } from "../job/detected.ts";
import type { OnTimeout } from "../job/interrupt.ts";
import type { JobEnd } from "../job/job.ts";
import { abortInternals, type JobInternals } from "../job/options.ts";
import type { ConnectOptions, Session } from "../job/session.ts";
import { guarded, settle } from "../job/settle.ts";
import type { AnyResult } from "../result/any_result.ts";
import type { Connect } from "./connect.ts";
import { type HandleWork, signalIn } from "./handle.ts";

/** The last item of a handle. */
interface End<R extends AnyResult> {
  type: "end";
  outcome: R["outcome"];
  exitCode: number;
  result: R;
}

/** Options that every job of the library has. */
interface FollowedOptions<I> {
  signal?: AbortSignal | undefined;
  onAbort?: OnTimeout | undefined;
  throwOnFailure?: boolean | undefined;
  onItem?: ((item: I) => void) | undefined;
}

/** Gives each item to the caller's function as well; the end of a handle is an item of its own. */
export function relay<I extends { type: string }>(
  own: ((item: I) => void) | undefined,
  onItem: (item: Exclude<I, { type: "end" }>) => void,
): (item: I) => void {
  return (item) => {
    unawaited(own?.(item));
    if (item.type !== "end") onItem(item as Exclude<I, { type: "end" }>);
  };
}

/**
 * Whether the end of a job is an item; a loop throws otherwise: for errors that came before there was a run, for the caller's signal, and for
 * bugs.
 */
function endsAsItem({ result: { runId }, error }: JobEnd<AnyResult>, signal: AbortSignal): boolean {
  if (error === undefined) return true;
  return error instanceof MogplexError && runId !== null && !(signal.aborted && error === signal.reason);
}

/** A job that a handle drives. `O` are its options, `I` its items. */
export interface HandledJob<O, I, R extends AnyResult, S> {
  /** What is attempted, after "Cannot". */
  attempted: string;
  options: O & FollowedOptions<I>;
  /** Refuses what the caller gave. @throws {UsageError} */
  check(): void;
  /** Does the work. `all` has the connection and the caller's options. */
  begin(all: O & ConnectOptions, more: JobInternals, onStarted: (started: S) => void): Promise<JobEnd<R>>;
  /** See {@linkcode settle}. */
  verdictError: (result: R) => MogplexError | undefined;
  /** Stops the work at the service. */
  cancel(started: S): Promise<void>;
}

/** The work of a handle whose job ends with a result of its own kind. */
export function jobWork<O extends object, I extends { type: string }, R extends AnyResult, S>(
  connect: Connect,
  { attempted, options, check, begin, verdictError, cancel }: HandledJob<O, I, R, S>,
): HandleWork<Exclude<I, { type: "end" }> | End<R>, R, S, JobEnd<R>> {
  return {
    signal: signalIn(options),
    async begin({ signal, onItem, onStarted }) {
      check();
      const all = { ...await connect(), ...options, signal, onItem: relay(options.onItem, onItem) };
      checkSources(attempted, all);
      let session: Session | undefined;
      const how = { signal: options.signal, onAbort: options.onAbort };
      const more = abortInternals<JobInternals>(how, {
        ...detected(all),
        onSession: (opened) => void (session = opened),
      });
      const end = await begin(all, more, onStarted);
      guarded(end.result, session);
      return end;
    },
    settle: (end, signal) => settle(end, { throwOnFailure: options.throwOnFailure, signal }, verdictError),
    last(end, signal) {
      const { result } = end;
      const { outcome, exitCode } = result;
      return endsAsItem(end, signal) ? { type: "end", outcome, exitCode, result } : undefined;
    },
    cancel,
  };
}
