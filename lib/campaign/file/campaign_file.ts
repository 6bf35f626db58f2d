import type { MergeMethod } from "../../forge/model.ts";

export const CAMPAIGN_NAME: RegExp = /^[a-z0-9][a-z0-9-]{0,39}$/;

type Requirement = "run" | "changes" | "pull-request";

export interface FilePlace {
  /** As the user wrote it; `<stdin>` for standard input. */
  file: string;
  line: number;
  column: number;
}

/** A mistake in an object is located by its key. `offset` is a position in the text at that key, in UTF-16 code units. */
export type Place = FilePlace | { key: string; offset?: number };

export function placeText(place: Place): string {
  return "key" in place ? place.key : `${place.file}:${place.line}:${place.column}`;
}

/** `file` entries are already replaced by the lines of their files. */
export type RepositoryEntry =
  | {
    kind: "repository";
    repo: string;
    host?: string | undefined;
    /** `undefined` if the repository's default branch is used. */
    baseBranch: string | undefined;
    /** Normalized. `null` for the root of the repository; `undefined` if the root directory that is set in the service is used. */
    root: string | null | undefined;
    variables: Readonly<Record<string, string>>;
    place: Place;
  }
  | {
    kind: "query";
    query: string;
    exclude: readonly string[];
    place: Place;
  };

export interface StartWindow {
  text: string;
  /** The days on which the window begins, from 1 (Monday) to 7 (Sunday), in ascending order. */
  days: readonly number[];
  /** Minutes after midnight, from 0 to 1439. */
  fromMinute: number;
  /** Minutes after midnight, from 0 to 1440. If it is not greater than `fromMinute`, the window ends on the next day. */
  toMinute: number;
  zone: string;
}

/** `share` is greater than 0 and at most 1, and refers to finished items. */
export type Threshold = { kind: "count"; count: number } | { kind: "share"; share: number };

interface Canary {
  size: number;
  gate: "automatic" | "manual";
}

/**
 * The events that are sent to a webhook. `gated`: nothing more is started until a person approves. `stuck`: the campaign cannot continue without a
 * person, for another reason. `done`: no work is left for further waves.
 */
export type NotifyEvent = "gated" | "stuck" | "done";

export const NOTIFY_EVENTS = ["gated", "stuck", "done"] as const satisfies readonly NotifyEvent[];

/** The service whose message format is used. `json` contains all fields and is meant for programs. */
export type NotifyFormat = "slack" | "teams" | "google-chat" | "discord" | "json";

export const NOTIFY_FORMATS = [
  "slack",
  "teams",
  "google-chat",
  "discord",
  "json",
] as const satisfies readonly NotifyFormat[];

export interface Notify {
  /** The address is a secret. */
  variable: string;
  /** The only permitted host, as in `URL.host`: lowercase, with the port unless it is 443. */
  host: string;
  format: NotifyFormat;
  on: readonly NotifyEvent[];
}

export interface PullRequestRules {
  reviewers: readonly string[];
  labels: readonly string[];
}

export interface MergeRules {
  afterMs: number;
  atMost: number | null;
  method: MergeMethod | null;
  /** Whether to update branches that must be up to date before a merge. */
  update: boolean;
  withoutChecks: readonly string[];
}

export interface ResultRules {
  path: string;
  schema: string;
}

export interface CampaignFile {
  /** Matches {@linkcode CAMPAIGN_NAME}, and is part of every idempotency key. */
  name: string;
  round: string;
  home: string | null;
  title: string | null;
  prompt: string;
  variables: Readonly<Record<string, string>>;
  repositories: readonly RepositoryEntry[];
  exclude: readonly string[];
  agent: { harness: string; mode: string | null };
  branch: string | null;
  result?: ResultRules | undefined;
  success: { require: Requirement; acceptUnchanged: boolean };
  limits: {
    parallel: number;
    attempts: number;
    runTimeoutMs: number;
    stopAfterFailures: Threshold | null;
    openPullRequests: number | null;
  };
  canary: Canary | null;
  onFailedChecks: { prompt: string; attempts: number } | null;
  pullRequests: PullRequestRules | null;
  merge: MergeRules | null;
  /** Names of bots that the forge does not mark as bots. Their approvals are ignored. */
  notPeople: readonly string[];
  windows: readonly StartWindow[];
  notify: Notify | null;
}

export interface ReadCampaign {
  file: CampaignFile;
  /** The hash does not depend on standard input or line endings. */
  hash: string;
  includes: string[];
  skippedStdin: boolean;
}
