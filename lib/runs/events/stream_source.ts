/**
 * Gets news from the service's event stream if it has one, and polls otherwise.
 *
 * A stream sends events but not every change of the run's status. So the verdict comes from reading the run: once whenever the stream
 * closes, and a few times after the last event.
 *
 * @module
 */
import type { CallOptions } from "../../api/client.ts";
import type { RunEventStream, StreamItem } from "../../api/stream.ts";
import { MogplexError } from "../../errors.ts";
import type { CadenceEvent } from "../../job/cadence.ts";
import { type Leash, leash, lookUntilSeen, PollingSource, type Source, type SourceOptions } from "../../job/source.ts";
import type { Run, RunEvent } from "../../model.ts";
import { hasEnded } from "../../result/ends.ts";
import { retry } from "../../retry/retry.ts";
import { setbackOf } from "../../retry/setback.ts";
import type { News, Reader } from "./reader.ts";
import { type FeedStep, StreamFeed } from "./stream_feed.ts";
import { type LinkStep, StreamLink, Ticker } from "./stream_link.ts";
import { streamRefusal } from "./stream_refusal.ts";
import { isTerminalType } from "../../result/run_phases.ts";

/** Delays of reads after the last event, in milliseconds. Source: design, "Following a run": the event comes before the status. */
const ENDING_MS: readonly number[] = [300, 600, 1_200, 2_400, 5_000];
/** Time of polling after which a stream that did not work is tried again, in milliseconds. Source: as above. */
const PROBE_MS = 300_000;
/** Longest wait for the first bytes after the headers, in milliseconds: a proxy may hold the body back. Source: as above. */
const FIRST_BYTE_MS = 10_000;
/** Most refusals with a named delay (429, 503) in a row before the run is polled instead. */
const MAX_REFUSALS = 3;
/** Most streams in a row that end within a minute before the run is polled instead. */
const MAX_DROPS = 5;
/** Longest backoff before the first reopening of a stream, in milliseconds. */
const REOPEN_MS = 1_000;
/** After the end of a run: longest wait for each further message, and for all of them, in milliseconds. */
const DRAIN_MS = 500;
const MAX_DRAIN_MS = 5_000;
/** Most of that rest, in UTF-16 units of JSON: 200 of the service's largest events. */
const MAX_DRAIN_LENGTH = 8 * 1024 * 1024;
/** Time limit of an optional read, in milliseconds. */
const GLANCE_MS = 10_000;

function endsRun(event: RunEvent): boolean {
  return isTerminalType(event.type);
}

/** Gets news by stream. Falls back to polling without a notice if there is no stream, or it does not work. */
export class StreamSource implements Source<News> {
  readonly #options: SourceOptions<Reader>;
  readonly #leash: Leash;
  readonly #poller: PollingSource<News>;
  readonly #ticker: Ticker;
  readonly #feed: StreamFeed;
  #link: StreamLink | undefined;
  #first: LinkStep | undefined;
  #run: Run | undefined;
  #drops = 0;
  /** Whether the next probe looks at the record of the run, and not at its events. */
  #probesRecord = false;
  #dropped = "";
  /** Remaining delays of the reads after the last event; undefined before that event. */
  #endings: number[] | undefined;
  /** Point on the clock until which to poll: `-Infinity` while streaming, `Infinity` to poll for good. */
  #pollUntil: number;

  constructor(options: SourceOptions<Reader>) {
    this.#options = options;
    this.#leash = leash(options.signal);
    this.#poller = new PollingSource(options);
    this.#ticker = new Ticker(options.pacer);
    this.#feed = new StreamFeed(options.subject.runId);
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
    this.#leash.close();
    this.#poller.close();
    this.#link?.close();
  }

  /** The last event has come. From now on a new stream would end at once, so do not open one. */
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
    if (news !== null) this.#feed.keep(news.events);
    return news;
  }

  /** Reads the run, and retries as long as that can help. */
  async #look(): Promise<News | null> {
    const { subject: reader } = this.#options;
    const news = await lookUntilSeen(this.#options, {
      what: `read run "${reader.runId}"`,
      signal: this.#leash.signal,
      read: (call) => reader.readRecord(call),
    });
    if (news !== null) this.#run = news.run;
    return news;
  }

  /** Reads once. @returns Undefined if the read failed: the stream goes on without it. */
  async #glance(look: (call: CallOptions) => Promise<News>): Promise<News | undefined> {
    const { clock } = this.#options;
    const deadline = Math.min(clock.now() + GLANCE_MS, this.#options.deadline);
    try {
      const news = await look({ deadline, requestTimeoutMs: GLANCE_MS, maxAttempts: 1, signal: this.#leash.signal });
      this.#run = news.run;
      return news;
    } catch (error) {
      this.#leash.signal.throwIfAborted();
      if (!(error instanceof MogplexError)) throw error;
      return undefined;
    }
  }

  async #open(): Promise<"opened" | "poll" | "late"> {
    const { subject: reader, pacer, clock, memory, random } = this.#options;
    const what = `open the event stream of run "${reader.runId}"`;
    if (this.#drops > 0 && !await this.#reopenPause(what)) return "late";
    const answered = await reader.askForStreams(this.#leash.signal, clock.now());
    if (clock.now() < reader.streamsFrom) return this.#pollFor(reader.streamsFrom - clock.now());
    let refusals = 0;
    const end = await retry<RunEventStream>({
      memory,
      signal: this.#leash.signal,
      attempt: () => this.#openOnce(),
      judge: (error) => {
        const mayPass = ["unauthorized", "busy"].includes(streamRefusal(error, false));
        return mayPass ? setbackOf(error, { worked: memory.worked }) : undefined;
      },
      wait: (setback, count) => {
        const tooMany = setback.cause !== "unauthorized" && ++refusals > MAX_REFUSALS;
        return tooMany ? Promise.resolve(false) : pacer.setBack(what, setback, count);
      },
    }).finally(answered);
    if (!end.ok) return this.#notOpened(end.error);
    this.#link = new StreamLink(end.value, clock, this.#feed.lastId === undefined, random());
    this.#first = await this.#link.within(Math.min(FIRST_BYTE_MS, Math.max(pacer.leftMs, 0)));
    if (this.#first.kind !== "silent") return "opened";
    return pacer.leftMs > 0 ? this.#pollFor(Infinity) : "late";
  }

  /** Opens the stream after the last event, or with the newest events if the service no longer knows that event. */
  async #openOnce(): Promise<RunEventStream> {
    const { subject: reader, deadline, clock } = this.#options;
    const call = { deadline, maxAttempts: 1, signal: this.#leash.signal };
    const { lastId } = this.#feed;
    try {
      return await reader.open(lastId, call, clock.now());
    } catch (error) {
      if (streamRefusal(error, lastId !== undefined) !== "forgotten") throw error;
      this.#feed.startOver();
      return await reader.open(undefined, call, clock.now());
    }
  }

  /** Decides what to do without a stream. @throws the error if any other request would fail in the same way. */
  #notOpened(error: unknown): "poll" | "late" {
    const { subject: reader, pacer, clock } = this.#options;
    if (!(error instanceof MogplexError)) throw error;
    const refusal = streamRefusal(error, false);
    if (refusal === "absent") return this.#pollFor(reader.streamsFrom - clock.now());
    if (refusal === "unauthorized" || refusal === "lasting") throw error;
    return pacer.leftMs > 0 ? this.#pollFor(PROBE_MS) : "late";
  }

  /** Waits before reopening: up to a second after the first end, longer and with a notice if streams keep ending. */
  async #reopenPause(what: string): Promise<boolean> {
    const { pacer, random } = this.#options;
    if (this.#drops === 1) return await pacer.pause(Math.round(REOPEN_MS / 2 * (1 + random())));
    const setback = { cause: "network", detail: this.#dropped, namedMs: null, refused: false } as const;
    return await pacer.setBack(what, setback, this.#drops, REOPEN_MS);
  }

  /** @returns The news; undefined if there are none; null if the deadline came first. */
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
   * After a long silence, reads the events and the run itself in turn. New events prove that the connection is dead, so it is replaced.
   * Reading the run repairs its record if its worker died.
   */
  async #probe(): Promise<News | undefined> {
    const { subject: reader } = this.#options;
    this.#probesRecord = !this.#probesRecord;
    const page = await this.#glance((call) => this.#probesRecord ? reader.read(call) : reader.readRecord(call));
    if (page === undefined) return undefined;
    const events = this.#feed.keep(page.events);
    if (events.length > 0) {
      this.#drops = 1;
      this.#unlink();
    }
    // `limit: null`, so that it does not count as a page: the stream has shown more events than a page can.
    return { ...page, events, limit: null };
  }

  /** @returns See {@linkcode StreamSource.#handle}. */
  async #take(items: readonly StreamItem[]): Promise<News | null | undefined> {
    const { subject: reader } = this.#options;
    const link = this.#link as StreamLink;
    const step = this.#feed.take(items);
    if (step.run !== undefined) {
      this.#run = step.run;
      // The run has ended. The service may never close the stream, so wait only briefly for the last messages.
      if (hasEnded(step.run.status)) await this.#drain(link, step);
    }
    const { fresh } = step;
    if (fresh.length > 0) {
      if (link.fromScratch && fresh[0]?.type !== "started") await this.#fillGap(step);
      link.fromScratch = false;
      // The agent has started, so the status has changed: read it, since the stream does not send it.
      const begun = step.run === undefined && fresh.some((event) => event.type === "status_changed");
      if (begun && !fresh.some(endsRun)) await this.#glance((call) => reader.readRecord(call));
    }
    if (step.run === undefined && fresh.length === 0 && !step.cut) return undefined;
    if (this.#run === undefined && await this.#look() === null) return null;
    return { run: this.#run as Run, events: fresh, limit: null, cut: step.cut };
  }

  /** Adds the remaining messages of a stream whose run has ended. */
  async #drain(link: StreamLink, step: FeedStep): Promise<void> {
    const { clock, deadline } = this.#options;
    const until = Math.min(clock.now() + MAX_DRAIN_MS, deadline);
    let ended = step.fresh.some(endsRun);
    for (let length = 0; !ended && clock.now() < until;) {
      const more = await link.within(Math.min(DRAIN_MS, until - clock.now()));
      if (more.kind !== "messages") return;
      const { fresh, cut } = this.#feed.take(more.messages);
      length += JSON.stringify(fresh).length;
      const isTooMuch = length > MAX_DRAIN_LENGTH;
      if (!isTooMuch) step.fresh.push(...fresh);
      step.cut ||= cut || isTooMuch;
      ended = isTooMuch || fresh.some(endsRun);
    }
  }

  /** Reads the events before those that a new stream began with: a stream starts with the newest ones. Some may be missing. */
  async #fillGap(step: FeedStep): Promise<void> {
    const { subject: reader } = this.#options;
    const page = await this.#glance((call) => reader.read(call));
    if (page === undefined || page.limit === null || !this.#feed.joins(page.events, page.limit, step.fresh)) {
      step.cut = true;
    }
    step.fresh.unshift(...this.#feed.keep(page?.events ?? []));
  }
}
