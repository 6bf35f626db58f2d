/**
 * Hooks are functions that a script passes to the library. They may be async. A hook that runs before an effect is awaited, and prevents the effect
 * if the hook fails. A hook that runs after an effect is not awaited, and its failure changes nothing.
 *
 * @module
 */
import { type Clock, OVER } from "./clock.ts";
import { messageOf } from "./error_sentence.ts";
import { DeadlineError, exitNameOf, MogplexError } from "./errors.ts";
import type { OnNotice } from "./notice.ts";

/** The return value is ignored unless it is a promise. */
type Hook<A> = ((given: A) => unknown) | undefined;

function isPromise(returned: unknown): returned is PromiseLike<unknown> {
  return typeof returned === "object" && returned !== null && "then" in returned;
}

export function callHook<A>(hook: Hook<A>, argument: A, onFailure: (error: unknown) => void = () => {}): void {
  try {
    const returned = hook?.(argument);
    // An unhandled rejection ends the process.
    if (isPromise(returned)) Promise.resolve(returned).catch(onFailure);
  } catch (error) {
    onFailure(error);
  }
}

/** A virtual clock stops while the hook's promise is pending. */
export function onClock<A>(clock: Clock | undefined, hook: (given: A) => unknown): (given: A) => unknown {
  return (argument) => {
    const returned = hook(argument);
    return isPromise(returned) && clock?.during ? clock.during(Promise.resolve(returned)) : returned;
  };
}

interface HookCall {
  clock?: Clock | undefined;
  onNotice?: OnNotice | undefined;
}

export function hookFailure(name: string, error: unknown): string {
  return `The function ${name} failed; nothing else is affected: ${messageOf(error)}`;
}

/**
 * Wraps a caller's hook that runs after an effect in a function that never throws. Only the first failure becomes a notice, so that a hook that
 * always fails does not fill the log. The command's own hooks are not wrapped, because an error in them is a bug.
 */
export function hookCaller<A>(name: string, hook: Hook<A>, { clock, onNotice }: HookCall): (given: A) => void {
  const timed = hook && onClock(clock, hook);
  let hasFailed = false;
  return (argument) =>
    callHook(timed, argument, (error) => {
      if (!hasFailed) {
        callHook(onNotice, { kind: "hook_failed", hook: name, error, message: hookFailure(name, error) });
      }
      hasFailed = true;
    });
}

const DAY_MS = 86_400_000;

export interface HookLimits {
  clock: Clock;
  /** Deadline in the time of `clock`. @default 24 hours from now, for callers that rely on `signal` */
  deadline?: number | undefined;
  signal: AbortSignal | undefined;
  redact: (text: string) => string;
}

export async function waitForHook<T>(
  attempted: string,
  name: string,
  work: Promise<T>,
  { clock, deadline = clock.now() + DAY_MS, signal }: Omit<HookLimits, "redact">,
): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(deadline - clock.now(), { limit: true, signal: over.signal }).then(() => {
    throw new DeadlineError({ attempted, why: `'${name}' did not finish in time` });
  });
  const abort = () => over.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    return await Promise.race([clock.during?.(work) ?? work, late]);
  } finally {
    signal?.removeEventListener("abort", abort);
    late.catch(() => {});
    over.abort(OVER);
  }
}

/**
 * The new error has the exit code of its cause. If the cause has none, the code is 2, because the mistake is in the caller's code and is not a bug in
 * the toolkit.
 */
export function hookError(
  attempted: string,
  name: string,
  cause: unknown,
  redact: (text: string) => string,
): MogplexError {
  const problem = { attempted, why: `'${name}' failed: ${redact(messageOf(cause))}`, advice: "nothing was sent" };
  const exit = exitNameOf(cause);
  const isForeign = exit === "internal" && !(cause instanceof MogplexError);
  return new MogplexError(problem, isForeign ? "usage" : exit, { cause, code: "HOOK_FAILED" });
}

export async function awaitHook<A>(
  attempted: string,
  name: string,
  hook: Hook<A>,
  argument: A,
  limits: HookLimits,
): Promise<void> {
  const { signal } = limits;
  try {
    const returned = hook?.(argument);
    if (isPromise(returned)) await waitForHook(attempted, name, Promise.resolve(returned), limits);
  } catch (cause) {
    if (cause instanceof DeadlineError || signal?.aborted && cause === signal.reason) throw cause;
    throw hookError(attempted, name, cause, limits.redact);
  }
  signal?.throwIfAborted();
}
