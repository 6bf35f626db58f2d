import { BodyTooLargeError } from "../errors.ts";
import type { Run, RunEvent } from "../model.ts";
import type { RunReads } from "../service/calls.ts";
import { MAX_EVENTS } from "../service/contract.ts";
import { type CallOptions } from "../service/retry.ts";
import { PROCESS, type StreamMemory } from "../service/memory.ts";
import type { RunEventStream } from "../service/stream.ts";
import { beginsPhase, type EventFacts, factsFromEvents, isGitEvent, isTerminalType } from "./result.ts";
import type { Subject } from "./source.ts";
import { streamRefusal } from "../service/stream.ts";

export interface News {
  /** The service reads the run before the events, so the run may be a little older. */
  run: Run;
  /** If `limit` is not `null`, these are all events of a page. Otherwise, they are only events not seen before. Oldest first. */
  events: RunEvent[];
  /** `null` if the events are not treated as a page. */
  limit: number | null;
  cut: boolean;
}

/** Only the events show the pull request of a run, and whether a failed run was cancelled first. */
export async function readFacts(
  client: Pick<RunReads, "getRunEvents">,
  runId: string,
  call: CallOptions,
): Promise<EventFacts> {
  return factsFromEvents((await client.getRunEvents(runId, {}, call)).events);
}

/** How long a service is assumed to have no streams. A single 404 from a proxy must not have a permanent effect. */
const ABSENT_MS = 900_000;

export class Reader implements Subject<News> {
  readonly #client: RunReads;
  readonly #memory: StreamMemory;
  #limit = MAX_EVENTS;
  readonly runId: string;

  constructor(client: RunReads, runId: string) {
    this.#client = client;
    this.#memory = PROCESS.ofClient(client).streams;
    this.runId = runId;
  }

  get what(): string {
    return `read events of run "${this.runId}"`;
  }

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

  /** Only this read makes later revisions of the service repair the record of a run whose worker died. Source: contract, section 12. */
  async readRecord(call: CallOptions): Promise<News> {
    const run = await this.#client.getRun(this.runId, call);
    return { run, events: [], limit: null, cut: false };
  }

  get streamsFrom(): number {
    return typeof this.#client.openRunEvents === "function" ? this.#memory.absentUntil : Infinity;
  }

  /**
   * One request is enough to find out whether the service has streams, so other followers wait for its answer. Call the returned function once the
   * answer is known.
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

/** The first ids of a run are never forgotten, because some revisions of the service always show the first 200 events. */
const FIRST_IDS = 1_000;
/**
 * In addition to the first ids, at least this many of the newest ids are kept, and at most twice as many. A page of events, or the beginning of a
 * stream, has at most 200 events: either the first or the newest events. A forgotten id therefore does not come back. 40,000 UUIDs take about 4 MB.
 */
const RECENT_IDS = 20_000;
/** The service's ids have 36 characters. An id longer than the limit, which may have millions of characters, is replaced by a hash. */
const MAX_ID_LENGTH = 200;

/** The hash is not collision-resistant. Collisions are harmless, because a service could hide only its own events. */
export function idKey(id: string): string {
  if (id.length <= MAX_ID_LENGTH) return id;
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < id.length; index++) {
    const unit = id.charCodeAt(index);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  return `${id.length} ${high >>> 0} ${low >>> 0}`;
}

export class SeenIds {
  readonly #first = new Set<string>();
  // Two sets are used because removing the oldest id of a set takes linear time in V8.
  #older = new Set<string>();
  #newer = new Set<string>();

  get empty(): boolean {
    return this.#first.size === 0;
  }

  has(id: string): boolean {
    return this.#hasKey(idKey(id));
  }

  add(id: string): boolean {
    const key = idKey(id);
    if (this.#hasKey(key)) return false;
    if (this.#first.size < FIRST_IDS) {
      this.#first.add(key);
      return true;
    }
    if (this.#newer.size >= RECENT_IDS) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(key);
    return true;
  }

  #hasKey(key: string): boolean {
    return this.#first.has(key) || this.#newer.has(key) || this.#older.has(key);
  }
}

export interface WindowState {
  /** This set is changed in place, and includes events from streams. */
  readonly seen: SeenIds;
  /** Whether the page shows the newest events, not the first events. */
  readonly slides: boolean;
  readonly still: number;
  readonly last: readonly string[];
  readonly missed: boolean;
  /** Whether the page shows only the first events of the run, so that later events cannot be seen. */
  readonly full: boolean;
}

interface EventPage {
  readonly events: readonly RunEvent[];
  readonly limit: number;
  readonly ended: boolean;
}

/**
 * After this many full pages without a new event, the window is treated as full. A page of the newest events can also stay the same, but only if the
 * agent pauses after exactly as many events as a page holds.
 */
const STILL_PAGES = 2;

export function emptyWindow(seen: SeenIds): WindowState {
  return { seen, slides: false, still: 0, last: [], missed: false, full: false };
}

export function withMissed(state: WindowState): WindowState {
  return { ...state, missed: true };
}

function jumped(state: WindowState, events: readonly RunEvent[]): boolean {
  // The first event of every run is `started`, written before the start is answered.
  if (state.seen.empty) return events[0]?.type !== "started";
  return events.every((event) => !state.seen.has(event.id));
}

/** The events route has no cursor and returns at most 200 events: the first events on some revisions of the service, the newest events on others. */
export function observe(state: WindowState, page: EventPage): { state: WindowState; fresh: RunEvent[] } {
  const { events, limit, ended } = page;
  const last = events.map((event) => idKey(event.id));
  const isFull = events.length >= limit;
  const isFirst = state.seen.empty;
  const missed = state.missed || isFull && jumped(state, events);
  const fresh = events.filter((event) => state.seen.add(event.id));
  const onPage = new Set(last);
  const slides = state.slides ||
    isFull && fresh.length > 0 && state.last.length > 0 && state.last.some((id) => !onPage.has(id)) ||
    isFull && isFirst && events[0]?.type !== "started";
  const still = isFull && fresh.length === 0 ? state.still + 1 : 0;
  const cut = ended && !events.some((event) => isTerminalType(event.type));
  return {
    fresh,
    state: {
      ...state,
      slides,
      still,
      last,
      missed,
      full: !slides && isFull && (state.full || still >= STILL_PAGES || cut),
    },
  };
}

const MAX_COUNT = 200;
/** This limit allows 200 of the service's largest events. */
const NEWEST_BYTES = 8 * 1024 * 1024;
const MATTERING_BYTES = 2 * 1024 * 1024;

function matters(event: RunEvent): boolean {
  const { type } = event;
  return type === "started" || type === "status_changed" || isGitEvent(event) || beginsPhase(event) !== undefined;
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

const FIRST_BYTES = 4 * 1024;

interface Place {
  from: number;
  to: number;
}

class TextRing {
  readonly #limit: number;
  #bytes = new Uint8Array(0);
  readonly #places: Place[] = [];
  #scratch = new Uint8Array(0);
  #end = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  add(text: string, drop: () => void): Place | undefined {
    const bytes = this.#encode(text);
    if (bytes === undefined) return undefined;
    if (!this.#hasRoom(bytes.length) && this.#bytes.length < this.#limit) this.#grow(bytes.length);
    while (!this.#hasRoom(bytes.length)) drop();
    const from = this.#wraps(bytes.length) ? 0 : this.#end;
    const place = { from, to: from + bytes.length };
    this.#bytes.set(bytes, from);
    this.#places.push(place);
    this.#end = place.to;
    return place;
  }

  read({ from, to }: Place): string {
    return DECODER.decode(this.#bytes.subarray(from, to));
  }

  shift(): void {
    this.#places.shift();
  }

  #wraps(length: number): boolean {
    return length > this.#bytes.length - this.#end;
  }

  #hasRoom(length: number): boolean {
    const [oldest] = this.#places;
    const wraps = this.#wraps(length);
    if (oldest === undefined) return length <= this.#bytes.length;
    const from = wraps ? 0 : this.#end;
    return !(wraps && oldest.from >= this.#end) && (oldest.to <= from || oldest.from >= from + length);
  }

  #grow(length: number): void {
    const used = this.#places.reduce((sum, { from, to }) => sum + to - from, 0);
    const needed = Math.max(FIRST_BYTES, 2 * (used + length));
    const bytes = new Uint8Array(Math.min(this.#limit, 2 ** Math.ceil(Math.log2(needed))));
    this.#end = 0;
    for (const place of this.#places) {
      const text = this.#bytes.subarray(place.from, place.to);
      bytes.set(text, this.#end);
      place.from = this.#end;
      place.to = this.#end += text.length;
    }
    this.#bytes = bytes;
  }

  #encode(text: string): Uint8Array | undefined {
    // A UTF-16 code unit takes at most three bytes in UTF-8.
    const most = Math.min(text.length * 3, this.#limit);
    if (this.#scratch.length < most) this.#scratch = new Uint8Array(most);
    const { read, written } = ENCODER.encodeInto(text, this.#scratch);
    return read === text.length ? this.#scratch.subarray(0, written) : undefined;
  }
}

const MAX_OBJECT_LENGTH = 1_024;

class LargeEvent {
  readonly place: Place;
  readonly matters: boolean;

  constructor(place: Place, matters: boolean) {
    this.place = place;
    this.matters = matters;
  }
}

/**
 * Small events are kept as objects and large events as JSON. Objects outlive the young generation of the garbage collector, and 200 large objects
 * would make Node's heap grow by 40 MB.
 */
class EventQueue {
  readonly #texts: TextRing;
  readonly #entries: (RunEvent | LargeEvent)[] = [];

  constructor(limit: number) {
    this.#texts = new TextRing(limit);
  }

  get events(): RunEvent[] {
    return this.#entries.map((entry) => this.#eventOf(entry));
  }

  get capacity(): number {
    return this.#texts.capacity;
  }

  add(event: RunEvent): RunEvent[] {
    const displaced: RunEvent[] = [];
    const drop = () => {
      const oldest = this.#entries.shift();
      if (oldest === undefined) return;
      if (oldest instanceof LargeEvent ? oldest.matters : matters(oldest)) displaced.push(this.#eventOf(oldest));
      if (oldest instanceof LargeEvent) this.#texts.shift();
    };
    const text = JSON.stringify(event);
    let entry: RunEvent | LargeEvent = event;
    if (text.length > MAX_OBJECT_LENGTH) {
      const place = this.#texts.add(text, drop);
      if (place === undefined) return [];
      entry = new LargeEvent(place, matters(event));
    }
    if (this.#entries.length >= MAX_COUNT) drop();
    this.#entries.push(entry);
    return displaced;
  }

  #eventOf(entry: RunEvent | LargeEvent): RunEvent {
    return entry instanceof LargeEvent ? frozen(JSON.parse(this.#texts.read(entry.place))) : entry;
  }
}

function frozen<T>(value: T): T {
  const open: unknown[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== "object" || next === null) continue;
    open.push(...Object.values(Object.freeze(next)).filter((each) => typeof each === "object" && each !== null));
  }
  return value;
}

export class KeptEvents {
  readonly #newest = new EventQueue(NEWEST_BYTES);
  readonly #mattering = new EventQueue(MATTERING_BYTES);
  #seen = 0;

  get seen(): number {
    return this.#seen;
  }

  get capacity(): number {
    return this.#newest.capacity + this.#mattering.capacity;
  }

  get events(): RunEvent[] {
    return [...this.#mattering.events, ...this.#newest.events];
  }

  /** Events are frozen, because callers get the same objects. */
  add(event: RunEvent): void {
    this.#seen++;
    for (const displaced of this.#newest.add(frozen(event))) this.#mattering.add(displaced);
  }
}
