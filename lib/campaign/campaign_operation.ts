/**
 * A campaign as an operation for the engine: its items are runs. `start` plans and proves, `items` follows it or makes one wave, `stop`
 * cancels what runs.
 *
 * @module
 */
import { MogplexError, UsageError } from "../errors.ts";
import type { Ending, Look, Operation, StopCause, Stopped } from "../job/operation.ts";
import type { Session } from "../job/session.ts";
import type { EndOutcome } from "../result/ends.ts";
import { type ResultError, resultError } from "../result/result_error.ts";
import { hasEnded } from "../result/ends.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";
import type { CampaignItem } from "./campaign_items.ts";
import { itemView, makeView } from "./make_view.ts";
import { type OpenedCampaign, reopen } from "./open_campaign.ts";
import { planLock } from "./plan/plan_campaign.ts";
import { RequestPace } from "./plan/request_pace.ts";
import { campaignState, exitOf, isAtRest } from "./progress.ts";
import type { ItemState } from "./verdicts.ts";
import type { CampaignView } from "./view.ts";
import { followCampaign, type Progress } from "./work/follow.ts";
import { cancelRun } from "./work/look.ts";
import type { Rest } from "./work/starts.ts";
import type { Store } from "./work/store.ts";
import { makeWave } from "./work/wave.ts";
import { DEFAULT_MEAN_RUN_MS, reasonCleaner, serviceNow, type Work } from "./work/work.ts";

/** What a step of a campaign came to. */
export interface CampaignResult {
  /** Tells this result from that of a run. */
  kind: "campaign";
  /** What the campaign looks like; null when there is no plan. */
  view: CampaignView | null;
  /** Our verdict on the step: a verdict of the campaign, or `started` when it goes on, `interrupted`, or `error`. */
  outcome: EndOutcome | "started" | "interrupted" | "error";
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null when there is nothing to say. */
  reason: string | null;
  /** What stopped the step; null when nothing did. */
  error: ResultError | null;
  /** Always null: the command that goes on is the same one. */
  resume: string | null;
}

/** Settings of a {@linkcode CampaignOperation}. */
export interface CampaignSettings {
  /** Longest time of the whole, in milliseconds. */
  timeoutMs: number;
  /** Whether repositories that cannot be used are kept as `invalid` items, when there is no lock yet. */
  skipInvalid: boolean;
  /** Who opens a closed gate before anything is started; undefined for nobody. */
  approvedBy: string | undefined;
  /** Mean time of a run while none has ended, in milliseconds. */
  meanRunMs: number | undefined;
  /** Called after each change, with a function that makes the view; see `ViewInput.brief`. */
  onView: ((view: (brief?: boolean) => CampaignView) => void) | undefined;
}

/** The campaign goes on, and this process leaves it. Exit code 75 where that is asked for. */
export class CampaignGoesOnError extends MogplexError {
  override name = "CampaignGoesOnError";
  /** @param why What it waits for, as a clause. */
  constructor(campaign: string, why: string, advice?: string) {
    super({ attempted: `end campaign "${campaign}" now`, why, advice }, "rateLimited");
  }
}

/** Longest time of one request with its retries, in milliseconds. */
const REQUEST_MS = 60_000;

/** See the module. */
export class CampaignOperation implements Operation<CampaignItem, CampaignResult> {
  readonly #session: Session;
  readonly #opened: OpenedCampaign;
  readonly #settings: CampaignSettings;
  readonly #redact: Redactor;
  readonly #pace: RequestPace;
  readonly #proven = new Set<string>();
  #work: Work | undefined;
  #rest: Rest | undefined;

  constructor(session: Session, opened: OpenedCampaign, settings: CampaignSettings) {
    const { client, clock, signal, token, env } = session;
    this.#session = session;
    this.#opened = opened;
    this.#settings = settings;
    this.#redact = createRedactor({ token, env });
    this.#pace = new RequestPace({ client, clock, signal, limitMs: REQUEST_MS });
  }

  get label(): string {
    return `campaign "${this.#opened.file.name}"`;
  }

  get mayExist(): boolean {
    return this.#opened.store !== undefined;
  }

  async start(): Promise<void> {
    const { skipInvalid, approvedBy } = this.#settings;
    let { store } = this.#opened;
    if (store === undefined) {
      const plan = await planLock(this.#session, this.#opened, { skipInvalid, limitMs: REQUEST_MS });
      await this.#opened.home.writeLock(plan.lock);
      store = await reopen(this.#opened);
    }
    if (store === undefined) throw new Error("Cannot find the lock that was just written");
    this.#checkOrigin(store);
    this.#noteChanges(store);
    this.#work = this.#workOn(store);
    if (approvedBy !== undefined) await approveAll(store, approvedBy, null);
    this.#settings.onView?.((brief) => this.view(brief));
  }

  /** Proves that the campaign was planned for this service. */
  #checkOrigin({ memory: { lock } }: Store): void {
    const { origin } = this.#session.client;
    if (lock.origin === origin) return;
    throw new UsageError({
      attempted: `go on with ${this.label}`,
      why: `it was planned for the service at ${lock.origin}, and this is ${origin}`,
      advice: "set MOGPLEX_URL to that address, or plan again in another directory",
    });
  }

  /** Says that the file has changed since it was planned. */
  #noteChanges({ memory: { lock } }: Store): void {
    if (lock.fileHash === this.#opened.fileHash) return;
    const message = "the campaign file, or a file that it names, has changed since the plan: " +
      "what was planned holds, until `campaign plan` is run again";
    this.#session.notify({ kind: "text", message });
  }

  #workOn(store: Store): Work {
    return {
      session: this.#session,
      lock: store.memory.lock,
      store,
      pace: this.#pace,
      proven: this.#proven,
      seen: { sandboxes: null },
      reason: reasonCleaner(this.#redact),
    };
  }

  async *items(look: Look): AsyncGenerator<CampaignItem, void, void> {
    const work = this.#work;
    if (work === undefined) throw new Error("Cannot follow a campaign before it is started");
    if (look.kind === "rest") return;
    if (!isAtRest(work.store.memory)) {
      const states = this.#states(work);
      yield* this.#beginWave(work, states);
      yield* this.#advance(work, states, look.kind === "once");
    }
    yield this.#end(work);
  }

  async *#advance(work: Work, states: Map<string, ItemState>, once: boolean): AsyncGenerator<CampaignItem, void, void> {
    const deadline = this.#session.startedAt + this.#settings.timeoutMs;
    const steps = once ? makeWave(work) : followCampaign(work, deadline);
    for await (const progress of steps) yield* this.#progress(work, states, progress);
  }

  *#progress(
    work: Work,
    states: Map<string, ItemState>,
    progress: Progress,
  ): Generator<CampaignItem, void, void> {
    if (progress.type === "rest") yield* this.#rests(progress.rest);
    else yield* this.#changed(work, states, progress.item);
  }

  /** Records that a wave begins, and cancels what runs if somebody stopped the campaign in that way. */
  async *#beginWave(work: Work, states: Map<string, ItemState>): AsyncGenerator<CampaignItem, void, void> {
    const { store } = work;
    await store.record({ type: "wave" });
    yield { type: "wave", wave: store.memory.wave };
    if (!store.memory.stopped?.cancel) return;
    for (const open of store.openRuns()) {
      await cancelRun(work, open);
      yield* this.#changed(work, states, open.item.item.id);
    }
  }

  #states({ store }: Work): Map<string, ItemState> {
    return new Map([...store.memory.items].map(([id, { state }]) => [id, state]));
  }

  *#changed(work: Work, states: Map<string, ItemState>, id: string): Generator<CampaignItem, void, void> {
    const item = work.store.memory.items.get(id);
    if (item === undefined) return;
    const before = states.get(id) ?? "waiting";
    states.set(id, item.state);
    this.#settings.onView?.((brief) => this.view(brief));
    yield { type: "item", item: itemView(item), before };
  }

  *#rests(rest: Rest): Generator<CampaignItem, void, void> {
    const changed = this.#rest?.because !== rest.because || this.#rest.nextMs !== rest.nextMs;
    this.#rest = rest;
    this.#settings.onView?.((brief) => this.view(brief));
    const nextAt = rest.nextMs === null ? null : new Date(rest.nextMs).toISOString();
    if (changed) yield { type: "waits", because: rest.because, nextAt };
  }

  /** The last item. @throws {CampaignGoesOnError} when the campaign goes on without this process. */
  #end({ store: { memory } }: Work): CampaignItem {
    const exit = exitOf(memory);
    if (exit === "success") return { type: "end", outcome: "success", view: this.view() };
    if (exit === "failed") return { type: "end", outcome: "failed", view: this.view() };
    if (exit === "awaitingInput") return { type: "end", outcome: "awaiting_input", view: this.view() };
    const { state, reason } = campaignState(memory);
    if (state === "gated") {
      throw new CampaignGoesOnError(memory.lock.campaign, `it waits for approval: ${reason}`, "approve it, and go on");
    }
    if (state === "stopped") {
      throw new CampaignGoesOnError(memory.lock.campaign, `it is ${reason}`, "resume it, and go on");
    }
    const { counts } = memory;
    const open = counts.waiting + counts.quota + counts.service + counts.starting;
    throw new CampaignGoesOnError(memory.lock.campaign, `${counts.running} of its items run, and ${open} wait`);
  }

  /** What the campaign looks like now. @param brief See `ViewInput.brief`. */
  view(brief = false): CampaignView {
    const { memory, meanRunMs } = this.#work?.store ?? this.#opened.store ?? {};
    if (memory === undefined) throw new Error("Cannot show a campaign without a plan");
    return makeView(memory, {
      nowMs: serviceNow(this.#session),
      meanRunMs: meanRunMs ?? this.#settings.meanRunMs ?? DEFAULT_MEAN_RUN_MS,
      sandboxes: this.#work?.seen.sandboxes,
      brief,
    });
  }

  async stop(cause: StopCause): Promise<Stopped> {
    const work = this.#work;
    const open = work?.store.openRuns() ?? [];
    // A campaign goes on unless somebody asks to cancel it: the next wave finds its runs.
    if (work === undefined || open.length === 0 || cause.kind === "signal" && !cause.cancels(false)) {
      return { answered: false, text: "the campaign goes on with the next wave" };
    }
    // The session's signal has aborted, and would end these requests as well.
    const { client, clock } = this.#session;
    const pace = new RequestPace({ client, clock, limitMs: cause.limitMs });
    const limited = { ...work, pace };
    const ends = await Promise.allSettled(open.map((each) => cancelRun(limited, each)));
    const cancelled = ends.filter(({ status }) => status === "fulfilled").length;
    return { answered: cancelled > 0, text: `${cancelled} of ${open.length} runs were cancelled` };
  }

  result({ outcome, exitCode, reason, error }: Ending): CampaignResult {
    const isKnown = (this.#work ?? this.#opened.store) !== undefined;
    const goesOn = error instanceof CampaignGoesOnError;
    return {
      kind: "campaign",
      view: isKnown ? this.view() : null,
      outcome: goesOn ? "started" : outcome === "interrupted" || hasEnded(outcome) ? outcome as EndOutcome : "error",
      exitCode,
      reason,
      error: error === undefined || goesOn ? null : resultError(error),
      resume: null,
    };
  }
}

/** Opens every gate that is closed. @returns Their names. */
export async function approveAll(store: Store, by: string, note: string | null): Promise<("canary" | "threshold")[]> {
  const closed = (["canary", "threshold"] as const).filter((gate) => store.memory.gates[gate].closed);
  for (const gate of closed) await store.record({ type: "approved", gate, by, note });
  return closed;
}
