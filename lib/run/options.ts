/**
 * Options of everything that follows an operation, and their checks.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { ownFields } from "../lookup.ts";
import { didYouMean } from "../nearest.ts";
import type { EventSink } from "./event_file.ts";
import { CANCEL_CAUSES, type CancelCause, type Interrupts, ON_INTERRUPT, type OnInterrupt } from "./interrupts.ts";
import type { KeyOptions } from "./key.ts";
import type { Session } from "./session.ts";
import type { SeriesHooks } from "./start.ts";
import type { StateFiles } from "./state.ts";

/** Most jobs that use a token at the same time. */
export const MAX_TOKEN_SHARE = 1_000;

/**
 * What a job on a run or on the run of an automation needs: complete and checked where the job is asked for, and passed to the engine as a whole.
 * `I` are its items, `S` is what was started.
 */
export interface JobOptions<I, S> extends KeyOptions {
  readonly session: Session;
  /** Jobs that use the token at the same time, at least 1. */
  readonly tokenShare: number;
  readonly cancelOn: readonly CancelCause[];
  /** What a signal does to the operation. The state file passes it on to `cleanup`. */
  readonly onInterrupt: OnInterrupt;
  /** Signals that end the job; undefined if only the session's signal does. */
  readonly interrupts: Interrupts | undefined;
  /** Called with each item as it comes. What it throws ends the job. */
  onItem(item: I): unknown;
  /** Called as soon as the operation is started or found. */
  onStarted(started: S): unknown;
  /** Whether the job ends as soon as the operation is started or found. */
  readonly startOnly: boolean;
  /** Whether to use the event stream of a run if the service has one. */
  readonly stream: boolean;
  /** Gets every event of a run before it is an item. */
  readonly sink: EventSink | undefined;
  /** Where the state of a run is kept for later steps of the CI job; undefined to keep none. */
  readonly state: StatePlace | undefined;
  /** Whether the result of a run has the task. */
  readonly showTask: boolean;
  /** Name of a run's repository, `owner/name`, if the caller knows it: the service is not asked then. */
  readonly repository: string | undefined;
  /** Called with that name if it was asked for, once it has come. */
  onRepository(name: string): void;
  /** Whether the request of a run is a part of a derived key, so that two tasks of a job are two runs. */
  readonly byTask: boolean;
  readonly mayRepeat: SeriesHooks["mayRepeat"];
}

/** Where the state of a run is kept. */
export interface StatePlace {
  readonly files: StateFiles;
  readonly path: string;
  /** State file of an earlier attempt. Its key is used again if the request is the same. */
  readonly resumePath?: string | undefined;
  /** How long ago the run of that key may have ended, in milliseconds. @default {Infinity} */
  readonly maxEndAgeMs?: number | undefined;
}

type Undefinable<T> = { [K in keyof T]?: T[K] | undefined };

/** {@linkcode JobOptions} before they are complete. */
export type AskedJob<I, S> = Undefinable<Omit<JobOptions<I, S>, "session">> & {
  /** Opens the session. @throws {UnauthorizedError | UsageError} */
  openSession(): Session;
};

/** Checks options and sets the defaults, then opens the session. @throws {UnauthorizedError | UsageError} */
export function completeJob<I, S>(asked: AskedJob<I, S>): JobOptions<I, S> {
  // Options of a script: what every object inherits does not count.
  const options = ownFields(asked);
  const { onItem = nothing, onStarted = nothing, onRepository = nothing, onInterrupt = "auto" } = options;
  const tokenShare = checkTokenShare(options.tokenShare);
  const cancelOn = checkCancelOn(options.cancelOn);
  checkWord("onInterrupt", onInterrupt, ON_INTERRUPT);
  const { idempotencyKey, keyScope, keyPart, identity, onStarting } = options;
  return {
    ...{ idempotencyKey, keyScope, keyPart, identity, onStarting },
    ...{ tokenShare, cancelOn, onInterrupt, onItem, onStarted, onRepository },
    session: options.openSession(),
    interrupts: options.interrupts,
    startOnly: options.startOnly ?? false,
    stream: options.stream ?? true,
    sink: options.sink,
    state: options.state,
    showTask: options.showTask ?? true,
    repository: options.repository,
    byTask: options.byTask ?? false,
    mayRepeat: options.mayRepeat,
  };
}

function nothing(): void {}

/**
 * Signals of a job of the library: with `abort` in `cancelOn` the caller's signal also cancels the operation.
 *
 * @throws {UsageError} for an unknown word.
 */
export function abortInterrupts(
  { signal, cancelOn }: { signal?: AbortSignal | undefined; cancelOn?: readonly CancelCause[] | undefined },
): Pick<AskedJob<unknown, unknown>, "interrupts" | "onInterrupt"> {
  if (!checkCancelOn(cancelOn).includes("abort") || signal === undefined) return {};
  return { interrupts: { signal, terminal: false }, onInterrupt: "cancel" };
}

/** Returns what cancels a run; nothing does by default. @throws {UsageError} unless it is a list of known words. */
export function checkCancelOn(cancelOn: readonly CancelCause[] = []): readonly CancelCause[] {
  if (!Array.isArray(cancelOn)) {
    throw new UsageError({
      attempted: "follow",
      why: `'cancelOn' must be a list of ${CANCEL_CAUSES.map((cause) => JSON.stringify(cause)).join(" and ")}`,
      value: JSON.stringify(cancelOn) ?? typeof cancelOn,
      advice: (CANCEL_CAUSES as readonly unknown[]).includes(cancelOn)
        ? `write [${JSON.stringify(cancelOn)}]`
        : undefined,
    });
  }
  for (const cause of cancelOn) checkWord("cancelOn", cause, CANCEL_CAUSES);
  return cancelOn;
}

/** Returns the value if it is one of the known words. @throws {UsageError} if not. */
function checkWord<T extends string>(name: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value;
  const why = `'${name}' must be one of ${known.join(", ")}`;
  throw new UsageError({
    attempted: "follow",
    why,
    value: JSON.stringify(value),
    advice: didYouMean(value, known),
  });
}

/** @param tokenShare How many jobs use the token at the same time. @throws {UsageError} when it is out of range. */
export function checkTokenShare(tokenShare = 1): number {
  if (Number.isInteger(tokenShare) && tokenShare >= 1 && tokenShare <= MAX_TOKEN_SHARE) return tokenShare;
  const why = `'tokenShare' must be a whole number from 1 to ${MAX_TOKEN_SHARE}`;
  throw new UsageError({ attempted: "follow", why, value: String(tokenShare) });
}
