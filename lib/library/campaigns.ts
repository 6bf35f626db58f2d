import {
  type CampaignStand,
  exitCodeOfStand,
  followCampaign,
  makeWave,
  outcomeOfStand,
  progressOf,
  readCampaignWith,
  type StepInternals,
  viewOfStand,
} from "../campaign/campaign.ts";
import type {
  CampaignEnd,
  CampaignEvent,
  CampaignForge,
  CampaignOptions,
  CampaignPlan,
  CampaignProgress,
  Notifier,
  RunCampaignOptions,
} from "../campaign/campaign_options.ts";
import { decideCampaign } from "../campaign/decide.ts";
import type { CampaignDefinition } from "../campaign/file/object.ts";
import { isMemoryHome, type MemoryHome } from "../campaign/journal/memory_home.ts";
import { mergeCampaign } from "../campaign/merge/merge_campaign.ts";
import type { MergeLine } from "../campaign/merge/round.ts";
import type { CampaignSource } from "../campaign/open_campaign.ts";
import { planCampaignWith } from "../campaign/plan/plan_campaign.ts";
import { cleanCampaign } from "../campaign/report/clean.ts";
import { countSentences } from "../campaign/report/words.ts";
import { CAMPAIGN_FORMAT_NAMES, type CampaignFormatName, renderCampaignReport } from "../campaign/report/write.ts";
import type { CampaignView } from "../campaign/view/view.ts";
import { AbortedError, MogplexError, UsageError } from "../errors.ts";
import { hookCaller } from "../hook.ts";
import { EXIT, type ExitName } from "../exit_codes.ts";
import { ownFields } from "../lookup.ts";
import type { OnNotice } from "../notice.ts";
import { checkCancelOn } from "../run/options.ts";
import type { CancelCause } from "../run/interrupts.ts";
import { checkFollowTimeout } from "../run/session.ts";
import { checkOptions, type Keys } from "../service/validate.ts";
import { type Connector, connectorOf, overlay } from "./connect.ts";
import { handleOf, leftSentence, signalIn, type WorkHandle } from "./handle.ts";
import type { Mogplex } from "./mogplex.ts";
import { takeViews } from "./report.ts";

/** Campaigns on a service: one task, many repositories. */
export interface Campaigns {
  /**
   * Returns a campaign that you can plan, run and read. Nothing is read or sent until the first verb is called.
   *
   * @param source Path of the campaign file, or an object with its keys in camelCase.
   * @param options See {@linkcode CampaignSettings}.
   * @throws {UsageError} when an option is invalid. Mistakes in the campaign itself make a verb throw a `CampaignFileError`.
   * @example One task for two repositories
   * ```ts
   * import { createMogplex } from "@mogplex/ci";
   * import { createCampaigns } from "@mogplex/ci/campaigns";
   *
   * const campaign = createCampaigns(createMogplex()).of({
   *   name: "replace-moment",
   *   prompt: "Replace moment with Temporal in {{ repository.name }}",
   *   repositories: ["acme/web", { repo: "acme/api", baseBranch: "develop" }],
   * }, { home: "campaigns/replace-moment" });
   * console.log(typeof campaign.run);
   * ```
   */
  of(source: string | CampaignDefinition, options?: CampaignSettings): Campaign;
}

/** One campaign: see {@linkcode Campaigns.of}. Each method reads the file and the journal again. */
export interface Campaign {
  /**
   * Plans the campaign: finds its repositories, locks them with their base branches and root directories, and computes the earliest end. It
   * starts nothing. When called again, it keeps locked items unchanged, adds new ones, and skips items that left the list before they were
   * started.
   *
   * @throws {CampaignFileError} for mistakes in the campaign; the error lists all of them.
   * @throws {RepositoriesError} for repositories that cannot be used, unless `skipInvalid` is set; the error lists all of them, and nothing
   * is planned.
   * @throws {UsageError} when the service does not return a list in full; nothing is planned.
   * @throws {MogplexError} with exit code 75 when something else is working on the campaign.
   * @throws {UnauthorizedError | ForbiddenError | UnavailableError | NetworkError} when the lists cannot be read.
   * @example Show the earliest end
   * ```ts ignore
   * const { view, limitedBy } = await campaign.plan();
   * console.log(view.items.length, view.endsAt, limitedBy);
   * ```
   */
  plan(options?: CampaignPlanOptions): Promise<CampaignPlan>;
  /**
   * Runs one wave: records what has finished, starts what the service's limits permit, and returns. If there is no plan, it makes one
   * first. If `home` is a branch, it never makes a plan, because a missing plan might mean that the branch was lost: call {@linkcode Campaign.plan}
   * yourself. You can call this method repeatedly, from any machine that has access to the home.
   *
   * @returns The view of the campaign, even if items have failed. `state` and `exitCode` show whether the campaign is done, and how it ended.
   * Until the campaign is done, `exitCode` is 0, even while `state` is `gated`, so that scheduled jobs do not fail. The code is 1 if too many failures
   * have stopped the campaign, and 4 if only items that wait for an answer are left.
   * @throws {CampaignFileError | UsageError} for mistakes in the campaign, a modified lock or journal, or another user's token; nothing was
   * started.
   * @throws {MogplexError} with exit code 75 when something else is working on the campaign.
   * @throws {UnauthorizedError | ForbiddenError | UnavailableError | NetworkError} when the service refuses the token, or is unreachable.
   * @throws {AbortedError} when `signal` aborts after a start was sent. An earlier abort throws `signal.reason`.
   * @example A scheduled job; a long-running process calls {@linkcode Campaign.run} instead
   * ```ts ignore
   * await main(({ signal }) => campaign.advance({ signal }));
   * ```
   */
  advance(options?: CampaignWaveOptions): Promise<CampaignView>;
  /**
   * Runs the campaign in this process until the campaign is done, a person must act, or `timeoutMs` has passed. It runs one wave after
   * another, and sleeps between them on the client's clock. The work starts at once: await the handle, loop over it, or do both. Until the
   * work ends, no other process can work on the campaign.
   *
   * @returns A handle. Awaiting it returns the view of the campaign if every item succeeded, needed no change, or was skipped. Otherwise, it
   * rejects with a {@linkcode CampaignVerdictError}, unless `throwOnFailure` is false. In both cases, a loop ends with the item `end`.
   * @throws what {@linkcode Campaign.advance} throws. The next call continues the campaign.
   * @example A progress bar
   * ```ts ignore
   * for await (const { progress } of campaign.run()) bar.update(progress.done, progress.total);
   * ```
   */
  run(options?: CampaignRunOptions): CampaignHandle;
  /**
   * Opens all closed gates. It starts no runs itself: the next {@linkcode Campaign.run} or {@linkcode Campaign.advance} does.
   *
   * @param by Who opens them, for the journal: at most 200 characters.
   * @returns The view of the campaign.
   * @throws {UsageError} when no gate is closed or there is no plan.
   * @throws {MogplexError} with exit code 75 when something else is working on the campaign.
   * @example A person has reviewed the canary
   * ```ts ignore
   * const { state } = await campaign.read();
   * if (state === "gated") await campaign.approve("kim");
   * ```
   */
  approve(by: string, options?: CampaignReadOptions): Promise<CampaignView>;
  /**
   * Merges the pull requests that have green checks and that people have approved at the newest commit. In a CI job, it needs
   * `MOGPLEX_MERGE_TOKEN_VARIABLE`. Elsewhere, it uses the same tokens for reading and merging.
   *
   * @param by Who merges, for the journal: at most 200 characters.
   * @returns What happened to each pull request, even if a forge refused a merge or could not be reached: see `exitCode`.
   * @throws {UsageError} when there is no plan, no item matches, or a token is missing; nothing was merged.
   * @throws {MogplexError} with exit code 64 or 65 when a forge refuses the token, or 75 when something else is working on the campaign.
   * @example Show which pull requests would be merged, and why others would not
   * ```ts ignore
   * const { pullRequests } = await campaign.merge("kim", { dryRun: true });
   * for (const { url, word, reason } of pullRequests) console.log(word, url, reason);
   * ```
   */
  merge(by: string, options?: CampaignMergeOptions): Promise<CampaignMerge>;
  /**
   * Reads the campaign's view from its lock and journal, and changes nothing. This also works while something else is working on the
   * campaign. With `forge`, the pull requests are read as well; without it, no request is sent.
   *
   * @throws {CampaignFileError | UsageError} when the campaign has mistakes, there is no plan, or the lock or the journal was modified.
   * @example Repositories that need attention
   * ```ts ignore
   * const { causes } = await campaign.read();
   * for (const { cause, items } of causes) console.log(cause, items.length);
   * ```
   */
  read(options?: CampaignReadOptions): Promise<CampaignView>;
}

/** Options for {@linkcode Campaigns.of}, for all verbs of the campaign. */
export interface CampaignSettings {
  /**
   * Where the plan and the progress are stored: a directory; `git:REMOTE#BRANCH`, a branch of a Git repository, where REMOTE is an address,
   * or `origin` for the repository of a CI job; or `memoryHome()`. @default the variable `MOGPLEX_CAMPAIGN_HOME`, otherwise the campaign's
   * `home`, otherwise the directory `mogplex-campaign`
   */
  home?: string | MemoryHome | undefined;
  /** Called with each event of `run()` and `advance()`. It is not awaited. If it throws or rejects, a notice reports the error. */
  onEvent?: ((event: CampaignEvent) => unknown) | undefined;
  /**
   * Called for everything worth a log line. {@linkcode Notice} lists the kinds of notices, and explains which waits are reported. @default
   * the client's
   */
  onNotice?: OnNotice | undefined;
  /**
   * Replaces the webhook of the campaign file. Called when the campaign needs attention or is done: for the events in `notify.on`, by default for all
   * events. Each event is sent once. After three failures, a notice reports the error, and the next `run()` or `advance()` sends the event again with
   * the same `id`, even if the campaign is done.
   */
  notify?: Notifier | undefined;
  /** Whether repositories that cannot be used become `invalid` items instead of causing an error. @default {false} */
  skipInvalid?: boolean | undefined;
  /** Assumed mean duration of a run in milliseconds, for forecasts until runs have ended. @default {1_200_000} */
  meanRunMs?: number | undefined;
  /** Reads pull requests from their forges, with the tokens in `GITHUB_TOKEN` and `GITLAB_TOKEN`. Without this option, pull requests are not read. */
  forge?: CampaignForge | undefined;
  /** Time without activity after which a pull request is stuck, in milliseconds. @default {259_200_000} (three days) */
  stuckAfterMs?: number | undefined;
  /** Whether the campaign can use files outside its folder. @default {false} */
  allowOutside?: boolean | undefined;
  /**
   * Name of a variable with the address of a webhook. The campaign can use this variable even if its name does not begin with `CAMPAIGN_`
   * or `MOGPLEX_WEBHOOK`.
   */
  webhookVariable?: string | undefined;
}

/** Options for {@linkcode Campaign.read} and {@linkcode Campaign.approve}. */
export interface CampaignReadOptions {
  /** Ends the call, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** Options for {@linkcode Campaign.merge}. */
export interface CampaignMergeOptions extends CampaignReadOptions {
  /** Short word for a cause. Only items with this cause are considered. @default all items */
  cause?: string | undefined;
  /** Globs of names of repositories or items. @default all items */
  only?: readonly string[] | undefined;
  /** Maximum number of merges and branch updates in this call, at least 1. @default no limit */
  atMost?: number | undefined;
  /** How commits are added to the target branch. @default the campaign's method, otherwise one that the repository allows */
  method?: "merge" | "squash" | "rebase" | undefined;
  /** Whether to update branches that must be up to date. This can dismiss approvals. @default {false} */
  update?: boolean | undefined;
  /** Whether branches must be up to date even where the target branch does not require it. @default {false} */
  requireUpToDate?: boolean | undefined;
  /** Whether to delete the item's own branch after the merge. @default {false} */
  deleteBranch?: boolean | undefined;
  /** If `true`, nothing is merged or written. @default {false} */
  dryRun?: boolean | undefined;
}

/** What {@linkcode Campaign.merge} did. */
export interface CampaignMerge {
  /** One entry for each pull request that was checked, in the order of the items. */
  pullRequests: readonly MergeLine[];
  /** Number of pull requests that were merged before this call. */
  mergedBefore: number;
  /**
   * 0 when everything that qualified was merged or is queued, or after a dry run without errors; 1 when a forge refused a merge; otherwise the
   * exit code of the first error, such as 69 when a forge could not be reached.
   */
  exitCode: number;
  /** The view of the campaign. */
  view: CampaignView;
}

/** Options for {@linkcode Campaign.plan}. */
export interface CampaignPlanOptions extends CampaignReadOptions {
  /** If `true`, nothing is written. @default {false} */
  dryRun?: boolean | undefined;
}

/** Options for {@linkcode Campaign.advance}. */
export interface CampaignWaveOptions {
  /** Ends the call: it rejects with an `AbortedError`, or with `signal.reason` if nothing was started. */
  signal?: AbortSignal | undefined;
  /** `abort` cancels the open runs when `signal` aborts. @default {[]} (the runs continue) */
  cancelOn?: readonly CancelCause[] | undefined;
  /** Name of the person who approves. A closed gate is opened before anything is started. @default gates stay closed */
  approvedBy?: string | undefined;
}

/** Options for {@linkcode Campaign.run}. */
export interface CampaignRunOptions extends CampaignWaveOptions {
  /** What cancels the open runs: `timeout`, when `timeoutMs` passes; `abort`, when `signal` aborts. @default {[]} (the runs continue) */
  cancelOn?: readonly CancelCause[] | undefined;
  /**
   * Maximum time for the whole call, in milliseconds: from one second to 30 days. After that, open runs continue; the next `run` or `advance` continues the
   * campaign.
   * @default 30 days
   */
  timeoutMs?: number | undefined;
  /** Whether awaiting the handle rejects unless all items succeeded. @default {true} */
  throwOnFailure?: boolean | undefined;
}

/** A handle to a followed campaign. `started` resolves to its first view, and `cancel()` cancels the active runs. The loop yields events. */
export type CampaignHandle = WorkHandle<CampaignEvent, CampaignView, CampaignView>;

/**
 * Creates campaigns that use the service, the token, the `fetch` and the clock of a client. After this call, `mask()`, `render()` and
 * `report()` accept views of campaigns as well as results of runs.
 *
 * @param mogplex The client from `createMogplex()`.
 * @throws {UsageError} when `mogplex` is anything else.
 * @example One wave
 * ```ts
 * import { createMogplex } from "@mogplex/ci";
 * import { createCampaigns } from "@mogplex/ci/campaigns";
 *
 * async function wave(): Promise<number> {
 *   const { state, exitCode } = await createCampaigns(createMogplex()).of("campaign.yml").advance();
 *   return state === "done" ? exitCode : 0;
 * }
 * console.log(typeof wave);
 * ```
 */
export function createCampaigns(mogplex: Mogplex): Campaigns {
  const connector = connectorOf("create campaigns", mogplex, "the first argument");
  takeViews({
    formats: CAMPAIGN_FORMAT_NAMES,
    clean: (view, redact) => cleanCampaign(view as CampaignView, redact, redact.token),
    render: (view, format, redact, links) =>
      renderCampaignReport(view as CampaignView, format as CampaignFormatName, redact, links),
  });
  return { of: (source, options = {}) => campaignOf(connector, source, options) };
}

function campaignOf(connector: Connector, source: CampaignSource, settings: CampaignSettings): Campaign {
  checkSettings(source, settings);
  /** @param wait Signal that ends the wait for a token. */
  async function all<O extends object>(
    options: O & CampaignReadOptions,
    wait = options.signal,
  ): Promise<CampaignOptions & O> {
    const { home, notify, onEvent: _, onNotice, ...rest } = settings;
    const isDirectory = typeof home === "string" && home !== "dir" && !home.startsWith("git:");
    // A directory that is given as an option takes precedence over a home in the environment.
    const place = isDirectory
      ? { directory: home, home: "dir" }
      : typeof home === "string"
      ? { home }
      : { memory: home };
    const overrides = { fetch: connector.sender, ...rest, ...place, notifier: notify };
    const connected = await connector.connect({ ...options, onNotice, signal: wait });
    return overlay({ ...connected, signal: options.signal }, overrides);
  }
  const sayer = (options: CampaignOptions) => hookCaller("onEvent", settings.onEvent, options);

  return {
    async plan(options = {}) {
      checkOptions("plan the campaign", options, { signal: "signal", dryRun: "boolean" });
      return await planCampaignWith(source, await all(options), { readsStdin: true });
    },
    async advance(options = {}) {
      checkOptions("advance the campaign", options, waveKeys());
      const fields = ownFields(options);
      const { signal, approvedBy } = fields;
      const more = await all({ approvedBy }, signal);
      const stand = await makeWave(source, overlay(more, { onEvent: sayer(more) }), stopInternals(fields, undefined));
      return viewAfter(stand, { signal, throwOnFailure: false });
    },
    run: (options = {}) => runHandle(source, all, sayer, options),
    async approve(by, options = {}) {
      const attempted = "approve the campaign";
      checkPerson(attempted, by, "approves");
      checkOptions(attempted, options, { signal: "signal" });
      const connected = overlay(await all<CampaignReadOptions>(options), { by });
      return (await decideCampaign(source, { kind: "approve" }, connected)).view;
    },
    async merge(by, options = {}) {
      const attempted = "merge pull requests";
      checkPerson(attempted, by, "merges");
      const keys: Keys<CampaignMergeOptions> = {
        ...{ signal: "signal", cause: "string", only: "list", atMost: "number", method: "string" },
        ...{ update: "boolean", requireUpToDate: "boolean", deleteBranch: "boolean", dryRun: "boolean" },
      };
      checkOptions(attempted, options, keys);
      const connected = overlay(await all<CampaignMergeOptions>(options), { by });
      const { lines, mergedBefore, exitCode, view } = await mergeCampaign(source, connected);
      return { pullRequests: lines, mergedBefore, exitCode, view };
    },
    async read(options = {}) {
      checkOptions("read the campaign", options, { signal: "signal" });
      return await readCampaignWith(source, await all(options), {});
    },
  };
}

function checkPerson(attempted: string, by: unknown, does: string): void {
  if (typeof by === "string" && by.trim() !== "") return;
  throw new UsageError({ attempted, why: `the first argument must be the name of the person who ${does}` });
}

function waveKeys(): Keys<CampaignWaveOptions> {
  return { signal: "signal", cancelOn: "list", approvedBy: "string" };
}

function checkSettings(source: CampaignSource, settings: CampaignSettings): void {
  const attempted = "use the campaign";
  const keys: Keys<CampaignSettings> = {
    home: "any",
    onEvent: "function",
    onNotice: "function",
    notify: "function",
    skipInvalid: "boolean",
    meanRunMs: "number",
    forge: "object",
    stuckAfterMs: "number",
    allowOutside: "boolean",
    webhookVariable: "string",
  };
  const { home, forge } = checkOptions(attempted, settings, keys);
  if (forge !== undefined) checkOptions(attempted, forge, { hosts: "object" }, "forge");
  if (typeof source !== "string" && (typeof source !== "object" || source === null)) {
    const why = "it must be the path of a file, or an object such as { name, prompt, repositories }";
    throw new UsageError({ attempted, why, value: `it is ${source === null ? "null" : typeof source}` });
  }
  const isHome = home === undefined || isMemoryHome(home) || typeof home === "string" && home.trim() !== "";
  if (isHome && home !== "memory") return;
  throw new UsageError({
    attempted,
    why: "'home' must be a directory, git:REMOTE#BRANCH, or a home in memory",
    value: typeof home === "string" ? JSON.stringify(home) : `it is ${home === null ? "null" : typeof home}`,
    advice: "use memoryHome() for a home in memory, or ./memory for a directory with this name",
  });
}

function stopInternals(
  { signal, cancelOn }: CampaignWaveOptions,
  ends: readonly AbortSignal[] | undefined,
  cancelled?: AbortSignal,
): StepInternals {
  const causes = checkCancelOn(cancelOn);
  const cancelsLate = causes.includes("timeout");
  const signals = ends ?? (signal === undefined ? [] : [signal]);
  if (signals.length === 0) return { cancelsLate };
  const cancels = () => cancelled?.aborted === true || causes.includes("abort") && signal?.aborted === true;
  return {
    cancelsLate,
    interrupts: { signal: AbortSignal.any([...signals]), terminal: false },
    cancels,
  };
}

function runHandle(
  source: CampaignSource,
  all: (options: RunCampaignOptions, signal: AbortSignal) => Promise<RunCampaignOptions>,
  sayer: (options: CampaignOptions) => (event: CampaignEvent) => void,
  given: CampaignRunOptions,
): CampaignHandle {
  const options = ownFields(given);
  const stop = new AbortController();
  let progress: CampaignProgress = { done: 0, total: 0 };
  const handle = handleOf<CampaignEvent, CampaignView, CampaignView, CampaignStand>({
    signal: signalIn(options),
    get missed(): CampaignEvent {
      return { type: "gap", cause: "events_missed", progress };
    },
    async begin({ signal, onItem, onStarted }) {
      const keys: Keys<CampaignRunOptions> = { ...waveKeys(), timeoutMs: "number", throwOnFailure: "boolean" };
      checkOptions("run the campaign", given, keys);
      checkFollowTimeout(options.timeoutMs);
      const { timeoutMs, approvedBy } = options;
      let isAnnounced = false;
      const start = (view: CampaignView) => {
        if (!isAnnounced) onStarted(view);
        isAnnounced = true;
        progress = progressOf(view);
      };
      const more = await all({ timeoutMs, approvedBy }, signal);
      const say = sayer(more);
      const take = (event: CampaignEvent) => {
        progress = event.progress;
        // Every handle emits its own `end` event.
        if (event.type === "end") return;
        onItem(event);
        say(event);
      };
      const stand = withVerdict(
        await followCampaign(source, overlay(more, { onEvent: take }), {
          ...stopInternals(options, [signal, stop.signal], stop.signal),
          onView: (view) => isAnnounced || start(view()),
          onFailed: (view) => view !== null && start(view),
        }),
      );
      if (stand.view !== null) start(stand.view);
      const end = endOf(stand, stop.signal);
      if (end !== undefined) say(end);
      return stand;
    },
    settle: (stand) => viewAfter(stand, options, stop.signal),
    last: (stand) => endOf(stand, stop.signal),
    async cancel() {
      stop.abort(new DOMException("The campaign was cancelled", "AbortError"));
      await handle.then(() => {}, () => {});
    },
  });
  return handle;
}

/** Gives the view the exit code of `run()`, so that awaiting the handle, looping over it, and the thrown error all show the same code. */
function withVerdict(stand: CampaignStand): CampaignStand {
  return stand.view === null ? stand : { ...stand, view: { ...stand.view, exitCode: exitCodeOfStand(stand) } };
}

function isLeft(stand: CampaignStand, cancelled?: AbortSignal): boolean {
  return stand.state === "interrupted" && stand.by !== cancelled?.reason;
}

/** `undefined` if a loop throws instead, because there is no plan yet or because something other than `cancel()` stopped the work. */
function endOf(stand: CampaignStand, cancelled: AbortSignal): CampaignEnd | undefined {
  const { view } = stand;
  if (view === null || isLeft(stand, cancelled)) return undefined;
  return { type: "end", ...verdictOf(stand), result: view, progress: progressOf(view) };
}

function verdictOf(stand: CampaignStand): Pick<CampaignEnd, "outcome" | "exitCode"> {
  return { outcome: outcomeOfStand(stand), exitCode: exitCodeOfStand(stand) };
}

function viewAfter(
  stand: CampaignStand,
  { signal, throwOnFailure = true }: Pick<CampaignRunOptions, "signal" | "throwOnFailure">,
  cancelled?: AbortSignal,
): CampaignView {
  if (stand.state === "interrupted" && (stand.view === null || isLeft(stand, cancelled))) {
    const isStarted = stand.view?.items.some(({ starts }) => starts > 0) === true;
    const isCallers = signal?.aborted === true && stand.by === signal.reason;
    const sentence = leftSentence(stand.by);
    if (sentence !== undefined) throw new AbortedError(`${sentence}; ${clauseOf(stand)}`, stand.by);
    throw isStarted && isCallers
      ? new AbortedError(`The signal ended the call; ${clauseOf(stand)}`, stand.by)
      : stand.by;
  }
  const view = viewOfStand(stand);
  if (!throwOnFailure || stand.state === "done" && view.exitCode === EXIT.success) return view;
  throw new CampaignVerdictError(stand, view);
}

function clauseOf(stand: CampaignStand): string {
  return stand.state === "interrupted" ? stand.why.replace(/^Stopped[^;]*; /, "") : "";
}

const APPROVE = "call `approve()` once a person has agreed, then call this method again";

/** Not every item of a campaign succeeded, or the campaign is not finished. Unless the campaign is done, the next call continues it. */
export class CampaignVerdictError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "CampaignVerdictError";
  override name = "CampaignVerdictError";
  /** Private, so that printing the error does not print the service's texts. */
  readonly #view: CampaignView;
  /**
   * The outcome: `awaiting_input` if a person must act before the campaign can continue, `started` if the next call of `run` or `advance` continues
   * the campaign, `interrupted` if the call was cancelled.
   */
  readonly outcome: CampaignEnd["outcome"];

  /** */
  constructor(stand: CampaignStand, view: CampaignView) {
    const how = stand.state === "done"
      ? countSentences(view).join(". ")
      : stand.state === "interrupted"
      ? `it was cancelled; ${clauseOf(stand)}`
      : `it is not done: ${stand.why}; ${stand.state === "gated" ? APPROVE : stand.advice}`;
    const { outcome, exitCode } = verdictOf(stand);
    super(`Campaign ${JSON.stringify(view.campaign)}: ${how}`, exitNameOf(exitCode));
    this.#view = view;
    this.outcome = outcome;
  }

  /** The view of the campaign. */
  get view(): CampaignView {
    return this.#view;
  }
}

function exitNameOf(code: number): ExitName {
  const names = Object.keys(EXIT) as ExitName[];
  return names.find((name) => EXIT[name] === code) ?? "failed";
}
