/**
 * Campaigns for scripts: plan one, make a wave, follow it to its end, read what became of it.
 *
 * @module
 */
import { endingSignal, type OnInterrupt } from "../job/interrupt.ts";
import { Job, type JobEnd } from "../job/job.ts";
import { checkWatch } from "../job/options.ts";
import { checkTimeout, MAX_TIMEOUT_MS, openSession } from "../job/session.ts";
import { EXIT } from "../exit_codes.ts";
import type { CampaignItem } from "./campaign_items.ts";
import { CampaignOperation, type CampaignSettings } from "./campaign_operation.ts";
import { CampaignGoesOnError, type CampaignResult } from "./campaign_result.ts";
import { makeView } from "./make_view.ts";
import {
  type CampaignInternals,
  type CampaignOptions,
  type OpenedCampaign,
  plannedStore,
  withCampaign,
} from "./open_campaign.ts";
import { isAtRest } from "./progress.ts";
import type { CampaignView } from "./view.ts";
import { DEFAULT_MEAN_RUN_MS } from "./work/work.ts";

/** Options of {@linkcode advanceCampaign}. */
export interface AdvanceCampaignOptions extends CampaignOptions {
  /** When there is no plan yet: whether repositories that cannot be used are kept as `invalid` items. @default {false} */
  skipInvalid?: boolean | undefined;
  /** Opens a closed gate before anything is started, in the name of this person. @default {undefined} (gates stay closed) */
  approvedBy?: string | undefined;
  /** Mean time of a run in milliseconds, for forecasts, until runs have ended. @default {1_200_000} */
  meanRunMs?: number | undefined;
  /** Called with each item as it comes; must not throw. @default {undefined} */
  onItem?: ((item: CampaignItem) => void) | undefined;
}

/** Options of {@linkcode runCampaign}. */
export interface RunCampaignOptions extends AdvanceCampaignOptions {
  /** Longest time of the whole, in milliseconds: more than 0, at most 30 days. The campaign then goes on without us. @default 30 days */
  timeoutMs?: number | undefined;
}

/** What only the command line sets. */
export interface CampaignJobInternals extends CampaignInternals {
  /** See {@linkcode CampaignSettings.onView}. */
  onView?: CampaignSettings["onView"];
  onInterrupt?: OnInterrupt | undefined;
}

/** Longest time of one wave, in milliseconds: reading 10 000 repositories takes five minutes. */
const WAVE_MS = 60 * 60_000;

/** The result of a campaign with which nothing is left to do. */
function finished({ store, clock }: OpenedCampaign): CampaignResult | undefined {
  if (store === undefined || !isAtRest(store.memory)) return undefined;
  const view = viewOf(store, clock.wallTime());
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

function viewOf(store: NonNullable<OpenedCampaign["store"]>, nowMs: number, meanRunMs = DEFAULT_MEAN_RUN_MS) {
  return makeView(store.memory, { nowMs, meanRunMs: store.meanRunMs ?? meanRunMs });
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
  const { approvedBy, meanRunMs, onItem, skipInvalid = false } = options;
  const timeoutMs = checkTimeout(options.timeoutMs ?? (once ? WAVE_MS : MAX_TIMEOUT_MS));
  const watch = checkWatch({}, internals);
  return await withCampaign(path, options, internals, "write", async (opened) => {
    const done = finished(opened);
    if (done !== undefined) return { result: done, error: undefined };
    const signal = endingSignal(options.signal, internals.interrupts);
    const session = openSession({ ...options, signal }, internals);
    const settings = { timeoutMs, skipInvalid, approvedBy, meanRunMs, onView: internals.onView };
    const operation = new CampaignOperation(session, opened, settings);
    const job = new Job<CampaignItem, CampaignResult>(session, operation, { ...watch, timeoutMs, onItem });
    return await job.start({ once });
  });
}

/** The view, or the error that stopped the step. A campaign that goes on is no error. */
function viewOrThrow({ result: { view }, error }: JobEnd<CampaignResult>): CampaignView {
  if (error !== undefined && !(error instanceof CampaignGoesOnError)) throw error;
  if (view === null) throw new Error("Cannot show the campaign: it has no plan");
  return view;
}

/**
 * Makes one wave of a campaign: records what has ended, starts what the limits of the service allow, and returns. Plans first when there is
 * no plan. Safe to be called again and again, by any machine that has the campaign's directory.
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
  return viewOrThrow(await campaignJob(path, options, {}, false));
}

/**
 * Reads what a campaign looks like, from its lock and journal alone: no request, and nothing is changed, even while another process works on
 * it.
 *
 * @param path Path of the campaign file.
 * @param options Of these only `directory`, `allowOutside`, `clock` and `onNotice` have an effect.
 * @throws {UsageError} for mistakes in the file, when nothing was planned, and for a lock or journal that was changed.
 * @example Repositories that need a person
 * ```ts ignore
 * const { causes } = await readCampaign("campaign.yml");
 * for (const { cause, items } of causes) console.log(cause, items.length);
 * ```
 */
export async function readCampaign(path: string, options: CampaignOptions = {}): Promise<CampaignView> {
  return await readCampaignWith(path, options, {});
}

/** {@linkcode readCampaign}, for the command line. */
export async function readCampaignWith(
  path: string,
  options: CampaignOptions,
  internals: CampaignInternals,
): Promise<CampaignView> {
  return await withCampaign(path, options, internals, "read", (opened) => {
    const store = plannedStore(opened, "read campaign");
    return Promise.resolve(viewOf(store, opened.clock.wallTime()));
  });
}
