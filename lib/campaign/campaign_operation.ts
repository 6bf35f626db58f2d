/**
 * A campaign as an operation for the engine: its items are runs. `start` plans and proves, `items` follows it or makes one wave, `stop`
 * cancels what runs.
 *
 * @module
 */
import type { Ending, Look, Operation, StopCause, Stopped } from "../job/operation.ts";
import type { Session } from "../job/session.ts";
import { formatCount } from "../result/duration.ts";
import { type EndOutcome, hasEnded } from "../result/ends.ts";
import { isoTimeOrNull } from "../result/times.ts";
import { resultError } from "../result/result_error.ts";
import { createRedactor, joinRedactors, type Redactor } from "../text/redact.ts";
import { placeNote } from "./journal/fold.ts";
import { approveAll } from "./work/approve.ts";
import type { CampaignItem } from "./campaign_items.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import { CampaignGoesOnError, type CampaignResult } from "./campaign_result.ts";
import { itemView, makeView } from "./make_view.ts";
import { changedNote, type OpenedCampaign, reopen } from "./open_campaign.ts";
import { checkOrigin, planLock, writePlan } from "./plan/plan_campaign.ts";
import { RequestPace } from "./plan/request_pace.ts";
import { campaignState, exitOf, isAtRest, openStarts, toStartCount } from "./progress.ts";
import type { ItemState } from "./verdicts.ts";
import type { CampaignView } from "./view.ts";
import { followCampaign, type Progress } from "./work/follow.ts";
import { cancelRun } from "./work/look.ts";
import type { Rest } from "./work/starts.ts";
import type { PullRequests } from "./pulls/pull_requests.ts";
import { makeWave } from "./work/wave.ts";
import { serviceNow, type Work, workOn } from "./work/work.ts";

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
  /** Tells a webhook what there is to tell. */
  tell?: (() => Promise<void>) | undefined;
  /** Called after each change, with a function that makes the view; for `brief` see `ViewInput.brief`. */
  onView: ((view: (brief?: boolean) => CampaignView) => void) | undefined;
  /**
   * Called when a wave has begun, with the place of the one before in its trace, as a `traceparent`; null where nobody knows it. What it
   * returns is the place of this one, which the journal remembers; null for none.
   */
  onWave?: ((before: string | null) => string | null) | undefined;
  /** Reads pull requests; undefined where nobody asks for it, or there is no token. */
  pulls: PullRequests | undefined;
  /** Which forges there are. */
  forge?: CampaignOptions["forge"];
  /** See `ViewInput.stuckAfterMs`. */
  stuckAfterMs: number | undefined;
}

/** How long a wave waits altogether for requests after a 429, in milliseconds: the service names a minute each time. */
const PATIENCE_MS = 62_000;
/** Time between two shares of the journal, in milliseconds. */
const SHARE_MS = 5 * 60_000;

/** See the module. */
export class CampaignOperation implements Operation<CampaignItem, CampaignResult> {
  readonly #session: Session;
  readonly #opened: OpenedCampaign;
  readonly #settings: CampaignSettings;
  readonly #redact: Redactor;
  readonly #pace: RequestPace;
  #work: Work | undefined;
  #rest: Rest | undefined;
  #sharedAt: number;

  constructor(session: Session, opened: OpenedCampaign, settings: CampaignSettings) {
    const { client, clock, signal, token, env } = session;
    this.#session = session;
    this.#opened = opened;
    this.#settings = settings;
    this.#redact = joinRedactors(createRedactor({ token, env }), opened.mask);
    this.#pace = new RequestPace({ client, clock, signal });
    this.#sharedAt = clock.now();
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
      const plan = await planLock(this.#session, this.#opened, skipInvalid);
      await writePlan(this.#opened, plan.lock);
      // A place that may not be written is found before anything is started.
      await this.#opened.home.flush();
      store = await reopen(this.#opened);
    }
    if (store === undefined) throw new Error("Cannot find the lock that was just written");
    checkOrigin(store.memory.lock, this.#session.client.origin);
    const changed = changedNote(this.#opened);
    if (changed !== null) this.#session.notify({ kind: "text", message: changed });
    this.#work = workOn(this.#session, store, this.#redact, {
      pulls: this.#settings.pulls,
      pace: this.#pace,
      forge: this.#settings.forge,
      started: this.#opened.started,
    });
    if (approvedBy !== undefined) await approveAll(store, approvedBy, null);
    this.#settings.onView?.((brief) => this.view(brief));
  }

  async *items(look: Look): AsyncGenerator<CampaignItem, void, void> {
    const work = this.#work;
    if (work === undefined) throw new Error("Cannot follow a campaign before it is started");
    if (look.kind === "rest") return;
    const { memory } = work.store;
    if (!isAtRest(memory) || work.store.openRuns().length > 0) {
      const states = this.#states(work);
      await work.store.record({ type: "wave" });
      yield { type: "wave", wave: work.store.memory.wave };
      yield* this.#advance(work, states, look.kind === "once");
    }
    yield this.#end(work);
  }

  async *#advance(work: Work, states: Map<string, ItemState>, once: boolean): AsyncGenerator<CampaignItem, void, void> {
    const deadline = this.#session.startedAt + this.#settings.timeoutMs;
    const place = this.#settings.onWave?.(work.store.memory.place) ?? null;
    if (place !== null) await work.store.record({ type: "note", text: placeNote(place) });
    // Nobody stays for runs that only a person ends, but one that has ended meanwhile is seen.
    if (once) this.#pace.patienceMs = PATIENCE_MS;
    const steps = once || isAtRest(work.store.memory) ? makeWave(work) : followCampaign(work, deadline);
    for await (const progress of steps) {
      yield* this.#progress(work, states, progress);
      if (progress.type === "gate") await this.#settings.tell?.();
      if (progress.type === "rest") await this.#share(work);
    }
  }

  /** Shares the journal with other machines, now and then: a process that stays makes many small steps. */
  async #share(work: Work): Promise<void> {
    const now = this.#session.clock.now();
    if (now < this.#sharedAt + SHARE_MS) return;
    this.#sharedAt = now;
    const { store } = work;
    await store.share();
    if (store.unshared === undefined) return;
    const message =
      `${store.unshared.message}. Runs are followed meanwhile, and nothing is started until it can be written`;
    this.#session.notify({ kind: "text", message });
  }

  *#progress(
    work: Work,
    states: Map<string, ItemState>,
    progress: Progress,
  ): Generator<CampaignItem, void, void> {
    if (progress.type === "rest") yield* this.#rests(progress.rest);
    else if (progress.type === "changed") yield* this.#changed(work, states, progress.item);
    else {
      this.#settings.onView?.((brief) => this.view(brief));
      yield progress;
    }
  }

  #states({ store }: Work): Map<string, ItemState> {
    return new Map([...store.memory.items].map(([id, { state }]) => [id, state]));
  }

  *#changed(work: Work, states: Map<string, ItemState>, id: string): Generator<CampaignItem, void, void> {
    const item = work.store.memory.items.get(id);
    if (item === undefined) return;
    const before = states.get(id) ?? "waiting";
    const requiresPull = work.lock.success.require === "pull-request";
    states.set(id, item.state);
    this.#settings.onView?.((brief) => this.view(brief));
    yield {
      type: "item",
      item: itemView(item, serviceNow(this.#session), this.#settings.stuckAfterMs, requiresPull),
      before,
    };
  }

  *#rests(rest: Rest): Generator<CampaignItem, void, void> {
    const changed = this.#rest?.because !== rest.because || this.#rest.nextMs !== rest.nextMs;
    this.#rest = rest;
    this.#settings.onView?.((brief) => this.view(brief));
    if (changed) yield { type: "waits", because: rest.because, nextAt: isoTimeOrNull(rest.nextMs) };
  }

  /** The last item. @throws {CampaignGoesOnError} when the campaign goes on without this process. */
  #end({ store: { memory } }: Work): CampaignItem {
    const exit = exitOf(memory);
    if (exit !== null) {
      return { type: "end", outcome: exit === "awaitingInput" ? "awaiting_input" : exit, view: this.view() };
    }
    const { state, reason } = campaignState(memory);
    if (state === "gated") {
      throw new CampaignGoesOnError(memory.lock.campaign, `it waits for approval: ${reason}`, "approve it, and go on");
    }
    if (state === "stopped") {
      throw new CampaignGoesOnError(memory.lock.campaign, `it is ${reason}`, "resume it, and go on");
    }
    const runs = formatCount(memory.counts.running, "run");
    const why = `${runs} at work, and ${formatCount(toStartCount(memory), "item")} to be started`;
    throw new CampaignGoesOnError(memory.lock.campaign, why, "the next call goes on");
  }

  /** What the campaign looks like now. @param brief See `ViewInput.brief`. */
  view(brief = false): CampaignView {
    const { memory, meanRunMs } = this.#work?.store ?? this.#opened.store ?? {};
    if (memory === undefined) throw new Error("Cannot show a campaign without a plan");
    const nowMs = serviceNow(this.#session);
    return makeView(memory, {
      nowMs,
      lookedAtMs: nowMs,
      meanRunMs: meanRunMs ?? this.#settings.meanRunMs ?? null,
      sandboxes: this.#work?.seen.sandboxes ?? memory.sandboxes,
      brief,
      stuckAfterMs: this.#settings.stuckAfterMs,
      failed: this.#settings.pulls?.failed,
    });
  }

  async stop(cause: StopCause): Promise<Stopped> {
    const work = this.#work;
    const open = work?.store.openRuns() ?? [];
    const sent = work === undefined ? 0 : openStarts(work.store.memory).length;
    const unknown = sent === 0 ? "" : `; ${formatCount(sent, "start")} ${sent === 1 ? "has" : "have"} no answer yet: ` +
      `the next wave finds ${sent === 1 ? "its run" : "their runs"}`;
    // A campaign goes on unless somebody asks to cancel it: the next wave finds its runs.
    if (work === undefined || open.length === 0 || cause.kind === "signal" && !cause.cancels(false)) {
      return { answered: false, text: `the campaign goes on with the next wave${unknown}` };
    }
    // The session's signal has aborted, and would end these requests as well.
    const { client, clock } = this.#session;
    const pace = new RequestPace({ client, clock, limitMs: cause.limitMs });
    const limited = { ...work, pace };
    const ends = await Promise.allSettled(open.map((each) => cancelRun(limited, each)));
    const cancelled = ends.filter(({ status }) => status === "fulfilled").length;
    return {
      answered: cancelled > 0,
      text: `${cancelled} of ${formatCount(open.length, "run")} ${
        open.length === 1 ? "was" : "were"
      } cancelled${unknown}`,
    };
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
