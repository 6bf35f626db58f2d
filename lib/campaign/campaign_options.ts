/**
 * Options and results of the public functions of campaigns.
 *
 * @module
 */
import type { EndOutcome } from "../run/result.ts";
import type { ConnectOptions } from "../run/session.ts";
import type { Bound } from "./pace/next_starts.ts";
import type { LockChanges } from "./plan/make_lock.ts";
import type { ItemState } from "./verdicts.ts";
import type { CampaignView, ItemView } from "./view.ts";

// What following a campaign yields.

/** An item that following a campaign yields. */
export type CampaignItem =
  /** A wave begins. */
  | { type: "wave"; wave: number }
  /** A repository's verdict or state has changed. */
  | { type: "item"; item: ItemView; before: ItemState }
  /** Nothing is started any more until a person approves. */
  | { type: "gate"; gate: "canary" | "threshold"; reason: string }
  /** What the next start waits for; comes when that changes. */
  | { type: "waits"; because: Bound; nextAt: string | null }
  /** The end: the last item. */
  | { type: "end"; outcome: EndOutcome; view: CampaignView };

/** Which forges may be sent a token. */
export interface CampaignForge {
  /**
   * Hosts beside github.com and gitlab.com, each as `HOST` or `HOST=VARIABLE`, where VARIABLE holds the token for that host. @default {[]}
   */
  hosts?: readonly string[] | undefined;
}

/** Options of everything that reads a campaign. */
export interface CampaignOptions extends ConnectOptions {
  /** Directory with lock, journal and reports, relative to the working directory. @default {"mogplex-campaign"} */
  directory?: string | undefined;
  /**
   * Where lock and journal are between two waves: `dir`, the directory itself; or `git:REMOTE#BRANCH`, a branch of a Git repository, where
   * REMOTE is an address, or `origin` for the repository of a CI job. @default {"dir"}
   */
  home?: string | undefined;
  /** Whether the files that the campaign file names may be outside of its folder. @default {false} */
  allowOutside?: boolean | undefined;
  /**
   * Name of a variable with the address of a webhook that the campaign file may name, although it begins neither with `CAMPAIGN_` nor with
   * `MOGPLEX_WEBHOOK`. @default {undefined}
   */
  webhookVariable?: string | undefined;
  /**
   * Reads pull requests from the forges that hold them, with the tokens in `GITHUB_TOKEN`, `GITLAB_TOKEN` and `GITEA_TOKEN`. @default
   * {undefined} (they are not read)
   */
  forge?: CampaignForge | undefined;
  /** How long nothing happens to a pull request until it counts as stuck, in milliseconds. @default {259_200_000} (three days) */
  stuckAfterMs?: number | undefined;
}

/** Options of {@linkcode planCampaign}. */
export interface PlanCampaignOptions extends CampaignOptions {
  /** Whether repositories that cannot be used are kept as `invalid` items, in place of an error. @default {false} */
  skipInvalid?: boolean | undefined;
  /** Mean time of a run in milliseconds, for forecasts, until runs have ended. @default {1_200_000} */
  meanRunMs?: number | undefined;
  /** Whether nothing is written. @default {false} */
  dryRun?: boolean | undefined;
}

/** How long a campaign takes with waves at a distance. */
export interface WavesForecast {
  /** Distance of two waves in milliseconds; 0 for one process that stays until the end. */
  everyMs: number;
  /** Earliest end, in ISO 8601; null when the windows never open. */
  endsAt: string | null;
  /** Number of waves; 1 for a process that stays. */
  waves: number;
  /** Minutes of a runner. */
  computeMinutes: number;
}

/** What {@linkcode planCampaign} found. */
export interface CampaignPlan {
  /** What the campaign looks like. */
  view: CampaignView;
  /** What the plan changed. Everything is `added` by the first one. */
  changes: LockChanges;
  /** Requests that reading the lists took, and its time in milliseconds. */
  reading: { requests: number; milliseconds: number };
  /** The limit that decides the end. */
  bound: Bound;
  /** When it would end without each of the limits, the strongest first; in ISO 8601. */
  without: { bound: Bound; endsAt: string | null }[];
  /** Mean time of a run that all of this is computed with, in milliseconds. */
  meanRunMs: number;
  /** One process that stays, then waves at the usual distances. */
  forecasts: WavesForecast[];
}

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
