/**
 * `createCampaigns()`: campaigns on a service, with the client of `createMogplex()`.
 *
 * @module
 */
import {
  advanceCampaign,
  type CampaignStand,
  checkRunCampaign,
  exitCodeOfStand,
  followCampaign,
  outcomeOfStand,
  planCampaign,
  readCampaign,
  viewOfStand,
} from "../campaign/campaign.ts";
import type {
  AdvanceCampaignOptions,
  CampaignEvent,
  CampaignOptions,
  CampaignPlan,
  PlanCampaignOptions,
  RunCampaignOptions,
} from "../campaign/campaign_options.ts";
import type { CampaignView } from "../campaign/view.ts";
import type { Outcome } from "../run/result.ts";
import type { ConnectOptions } from "../run/session.ts";
import { checkObject } from "../service/contract.ts";
import { type Connect, connectorOf } from "./connect.ts";
import { type Handle, handleOf, type MissedItems, relay, signalIn } from "./handle.ts";
import type { Mogplex } from "./mogplex.ts";

/** Options of a verb, without those that the client has. */
type Own<T> = Omit<T, "client" | "token" | "url" | "fetch" | "env" | "clock">;

/** Campaigns on a service: one task, many repositories. */
export interface Campaigns {
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
   * const { view, bound } = await campaigns.plan("campaign.yml");
   * console.log(view.items.length, view.endsAt, bound);
   * ```
   */
  plan(path: string, options?: Own<PlanCampaignOptions>): Promise<CampaignPlan>;
  /**
   * Makes one wave of a campaign: records what has ended, starts what the limits of the service allow, and returns. Plans first when there is
   * no plan, but not with a branch as `home`, which may be lost: call {@linkcode Campaigns.plan} for that. Safe to be called again and again, by
   * any machine that has the campaign's directory.
   *
   * @param path Path of the campaign file.
   * @param options See {@linkcode AdvanceCampaignOptions}; all durations in milliseconds.
   * @returns What the campaign looks like; `state` and `exitCode` say whether it is done, and how.
   * @throws {UsageError} for mistakes in the file, a lock or journal that was changed, a token of another user; nothing was started.
   * @throws {MogplexError} with exit code 75 when another process is at work in the directory.
   * @throws {UnauthorizedError | ForbiddenError | UnavailableError | NetworkError} when the service refuses the token, or is out of reach.
   * @example One wave
   * ```ts ignore
   * const { state, nextWaveAt } = await campaigns.advance("campaign.yml");
   * ```
   */
  advance(path: string, options?: Own<AdvanceCampaignOptions>): Promise<CampaignView>;
  /**
   * Follows a campaign in this process until it is done, or only a person can make it go on, or `timeoutMs` has passed.
   *
   * @param path Path of the campaign file.
   * @param options See {@linkcode RunCampaignOptions}; all durations in milliseconds.
   * @returns What the campaign looks like at the end; `state` is `done` when it is.
   * @throws what {@linkcode Campaigns.advance} throws; `signal.reason` if `signal` aborts. The campaign then goes on with the next call.
   * @example A campaign, with a line for each change
   * ```ts ignore
   * const view = await campaigns.run("campaign.yml", {
   *   onItem: (item) => item.type === "item" && console.log(item.item.repository, item.item.verdict),
   * });
   * process.exitCode = view.exitCode;
   * ```
   */
  run(path: string, options?: Own<RunCampaignOptions>): CampaignHandle;
  /**
   * Reads what a campaign looks like, from its lock and journal: nothing is changed, even while another process works on it. With `forge` the
   * pull requests are read as well; without it no request is sent.
   *
   * @param path Path of the campaign file.
   * @param options Token, service and client have no effect.
   * @throws {UsageError} for mistakes in the file, when nothing was planned, and for a lock or journal that was changed.
   * @example Repositories that need a person
   * ```ts ignore
   * const { causes } = await campaigns.read("campaign.yml");
   * for (const { cause, items } of causes) console.log(cause, items.length);
   * ```
   */
  read(path: string, options?: Own<CampaignOptions>): Promise<CampaignView>;
}

/**
 * Campaigns with the service, the token, the `fetch` and the clock of a client.
 *
 * @param mogplex What `createMogplex()` returned.
 * @throws {UsageError} for anything else.
 * @example One wave
 * ```ts
 * import { createMogplex } from "@mogplex/ci";
 * import { createCampaigns } from "@mogplex/ci/campaigns";
 *
 * async function wave(): Promise<number> {
 *   const { state, exitCode } = await createCampaigns(createMogplex()).advance("campaign.yml");
 *   return state === "done" ? exitCode : 0;
 * }
 * console.log(typeof wave);
 * ```
 */
export function createCampaigns(mogplex: Mogplex): Campaigns {
  const { connect } = connectorOf("create campaigns", mogplex);
  /** The options of a verb with the connection. */
  async function all<O extends object>(attempted: string, more: O | undefined): Promise<ConnectOptions & O> {
    if (more !== undefined) checkObject(attempted, more);
    return { ...await connect(), ...more as O };
  }
  return {
    plan: async (path, more) => await planCampaign(path, await all("plan campaign", more)),
    advance: async (path, more) => await advanceCampaign(path, await all("advance campaign", more)),
    run: (path, more = {}) => campaignHandle(connect, path, more),
    read: async (path, more) => await readCampaign(path, await all("read campaign", more)),
  };
}

/** The last item of a campaign's handle. */
export interface CampaignEnd {
  /** Tells it from other items. */
  type: "end";
  /** Our verdict; `started` when the campaign goes on without us. */
  outcome: Exclude<Outcome, "deadline">;
  /** Exit code that belongs to it: 75 when the campaign goes on. */
  exitCode: number;
  /** What the campaign looks like. */
  result: CampaignView;
}

/** An item of a campaign's handle. */
export type CampaignHandleItem = Exclude<CampaignEvent, { type: "end" }> | MissedItems | CampaignEnd;

/** A campaign that is followed. `started` tells what it looks like at first, and `cancel()` cancels the runs that are at work. */
export type CampaignHandle = Handle<CampaignHandleItem, CampaignView, CampaignView>;

/** Follows a campaign to its end. */
function campaignHandle(
  connect: Connect,
  path: string,
  options: Own<RunCampaignOptions>,
): CampaignHandle {
  const stop = new AbortController();
  const handle = handleOf<CampaignHandleItem, CampaignView, CampaignView, CampaignStand>({
    signal: signalIn(options),
    async begin({ signal, onItem, onStarted }) {
      checkRunCampaign(options);
      const all: RunCampaignOptions = {
        ...await connect(),
        ...options,
        signal,
        onItem: relay(options.onItem, onItem),
      };
      let told = false;
      const start = (view: CampaignView) => {
        if (!told) onStarted(view);
        told = true;
      };
      const stand = await followCampaign(path, all, {
        onView: (view) => told || start(view()),
        onFailed: (view) => view !== null && start(view),
        interrupts: { signal: stop.signal, terminal: false },
        onInterrupt: "cancel",
      });
      if (stand.view !== null) start(stand.view);
      return stand;
    },
    settle: viewOfStand,
    last: (stand) => ({
      type: "end",
      outcome: outcomeOfStand(stand),
      exitCode: exitCodeOfStand(stand),
      result: viewOfStand(stand),
    }),
    async cancel() {
      stop.abort(new DOMException("The campaign was cancelled", "AbortError"));
      await handle.then(() => {}, () => {});
    },
  });
  return handle;
}
