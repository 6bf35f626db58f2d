/**
 * The journal of a campaign together with its memory: each record that is written is applied to the memory at once.
 *
 * @module
 */
import { MogplexError } from "../../errors.ts";
import { LostRaceError } from "../../git/remote.ts";
import { applyRecord, checkOpenStarts, giveUpOpenStarts, judgeRecords } from "../journal/fold.ts";
import type { Home } from "../journal/home.ts";
import type { Lock } from "../journal/lock.ts";
import { type CampaignMemory, hasRun, type ItemMemory, newMemory, type StartMemory } from "../journal/memory.ts";
import { fitBody, type JournalRecord, type RecordBody, type StopRequest } from "../journal/record.ts";
import type { Quota } from "../pace/next_starts.ts";
import { followUpHash, taskHash } from "../plan/make_lock.ts";

/** An item whose newest start has an unfinished run. */
export interface OpenRun {
  item: ItemMemory;
  start: StartMemory;
}

export function runIdOf({ start }: OpenRun): string {
  if (start.runId === null) throw new Error(`Cannot look at start ${start.number}: it has no run`);
  return start.runId;
}

export class Store {
  readonly #home: Home;
  readonly memory: CampaignMemory;
  /** Items with an unfinished run, in the order of their starts. */
  readonly #open = new Set<ItemMemory>();
  #runMs = { sum: 0, count: 0 };
  #unshared: MogplexError | undefined;
  /** The last call of {@linkcode Store.takeStops}. Calls run one after another. */
  #lastTake: Promise<unknown> = Promise.resolve();
  #isTaking = false;

  private constructor(home: Home, memory: CampaignMemory) {
    this.#home = home;
    this.memory = memory;
  }

  /**
   * Reads a journal.
   *
   * @param nowMs The current time, in milliseconds since 1970, for {@linkcode giveUpOpenStarts}. @default {-Infinity} (open starts stay open)
   * @param quotas Start quotas of the service. @default {QUOTAS}
   * @throws {UsageError} if the journal was changed, contradicts itself, or does not fit the lock.
   */
  static async open(home: Home, lock: Lock, nowMs = -Infinity, quotas?: readonly Quota[]): Promise<Store> {
    const store = new Store(home, newMemory(lock, quotas));
    await home.readJournal((record, place) => store.#take(record, place));
    checkOpenStarts(store.memory, followUpHash, taskHash);
    giveUpOpenStarts(store.memory, nowMs, home.isShared);
    return store;
  }

  /**
   * Writes records. They are on the disk when the call returns.
   *
   * @throws {UsageError} if a record contradicts earlier ones. Nothing is written then.
   */
  async record(...bodies: RecordBody[]): Promise<void> {
    judgeRecords(this.memory, bodies.flatMap((body) => this.#recordsOf(body)));
    const { lock: { hash: lock }, lockHash } = this.memory;
    // A lock hash that no record carries yet goes into the next record.
    const [first, ...rest] = bodies;
    const carried = first === undefined || lock === lockHash.current ? bodies : [{ ...first, lock }, ...rest];
    for (const record of await this.#home.append(carried)) this.#take(record);
  }

  /** Replaces the lock. The records carry its hash and are written first. After a crash in between, the campaign continues with the old lock. */
  async changeLock(lock: Lock, ...bodies: RecordBody[]): Promise<void> {
    judgeRecords(this.memory, bodies.flatMap((body) => this.#recordsOf(body)));
    const { hash } = lock;
    for (const record of await this.#home.append(bodies.map((body) => ({ ...body, lock: hash })))) this.#take(record);
    await this.#home.writeLock(lock);
  }

  /** Why the journal could not be shared; undefined if it was shared. */
  get unshared(): MogplexError | undefined {
    return this.#unshared;
  }

  /**
   * Shares the journal with other machines. Runs can be followed while the home cannot be reached. {@linkcode Store.unshared} then has the reason.
   *
   * @throws the errors of {@linkcode Home.flush} that waiting cannot fix.
   */
  async share(): Promise<void> {
    try {
      await this.publish();
    } catch (error) {
      if (!(error instanceof MogplexError) || error.exit !== "unavailable") throw error;
      this.#unshared = error;
    }
  }

  /** Shares the journal before something that it announces is sent. @throws the errors of {@linkcode Home.flush}. Nothing must be sent then. */
  async publish(): Promise<void> {
    await this.#home.flush();
    this.#unshared = undefined;
  }

  get isShared(): boolean {
    return this.#home.isShared;
  }

  /** Like {@linkcode Home.checkUnmoved}, but ignores all errors except a lost race. The next push reports the others. */
  async checkUnmoved(): Promise<void> {
    try {
      await this.#home.checkUnmoved();
    } catch (error) {
      if (!(error instanceof MogplexError) || error instanceof LostRaceError) throw error;
    }
  }

  /**
   * Whether nothing new is started, because the campaign is stopped or a stop is being recorded. The journal itself accepts a start after a stop,
   * because another machine may have sent the start before it saw the stop.
   */
  get isStopped(): boolean {
    return this.#isTaking || this.memory.stopped !== null;
  }

  /**
   * Records the stops that other processes on this machine have requested.
   *
   * @returns The stops that are new.
   */
  takeStops(redact: (text: string) => string): Promise<StopRequest[]> {
    const taken = this.#lastTake.then(() => this.#takeStops(redact)).finally(() => this.#isTaking = false);
    this.#lastTake = taken.catch(() => {});
    return taken;
  }

  async #takeStops(redact: (text: string) => string): Promise<StopRequest[]> {
    const requests = this.#home.stops();
    const news = requests.filter(({ id }) => !this.memory.stopRequests.has(id));
    this.#isTaking = news.length > 0;
    for (const { id, by, cancel, reason } of news) {
      await this.record({
        type: "stopped",
        by: redact(by),
        cancel: cancel || this.memory.stopped?.cancel === true,
        ...(reason !== undefined && { reason: redact(reason) }),
        request: id,
      });
    }
    for (const stop of requests) if (this.memory.stopRequests.has(stop.id)) this.#home.dropStop(stop);
    return news;
  }

  giveUpOpenStarts(nowMs: number): void {
    giveUpOpenStarts(this.memory, nowMs, this.isShared);
  }

  /** For a process that is not allowed to write. */
  applyWithoutWriting(body: RecordBody): void {
    for (const record of this.#recordsOf(body)) this.#take(record);
  }

  /** Does not write if this is a dry run. @throws the errors of {@linkcode Store.record}. */
  async take(body: RecordBody, isDryRun: boolean): Promise<void> {
    if (isDryRun) this.applyWithoutWriting(body);
    else await this.record(body);
  }

  #recordsOf(body: RecordBody): JournalRecord[] {
    const { seq, wave } = this.memory;
    const at = this.memory.lastAt ?? new Date(0).toISOString();
    return fitBody(body, at).map((fit) => ({ schema: 1, seq, previous: "", at, wave, ...fit }));
  }

  openRuns(): OpenRun[] {
    return [...this.#open].flatMap((item) => {
      const start = item.starts.at(-1);
      return start === undefined ? [] : [{ item, start }];
    });
  }

  /** Mean duration of finished runs that were not cancelled, in milliseconds; null if there are none. */
  get meanRunMs(): number | null {
    const { sum, count } = this.#runMs;
    return count === 0 ? null : sum / count;
  }

  #take(record: JournalRecord, place?: string): void {
    applyRecord(this.memory, record, place);
    if (!("item" in record)) return;
    const item = this.memory.items.get(record.item);
    if (item === undefined) return;
    if (hasRun(item)) this.#open.add(item);
    else this.#open.delete(item);
    const start = item.starts.at(-1);
    if (record.type !== "ended" || record.as === "cancelled" || !start?.counted) return;
    if (record.createdAt === null || record.updatedAt === null) return;
    const ms = Date.parse(record.updatedAt) - Date.parse(record.createdAt);
    if (ms >= 0) this.#runMs = { sum: this.#runMs.sum + ms, count: this.#runMs.count + 1 };
  }
}
