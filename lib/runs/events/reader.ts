/**
 * One look at a run: its status and as many of its events as fit.
 *
 * @module
 */
import type { CallOptions, MogplexClient } from "../../api/client.ts";
import { MAX_EVENTS } from "../../api/contract/rules.ts";
import type { RunEventStream } from "../../api/stream.ts";
import { memoryOf, type StreamMemory } from "../../api/stream_memory.ts";
import { BodyTooLargeError } from "../../errors.ts";
import type { Run, RunEvent } from "../../model.ts";

/** What a look shows. */
export interface News {
  /** The run, as it was just before the events were read. */
  run: Run;
  /** Events, oldest first; those seen before may be among them. */
  events: RunEvent[];
  /** How many events were asked for; null when they are no page of the feed: a stream's, or none at all. */
  limit: number | null;
  /** Whether events had to be left out because they were too large. */
  cut: boolean;
}

/** Looks at one run. Remembers how many of its events fit into an answer. */
export class Reader {
  readonly #client: MogplexClient;
  readonly #memory: StreamMemory;
  #limit = MAX_EVENTS;
  #worked: boolean;
  /** UUID of the run. */
  readonly runId: string;

  /** @param proven Whether token and origin have worked before in this process. */
  constructor(client: MogplexClient, runId: string, proven: boolean) {
    this.#client = client;
    this.#memory = memoryOf(client);
    this.runId = runId;
    this.#worked = proven;
  }

  /** See `Looker`. */
  get what(): string {
    return `read events of run "${this.runId}"`;
  }

  /** Whether token and origin have worked in this process. */
  get proven(): boolean {
    return this.#worked;
  }

  /**
   * Looks now. An answer that is too large is asked for again with half as many events, at last without any.
   *
   * @throws what the client throws.
   */
  async read(call: CallOptions): Promise<News> {
    let cut = false;
    while (this.#limit >= 1) {
      try {
        const { run, events } = await this.#client.getRunEvents(this.runId, { limit: this.#limit }, call);
        this.#worked = true;
        return { run, events, limit: this.#limit, cut };
      } catch (error) {
        if (!(error instanceof BodyTooLargeError)) throw error;
        cut = true;
        this.#limit = Math.floor(this.#limit / 2);
      }
    }
    return { ...await this.readRun(call), cut: true };
  }

  /** Looks at the run alone. @throws what the client throws. */
  async readRun(call: CallOptions): Promise<News> {
    const run = await this.#client.getRun(this.runId, call);
    this.#worked = true;
    return { run, events: [], limit: null, cut: false };
  }

  /** Whether trying to open a stream makes sense: the service may have it, and so has a client of somebody else's making. */
  get mayStream(): boolean {
    return !this.#memory.absent && typeof this.#client.openRunEvents === "function";
  }

  /** Remembers for the process that the service has no streams. */
  forgoStreams(): void {
    this.#memory.absent = true;
  }

  /** Opens the stream. @param lastEventId Event after which it goes on. @throws what the client throws. */
  async open(lastEventId: string | undefined, call: CallOptions): Promise<RunEventStream> {
    const stream = await this.#client.openRunEvents(this.runId, { limit: MAX_EVENTS, lastEventId }, call);
    this.#worked = true;
    return stream;
  }
}
