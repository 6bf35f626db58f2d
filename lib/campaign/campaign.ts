import { detected } from "../ci/detect.ts";
import { systemClock } from "../clock.ts";
import { exitCodeFor, InterruptedError, MogplexError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { LostRaceError } from "../git/remote.ts";
import { callHook } from "../hook.ts";
import { mergeTexts, openMergePlaces } from "./merge/places.ts";
import { WaveMerges } from "./merge/waves.ts";
import type { OpenFiles } from "../run/options.ts";
import { type EndOutcome, isoTimeOrNull } from "../run/result.ts";
import { checkTimeout, MAX_TIMEOUT_MS, openSession, type Session } from "../run/session.ts";
import { endingSignal, interruptReason, type OnInterrupt } from "../run/interrupts.ts";
import { environmentVariable } from "../runtime.ts";

import { formatCount } from "../text/duration.ts";
import { joinRedactors, type Redactor } from "../text/redact.ts";
import type { CampaignEvent, CampaignOptions, CampaignProgress, RunCampaignOptions } from "./campaign_options.ts";
import type { ItemMemory } from "./journal/memory.ts";
import type { GateName } from "./journal/record.ts";
import { itemView, makeView } from "./view/make_view.ts";
import { type NotificationContext, sendNotification } from "./notify/notify.ts";
import {
  type CampaignInternals,
  type CampaignSource,
  changedNote,
  checkMayPlan,
  type OpenedCampaign,
  plannedStore,
  reopen,
  viewOf,
  withCampaign,
} from "./open_campaign.ts";
import { checkOrigin, noteForge, planLock, writePlan } from "./plan/plan_campaign.ts";
import { RequestPace } from "./plan/resolve.ts";
import {
  campaignState,
  exitOf,
  hasUntoldStarts,
  isAtRest,
  openStarts,
  toStartCount,
  waitsForCanaryAnswers,
} from "./view/progress.ts";
import { checkForge, type PullRequests, pullRequestsOf } from "./pulls.ts";
import { needsRetry } from "./report/next_step.ts";
import { ANY_COMMAND, type CampaignCommand, placeFlags } from "./report/words.ts";
import { areRunsOver, totalsOf } from "./view/verdicts.ts";
import type { CampaignItem, CampaignView } from "./view/view.ts";
import { cancelRun } from "./work/cancel.ts";
import { followToRest } from "./work/follow.ts";
import { filesOpener } from "./work/item_result.ts";
import type { Store } from "./work/store.ts";
import { approveAll, runWave } from "./work/wave.ts";
import {
  expectToken,
  reasonCleaner,
  refreshPullRequests,
  type Rest,
  serviceNow,
  troubleBody,
  type Work,
  workOn,
} from "./work/work.ts";

export async function readCampaignWith(
  source: CampaignSource,
  options: CampaignOptions,
  internals: CampaignInternals,
): Promise<CampaignView> {
  return await withCampaign(source, options, internals, "read", async (opened) => {
    const store = plannedStore(opened, "read the campaign");
    const pulls = internals.pulls ?? pullRequestsOf(options, internals.random);
    await pulls?.refresh(store.memory, (body) => store.applyWithoutWriting(body));
    const writer = await opened.home.writer();
    return viewOf(opened, store, { writer, stuckAfterMs: options.stuckAfterMs, failed: pulls?.failed });
  });
}

export type CampaignStand =
  | { state: "done"; view: CampaignView }
  | { state: "active" | "gated" | "stopped"; view: CampaignView; why: string; advice: string }
  | { state: "interrupted"; view: CampaignView | null; why: string; by: unknown };

export function exitCodeOfStand(stand: CampaignStand): number {
  if (stand.state === "interrupted") return exitCodeFor(stand.by);
  return stand.state === "done" ? stand.view.exitCode : exitCodeNow(stand.view);
}

export function outcomeOfStand(stand: CampaignStand): EndOutcome | "started" | "interrupted" {
  if (stand.state === "interrupted") return "interrupted";
  if (stand.state === "done") return verdictOf(stand.view);
  return exitCodeNow(stand.view) === EXIT.awaitingInput ? "awaiting_input" : "started";
}

/**
 * The exit code for users who want to know whether a campaign is done. Exit code 4 means that a person must act, so no scheduler repeats the command.
 */
export function exitCodeNow(view: Pick<CampaignView, "exitCode" | "state" | "nextWaveAt" | "causes">): number {
  const { exitCode, state, nextWaveAt, causes } = view;
  if (areRunsOver(state) || exitCode !== EXIT.success) return exitCode;
  if (nextWaveAt === null) return EXIT.awaitingInput;
  return causes.some(({ verdict }) => verdict === "starting") ? EXIT.failed : EXIT.rateLimited;
}

function verdictOf({ exitCode }: CampaignView): EndOutcome {
  if (exitCode === EXIT.success) return "success";
  return exitCode === EXIT.awaitingInput ? "awaiting_input" : "failed";
}

export function progressOf(view: Pick<CampaignView, "counts">): CampaignProgress {
  const { ended, items } = totalsOf(view.counts);
  return { done: ended, total: items };
}

export function viewOfStand({ view }: CampaignStand): CampaignView {
  if (view === null) throw new Error("Cannot show the campaign: it has no plan");
  return view;
}

export interface StepInternals extends CampaignInternals {
  onView?: ((view: (brief?: boolean) => CampaignView) => void) | undefined;
  onInterrupt?: OnInterrupt | undefined;
  cancels?: (() => boolean) | undefined;
  cancelsLate?: boolean | undefined;
  isAttended?: boolean | undefined;
  /** Whether to plan a campaign that has no plan. @default only if its home is not a branch */
  plans?: boolean | undefined;
  onFailed?: ((view: CampaignView | null) => void) | undefined;
}

type StepFunction = (
  source: CampaignSource,
  options: RunCampaignOptions,
  internals: StepInternals,
) => Promise<CampaignStand>;

export const makeWave: StepFunction = (...call) => makeStep(true, ...call);

export const followCampaign: StepFunction = (...call) => makeStep(false, ...call);

/** Default time limit for one wave. Reading 10,000 repositories takes five minutes. */
const WAVE_MS = 60 * 60_000;

async function makeStep(
  once: boolean,
  source: CampaignSource,
  options: RunCampaignOptions,
  internals: StepInternals,
): Promise<CampaignStand> {
  const { stuckAfterMs } = options;
  const { timeoutMs = once ? WAVE_MS : MAX_TIMEOUT_MS } = options;
  checkTimeout(timeoutMs);
  const { clock = systemClock } = options;
  const endsAt = clock.now() + timeoutMs;
  return await withCampaign(source, options, internals, "write", async (opened) => {
    const signal = endingSignal(options.signal, internals.interrupts);
    const pulls = internals.pulls ?? pullRequestsOf({ ...options, signal }, internals.random);
    const notificationContext = () => notificationContextOf(source, opened, { ...options, signal }, internals);
    const lock = opened.store?.memory.lock ?? opened.file;
    const merges = lock.merge === null ? undefined : new WaveMerges({
      clock,
      places: internals.places ?? openMergePlaces({ ...options, signal }, "wave", internals.random),
      isRead: pulls !== undefined,
      signal,
      // A process that follows the campaign checks for stop requests continuously.
      takesStops: once,
      ...mergeTexts(opened.mask, options.onNotice),
    });
    // Merges may be pending even if all items have finished.
    if (opened.store !== undefined && isAtRest(opened.store.memory)) {
      await refreshPullRequests({ store: opened.store, pulls });
      await merges?.run(opened.store);
      await clearTrouble(opened.store);
    }
    const view = endedView(opened, stuckAfterMs);
    if (view !== undefined) {
      if (view.state === "merging" && opened.store !== undefined) {
        checkForge(lock, pulls !== undefined, opened.store.memory.lock.origin);
      }
      await sendNotification(opened, notificationContext());
      const changed = changedNote(opened);
      if (changed !== null) callHook(options.onNotice, { kind: "text", message: changed });
      return { state: "done", view };
    }
    checkMayPlan(opened, internals.plans);
    // A lost race does not restart the time limit.
    const leftMs = Math.min(timeoutMs, Math.max(endsAt - clock.now(), 1_000));
    const session = openSession({ ...options, signal, timeoutMs: leftMs }, { ...detected(options), ...internals });
    noteForge(session, opened, lock, pulls !== undefined);
    // A scheduled wave waits in case a 401 is temporary. A person with a wrong token should not have to wait.
    if (session.platform.isCi || once && !internals.isAttended) expectToken(session, opened.store);
    const step = new Step(session, opened, {
      ...{ once, options, internals, pulls, merges },
      openFiles: filesOpener(options, internals, session),
      sendNotification: () => sendNotification(opened, notificationContext()),
    });
    const stand = await step.run().catch(async (error) => {
      // After a lost race, everything is read and decided again, so nothing is recorded or reported here.
      if (error instanceof LostRaceError) throw error;
      internals.onFailed?.(step.isPlanned ? step.view() : null);
      await noteTrouble(opened, error, step.redact);
      await sendNotification(opened, notificationContext(), needsPerson(error));
      throw error;
    });
    await sendNotification(opened, notificationContext());
    return stand;
  });
}

export function notificationContextOf(
  source: CampaignSource,
  { clock, links }: OpenedCampaign,
  options: CampaignOptions,
  { random, command }: CampaignInternals,
): NotificationContext {
  const { env = environmentVariable, fetch, signal, notifier, onNotice } = options;
  return {
    ...{ env, fetch, clock, signal, random, notifier, links },
    command: command ?? commandOf(source, options),
    note: (message) => callHook(onNotice, { kind: "text", message }),
  };
}

function endedView(opened: OpenedCampaign, stuckAfterMs: number | undefined): CampaignView | undefined {
  const { store } = opened;
  if (store === undefined || !isAtRest(store.memory)) return undefined;
  const view = viewOf(opened, store, { stuckAfterMs });
  return areRunsOver(view.state) ? view : undefined;
}

function commandOf(
  source: CampaignSource,
  { directory, home, memory, forge, stuckAfterMs }: CampaignOptions,
): CampaignCommand | null {
  if (typeof source !== "string" || memory !== undefined) return null;
  return { ...ANY_COMMAND, file: source, flags: placeFlags(directory, home), forge: { ...forge, stuckAfterMs } };
}

/** A wave that has nothing to do must also clear the error of an earlier wave. */
async function clearTrouble(store: Store): Promise<void> {
  if (store.memory.trouble !== null) await store.record({ type: "wave" });
}

/** If recording fails, the thrown error is the only report. */
async function noteTrouble({ store }: OpenedCampaign, error: unknown, redact: Redactor): Promise<void> {
  if (store === undefined || !(error instanceof MogplexError) || error instanceof InterruptedError) return;
  const reason = reasonCleaner(redact)(error.message) ?? error.name;
  if (store.memory.trouble !== reason) await store.record(troubleBody(reason, error)).catch(() => {});
}

function needsPerson(error: unknown): boolean {
  return error instanceof MogplexError && ["unauthorized", "forbidden", "usage"].includes(error.exit);
}

interface StepSettings {
  once: boolean;
  options: RunCampaignOptions;
  internals: StepInternals;
  pulls: PullRequests | undefined;
  merges: WaveMerges | undefined;
  openFiles: OpenFiles;
  sendNotification: () => Promise<void>;
}

/** Maximum total wait of a wave after 429 responses. */
const PATIENCE_MS = 62_000;
const SHARE_MS = 5 * 60_000;

type WithoutProgress<E> = E extends unknown ? Omit<E, "progress"> : never;

class Step {
  readonly #session: Session;
  readonly #opened: OpenedCampaign;
  readonly #settings: StepSettings;
  readonly redact: Redactor;
  readonly #pace: RequestPace;
  #work: Work | undefined;
  #rest: Rest | undefined;
  readonly #items = new Map<string, CampaignItem>();
  #sharedAt: number;
  #stopping: Promise<string> | undefined;

  constructor(session: Session, opened: OpenedCampaign, settings: StepSettings) {
    this.#session = session;
    this.#opened = opened;
    this.#settings = settings;
    this.redact = joinRedactors(session.redactor(), opened.mask);
    this.#pace = new RequestPace(session, opened.home.sentAt);
    this.#sharedAt = session.clock.now();
  }

  async run(): Promise<CampaignStand> {
    const { interrupts } = this.#settings.internals;
    // This code runs in the signal handler, because the requests must be sent before anything else reacts to the signal.
    const stop = () => void (this.#stopping = this.#stop());
    if (interrupts?.signal.aborted) stop();
    else interrupts?.signal.addEventListener("abort", stop, { once: true });
    let stand: CampaignStand | undefined;
    try {
      stand = await this.#toEnd(await this.#open());
    } catch (error) {
      if (this.#stopping === undefined) throw error;
    } finally {
      interrupts?.signal.removeEventListener("abort", stop);
    }
    if (this.#stopping === undefined && stand !== undefined) return stand;
    const why = interruptReason(interrupts, await this.#stopping ?? "");
    return { state: "interrupted", view: this.isPlanned ? this.view() : null, why, by: interrupts?.signal.reason };
  }

  async #open(): Promise<Work> {
    const { options: { skipInvalid = false, approvedBy, forge }, pulls, merges, openFiles } = this.#settings;
    let { store } = this.#opened;
    if (store === undefined) {
      if (!this.#settings.once) this.#pace.pacer = this.#session.pacer();
      const plan = await planLock(this.#session, this.#opened, { skipInvalid, openFiles }, this.#pace);
      this.#pace.pacer = undefined;
      await writePlan(this.#opened, plan);
      // A home without write access must be detected before anything is started.
      await this.#opened.home.flush();
      store = await reopen(this.#opened);
    }
    if (store === undefined) throw new Error("Cannot find the lock that was just written");
    checkOrigin(store.memory.lock, this.#session.client.origin);
    const changed = this.#opened.isAgain ? null : changedNote(this.#opened);
    if (changed !== null) this.#session.notify({ kind: "text", message: changed });
    const { started, showTask } = this.#opened;
    const work: Work = this.#work = workOn(this.#session, store, this.redact, forge, {
      pulls,
      pace: this.#pace,
      openFiles,
      started,
      showTask,
      changed: (item) => this.#changed(work, item),
      gateClosed: (gate, reason) => this.#gateClosed(work, gate, reason),
      stopped: () => this.#tellView(),
      merge: async () => await merges?.run(work.store, (reason) => this.#gateClosed(work, "merge", reason)) ?? [],
      waits: (rest) => this.#waits(work, rest),
    });
    if (approvedBy !== undefined) await approveAll(store, approvedBy, null);
    this.#tellView();
    return work;
  }

  async #toEnd(work: Work): Promise<CampaignStand> {
    const { memory } = work.store;
    if (!isAtRest(memory) || work.store.openRuns().length > 0) {
      for (const [id, item] of memory.items) this.#items.set(id, this.#itemView(work, item));
      await work.store.record({ type: "wave" });
      this.#tell(work, { type: "wave", wave: memory.wave });
      // A process that follows the campaign must find out early whether it can write.
      if (!this.#settings.once) await work.store.share();
      await this.#advance(work);
    } else await clearTrouble(work.store);
    const why = await this.#cancelLate(work);
    const stand = this.#stand(work);
    if (stand.state === "active" && why !== undefined) stand.why = why;
    if (stand.state === "done") {
      const { view } = stand;
      this.#tell(work, { type: "end", outcome: verdictOf(view), exitCode: view.exitCode, result: view });
    }
    return stand;
  }

  async #advance(work: Work): Promise<void> {
    const { once } = this.#settings;
    if (once) this.#pace.patienceMs = PATIENCE_MS;
    // If people have answered or cancelled the open runs, the wave detects this, and the campaign continues.
    if (once || isAtRest(work.store.memory)) await runWave(work);
    if (!once) await followToRest(work);
  }

  async #changed(work: Work, id: string): Promise<void> {
    const memory = work.store.memory.items.get(id);
    if (memory !== undefined) this.#tellChange(work, memory);
    await this.#notifyIfStuck(work);
  }

  async #gateClosed(work: Work, gate: GateName, reason: string): Promise<void> {
    this.#tellView();
    this.#tell(work, { type: "gate", gate, reason });
    await this.#settings.sendNotification();
  }

  async #waits(work: Work, rest: Rest): Promise<void> {
    const { because, nextMs } = rest;
    const isNew = this.#rest?.because !== because || this.#rest.nextMs !== nextMs;
    this.#rest = rest;
    this.#tellView();
    if (isNew) this.#tell(work, { type: "waiting", limit: because, nextAt: isoTimeOrNull(nextMs) });
    await this.#notifyIfStuck(work);
    await this.#share(work);
  }

  async #notifyIfStuck({ store: { memory } }: Work): Promise<void> {
    if (hasUntoldStarts(memory, serviceNow(this.#session))) await this.#settings.sendNotification();
  }

  /** A process that follows a campaign makes many small steps, so it shares the journal only at intervals. */
  async #share({ store }: Work): Promise<void> {
    const now = this.#session.clock.now();
    if (now < this.#sharedAt + SHARE_MS) return;
    this.#sharedAt = now;
    await store.share();
    if (store.unshared === undefined) return;
    const message =
      `${store.unshared.message}. Active runs are still followed, but nothing starts until the branch is writable again`;
    this.#session.notify({ kind: "text", message });
  }

  #tellChange(work: Work, memory: ItemMemory): void {
    this.#tellView();
    const { id } = memory.item;
    const last = this.#items.get(id);
    const item = this.#itemView(work, memory);
    if (JSON.stringify(item) === JSON.stringify(last)) return;
    this.#items.set(id, item);
    this.#tell(work, { type: "item", item, before: last?.verdict ?? "waiting" });
  }

  #itemView({ lock }: Work, item: ItemMemory): CampaignItem {
    const requiresPull = lock.success.require === "pull-request";
    return itemView(item, serviceNow(this.#session), this.#settings.options.stuckAfterMs, requiresPull);
  }

  #tellView(): void {
    this.#settings.internals.onView?.((brief) => this.view(brief, !this.#settings.once));
  }

  #tell({ store: { memory } }: Work, event: WithoutProgress<CampaignEvent>): void {
    this.#settings.options.onEvent?.({ ...event, progress: progressOf(memory) });
  }

  #stand({ store: { memory } }: Work): CampaignStand {
    const view = this.view();
    if (exitOf(memory) !== null) return { state: "done", view };
    const { state, reason } = campaignState(memory, serviceNow(this.#session));
    if (state === "gated") {
      return {
        state,
        view,
        why: `it is waiting for approval: ${reason}`,
        advice: needsRetry(view)
          ? "retry the items that did not succeed"
          : "review the finished items, then approve the campaign",
      };
    }
    const { running, "needs-input": asking } = memory.counts;
    // A stopped campaign remains stopped even if a person answers a run and the run then ends.
    if (state === "stopped" || memory.stopped !== null && isAtRest(memory)) {
      const advice = needsRetry(view)
        ? "retry the canary's items with `campaign retry`, then run `campaign resume`"
        : view.gateReason === undefined
        ? "run `campaign resume` to continue"
        : "run `campaign resume`, then `campaign approve`, to continue";
      const waits = asking === 0
        ? ""
        : `, and ${formatCount(asking, "run")} ${asking === 1 ? "needs" : "need"} an answer`;
      return { state: "stopped", view, why: `${reason ?? state}${waits}`, advice };
    }
    if (isAtRest(memory)) {
      const isOne = asking === 1;
      const rest = toStartCount(memory);
      const what = waitsForCanaryAnswers(memory) ? "canary item" : "item";
      const why = `${formatCount(asking, what)} ${isOne ? "needs" : "need"} an answer, and ${
        formatCount(rest, what === "item" ? "other item" : "item")
      } cannot start until then`;
      return {
        state: "active",
        view,
        why,
        advice: `answer or cancel ${isOne ? "the run" : "the runs"}, then run the same command again`,
      };
    }
    const active = running === 0
      ? "no run is active"
      : `${formatCount(running, "run")} ${running === 1 ? "is" : "are"} active`;
    const asks = asking === 0 ? "" : `, ${asking} ${asking === 1 ? "needs" : "need"} an answer`;
    const rest = toStartCount(memory);
    const starts = rest === 0
      ? "all items have been started"
      : `${formatCount(rest, "item")} ${rest === 1 ? "has" : "have"} not started yet`;
    return {
      state: "active",
      view,
      why: `${active}${asks}, and ${starts}`,
      advice: "the next call continues the campaign",
    };
  }

  get isPlanned(): boolean {
    return (this.#work ?? this.#opened.store) !== undefined;
  }

  view(brief = false, stays = false): CampaignView {
    const { memory, meanRunMs } = this.#work?.store ?? this.#opened.store ?? {};
    if (memory === undefined) throw new Error("Cannot show a campaign without a plan");
    const nowMs = serviceNow(this.#session);
    const { options: { stuckAfterMs, ...options }, pulls } = this.#settings;
    return makeView(memory, {
      nowMs,
      lookedAtMs: nowMs,
      meanRunMs: meanRunMs ?? options.meanRunMs ?? null,
      sandboxes: this.#work?.seen.sandboxes ?? memory.sandboxes,
      stays,
      brief,
      stuckAfterMs,
      failed: pulls?.failed,
    });
  }

  async #cancelLate(work: Work): Promise<string | undefined> {
    const { clock, deadline } = this.#session;
    if (!this.#settings.internals.cancelsLate || work.store.openRuns().length === 0 || clock.now() < deadline) {
      return undefined;
    }
    return `the time limit has passed; ${await this.#stop(() => true)}`;
  }

  async #stop(cancels = this.#settings.internals.cancels): Promise<string> {
    const work = this.#work;
    const open = work?.store.openRuns() ?? [];
    const sent = work === undefined ? 0 : openStarts(work.store.memory).length;
    const unknown = sent === 0 ? "" : `; ${formatCount(sent, "start")} ${sent === 1 ? "has" : "have"} no answer yet: ` +
      `the next wave looks up ${sent === 1 ? "its run" : "their runs"}`;
    if (
      work === undefined || open.length === 0 || !(cancels?.() ?? this.#settings.internals.onInterrupt === "cancel")
    ) {
      const runs = open.length === 0
        ? ""
        : `${formatCount(open.length, "run")} ${open.length === 1 ? "continues" : "continue"}; `;
      const { once, internals: { command } } = this.#settings;
      const next = once || this.#session.platform.isCi
        ? "the campaign continues with the next wave"
        : command === undefined
        ? "the next call continues the campaign"
        : "to continue the campaign, run the same command again";
      return `${runs}${next}${unknown}`;
    }
    // The session's signal has aborted and would abort these requests as well. The new pace ignores that signal and does not wait for the request
    // budget.
    const { client, clock, platform } = this.#session;
    const limited = { ...work, pace: new RequestPace({ client, clock, limitMs: platform.interruptMs }) };
    const ends = await Promise.allSettled(open.map((each) => cancelRun(limited, each)));
    this.#pace.count();
    const cancelled = ends.filter(({ status }) => status === "fulfilled").length;
    return `${cancelled} of ${formatCount(open.length, "run")} ${
      open.length === 1 ? "was" : "were"
    } cancelled${unknown}`;
  }
}
