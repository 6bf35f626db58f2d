import { MogplexError } from "../../errors.ts";
import { LostRaceError } from "../../git/remote.ts";
import { applyRecord, checkOpenStarts, giveUpOpenStarts, judgeRecords } from "../journal/fold.ts";
import type { Home } from "../journal/home.ts";
import type { Lock } from "../journal/lock.ts";
import { type CampaignMemory, hasRun, type ItemMemory, newMemory, type StartMemory } from "../journal/memory.ts";
import { fitBody, type JournalRecord, type RecordBody, type StopRequest } from "../journal/record.ts";
import type { Quota } from "../pace/next_starts.ts";
import { followUpHash, taskHash } from "../plan/make_lock.ts";

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
  readonly #open = new Set<ItemMemory>();
  #runMs = { sum: 0, count: 0 };
  #unshared: MogplexError | undefined;
  #lastTake: Promise<unknown> = Promise.resolve();
  #isTaking = false;

  private constructor(home: Home, memory: CampaignMemory) {
    this.#home = home;
    this.memory = memory;
  }

  static async open(home: Home, lock: Lock, nowMs = -Infinity, quotas?: readonly Quota[]): Promise<Store> {
    const store = new Store(home, newMemory(lock, quotas));
    await home.readJournal((record, place) => store.#take(record, place));
    checkOpenStarts(store.memory, followUpHash, taskHash);
    giveUpOpenStarts(store.memory, nowMs, home.isShared);
    return store;
  }

  /** If a record contradicts earlier records, nothing is written. */
  async record(...bodies: RecordBody[]): Promise<void> {
    judgeRecords(this.memory, bodies.flatMap((body) => this.#recordsOf(body)));
    const { lock: { hash: lock }, lockHash } = this.memory;
    // If no record contains the hash of the lock yet, the next record gets it.
    const [first, ...rest] = bodies;
    const carried = first === undefined || lock === lockHash.current ? bodies : [{ ...first, lock }, ...rest];
    for (const record of await this.#home.append(carried)) this.#take(record);
  }

  /** The records with the lock's hash are written first. After a crash in between, the campaign continues with the old lock. */
  async changeLock(lock: Lock, ...bodies: RecordBody[]): Promise<void> {
    judgeRecords(this.memory, bodies.flatMap((body) => this.#recordsOf(body)));
    const { hash } = lock;
    for (const record of await this.#home.append(bodies.map((body) => ({ ...body, lock: hash })))) this.#take(record);
    await this.#home.writeLock(lock);
  }

  get unshared(): MogplexError | undefined {
    return this.#unshared;
  }

  /** If the home cannot be reached, sets {@linkcode Store.unshared} instead of throwing, because runs can still be followed. */
  async share(): Promise<void> {
    try {
      await this.publish();
    } catch (error) {
      if (!(error instanceof MogplexError) || error.exit !== "unavailable") throw error;
      this.#unshared = error;
    }
  }

  /** If this throws, the caller must not send what the journal announces. */
  async publish(): Promise<void> {
    await this.#home.flush();
    this.#unshared = undefined;
  }

  get isShared(): boolean {
    return this.#home.isShared;
  }

  /** Like {@linkcode Home.checkUnmoved}, but ignores all errors except a lost race. The next push reports the ignored errors. */
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

  applyWithoutWriting(body: RecordBody): void {
    for (const record of this.#recordsOf(body)) this.#take(record);
  }

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
