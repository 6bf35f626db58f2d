/**
 * Campaigns for scripts: plan one, make a wave, follow it to its end, read what became of it.
 *
 * @module
 */
import { detected } from "../ci/detect.ts";
import { InterruptedError, MogplexError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { LostRaceError } from "../git/remote.ts";
import { unawaited } from "../hook.ts";
import { type Ending, Job, type JobEnd, type Look, type Operation, type StopCause, type Stopped } from "../run/job.ts";
import { checkWatch } from "../run/options.ts";
import { type EndOutcome, hasEnded, isoTimeOrNull, type ResultError, resultError } from "../run/result.ts";
import {
  checkTimeout,
  connectKeys,
  endingSignal,
  MAX_TIMEOUT_MS,
  type OnInterrupt,
  openSession,
  type Session,
} from "../run/session.ts";
import { environmentVariable } from "../runtime.ts";
import { checkOptions, checkSources, type Keys } from "../service/validate.ts";
import { formatCount } from "../text/duration.ts";
import { createRedactor, joinRedactors, type Redactor } from "../text/redact.ts";
import type {
  AdvanceCampaignOptions,
  CampaignItem,
  CampaignOptions,
  CampaignPlan,
  PlanCampaignOptions,
  RunCampaignOptions,
} from "./campaign_options.ts";
import { placeNote } from "./journal/fold.ts";
import { itemView, makeView } from "./make_view.ts";
import { tell, type Teller } from "./notify.ts";
import {
  type CampaignInternals,
  changedNote,
  checkMayPlan,
  type OpenedCampaign,
  plannedStore,
  reopen,
  withCampaign,
} from "./open_campaign.ts";
import { checkOrigin, planCampaignWith, planLock, writePlan } from "./plan/plan_campaign.ts";
import { RequestPace } from "./plan/resolve.ts";
import { campaignState, exitOf, isAtRest, openStarts, toStartCount } from "./progress.ts";
import { checkForge, type PullRequests, pullRequestsOf } from "./pulls.ts";
import { ANY_COMMAND, type CampaignCommand } from "./report/words.ts";
import type { ItemState } from "./verdicts.ts";
import type { CampaignView } from "./view.ts";
import { followCampaign, type Progress } from "./work/follow.ts";
import { cancelRun } from "./work/look.ts";
import type { Rest } from "./work/start_item.ts";
import { approveAll, makeWave } from "./work/wave.ts";
import {
  expectToken,
  readPullRequests,
  reasonCleaner,
  serviceNow,
  troubleBody,
  type Work,
  workOn,
} from "./work/work.ts";

// What a step of a campaign came to.

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

/** The campaign goes on, and this process leaves it. Exit code 75 where that is asked for. */
export class CampaignGoesOnError extends MogplexError {
  override name = "CampaignGoesOnError";
  /** @param why What it waits for, as a clause. */
  constructor(campaign: string, why: string, advice?: string) {
    super({ attempted: `end campaign "${campaign}" now`, why, advice }, "rateLimited");
  }
}

// A campaign as an operation for the engine: its items are runs. `start` plans and proves, `items` follows it or makes one wave, `stop`
// cancels what runs.

/** Settings of a {@linkcode CampaignOperation}. */
interface CampaignSettings {
  /** Whether repositories that cannot be used are kept as `invalid` items, when there is no lock yet. */
  skipInvalid: boolean;
  /** Who opens a closed gate before anything is started; undefined to leave it closed. */
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
class CampaignOperation implements Operation<CampaignItem, CampaignResult> {
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
    const place = this.#settings.onWave?.(work.store.memory.place) ?? null;
    if (place !== null) await work.store.record({ type: "note", text: placeNote(place) });
    // Nobody stays for runs that only a person ends, but one that has ended meanwhile is seen.
    if (once) this.#pace.patienceMs = PATIENCE_MS;
    const steps = once || isAtRest(work.store.memory) ? makeWave(work) : followCampaign(work);
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

// The jobs of campaigns, for the public functions and for the command line.

export { planCampaignWith };

/** What only the command line sets. */
export interface CampaignJobInternals extends CampaignInternals {
  /** See {@linkcode CampaignSettings.onView}. */
  onView?: CampaignSettings["onView"];
  onInterrupt?: OnInterrupt | undefined;
  /** Whether a campaign without a plan is planned although its home is a branch. @default {false} */
  plans?: boolean | undefined;
  /** See {@linkcode CampaignSettings.onWave}. */
  onWave?: CampaignSettings["onWave"];
}

/** Longest time of one wave, in milliseconds: reading 10 000 repositories takes five minutes. */
const WAVE_MS = 60 * 60_000;

/** The result of a campaign with which nothing is left to do. */
function finished({ store, clock }: OpenedCampaign, stuckAfterMs: number | undefined): CampaignResult | undefined {
  if (store === undefined || !isAtRest(store.memory)) return undefined;
  const view = makeView(store.memory, { nowMs: clock.wallTime(), meanRunMs: store.meanRunMs, stuckAfterMs });
  if (view.state !== "done") return undefined;
  return {
    kind: "campaign",
    view,
    outcome: view.exitCode === EXIT.success ? "success" : "failed",
    exitCode: view.exitCode,
    reason: null,
    error: null,
    resume: null,
  };
}

/** How a person calls a campaign that a script works on. */
function commandOf(file: string, { directory, home }: CampaignOptions): CampaignCommand {
  return {
    ...ANY_COMMAND,
    file,
    flags: [
      ...directory === undefined ? [] : ["--dir", directory],
      ...home === undefined ? [] : ["--home", home],
    ],
  };
}

/**
 * Makes a wave, or follows a campaign to its end: the jobs of `campaign advance` and `campaign run`.
 *
 * @param once Whether to make one wave only.
 * @returns How it ended. The error that stopped it is in `error`.
 * @throws {MogplexError} when the campaign could not be opened.
 */
export async function campaignJob(
  path: string,
  options: RunCampaignOptions,
  internals: CampaignJobInternals,
  once: boolean,
): Promise<JobEnd<CampaignResult>> {
  const { approvedBy, meanRunMs, onItem, stuckAfterMs, skipInvalid = false } = options;
  const { timeoutMs = once ? WAVE_MS : MAX_TIMEOUT_MS } = options;
  checkTimeout(timeoutMs);
  const watch = checkWatch({}, internals);
  return await withCampaign(path, options, internals, "write", async (opened) => {
    const signal = endingSignal(options.signal, internals.interrupts);
    const pulls = internals.pulls ?? pullRequestsOf({ ...options, signal }, internals.random);
    const teller = (): Teller => ({
      env: options.env ?? environmentVariable,
      fetch: options.fetch,
      clock: opened.clock,
      signal,
      random: internals.random,
      command: internals.command ?? commandOf(path, options),
      links: opened.links,
      note: (message) => unawaited(options.onNotice?.({ kind: "text", message })),
    });
    // A campaign that is done may have pull requests that are not merged.
    if (opened.store !== undefined && isAtRest(opened.store.memory)) {
      await readPullRequests({ store: opened.store, pulls });
    }
    const done = finished(opened, stuckAfterMs);
    if (done !== undefined) {
      await tell(opened, teller());
      const changed = changedNote(opened);
      if (changed !== null) unawaited(options.onNotice?.({ kind: "text", message: changed }));
      return { result: done, error: undefined };
    }
    checkMayPlan(opened, internals.plans === true);
    checkForge(opened.store?.memory.lock ?? opened.file, pulls !== undefined);
    const session = openSession({ ...options, signal, timeoutMs }, { ...detected(options), ...internals });
    expectToken(session, opened.store);
    const settings = {
      ...{ skipInvalid, approvedBy, meanRunMs, pulls, stuckAfterMs, forge: options.forge },
      tell: () => tell(opened, teller()),
      onView: internals.onView,
      onWave: internals.onWave,
    };
    const operation = new CampaignOperation(session, opened, settings);
    const job = new Job<CampaignItem, CampaignResult>(session, operation, { ...watch, onItem });
    const end = await job.start({ once });
    // Everything is read again and decided anew.
    if (end.error instanceof LostRaceError) throw end.error;
    opened.refuses = end.error instanceof UsageError;
    const { token, env } = session;
    await noteTrouble(
      opened,
      end.error,
      reasonCleaner(joinRedactors(createRedactor({ token, env }), opened.mask)),
    );
    await tell(opened, teller(), needsPerson(end.error));
    return end;
  });
}

/** Records what stopped the wave, so that everybody who reads the journal sees it. What cannot be recorded is told by the error alone. */
async function noteTrouble({ store }: OpenedCampaign, error: unknown, clean: Work["reason"]): Promise<void> {
  if (store === undefined || !(error instanceof MogplexError)) return;
  if (error instanceof CampaignGoesOnError || error instanceof InterruptedError) return;
  const reason = clean(error.message) ?? error.name;
  if (store.memory.trouble !== reason) await store.record(troubleBody(reason, error)).catch(() => {});
}

/** Whether no later wave mends an error by itself: a token that is refused, a journal that was changed. */
function needsPerson(error: unknown): boolean {
  return error instanceof MogplexError && ["unauthorized", "forbidden", "usage"].includes(error.exit);
}

/** The view, or the error that stopped the step. A campaign that goes on is no error. */
export function viewOrThrow({ result: { view }, error }: JobEnd<CampaignResult>): CampaignView {
  if (error !== undefined && !(error instanceof CampaignGoesOnError)) throw error;
  if (view === null) throw new Error("Cannot show the campaign: it has no plan");
  return view;
}

/** Reads what a campaign looks like. See {@linkcode readCampaign}. */
export async function readCampaignWith(
  path: string,
  options: CampaignOptions,
  internals: CampaignInternals,
): Promise<CampaignView> {
  return await withCampaign(path, options, internals, "read", async (opened) => {
    const store = plannedStore(opened, "read campaign");
    const { memory, meanRunMs } = store;
    internals.onLock?.(memory.lock);
    const pulls = internals.pulls ?? pullRequestsOf(options, internals.random);
    await pulls?.refresh(memory, (body) => store.imagine(body));
    const atWork = await opened.home.atWork();
    const { stuckAfterMs } = options;
    return makeView(memory, { nowMs: opened.clock.wallTime(), meanRunMs, atWork, stuckAfterMs, failed: pulls?.failed });
  });
}

function campaignKeys(): Keys<CampaignOptions> {
  return {
    ...connectKeys(),
    directory: "string",
    home: "string",
    allowOutside: "boolean",
    webhookVariable: "string",
    forge: "object",
    stuckAfterMs: "number",
  };
}

function advanceKeys(): Keys<AdvanceCampaignOptions> {
  const own = { skipInvalid: "boolean", approvedBy: "string", meanRunMs: "number", onItem: "function" } as const;
  return { ...campaignKeys(), ...own };
}

/** Checks the names and types of options. @throws {UsageError} naming the first that is wrong. */
function check<T, O extends CampaignOptions>(attempted: string, given: O, keys: Keys<T>): O {
  const options = checkOptions(attempted, given, keys);
  if (options.forge !== undefined) checkOptions(attempted, options.forge, { hosts: "object" }, "forge");
  checkSources(attempted, options);
  return options;
}

/** Checks the options of {@linkcode runCampaign}. @throws {UsageError} naming the first that is wrong. */
export function checkRunCampaign(options: RunCampaignOptions): RunCampaignOptions {
  const keys: Keys<RunCampaignOptions> = { ...advanceKeys(), timeoutMs: "number" };
  return check("run campaign", options, keys);
}

/**
 * Plans a campaign: finds its repositories, freezes them with base branch and root directory in `lock.json`, and computes the earliest end.
 * Starts nothing. Called again, it leaves items that are locked as they are, adds new ones, and skips those that left the list before they
 * were started.
 *
 * @param path Path of the campaign file.
 * @param options See {@linkcode PlanCampaignOptions}; all durations in milliseconds.
 * @throws {UsageError} for mistakes in the file, repositories that cannot be used (unless `skipInvalid`), and lists that the service does not
 * show in full. No lock is written then.
 * @throws {MogplexError} with exit code 75 when another process is at work in the directory.
 * @throws {UnauthorizedError | ForbiddenError | UnavailableError | NetworkError} when the lists cannot be read.
 * @example When will it be done?
 * ```ts ignore
 * const { view, bound } = await planCampaign("campaign.yml");
 * console.log(view.items.length, view.endsAt, bound);
 * ```
 */
export async function planCampaign(path: string, options: PlanCampaignOptions = {}): Promise<CampaignPlan> {
  const own = { skipInvalid: "boolean", meanRunMs: "number", dryRun: "boolean" } as const;
  options = check("plan campaign", options, { ...campaignKeys(), ...own });
  return await planCampaignWith(path, options, { readsStdin: true });
}

/**
 * Makes one wave of a campaign: records what has ended, starts what the limits of the service allow, and returns. Plans first when there is
 * no plan, but not with a branch as `home`, which may be lost: call {@linkcode planCampaign} for that. Safe to be called again and again, by any machine that has the campaign's directory.
 *
 * @param path Path of the campaign file.
 * @param options See {@linkcode AdvanceCampaignOptions}; all durations in milliseconds.
 * @returns What the campaign looks like; `state` and `exitCode` say whether it is done, and how.
 * @throws {UsageError} for mistakes in the file, a lock or journal that was changed, a token of another user; nothing was started.
 * @throws {MogplexError} with exit code 75 when another process is at work in the directory.
 * @throws {UnauthorizedError | ForbiddenError | UnavailableError | NetworkError} when the service refuses the token, or is out of reach.
 * @example One wave
 * ```ts ignore
 * const { state, nextWaveAt } = await advanceCampaign("campaign.yml");
 * ```
 */
export async function advanceCampaign(path: string, options: AdvanceCampaignOptions = {}): Promise<CampaignView> {
  options = check("advance campaign", options, advanceKeys());
  return viewOrThrow(await campaignJob(path, options, {}, true));
}

/**
 * Follows a campaign in this process until it is done, or only a person can make it go on, or `timeoutMs` has passed.
 *
 * @param path Path of the campaign file.
 * @param options See {@linkcode RunCampaignOptions}; all durations in milliseconds.
 * @returns What the campaign looks like at the end; `state` is `done` when it is.
 * @throws what {@linkcode advanceCampaign} throws; `signal.reason` if `signal` aborts. The campaign then goes on with the next call.
 * @example A campaign, with a line for each change
 * ```ts ignore
 * const view = await runCampaign("campaign.yml", {
 *   onItem: (item) => item.type === "item" && console.log(item.item.repository, item.item.verdict),
 * });
 * process.exitCode = view.exitCode;
 * ```
 */
export async function runCampaign(path: string, options: RunCampaignOptions = {}): Promise<CampaignView> {
  options = checkRunCampaign(options);
  return viewOrThrow(await campaignJob(path, options, {}, false));
}

/**
 * Reads what a campaign looks like, from its lock and journal: nothing is changed, even while another process works on it. With `forge` the
 * pull requests are read as well; without it no request is sent.
 *
 * @param path Path of the campaign file.
 * @param options Token, service and client have no effect.
 * @throws {UsageError} for mistakes in the file, when nothing was planned, and for a lock or journal that was changed.
 * @example Repositories that need a person
 * ```ts ignore
 * const { causes } = await readCampaign("campaign.yml");
 * for (const { cause, items } of causes) console.log(cause, items.length);
 * ```
 */
export async function readCampaign(path: string, options: CampaignOptions = {}): Promise<CampaignView> {
  options = check("read campaign", options, campaignKeys());
  return await readCampaignWith(path, options, {});
}
