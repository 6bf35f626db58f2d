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
import type { Subject } from "../../job/source.ts";
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
export class Reader implements Subject<News> {
  readonly #client: MogplexClient;
  readonly #memory: StreamMemory;
  #limit = MAX_EVENTS;
  /** UUID of the run. */
  readonly runId: string;

  constructor(client: MogplexClient, runId: string) {
    this.#client = client;
    this.#memory = memoryOf(client);
    this.runId = runId;
  }

  /** A look, as in error messages. */
  get what(): string {
    return `read events of run "${this.runId}"`;
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
        return { run, events, limit: this.#limit, cut };
      } catch (error) {
        if (!(error instanceof BodyTooLargeError)) throw error;
        cut = true;
        this.#limit = Math.floor(this.#limit / 2);
      }
    }
    return { ...await this.readRecord(call), cut: true };
  }

  /**
   * Looks at the run alone. Later revisions repair the record of a run whose worker died when it is read by itself, and only then. Source:
   * contract, section 12.
   *
   * @throws what the client throws.
   */
  async readRecord(call: CallOptions): Promise<News> {
    const run = await this.#client.getRun(this.runId, call);
    return { run, events: [], limit: null, cut: false };
  }

  /** Whether opening a stream is worth a try: neither the service nor the client is known to have none. */
  get mayStream(): boolean {
    return !this.#memory.absent && typeof this.#client.openRunEvents === "function";
  }

  /** Remembers, for the whole process, that the service has no streams. */
  forgoStreams(): void {
    this.#memory.absent = true;
  }

  /** Opens the stream. @param lastEventId Event after which it goes on. @throws what the client throws. */
  async open(lastEventId: string | undefined, call: CallOptions): Promise<RunEventStream> {
    return await this.#client.openRunEvents(this.runId, { limit: MAX_EVENTS, lastEventId }, call);
  }
}
