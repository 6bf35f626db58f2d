/**
 * Stream first, poll otherwise: learns what is new from the service's event stream where there is one.
 *
 * A stream tells of events, never of the row: the verdict comes from looks at the run, one after every close and a few after
 * an event that ends a run.
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
import { isTerminalType } from "./window.ts";

/** Looks after an event that ends a run. Source: design, "Following a run": the event comes before the row's status. */
const ENDING_MS: readonly number[] = [300, 600, 1_200, 2_400, 5_000];
/** Time after which a stream that did not work is tried again, in milliseconds. Source: as above. */
const PROBE_MS = 300_000;
/** Headers have come: a proxy that holds the rest back is not worth waiting for. Source: as above. */
const FIRST_BYTE_MS = 10_000;
/** Refusals that name a delay (429, 503) in a row, until the run is polled meanwhile. */
const MAX_REFUSALS = 3;
/** Streams in a row that ended soon, until the run is polled meanwhile. */
const MAX_DROPS = 5;
/** Longest own delay before a stream is opened again, in milliseconds. */
const REOPEN_MS = 1_000;
/** How long the rest of what a stream begins with is waited for when its run has ended, in milliseconds. */
const DRAIN_MS = 500;
const MAX_DRAIN_MS = 5_000;
/** Most of that rest, in UTF-16 units of JSON: 200 of the service's largest events. */
const MAX_DRAIN_LENGTH = 8 * 1024 * 1024;
/** Limit of a look that nothing depends on, in milliseconds. */
const GLANCE_MS = 10_000;

function endsRun(event: RunEvent): boolean {
  return isTerminalType(event.type);
}

/** Follows by the stream; falls back to polling, silently, when there is none or it does not work. */
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
  #dropped = "";
  /** Delays of the looks after an event that ends the run; undefined before. */
  #endings: number[] | undefined;
  /** Polls until then; `-Infinity` while it streams. */
  #pollUntil: number;

  constructor(options: SourceOptions<Reader>) {
    this.#options = options;
    this.#leash = leash(options.signal);
    this.#poller = new PollingSource(options);
    this.#ticker = new Ticker(options.pacer);
    this.#feed = new StreamFeed(options.subject.runId);
    this.#pollUntil = options.subject.mayStream ? -Infinity : Infinity;
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

  /** An event came that ends the run: its stream would end at once each time it is opened again. */
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

  /** Looks at the run, through every setback. */
  async #look(): Promise<News | null> {
    const { subject: reader } = this.#options;
    const news = await lookUntilSeen(this.#options, {
      what: `read run "${reader.runId}"`,
      signal: this.#leash.signal,
      read: (call) => reader.readRun(call),
    });
    if (news !== null) this.#run = news.run;
    return news;
  }

  /** Looks once; what fails is left, since the stream goes on. */
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
    });
    if (!end.ok) return this.#notOpened(end.error);
    this.#link = new StreamLink(end.value, clock, this.#feed.lastId === undefined, random());
    this.#first = await this.#link.within(Math.min(FIRST_BYTE_MS, Math.max(pacer.leftMs, 0)));
    if (this.#first.kind !== "silent") return "opened";
    return pacer.leftMs > 0 ? this.#pollFor(Infinity) : "late";
  }

  /** Opens the stream after the last event, or from its beginning when the service no longer knows that one. */
  async #openOnce(): Promise<RunEventStream> {
    const { subject: reader, deadline } = this.#options;
    const call = { deadline, maxAttempts: 1, signal: this.#leash.signal };
    const { lastId } = this.#feed;
    try {
      return await reader.open(lastId, call);
    } catch (error) {
      if (streamRefusal(error, lastId !== undefined) !== "forgotten") throw error;
      this.#feed.startOver();
      return await reader.open(undefined, call);
    }
  }

  /** What to do without a stream. @throws {MogplexError} that any other request would meet as well */
  #notOpened(error: unknown): "poll" | "late" {
    const { subject: reader, pacer } = this.#options;
    if (!(error instanceof MogplexError)) throw error;
    const refusal = streamRefusal(error, false);
    if (refusal === "absent") {
      reader.forgoStreams();
      return this.#pollFor(Infinity);
    }
    if (refusal === "unauthorized" || refusal === "lasting") throw error;
    return pacer.leftMs > 0 ? this.#pollFor(PROBE_MS) : "late";
  }

  /** Waits before a stream is opened again: a moment, longer and told when one after the other ends. */
  async #reopenPause(what: string): Promise<boolean> {
    const { pacer, random } = this.#options;
    if (this.#drops === 1) return await pacer.pause(Math.round(REOPEN_MS / 2 * (1 + random())));
    const setback = { cause: "network", detail: this.#dropped, namedMs: null, refused: false } as const;
    return await pacer.setBack(what, setback, this.#drops, REOPEN_MS);
  }

  /** @returns Undefined when there is nothing to tell, null when the deadline came. */
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

  /** Nothing came for long. A connection may be dead without anybody being told: the events show it. */
  async #probe(): Promise<News | undefined> {
    const { subject: reader } = this.#options;
    const page = await this.#glance((call) => reader.read(call));
    if (page === undefined) return undefined;
    const events = this.#feed.keep(page.events);
    if (events.length > 0) {
      this.#drops = 1;
      this.#unlink();
    }
    // Not as a page: the stream has shown more than a page that stands still can.
    return { ...page, events, limit: null };
  }

  /** @returns See {@linkcode StreamSource.#handle}. */
  async #take(items: readonly StreamItem[]): Promise<News | null | undefined> {
    const { subject: reader } = this.#options;
    const link = this.#link as StreamLink;
    const step = this.#feed.take(items);
    if (step.run !== undefined) {
      this.#run = step.run;
      // Nothing more comes, perhaps not even the end of the stream: what is on its way is worth a moment.
      if (hasEnded(step.run.status)) await this.#drain(link, step);
    }
    const { fresh } = step;
    if (fresh.length > 0) {
      if (link.fromScratch && fresh[0]?.type !== "started") await this.#fillGap(step);
      link.fromScratch = false;
      // The stream does not tell of the row; this is the moment at which an agent has begun.
      const begun = step.run === undefined && fresh.some((event) => event.type === "status_changed");
      if (begun && !fresh.some(endsRun)) await this.#glance((call) => reader.readRun(call));
    }
    if (step.run === undefined && fresh.length === 0 && !step.cut) return undefined;
    if (this.#run === undefined && await this.#look() === null) return null;
    return { run: this.#run as Run, events: fresh, limit: null, cut: step.cut };
  }

  /** Takes in the rest of what a stream begins with. */
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

  /** A stream shows the newest events first: older ones may be found in the events route, or not at all. */
  async #fillGap(step: FeedStep): Promise<void> {
    const { subject: reader } = this.#options;
    const page = await this.#glance((call) => reader.read(call));
    if (page === undefined || page.limit === null || !this.#feed.joins(page.events, page.limit, step.fresh)) {
      step.cut = true;
    }
    step.fresh.unshift(...this.#feed.keep(page?.events ?? []));
  }
}
