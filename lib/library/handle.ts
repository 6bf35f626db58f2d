/**
 * Handles: work that goes on, which one can await, iterate, or both.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";

/**
 * The method of `await using`, where the compiler knows its name: it stops following, as leaving the loop does, and the work goes on at the
 * service. Without it, declarations would ask for a newer `lib` than a project may have.
 */
export type AsyncDisposing = SymbolConstructor extends { readonly asyncDispose: infer S extends symbol }
  ? { [K in S]: () => Promise<void> }
  : Record<never, never>;

/**
 * Work that began when the handle was made. Await it for its result, loop over it for what happens meanwhile, or do both.
 *
 * `I` are its items, `R` is its result, `S` says what was started. Items and result hold the texts of the service as they are.
 */
export interface Handle<I, R, S> extends Promise<R>, AsyncIterable<I>, AsyncDisposing {
  /** Resolves as soon as the work is started or found; rejects with the error of the start. */
  readonly started: Promise<S>;
  /**
   * Stops the work at the service, and resolves with its answer. The handle then ends as the work ends. Waits for the start if it is on
   * its way.
   */
  cancel(): Promise<void>;
}

/** What a {@linkcode Handle} drives. `E` is the end of the work, with or without an error. */
export interface HandleWork<I, R, S, E> {
  /** Does the work. Rejects only when it cannot begin. */
  begin(hooks: { signal: AbortSignal; onItem(item: I): void; onStarted(started: S): void }): Promise<E>;
  /** The result of an end. @throws what a caller who awaits the handle gets. */
  settle(end: E, signal: AbortSignal): R;
  /** The last item of an end; undefined when iterating throws as {@linkcode HandleWork.settle} does. */
  last(end: E, signal: AbortSignal): I | undefined;
  /** Stops the work at the service. */
  cancel(started: S): Promise<void>;
  /** An item that says that earlier ones were dropped; undefined when there is none. */
  readonly gap?: I | undefined;
  /** Ends the work, as leaving the loop does. @default {undefined} */
  readonly signal?: AbortSignal | undefined;
}

/** Items that are kept for a loop that has not begun, and for one that is slow; older ones are dropped. */
const MAX_EARLY = 200;
const MAX_LATE = 10_000;

const ignore = () => {};

/** See {@linkcode Handle}. */
class WorkHandle<I, R, S, E> implements Handle<I, R, S> {
  readonly [Symbol.toStringTag] = "Handle";
  readonly #work: HandleWork<I, R, S, E>;
  readonly #leave = new AbortController();
  readonly #signal: AbortSignal;
  readonly #end: Promise<E>;
  readonly #result: Promise<R>;
  readonly #started: Promise<S>;
  #items: I[] = [];
  #dropped = false;
  #wake = ignore;
  #ended = false;
  /** Whether the last item or the error of the end was given to a loop. */
  #told = false;
  #iterated = false;
  #startWatched = false;

  constructor(work: HandleWork<I, R, S, E>) {
    this.#work = work;
    const leave = this.#leave.signal;
    const signal = this.#signal = work.signal === undefined ? leave : AbortSignal.any([work.signal, leave]);
    let onStarted: (started: S) => void = ignore;
    let notStarted: (error: unknown) => void = ignore;
    this.#started = new Promise((resolve, reject) => {
      onStarted = resolve;
      notStarted = reject;
    });
    this.#started.catch(ignore);
    this.#end = work.begin({ signal, onItem: (item) => this.#keep(item), onStarted });
    this.#end.then(ignore, ignore).then(() => {
      this.#ended = true;
      this.#wake();
    });
    this.#result = this.#end.then((end) => work.settle(end, signal));
    this.#result.then(
      () => notStarted(new MogplexError("The work ended before it was started", "internal")),
      (error) => {
        // Whoever waits for the start gets the error there.
        if (this.#startWatched) this.#result.catch(ignore);
        notStarted(error);
      },
    );
  }

  #keep(item: I): void {
    this.#items.push(item);
    if (this.#items.length > (this.#iterated ? MAX_LATE : MAX_EARLY)) {
      this.#items.shift();
      this.#dropped = true;
    }
    this.#wake();
  }

  get started(): Promise<S> {
    this.#startWatched = true;
    return this.#started;
  }

  async cancel(): Promise<void> {
    await this.#work.cancel(await this.started);
  }

  then<A = R, B = never>(
    onResult?: ((result: R) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onResult, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.#result.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<R> {
    return this.#result.finally(onEnd);
  }

  [Symbol.asyncIterator](): AsyncIterator<I, undefined, void> {
    this.#iterated = true;
    // The loop shows how it ended, so nobody need await the handle as well.
    this.#result.catch(ignore);
    return {
      next: () => this.#next(),
      return: () => {
        this.#goAway();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  async #next(): Promise<IteratorResult<I, undefined>> {
    for (;;) {
      if (this.#told) return { done: true, value: undefined };
      if (this.#dropped && this.#work.gap !== undefined) {
        this.#dropped = false;
        return { done: false, value: this.#work.gap };
      }
      const item = this.#items.shift();
      if (item !== undefined) return { done: false, value: item };
      if (this.#ended) return await this.#last();
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = ignore;
    }
  }

  async #last(): Promise<IteratorResult<I, undefined>> {
    this.#told = true;
    const end = await this.#end;
    const last = this.#work.last(end, this.#signal);
    if (last !== undefined) return { done: false, value: last };
    this.#work.settle(end, this.#signal);
    return { done: true, value: undefined };
  }

  /** Stops following. An end that is already there stays what it is. */
  #goAway(): void {
    this.#told = true;
    this.#items = [];
    this.#result.catch(ignore);
    this.#leave.abort(new DOMException("The handle was left", "AbortError"));
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#goAway();
    await this.#result.catch(ignore);
  }
}

/** The signal among options that nobody has checked; undefined when it is none: the check of the options says so. */
export function signalIn(options: unknown): AbortSignal | undefined {
  const signal = (options as { signal?: unknown } | null | undefined)?.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}

/** Begins work and makes its handle. */
export function handleOf<I, R, S, E>(work: HandleWork<I, R, S, E>): Handle<I, R, S> {
  return new WorkHandle(work);
}
