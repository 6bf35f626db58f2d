/**
 * Campaigns for scripts: plan one, make a wave, follow it to its end, read what became of it.
 *
 * @module
 */
import { checkOptions, checkSources, type Keys } from "../api/option_check.ts";
import { connectKeys } from "../job/session.ts";
import type {
  AdvanceCampaignOptions,
  CampaignOptions,
  CampaignPlan,
  PlanCampaignOptions,
  RunCampaignOptions,
} from "./campaign_options.ts";
import { campaignJob, planCampaignWith, readCampaignWith, viewOrThrow } from "./jobs.ts";
import type { CampaignView } from "./view.ts";

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
