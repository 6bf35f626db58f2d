/**
 * Options and results of the public functions of campaigns.
 *
 * @module
 */
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
  /** Number of all items. */
  total: number;
}

/**
 * What happens while a campaign is followed, by `type`. Texts in it are untrusted.
 *
 * - `wave`: a wave begins. It checks open runs and starts new ones; `wave` is its number, from 1.
 * - `item`: something about a repository has changed. Its verdict or state changed from `before` to the one in `item`. If both are the
 *   same, another field of `item` changed, such as what its pull request is waiting for.
 * - `gate`: nothing more is started or merged until a person approves. `reason` explains why.
 * - `waiting`: `limit` delays the next start until `nextAt`, in ISO 8601. `nextAt` is null if time alone does not end the wait. This event
 *   is sent when either changes.
 * - `gap`: events were dropped, because the loop was slow or late.
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
    /** The repository as it is now. */
    item: CampaignItem;
    /** Its verdict or state in the previous event. */
    before: ItemState;
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | {
    type: "gate";
    /** Which gate is closed: `canary`, `threshold` for too many failures, or `merge` for target branches that merges have broken. */
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
    /** When the delay ends, in ISO 8601; null when time alone does not end it. */
    nextAt: string | null;
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | {
    type: "gap";
    /** The loop was slow or late. */
    cause: "events_missed";
    /** Progress of the campaign. */
    progress: CampaignProgress;
  }
  | CampaignEnd;

/** The last event of a followed campaign. */
export interface CampaignEnd {
  /** Distinguishes this event from others. */
  type: "end";
  /**
   * Our verdict: `awaiting_input` when a person must act (answer a run or open a gate), `started` when the next call continues
   * the campaign, `interrupted` when the call was cancelled.
   */
  outcome: Exclude<Outcome, "deadline" | "error">;
  /** Exit code for the outcome: 4 when a person must act, 75 when the next call continues the campaign. */
  exitCode: number;
  /** The view of the campaign. */
  result: CampaignView;
  /** Progress of the campaign. */
  progress: CampaignProgress;
}

/**
 * What a webhook with `format: json` receives, and the `notify` function of a script. Its schema is
 * `schema/campaign-notification.schema.json`.
 */
export interface CampaignNotification {
  /** Version of this format. */
  schema: 1;
  /** Id of this message. It stays the same when the message is sent again, on any machine; the next event has another id. */
  id: string;
  /** A sentence and its links, in the field that Slack, Mattermost and Rocket.Chat read. */
  text: string;
  /** The same text, in the field that Discord reads. */
  content: string;
  /** What happened. */
  event: NotifyEvent;
  /** Name of the campaign. */
  campaign: string;
  /** Its round; empty when it has none. */
  round: string;
  /** State of the campaign. */
  state: CampaignState;
  /** Number of items by verdict or state. */
  counts: Readonly<Record<ItemState, number>>;
  /** Current exit code of the campaign. */
  exitCode: number;
  /** Address of the CI job that sent it; null outside CI, or if the CI system does not show it. */
  job: string | null;
  /** Address of the campaign's page; null if the CI system does not show the files of a job. */
  page: string | null;
  /** Command for the next step; null if the campaign exists only in a script. */
  command: string | null;
  /** When the message was created, in ISO 8601. */
  at: string;
}

/**
 * Called instead of the webhook of a campaign. The campaign awaits the returned promise. If a call fails, the function is called up to two more
 * times, within 30 seconds in total. If all calls fail, the next call of `run()` or `advance()` sends the same message again, with the same `id`.
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
  /** Directory with lock, journal and reports, relative to the working directory. @default {"mogplex-campaign"} */
  directory?: string | undefined;
  /**
   * Where lock and journal are between two waves: `dir`, the directory itself; or `git:REMOTE#BRANCH`, a branch of a Git repository, where
   * REMOTE is an address, or `origin` for the repository of a CI job. @default {"dir"}
   */
  home?: string | undefined;
  memory?: MemoryHome | undefined;
  /** Whether the files that the campaign file names can be outside its folder. @default {false} */
  allowOutside?: boolean | undefined;
  /**
   * Name of a variable that holds the address of a webhook. The campaign file can then name this variable even though it begins with neither
   * `CAMPAIGN_` nor `MOGPLEX_WEBHOOK`.
   */
  webhookVariable?: string | undefined;
  /**
   * Reads pull requests from their forges, with the token in the variable of each forge, such as `GITHUB_TOKEN`. Without this option, pull requests
   * are not read.
   */
  forge?: CampaignForge | undefined;
  /** Time without activity after which a pull request is stuck, in milliseconds. @default {259_200_000} (three days) */
  stuckAfterMs?: number | undefined;
  /** Called instead of the webhook of the campaign. @default the webhook is called, if there is one */
  notifier?: Notifier | undefined;
}

/** Options of {@linkcode Campaigns.plan}. */
export interface PlanCampaignOptions extends CampaignOptions {
  /** Whether repositories that cannot be used are kept as `invalid` items instead of causing an error. @default {false} */
  skipInvalid?: boolean | undefined;
  /** Assumed mean duration of a run in milliseconds, for forecasts until runs have ended. @default {1_200_000} */
  meanRunMs?: number | undefined;
  /** If true, nothing is written. @default {false} */
  dryRun?: boolean | undefined;
}

/** How long a campaign takes with waves at a certain interval. */
export interface WavesForecast {
  /** Interval between two waves in milliseconds; 0 for one process that runs until the end. */
  everyMs: number;
  /** Earliest end, in ISO 8601; null when the windows never open. */
  endsAt: string | null;
  /** Number of waves; 1 for one process that runs until the end. */
  waves: number;
  /** Minutes that a runner is busy. */
  computeMinutes: number;
}

/** What {@linkcode Campaign.plan} found. */
export interface CampaignPlan {
  /** The view of the campaign. */
  view: CampaignView;
  /** What the plan changed. In the first plan, everything is `added`. */
  changes: LockChanges;
  /**
   * How the gate after the canary opens. `automatic`: it opens when the whole canary has succeeded. Null if there is no canary, or once the
   * gate is open.
   */
  canaryGate: "automatic" | "manual" | null;
  /** Cost of reading the repository lists. */
  lookup: { requests: number; durationMs: number };
  /** The limit that determines the end. */
  limitedBy: CampaignLimit;
  /** When the campaign would end if one of the limits were lifted, in ISO 8601. The limit that matters most comes first. */
  endsAtWithout: { limit: CampaignLimit; endsAt: string | null }[];
  /** Mean duration of a run on which the plan is based, in milliseconds. */
  meanRunMs: number;
  /**
   * How long a sandbox is assumed to stay in use after its run, in milliseconds. The plan is based on `leastMs`. With `mostMs`, one process that
   * runs until the end would finish at `endsAt`, in ISO 8601. Null once a run has finished, or for a local service without limits.
   */
  assumedLinger: { leastMs: number; mostMs: number; endsAt: string | null } | null;
  /** Forecasts for one process that runs until the end, and then for waves at the usual intervals. */
  forecasts: WavesForecast[];
}

/** Options of {@linkcode Campaigns.advance}. */
export interface AdvanceCampaignOptions extends CampaignOptions {
  /** When there is no plan yet: whether repositories that cannot be used are kept as `invalid` items. @default {false} */
  skipInvalid?: boolean | undefined;
  /** Name of the person who approves. A closed gate is opened before anything is started. @default gates stay closed */
  approvedBy?: string | undefined;
  /** Assumed mean duration of a run in milliseconds, for forecasts until runs have ended. @default {1_200_000} */
  meanRunMs?: number | undefined;
  /** Called with each event. An error that it throws ends the step. The `end` event is only sent once the campaign is done. */
  onEvent?: ((event: CampaignEvent) => void) | undefined;
}

/** Options of {@linkcode Campaigns.run}. */
export interface RunCampaignOptions extends AdvanceCampaignOptions {
  /** Maximum duration of the call, in milliseconds: more than 0, at most 30 days. Open runs continue after that. @default 30 days */
  timeoutMs?: number | undefined;
}
