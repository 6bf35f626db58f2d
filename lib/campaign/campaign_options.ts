import type { Outcome } from "../run/result.ts";
import type { ConnectOptions } from "../run/session.ts";
import type { NotifyEvent } from "./file/campaign_file.ts";
import type { MemoryHome } from "./journal/memory_home.ts";
import type { CampaignLimit } from "./pace/next_starts.ts";
import type { LockChanges } from "./plan/make_lock.ts";
import type { CampaignState, ItemState } from "./view/verdicts.ts";
import type { CampaignItem, CampaignView } from "./view/view.ts";

/** Progress of a campaign. */
export interface CampaignProgress {
  /** Number of items that have ended (`isFinal`). An item that will be tried again has not ended. */
  done: number;
  /** Total number of items. */
  total: number;
}

/**
 * An event of a followed campaign. Text in an event is untrusted. `type` is one of:
 *
 * - `wave`: a wave begins. The wave checks open runs and starts new ones. `wave` is its number, from 1.
 * - `item`: an item changed. `before` is its previous verdict or state; `item` has the current one. If both are the same, another field of `item`
 *   changed, such as what its pull request is waiting for.
 * - `gate`: nothing more is started or merged until a person approves. `reason` explains why.
 * - `waiting`: `limit` delays the next start until `nextAt`, in ISO 8601. `nextAt` is `null` if time alone does not end the wait. This event is sent
 *   again if `limit` or `nextAt` changes.
 * - `gap`: events were dropped because the loop was slow or late.
 * - `end`: the last event; see {@linkcode CampaignEnd}.
 */
export type CampaignEvent =
  | {
    type: "wave";
    /** Number of the wave, from 1. */
    wave: number;
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | {
    type: "item";
    /** The item in its current state. */
    item: CampaignItem;
    /** The item's verdict or state in the previous event. */
    before: ItemState;
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | {
    type: "gate";
    /** The gate that closed: `canary`; `threshold` after too many failures; or `merge` if merges broke their target branches. */
    gate: "canary" | "threshold" | "merge";
    /** Why the gate closed, in one line. */
    reason: string;
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | {
    type: "waiting";
    /** The limit that delays the next start. */
    limit: CampaignLimit;
    /** When the delay ends, in ISO 8601; `null` if time alone does not end the delay. */
    nextAt: string | null;
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | {
    type: "gap";
    /** Why events were dropped: the loop was slow or late. */
    cause: "events_missed";
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | CampaignEnd;

/** The last event of a followed campaign. */
export interface CampaignEnd {
  /** Identifies this event as the last one. */
  type: "end";
  /**
   * The outcome: `awaiting_input` if a person must act (answer a run or open a gate), `started` if the next call continues the campaign,
   * `interrupted` if the call was cancelled.
   */
  outcome: Exclude<Outcome, "deadline" | "error">;
  /** Exit code for the outcome: 4 if a person must act, 75 if the next call continues the campaign. */
  exitCode: number;
  /** The view of the campaign. */
  result: CampaignView;
  /** Progress of the campaign. */
  progress: CampaignProgress;
}

/**
 * The message that a campaign sends to a webhook with `format: json`, or passes to the `notify` function of a script. The schema is
 * `schema/campaign-notification.schema.json`.
 */
export interface CampaignNotification {
  /** Version of this format. */
  schema: 1;
  /** Id of this message. The id stays the same when the message is sent again, even from another machine. Each event has a different id. */
  id: string;
  /** A sentence with links, in the field that Slack, Mattermost and Rocket.Chat read. */
  text: string;
  /** The same text as `text`, in the field that Discord reads. */
  content: string;
  /** What happened. */
  event: NotifyEvent;
  /** Name of the campaign. */
  campaign: string;
  /** Round of the campaign. Empty if the campaign has no round. */
  round: string;
  /** State of the campaign. */
  state: CampaignState;
  /** Number of items by verdict or state. */
  counts: Readonly<Record<ItemState, number>>;
  /** Current exit code of the campaign. */
  exitCode: number;
  /** Address of the CI job that sent the message; `null` outside CI, or if the CI system does not provide the address. */
  job: string | null;
  /** Address of the campaign's page; `null` if the CI system does not publish the files of a job. */
  page: string | null;
  /** Command for the next step; `null` if the campaign is defined only in a script. */
  command: string | null;
  /** When the message was created, in ISO 8601. */
  at: string;
}

/**
 * A function that is called instead of the campaign's webhook. The campaign awaits the returned promise. If a call fails, the function is called up
 * to two more times, within 30 seconds in total. If all calls fail, the next call of `run()` or `advance()` sends the same message again, with the
 * same `id`.
 */
export type Notifier = (notification: CampaignNotification) => unknown;

/** Forges to which the program can send a token. */
export interface CampaignForge {
  /**
   * Hosts besides github.com and gitlab.com, each as `HOST` or `HOST=VARIABLE`, where VARIABLE holds the token for that host. @default {[]}
   */
  hosts?: readonly string[] | undefined;
}

export interface CampaignOptions extends ConnectOptions {
  directory?: string | undefined;
  home?: string | undefined;
  memory?: MemoryHome | undefined;
  allowOutside?: boolean | undefined;
  webhookVariable?: string | undefined;
  /**
   * Reads pull requests from their forges, with the token in each forge's variable, such as `GITHUB_TOKEN`. Without this option, pull requests are
   * not read.
   */
  forge?: CampaignForge | undefined;
  /** Time without activity after which a pull request is stuck, in milliseconds. @default {259_200_000} (three days) */
  stuckAfterMs?: number | undefined;
  /** A function that is called instead of the campaign's webhook. @default the webhook is called, if there is one */
  notifier?: Notifier | undefined;
}

export interface PlanCampaignOptions extends CampaignOptions {
  skipInvalid?: boolean | undefined;
  meanRunMs?: number | undefined;
  dryRun?: boolean | undefined;
}

/** How long a campaign takes if waves run at a fixed interval. */
export interface WavesForecast {
  /** Interval between two waves, in milliseconds; 0 if one process runs the whole campaign. */
  everyMs: number;
  /** Earliest end, in ISO 8601; `null` if the windows never open. */
  endsAt: string | null;
  /** Number of waves; 1 if one process runs the whole campaign. */
  waves: number;
  /** Total runner time, in minutes. */
  computeMinutes: number;
}

/** The result of {@linkcode Campaign.plan}. */
export interface CampaignPlan {
  /** The view of the campaign. */
  view: CampaignView;
  /** What the plan changed. In the first plan, everything is `added`. */
  changes: LockChanges;
  /**
   * How the canary's gate opens. `automatic`: the gate opens when the whole canary has succeeded. `null` if there is no canary, or if the gate is
   * already open.
   */
  canaryGate: "automatic" | "manual" | null;
  /** Number of requests and time needed to read the repository lists. */
  lookup: { requests: number; durationMs: number };
  /** The limit that determines when the campaign ends. */
  limitedBy: CampaignLimit;
  /** When the campaign would end if a limit were lifted, in ISO 8601. Limits with the largest effect come first. */
  endsAtWithout: { limit: CampaignLimit; endsAt: string | null }[];
  /** Mean duration of a run on which the plan is based, in milliseconds. */
  meanRunMs: number;
  /**
   * How long a sandbox is assumed to stay in use after its run, in milliseconds. The plan is based on `leastMs`. With `mostMs`, a single process
   * would finish the campaign at `endsAt`, in ISO 8601. `null` if a run has finished, or if a local service has no limits.
   */
  assumedLinger: { leastMs: number; mostMs: number; endsAt: string | null } | null;
  /** The first forecast is for one process that runs the whole campaign. The others are for waves at common intervals. */
  forecasts: WavesForecast[];
}

export interface AdvanceCampaignOptions extends CampaignOptions {
  skipInvalid?: boolean | undefined;
  approvedBy?: string | undefined;
  meanRunMs?: number | undefined;
  /** If the function throws, the wave ends with that error. */
  onEvent?: ((event: CampaignEvent) => void) | undefined;
}

export interface RunCampaignOptions extends AdvanceCampaignOptions {
  timeoutMs?: number | undefined;
}
