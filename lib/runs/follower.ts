/**
 * One run, followed: what it yields, and what is known of it for the result.
 *
 * @module
 */
import { DeadlineError, MogplexError } from "../errors.ts";
import type { Run, RunEvent, RunStatus } from "../model.ts";
import { END_EXIT, endOfRun, type EndOutcome } from "../result/ends.ts";
import type { CadenceEvent } from "../job/cadence.ts";
import { Pacer } from "../retry/pacer.ts";
import { type News, Reader } from "./events/reader.ts";
import type { Session } from "../job/session.ts";
import { type Leash, leash, lookAtDeadline, PollingSource, type RunSource, singleAttempt } from "../job/source.ts";
import { StreamSource } from "./events/stream_source.ts";
import { add, emptyWindow, isTerminalType, observe, type WindowState, withMissed } from "./events/window.ts";

/** Something is not visible. `window_full`: later events, for ever; `events_missed`: some that went by. */
export type GapCause = "window_full" | "events_missed";

/** What following a run yields. */
export type FollowItem =
  /** The run's status: first, and each time it changes. */
  | { type: "status"; status: RunStatus; run: Run }
  /** An event; each comes once, oldest first. */
  | { type: "event"; event: RunEvent }
  /** Something is not visible; told once each, and to `onNotice` as well. */
  | { type: "gap"; cause: GapCause }
  /** The end; comes last. */
  | { type: "end"; outcome: EndOutcome; run: Run };

/** Options of {@linkcode Follower}. */
export interface FollowerOptions {
  /** Point on the clock. */
  deadline: number;
  /** Jobs that use the token at the same time. @default {1} */
  tokenShare?: number | undefined;
  /** Whether token and origin have worked before in this process. @default {false} */
  proven?: boolean | undefined;
  /** Whether the service's event stream is used where there is one. @default {true} */
  stream?: boolean | undefined;
}

/** Limits of {@linkcode Follower.conclude}. */
export interface ConcludeLimits {
  /** Milliseconds. */
  limitMs?: number | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

/** Limit of the read after the end, in milliseconds: it buys the reason, the verdict is known already. */
const FINAL_READ_MS = 5_000;
/** Wait for the last event of a run whose status came first, in milliseconds. Source: contract 4.2, the two orderings. */
const LAST_EVENT_MS = 500;

const KNOWN: readonly RunStatus[] = ["pending", "streaming", ...Object.keys(END_EXIT)];

/** Follows one run, and keeps what it has seen. */
export class Follower {
  readonly #session: Session;
  readonly #deadline: number;
  readonly #pacer: Pacer;
  readonly #reader: Reader;
  readonly #source: RunSource;
  readonly #leash: Leash;
  readonly #told = new Set<string>();
  #window: WindowState = emptyWindow();
  #run: Run | undefined;
  /** All events seen, oldest first. */
  readonly events: RunEvent[] = [];

  /** @param options See {@linkcode FollowerOptions}. */
  constructor(session: Session, runId: string, options: FollowerOptions) {
    const { client, clock, notify, requests, startedAt, random } = session;
    const { deadline, tokenShare = 1, proven = false, stream = true } = options;
    this.#session = session;
    this.#deadline = deadline;
    const reader = this.#reader = new Reader(client, runId, proven);
    // A wait beside a stream is still under way when the stream has told the end.
    const { signal } = this.#leash = leash(session.signal);
    const pacer = this.#pacer = new Pacer({ clock, deadline, startedAt, signal, notify, requests, random });
    const sourceOptions = { clock, reader, pacer, deadline, signal: session.signal, tokenShare, random };
    this.#source = stream ? new StreamSource(sourceOptions) : new PollingSource(sourceOptions);
  }

  /** The run as it was seen last; undefined before the first look. */
  get run(): Run | undefined {
    return this.#run;
  }

  /** What is known of the feed. */
  get window(): WindowState {
    return this.#window;
  }

  /**
   * Yields until the run ends.
   *
   * @throws {DeadlineError} if the deadline passes first and the last look works, else what the last look threw.
   * @throws what lasts: see `setbackOf`; `signal.reason` if the signal aborts.
   */
  async *items(): AsyncGenerator<FollowItem, Run, void> {
    try {
      let meaning: CadenceEvent | undefined;
      for (;;) {
        const inTime = await this.#source.next(meaning);
        const news = inTime ?? await lookAtDeadline(this.#reader, this.#session.clock, this.#session.signal);
        meaning = yield* this.#take(news);
        const outcome = endOfRun(news.run.status);
        if (outcome !== undefined) {
          this.#close();
          return yield* this.conclude(news.run, outcome);
        }
        if (inTime === null) throw this.#deadlineError(news.run);
      }
    } finally {
      this.#close();
    }
  }

  /** Whether an event that ends a run was seen: a stream may show one that a page of first events never shows. */
  get #complete(): boolean {
    return this.events.some((event) => isTerminalType(event.type));
  }

  #close(): void {
    this.#source.close();
    this.#leash.close();
  }

  /** Looks once. @throws what the client throws after its own retries until the deadline. */
  async *once(): AsyncGenerator<FollowItem, Run, void> {
    const news = await this.#reader.read({ deadline: this.#deadline, signal: this.#session.signal });
    yield* this.#take(news);
    const outcome = endOfRun(news.run.status);
    if (outcome !== undefined) yield* this.#end(news.run, outcome);
    return news.run;
  }

  /**
   * Reads the events once more, for reason, branch and pull request, and yields the end.
   *
   * @param run The run as it was when its end was seen: later words of the service do not change the verdict.
   * @param limits How long it may take, and what ends it. @default 5 s, and the session's signal
   */
  async *conclude(run: Run, outcome: EndOutcome, limits: ConcludeLimits = {}): AsyncGenerator<FollowItem, Run, void> {
    const { clock } = this.#session;
    const { limitMs = FINAL_READ_MS, signal = this.#session.signal } = limits;
    const complete = this.#complete;
    if (!complete) {
      const wait = Math.min(LAST_EVENT_MS, this.#pacer.left);
      if (wait > 0) await clock.sleep(wait, { signal });
    }
    let last = run;
    try {
      const news = await this.#reader.read({ ...singleAttempt(clock, limitMs, signal), maxAttempts: 3 });
      if (news.run.status === run.status) last = news.run;
      yield* this.#take({ ...news, run: last });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof MogplexError)) throw error;
      if (!complete) {
        this.#session.notify({ kind: "text", message: `${error.message}; reason and links may be missing` });
        this.#window = withMissed(this.#window);
        yield* this.#gaps();
      }
    }
    return yield* this.#end(last, outcome);
  }

  async *#end(run: Run, outcome: EndOutcome): AsyncGenerator<FollowItem, Run, void> {
    this.#run = run;
    yield { type: "end", outcome, run };
    return run;
  }

  async *#take(news: News): AsyncGenerator<FollowItem, CadenceEvent, void> {
    const { run, events, limit, cut } = news;
    const { status } = run;
    const changed = this.#run?.status !== status;
    const ended = endOfRun(status) !== undefined;
    this.#run = run;
    this.#pacer.status = status;
    const { state, fresh } = limit === null
      ? add(this.#window, events)
      : observe(this.#window, { events, limit, ended: ended && !this.#complete });
    this.#window = cut ? withMissed(state) : state;
    this.events.push(...fresh);
    if (changed) {
      this.#pacer.spoke();
      yield { type: "status", status, run };
    }
    if (!KNOWN.includes(status) && this.#first(`status ${status}`)) {
      this.#session.notify({ kind: "unknown_status", status });
    }
    for (const event of fresh) {
      this.#pacer.spoke();
      yield { type: "event", event };
    }
    yield* this.#gaps();
    if (!ended && fresh.some((event) => isTerminalType(event.type))) return { kind: "ending" };
    return { kind: changed || fresh.length > 0 ? "news" : "quiet" };
  }

  async *#gaps(): AsyncGenerator<FollowItem, void, void> {
    const causes: GapCause[] = [];
    if (this.#window.missed) causes.push("events_missed");
    if (this.#window.full) causes.push("window_full");
    for (const cause of causes) {
      if (!this.#first(cause)) continue;
      this.#session.notify({ kind: cause });
      this.#pacer.spoke();
      yield { type: "gap", cause };
    }
  }

  /** Whether something is said for the first time. */
  #first(what: string): boolean {
    return !this.#told.has(what) && this.#told.add(what).has(what);
  }

  #deadlineError(run: Run): DeadlineError {
    const seconds = Math.round((this.#deadline - this.#session.startedAt) / 1000);
    return new DeadlineError(
      `Cannot wait for run "${run.runId}" any longer: it is ${JSON.stringify(run.status)} after ${seconds} seconds`,
    );
  }
}
