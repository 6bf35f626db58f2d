/**
 * Gets news from the service's event stream if the service has one, and polls otherwise. A stream sends events, but not every change of the run's
 * status, so the run is read as well.
 * @module
 */
import type { Clock } from "../clock.ts";
import { MogplexError } from "../errors.ts";
import type { Run, RunEvent } from "../model.ts";
import type { CallOptions } from "../service/client.ts";
import { isUuid } from "../service/contract.ts";
import type { Pacer } from "../service/pacer.ts";
import { failureOf, retry } from "../service/retry.ts";
import type { FollowedStream, RunEventStream, StreamItem } from "../service/stream.ts";
import type { StreamStep } from "../service/event_stream.ts";
import { type News, type Reader, SeenIds } from "./events.ts";
import { streamRefusal } from "../service/stream.ts";
import { hasEnded, isTerminalType } from "./result.ts";
import {
  type CadenceEvent,
  ENDING_MS,
  lookUntilSeen,
  PollingSource,
  type Source,
  type SourceOptions,
} from "./source.ts";

/** Polling time after which the stream is tried again. Source: design, "Following a run". */
const PROBE_MS = 300_000;

/** A proxy may hold the body back, so the wait for the first bytes is limited. Source: design, "Following a run". */
const FIRST_BYTE_MS = 10_000;

const MAX_REFUSALS = 3;

const MAX_DROPS = 5;

const REOPEN_MS = 1_000;

/** Maximum wait for each further message after the end of a run. `MAX_DRAIN_MS` limits the wait for all messages together. */
const DRAIN_MS = 500;

const MAX_DRAIN_MS = 5_000;

/** This limit allows 200 of the service's largest events. */
const MAX_DRAIN_LENGTH = 8 * 1024 * 1024;

const READ_ONCE_MS = 10_000;

export class StreamSource implements Source<News> {
  readonly #options: SourceOptions<Reader>;
  readonly #poller: PollingSource<News>;
  readonly #ticker: Ticker;
  readonly #feed: StreamFeed;
  #link: StreamLink | undefined;
  #first: LinkStep | undefined;
  #run: Run | undefined;
  #drops = 0;
  #probesRecord = false;
  #dropped = "";
  #endings: number[] | undefined;
  /** Time until which the run is polled; `Infinity` to poll permanently. */
  #pollUntil: number;

  constructor(options: SourceOptions<Reader>, seen: SeenIds) {
    this.#options = options;
    this.#poller = new PollingSource(options);
    this.#ticker = new Ticker(options.pacer);
    this.#feed = new StreamFeed(options.subject.runId, seen);
    this.#pollUntil = options.subject.streamsFrom;
  }

  async next(last?: CadenceEvent): Promise<News | null> {
    const { clock } = this.#options;
    if (last?.kind === "ending") this.#end();
    const delay = this.#endings?.shift();
    if (delay !== undefined) return await this.#options.pacer.pause(delay) ? await this.#look() : null;
    if (clock.now() < this.#pollUntil) return await this.#poll(last);
    for (;;) {
      if (this.#link === undefined) {
        const opened = await this.#open();
        if (opened === "late") return null;
        if (opened === "poll") return await this.#poll(last);
      }
      const step = this.#first ?? await (this.#link as StreamLink).next(this.#ticker);
      this.#first = undefined;
      if (step === null) return null;
      const news = await this.#handle(step);
      if (news !== undefined) return news;
    }
  }

  close(): void {
    this.#poller.close();
    this.#link?.close();
  }

  /** A new stream would end at once, so no stream is opened from now on. */
  #end(): void {
    if (this.#link !== undefined) this.#endings = [...ENDING_MS];
    this.#unlink();
    this.#pollUntil = Infinity;
  }

  #unlink(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#first = undefined;
  }

  #pollFor(ms: number): "poll" {
    this.#unlink();
    this.#drops = 0;
    this.#pollUntil = this.#options.clock.now() + ms;
    return "poll";
  }

  async #poll(last: CadenceEvent | undefined): Promise<News | null> {
    const news = await this.#poller.next(last);
    if (news !== null) this.#feed.follow(news.events);
    return news;
  }

  async #look(): Promise<News | null> {
    const { subject: reader } = this.#options;
    const news = await lookUntilSeen(this.#options, {
      what: `read run "${reader.runId}"`,
      signal: this.#options.signal,
      read: (call) => reader.readRecord(call),
    });
    if (news !== null) this.#run = news.run;
    return news;
  }

  async #readOnce(look: (call: CallOptions) => Promise<News>): Promise<News | undefined> {
    const { clock } = this.#options;
    const deadline = Math.min(clock.now() + READ_ONCE_MS, this.#options.deadline);
    try {
      const news = await look({
        deadline,
        requestTimeoutMs: READ_ONCE_MS,
        maxAttempts: 1,
        signal: this.#options.signal,
      });
      this.#run = news.run;
      return news;
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (!(error instanceof MogplexError)) throw error;
      return undefined;
    }
  }

  async #open(): Promise<"opened" | "poll" | "late"> {
    const { subject: reader, pacer, clock, memory, random } = this.#options;
    const what = `open the event stream of run "${reader.runId}"`;
    if (this.#drops > 0 && !await this.#reopenPause(what)) return "late";
    const answered = await reader.askForStreams(this.#options.signal, clock.now());
    if (clock.now() < reader.streamsFrom) return this.#pollFor(reader.streamsFrom - clock.now());
    let refusals = 0;
    let stream: RunEventStream;
    try {
      stream = await retry<RunEventStream>({
        memory,
        signal: this.#options.signal,
        attempt: () => this.#openOnce(),
        judge: (error) => {
          const mayPass = ["unauthorized", "busy"].includes(streamRefusal(error, false));
          return mayPass ? failureOf(error, { worked: memory.worked }) : undefined;
        },
        wait: (failure, count) => {
          const tooMany = failure.cause !== "unauthorized" && ++refusals > MAX_REFUSALS;
          return tooMany ? Promise.resolve(false) : pacer.waitAfter(what, failure, count);
        },
      }).finally(answered);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      return this.#notOpened(error);
    }
    this.#link = new StreamLink(stream, clock, this.#feed.lastId === undefined, random());
    this.#first = await this.#link.within(Math.min(FIRST_BYTE_MS, Math.max(pacer.leftMs, 0)));
    if (this.#first.kind !== "silent") return "opened";
    return pacer.leftMs > 0 ? this.#pollFor(Infinity) : "late";
  }

  async #openOnce(): Promise<RunEventStream> {
    const { subject: reader, deadline, clock } = this.#options;
    const call = { deadline, maxAttempts: 1, signal: this.#options.signal };
    const { lastId } = this.#feed;
    try {
      return await reader.open(lastId, call, clock.now());
    } catch (error) {
      if (streamRefusal(error, lastId !== undefined) !== "forgotten") throw error;
      this.#feed.startOver();
      return await reader.open(undefined, call, clock.now());
    }
  }

  #notOpened(error: unknown): "poll" | "late" {
    const { subject: reader, pacer, clock } = this.#options;
    if (!(error instanceof MogplexError)) throw error;
    const refusal = streamRefusal(error, false);
    if (refusal === "absent") return this.#pollFor(reader.streamsFrom - clock.now());
    if (refusal === "unauthorized" || refusal === "lasting") throw error;
    return pacer.leftMs > 0 ? this.#pollFor(PROBE_MS) : "late";
  }

  async #reopenPause(what: string): Promise<boolean> {
    const { pacer, random } = this.#options;
    if (this.#drops === 1) return await pacer.pause(Math.round(REOPEN_MS / 2 * (1 + random())));
    const detail = this.#dropped;
    return await pacer.waitAfter(
      what,
      { cause: "network", detail, namedMs: null, refused: false, baseMs: REOPEN_MS },
      this.#drops,
    );
  }

  async #handle(step: LinkStep): Promise<News | null | undefined> {
    switch (step.kind) {
      case "messages":
        return step.messages.length === 0 ? undefined : await this.#take(step.messages);
      case "silent":
        return await this.#probe();
      case "closed": {
        const link = this.#link as StreamLink;
        this.#drops = link.lasted ? 1 : this.#drops + 1;
        this.#dropped = step.detail ?? "the stream ended";
        this.#unlink();
        if (step.tooLarge || this.#drops > MAX_DROPS) this.#pollFor(PROBE_MS);
        return await this.#look();
      }
    }
  }

  /**
   * After a long silence, reads either the events or the record of the run, in turn. New events prove that the connection is dead, so the connection
   * is replaced. Reading the record makes the service repair the record if the run's worker died.
   */
  async #probe(): Promise<News | undefined> {
    const { subject: reader } = this.#options;
    this.#probesRecord = !this.#probesRecord;
    const page = await this.#readOnce((call) => this.#probesRecord ? reader.read(call) : reader.readRecord(call));
    if (page === undefined) return undefined;
    const events = this.#feed.keep(page.events);
    if (events.length > 0) {
      this.#drops = 1;
      this.#unlink();
    }
    // With `limit: null`, the events are not treated as a page, because the stream may have shown more events than a page can.
    return { ...page, events, limit: null };
  }

  async #take(items: readonly StreamItem[]): Promise<News | null | undefined> {
    const { subject: reader } = this.#options;
    const link = this.#link as StreamLink;
    const step = this.#feed.take(items);
    if (step.run !== undefined) {
      this.#run = step.run;
      // The run has finished. The service may never close the stream, so wait only briefly for the last messages.
      if (hasEnded(step.run.status)) await this.#drain(link, step);
    }
    const { fresh } = step;
    if (fresh.length > 0) {
      if (link.fromScratch && fresh[0]?.type !== "started") await this.#fillGap(step);
      link.fromScratch = false;
      // The agent has started, so the status has changed. The stream does not send the new status, so read it.
      const begun = step.run === undefined && fresh.some((event) => event.type === "status_changed");
      if (begun && !fresh.some(endsRun)) await this.#readOnce((call) => reader.readRecord(call));
    }
    if (step.run === undefined && fresh.length === 0 && !step.cut) return undefined;
    if (this.#run === undefined && await this.#look() === null) return null;
    return { run: this.#run as Run, events: fresh, limit: null, cut: step.cut };
  }

  async #drain(link: StreamLink, step: FeedStep): Promise<void> {
    const { clock, deadline } = this.#options;
    const until = Math.min(clock.now() + MAX_DRAIN_MS, deadline);
    let ended = step.fresh.some(endsRun);
    for (let length = 0; !ended && clock.now() < until;) {
      const more = await link.within(Math.min(DRAIN_MS, deadline - clock.now()));
      if (more.kind !== "messages") return;
      const { fresh, cut } = this.#feed.take(more.messages);
      length += JSON.stringify(fresh).length;
      const isTooMuch = length > MAX_DRAIN_LENGTH;
      if (!isTooMuch) step.fresh.push(...fresh);
      step.cut ||= cut || isTooMuch;
      ended = isTooMuch || fresh.some(endsRun);
    }
    if (!ended) step.cut = true;
  }

  /** A stream starts with the newest events, so the events before them are read here. */
  async #fillGap(step: FeedStep): Promise<void> {
    const { subject: reader } = this.#options;
    const page = await this.#readOnce((call) => reader.read(call));
    if (page === undefined || page.limit === null || !this.#feed.joins(page.events, page.limit, step.fresh)) {
      step.cut = true;
    }
    step.fresh.unshift(...this.#feed.keep(page?.events ?? []));
  }
}

function endsRun(event: RunEvent): boolean {
  return isTerminalType(event.type);
}

type LinkStep = StreamStep<StreamItem>;

/** A long wait is divided into parts of this length, so a heartbeat notice is at most this much too early. */
const SLICE_MS = 20_000;

/** Silence after which the run is read. Source: design, "Following a run". */
const SILENCE_MS = 120_000;

/** Jobs that started together should not all read at once. */
const SILENCE_SPREAD = 0.25;

const SILENCE_GROWTH = 1.5;

const MAX_SILENCE_MS = 300_000;

/** The end of a stream that lasted at least this long is not treated as a failure. */
const LASTING_MS = 60_000;

type Tick = { inTime: boolean } | { error: unknown };

class Ticker {
  readonly #pacer: Pacer;
  #ticking = false;
  #missed: Tick | undefined;
  #hear: ((tick: Tick) => void) | undefined;

  constructor(pacer: Pacer) {
    this.#pacer = pacer;
  }

  async race<T>(work: Promise<T>): Promise<T | null> {
    const done = work.then((value) => ({ value }));
    for (;;) {
      const first = await Promise.race([done, this.#tick()]);
      this.#hear = undefined;
      if ("value" in first) return first.value;
      if ("error" in first) throw first.error;
      if (!first.inTime) return null;
    }
  }

  /**
   * If the work is done first, the pause continues in the background, and the next wait resumes it. Each wait has its own promise, because a promise
   * that outlives its races keeps the result of each race, with all its messages.
   */
  #tick(): Promise<Tick> {
    const missed = this.#missed;
    this.#missed = undefined;
    if (missed !== undefined) return Promise.resolve(missed);
    const heard = new Promise<Tick>((resolve) => this.#hear = resolve);
    if (!this.#ticking) {
      this.#ticking = true;
      this.#pacer.pause(SLICE_MS).then((inTime) => this.#ended({ inTime }), (error) => this.#ended({ error }));
    }
    return heard;
  }

  #ended(tick: Tick): void {
    this.#ticking = false;
    const hear = this.#hear;
    this.#hear = undefined;
    if (hear === undefined) this.#missed = tick;
    else hear(tick);
  }
}

class StreamLink {
  readonly #stream: FollowedStream;
  readonly #clock: Clock;
  readonly #openedAt: number;
  readonly #shortestMs: number;
  #silenceMs: number;
  #heardAt: number;
  #reading: Promise<LinkStep> | undefined;
  fromScratch: boolean;

  constructor(stream: FollowedStream, clock: Clock, fromScratch: boolean, random: number) {
    this.#stream = stream;
    this.#clock = clock;
    this.#shortestMs = this.#silenceMs = Math.round(SILENCE_MS * (1 + SILENCE_SPREAD * random));
    this.#openedAt = clock.now();
    this.#heardAt = this.#openedAt;
    this.fromScratch = fromScratch;
  }

  get lasted(): boolean {
    return this.#clock.now() - this.#openedAt >= LASTING_MS;
  }

  within(limitMs: number): Promise<LinkStep> {
    return this.#stream.next(limitMs);
  }

  async next(ticker: Ticker): Promise<LinkStep | null> {
    for (;;) {
      const silenceLeftMs = this.#heardAt + this.#silenceMs - this.#clock.now();
      this.#reading ??= this.#stream.next(Math.max(silenceLeftMs, 0), true);
      const step = await ticker.race(this.#reading);
      if (step === null) return null;
      this.#reading = undefined;
      // A comment shows that the connection is alive, but not that the service is still watching the run.
      if (step.kind === "messages" && step.messages.length === 0) continue;
      this.#heardAt = this.#clock.now();
      this.#silenceMs = step.kind === "silent"
        ? Math.min(Math.round(this.#silenceMs * SILENCE_GROWTH), MAX_SILENCE_MS)
        : this.#shortestMs;
      return step;
    }
  }

  close(): void {
    this.#stream.close();
  }
}

interface FeedStep {
  run: Run | undefined;
  fresh: RunEvent[];
  cut: boolean;
}

export class StreamFeed {
  readonly #runId: string;
  readonly #seen: SeenIds;
  /** Ids of unreadable events. A page may still show these events. */
  readonly #unreadable = new SeenIds();
  #lastId: string | undefined;

  constructor(runId: string, seen: SeenIds) {
    this.#runId = runId;
    this.#seen = seen;
  }

  get lastId(): string | undefined {
    return this.#lastId;
  }

  startOver(): void {
    this.#lastId = undefined;
  }

  take(items: readonly StreamItem[]): FeedStep {
    let run: Run | undefined;
    const events: RunEvent[] = [];
    const unreadable: string[] = [];
    for (const item of items) {
      if (item.type === "event") events.push(item.event);
      else if (item.type === "unreadable") unreadable.push(item.id);
      else if (item.run.runId.toLowerCase() === this.#runId) run = item.run;
    }
    const unread = unreadable.filter((id) => !this.#seen.has(id) && this.#unreadable.add(id));
    this.#continueAfter(unread);
    return { run, fresh: this.keep(ordered(events)), cut: unread.length > 0 };
  }

  keep(events: readonly RunEvent[]): RunEvent[] {
    const fresh = events.filter(({ id }) => this.#seen.add(id));
    this.#continueAfter(fresh.map(({ id }) => id));
    return fresh;
  }

  /** Does not mark the events as seen, because the code that reads the page does so. */
  follow(page: readonly RunEvent[]): void {
    this.#continueAfter(page.map(({ id }) => id).filter((id) => !this.#seen.has(id)));
  }

  /**
   * @param page Events that were read and not yet added.
   * @param began The first events of the stream, already added.
   */
  joins(page: readonly RunEvent[], limit: number, began: readonly RunEvent[]): boolean {
    if (page.length < limit) return true;
    const ids = new Set(began.map((event) => event.id));
    if (!page.some((event) => ids.has(event.id))) return false;
    return page[0]?.type === "started" || page.some(({ id }) => this.#seen.has(id) && !ids.has(id));
  }

  #continueAfter(ids: readonly string[]): void {
    // The id is sent back as a header, so arbitrary text is not allowed.
    this.#lastId = ids.findLast(isUuid) ?? this.#lastId;
  }
}

function ordered(events: readonly RunEvent[]): RunEvent[] {
  if (events.length < 2) return [...events];
  const timed = events.map((event) => ({ event, ms: Date.parse(event.createdAt) }));
  if (timed.some(({ ms }) => Number.isNaN(ms))) return [...events];
  timed.sort((a, b) => a.ms - b.ms || belowMs(a.event) - belowMs(b.event));
  return timed.map(({ event }) => event);
}

/** The service writes up to six digits of a second, more than `Date` keeps. */
function belowMs({ createdAt }: RunEvent): number {
  return Number(/\.\d{3}(\d{1,6})/.exec(createdAt)?.[1]?.padEnd(6, "0") ?? 0);
}
