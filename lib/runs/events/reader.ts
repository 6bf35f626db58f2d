/**
 * Reads a run once: its status, and as many of its events as fit into an answer.
 *
 * @module
 */
import type { RunReads } from "../../api/mogplex_client.ts";
import { MAX_EVENTS } from "../../api/contract/rules.ts";
import type { RunEventStream } from "../../api/stream.ts";
import { memoryOf, type StreamMemory } from "../../api/stream_memory.ts";
import { BodyTooLargeError } from "../../errors.ts";
import type { CallOptions } from "../../retry/call_options.ts";
import type { Subject } from "../../job/source.ts";
import type { Run, RunEvent } from "../../model.ts";
import { streamRefusal } from "./stream_refusal.ts";

/** What one read returns. */
export interface News {
  /** The run. In the service it is read before the events, so it may be a little older. */
  run: Run;
  /** Events, oldest first, including ones that were seen before. */
  events: RunEvent[];
  /** How many events the request asked for; null if the events are not a page: they came by stream, or were not requested. */
  limit: number | null;
  /** Whether events were left out because the answer was too large. */
  cut: boolean;
}

/** Time for which a service without streams is not asked again, in milliseconds: one 404 of a proxy must not last for ever. */
const ABSENT_MS = 900_000;

/** Reads one run. Remembers how many of its events fit into an answer. */
export class Reader implements Subject<News> {
  readonly #client: RunReads;
  readonly #memory: StreamMemory;
  #limit = MAX_EVENTS;
  /** UUID of the run. */
  readonly runId: string;

  constructor(client: RunReads, runId: string) {
    this.#client = client;
    this.#memory = memoryOf(client);
    this.runId = runId;
  }

  /** What a read attempts, after "Cannot". */
  get what(): string {
    return `read events of run "${this.runId}"`;
  }

  /**
   * Reads run and events. If the answer is too large, it asks for half as many events, and in the end for the run alone.
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
   * Reads the run without events. Only this read makes later revisions repair the record of a run whose worker died. Source: contract,
   * section 12.
   *
   * @throws what the client throws.
   */
  async readRecord(call: CallOptions): Promise<News> {
    const run = await this.#client.getRun(this.runId, call);
    return { run, events: [], limit: null, cut: false };
  }

  /** Point on the clock from which to try a stream: `-Infinity` for now, `Infinity` if the client cannot open one. */
  get streamsFrom(): number {
    return typeof this.#client.openRunEvents === "function" ? this.#memory.absentUntil : Infinity;
  }

  /**
   * Waits while another follower finds out whether the service has streams: one question is enough.
   *
   * @param nowMs Time on the clock.
   * @returns Call it when the question is answered. @throws `signal.reason` if the signal aborts.
   */
  async askForStreams(signal: AbortSignal, nowMs: number): Promise<() => void> {
    const memory = this.#memory;
    const { asking, present } = memory;
    if (asking === undefined && !present && nowMs >= memory.absentUntil) {
      let answered = () => {};
      memory.asking = new Promise((resolve) => answered = resolve);
      return () => {
        memory.asking = undefined;
        answered();
      };
    }
    await new Promise<void>((resolve, reject) => {
      if (asking === undefined) return resolve();
      asking.then(resolve);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return () => {};
  }

  /**
   * Opens the stream. If the service has none, no follower of this process asks again for {@linkcode ABSENT_MS}.
   *
   * @param lastEventId Id of the last event seen; undefined for the newest events.
   * @param nowMs Time on the clock.
   * @throws what the client throws.
   */
  async open(lastEventId: string | undefined, call: CallOptions, nowMs: number): Promise<RunEventStream> {
    try {
      const opened = await this.#client.openRunEvents(this.runId, { limit: MAX_EVENTS, lastEventId }, call);
      this.#memory.present = true;
      return opened;
    } catch (error) {
      if (streamRefusal(error, false) === "absent") this.#memory.absentUntil = nowMs + ABSENT_MS;
      throw error;
    }
  }
}
