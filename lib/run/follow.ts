import { systemName } from "../ci/platform.ts";
import { pause } from "../clock.ts";
import { DeadlineError, MogplexError } from "../errors.ts";
import type { Run, RunEvent, RunStatus } from "../model.ts";
import { environmentVariable } from "../runtime.ts";
import { KnownRepos, type RunReads, runReads } from "../service/calls.ts";
import type { Pacer } from "../service/pacer.ts";
import { checkUuid } from "../service/validate.ts";
import { formatCount } from "../text/duration.ts";
import { type EventSink, openEventsFile } from "./event_file.ts";
import {
  emptyWindow,
  KeptEvents,
  type News,
  observe,
  Reader,
  SeenIds,
  type WindowState,
  withMissed,
} from "./events.ts";
import { followToEnd, StatusWatch } from "./job.ts";
import { checkTokenShare } from "./options.ts";
import {
  addEvent,
  addMilestone,
  END_EXIT,
  endOfRun,
  type EndOutcome,
  type EventFacts,
  hasEnded,
  isTerminalType,
  type Milestones,
  noFacts,
  type Outcome,
  type RunResult,
} from "./result.ts";
import { type Connected, type ConnectOptions, connectWith, type VerbOptions } from "./session.ts";
import { type CadenceEvent, linkAbort, PollingSource, singleAttempt, type Source } from "./source.ts";
import { StreamSource } from "./stream_source.ts";

export function followRun(
  runId: string,
  options: FollowOptions & ConnectOptions,
): AsyncGenerator<FollowItem, Run, void> {
  const id = checkUuid(runId, "run id");
  const tokenShare = checkTokenShare(options.tokenShare);
  const system = systemName(options.env ?? environmentVariable);
  const session = connectWith(options, {}, system, (caller) => runReads(caller, new KnownRepos()));
  const how = { tokenShare, stream: options.stream };
  if (options.eventsFile === undefined) return new RunFollower(session, id, how).items();
  return followIntoFile(session, id, how, options);
}

async function* followIntoFile(
  session: Connected<RunReads>,
  runId: string,
  how: RunFollowerOptions,
  { eventsFile = "", token }: FollowOptions & ConnectOptions,
): AsyncGenerator<FollowItem, Run, void> {
  const sink = openEventsFile(eventsFile, session, token);
  try {
    return yield* new RunFollower(session, runId, { ...how, sink }).items();
  } finally {
    sink.close();
  }
}

/** Options for following a run. */
export interface FollowOptions extends VerbOptions {
  /** Maximum time to wait, in milliseconds: from one second to 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** How many jobs use the token at the same time: a whole number from 1 to 1,000. @default {1} */
  tokenShare?: number | undefined;
  /**
   * Whether to use the service's event stream, if it has one. The stream takes fewer requests and shows the end at once. Otherwise, the run
   * is polled. @default {true}
   */
  stream?: boolean | undefined;
  /**
   * Path of a file for all events: one JSON object per line, written as the events arrive, with secrets masked as in reports. An existing file is
   * replaced, and missing directories are created. If writing fails later, `onNotice` gets one notice, and the run is still followed.
   * @default no file
   */
  eventsFile?: string | undefined;
}

/** Why events cannot be seen. `window_full`: the service shows no events after these; `events_missed`: some events in between were missed. */
export type GapCause = "window_full" | "events_missed";

/** The last item of a followed run. */
export interface RunEnd {
  /** Distinguishes this item from others. */
  type: "end";
  /** How the run ended. It can also be `deadline`, or `error` if the service did not report how the run ended. */
  outcome: Outcome;
  /** Exit code for the outcome. */
  exitCode: number;
  /** What is known about the run. */
  result: RunResult;
}

/**
 * What a loop over a run's handle yields, and what `onItem` receives.
 *
 * - `status`: the run's status. It is the first item, and comes again at each change. The service can report a status before the events that led to
 *   it, so events can follow the status `success`.
 * - `event`: one event. Every event comes once, oldest first.
 * - `gap`: some events cannot be seen, or a loop was slow or late and missed items. A gap in the events is reported once for each cause, and
 *   `onNotice` is called as well.
 * - `end`: the last item. See {@linkcode RunEnd}.
 */
export type RunHandleItem =
  | { type: "status"; status: RunStatus; run: Run }
  | { type: "event"; event: RunEvent }
  | { type: "gap"; cause: GapCause }
  | RunEnd;

export type FollowItem = Exclude<RunHandleItem, RunEnd> | { type: "end"; outcome: EndOutcome; run: Run };

interface RunFollowerOptions {
  tokenShare?: number | undefined;
  stream?: boolean | undefined;
  sink?: EventSink | undefined;
}

interface ConcludeLimits {
  limitMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Time limit of the last read. The outcome is already known, and this read finds the reason and the links. */
const FINAL_READ_MS = 5_000;
/** The status may change before the last event arrives. Source: contract 4.2, the two orderings. */
const LAST_EVENT_MS = 500;

const KNOWN_STATUSES: readonly RunStatus[] = ["pending", "streaming", ...Object.keys(END_EXIT)];

/** Keeps only what the result needs. Memory use does not grow with the number of events, because a run may report more than fits into memory. */
export class RunFollower {
  readonly #session: Connected<RunReads>;
  readonly #pacer: Pacer;
  readonly #reader: Reader;
  readonly #source: Source<News>;
  readonly #status: StatusWatch;
  readonly #shownGaps = new Set<GapCause>();
  readonly #close: () => void;
  readonly #sink: EventSink | undefined;
  #window: WindowState;
  #run: Run | undefined;
  #lastEventId: string | null = null;
  /** Whether an event that ends the run was seen. A stream can show this event even if a page of the first events never does. */
  #complete = false;
  #facts = noFacts();
  #milestones: Milestones | undefined;
  readonly kept = new KeptEvents();

  constructor(session: Connected<RunReads>, runId: string, options: RunFollowerOptions) {
    const { client, clock, random, memory, deadline } = session;
    const { tokenShare = 1, stream = true, sink } = options;
    this.#session = session;
    this.#sink = sink;
    const subject = this.#reader = new Reader(client, runId);
    // A separate signal is needed, because a wait alongside a stream must stop once the stream has shown the end.
    const abort = linkAbort(session.signal);
    const { signal } = abort;
    const pacer = this.#pacer = session.pacer(signal);
    this.#status = new StatusWatch(session, pacer, KNOWN_STATUSES);
    const sourceOptions = { clock, subject, pacer, memory, deadline, signal, tokenShare, random };
    const seen = new SeenIds();
    this.#window = emptyWindow(seen);
    const source = this.#source = stream ? new StreamSource(sourceOptions, seen) : new PollingSource(sourceOptions);
    this.#close = () => {
      source.close();
      abort.close();
    };
  }

  get run(): Run | undefined {
    return this.#run;
  }

  get window(): WindowState {
    return this.#window;
  }

  get lastEventId(): string | null {
    return this.#lastEventId;
  }

  get facts(): EventFacts {
    return this.#facts;
  }

  get milestones(): Milestones | undefined {
    return this.#milestones;
  }

  items(): AsyncGenerator<FollowItem, Run, void> {
    return followToEnd<News, FollowItem, Run>(this.#session, {
      source: this.#source,
      subject: this.#reader,
      take: (news) => this.#take(news),
      end: ({ run }) => {
        const outcome = endOfRun(run.status, this.#facts);
        return outcome === undefined ? undefined : this.conclude(run, outcome);
      },
      late: ({ run }) => this.#lateError(run),
      close: this.#close,
    });
  }

  async *once(): AsyncGenerator<FollowItem, Run, void> {
    const { deadline, signal } = this.#session;
    const call = { deadline, signal };
    let run: Run | undefined;
    for (const look of [() => this.#reader.read(call), () => this.#reader.readRecord(call)]) {
      const news = await look();
      yield* this.#take(news);
      run = news.run;
      const outcome = endOfRun(run.status, this.#facts);
      if (outcome !== undefined) return yield* this.#end(run, outcome);
    }
    const { runId } = this.#reader;
    throw new DeadlineError(`Run "${runId}" has not finished: its status is ${JSON.stringify(run?.status)}`, {
      code: "STILL_RUNNING",
    });
  }

  /** @param run The run as it was when its end became known. A later status is ignored. */
  async *conclude(run: Run, outcome: EndOutcome, limits: ConcludeLimits = {}): AsyncGenerator<FollowItem, Run, void> {
    const { clock } = this.#session;
    const { limitMs = FINAL_READ_MS, signal = this.#session.signal } = limits;
    const complete = this.#complete;
    if (!complete) {
      const waitMs = Math.min(LAST_EVENT_MS, this.#pacer.leftMs);
      if (waitMs > 0) await clock.sleep(waitMs, { signal });
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
        this.#session.notify({ kind: "text", message: `${error.message}; the reason and links may be missing` });
        this.#window = withMissed(this.#window);
        yield* this.#gaps();
      }
    }
    // The events that decide the outcome of a failed run may have come only with the last read.
    return yield* this.#end(last, last.status === "failed" ? endOfRun(last.status, this.#facts) ?? outcome : outcome);
  }

  #keep(event: RunEvent): void {
    this.#sink?.add(event);
    this.kept.add(event);
    this.#facts = addEvent(this.#facts, event);
    this.#milestones = addMilestone(this.#milestones, event);
    this.#complete ||= isTerminalType(event.type);
    this.#lastEventId = event.id;
  }

  *#end(run: Run, outcome: EndOutcome): Generator<FollowItem, Run, void> {
    this.#run = run;
    yield { type: "end", outcome, run };
    return run;
  }

  async *#take(news: News): AsyncGenerator<FollowItem, CadenceEvent, void> {
    const { run, events, limit, cut } = news;
    const { status } = run;
    const ended = hasEnded(status);
    const changed = this.#status.take(status);
    this.#run = run;
    const { state, fresh } = limit === null
      ? { state: this.#window, fresh: events }
      : observe(this.#window, { events, limit, ended: ended && !this.#complete });
    this.#window = cut ? withMissed(state) : state;
    for await (const event of this.#oneByOne(fresh)) this.#keep(event);
    if (changed) yield { type: "status", status, run };
    this.#status.announceUnknown();
    for await (const event of this.#oneByOne(fresh)) {
      this.#pacer.spoke();
      yield { type: "event", event };
    }
    yield* this.#gaps();
    if (!ended && fresh.some((event) => isTerminalType(event.type))) return { kind: "ending" };
    return { kind: changed || fresh.length > 0 ? "news" : "quiet" };
  }

  /** Lets signals and timers run between two events, because masking, writing and printing a page of long events takes a while. */
  async *#oneByOne(events: readonly RunEvent[]): AsyncGenerator<RunEvent, void, void> {
    for (const [index, event] of events.entries()) {
      if (index > 0) await pause(this.#session.clock);
      yield event;
    }
  }

  *#gaps(): Generator<FollowItem, void, void> {
    const causes: GapCause[] = [];
    if (this.#window.missed) causes.push("events_missed");
    if (this.#window.full) causes.push("window_full");
    for (const cause of causes) {
      if (this.#shownGaps.has(cause)) continue;
      this.#shownGaps.add(cause);
      this.#session.notify({ kind: cause });
      this.#pacer.spoke();
      yield { type: "gap", cause };
    }
  }

  #lateError({ runId, status }: Run): DeadlineError {
    const seconds = Math.round((this.#session.deadline - this.#session.startedAt) / 1000);
    return new DeadlineError(`Run "${runId}" was still ${status} after ${formatCount(seconds, "second")}`);
  }
}
