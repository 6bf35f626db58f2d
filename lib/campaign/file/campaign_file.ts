/**
 * A campaign file after it was read, with its defaults and the files that it names.
 *
 * @module
 */
import type { MergeMethod } from "../../forge/model.ts";

export const CAMPAIGN_NAME: RegExp = /^[a-z0-9][a-z0-9-]{0,39}$/;

type Requirement = "run" | "changes" | "pull-request";

export interface FilePlace {
  /** The path as the user wrote it; `<stdin>` for standard input. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
}

/** For an object, the place is a key. `offset` is the position in the text of that key, in UTF-16 code units. */
export type Place = FilePlace | { key: string; offset?: number };

export function placeText(place: Place): string {
  return "key" in place ? place.key : `${place.file}:${place.line}:${place.column}`;
}

/** `file:` entries were replaced by the lines of the files. */
export type RepositoryEntry =
  | {
    kind: "repository";
    /** `owner/name` or a UUID. */
    repo: string;
    /** The host, if the repository was given by an address. */
    host?: string | undefined;
    /** Undefined for the repository's default branch. */
    baseBranch: string | undefined;
    /** Normalized. Null is the root of the repository. Undefined is the root directory that is set in the service. */
    root: string | null | undefined;
    /** These override the variables of the campaign. */
    variables: Readonly<Record<string, string>>;
    place: Place;
  }
  | {
    kind: "query";
    /** The beginning of `owner/name`, in any case. */
    query: string;
    /** Globs. */
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

/** `share` is more than 0 and at most 1, and refers to the finished items. */
export type Threshold = { kind: "count"; count: number } | { kind: "share"; share: number };

interface Canary {
  /** At least 1. */
  size: number;
  /** `automatic`: the campaign continues if all canary items succeeded. `manual`: it waits for `approve`. */
  gate: "automatic" | "manual";
}

/**
 * The events that a webhook gets. `gated`: nothing more is started until a person approves. `stuck`: for another reason, the campaign
 * cannot continue without a person. `done`: no wave will do anything more.
 */
export type NotifyEvent = "gated" | "stuck" | "done";

export const NOTIFY_EVENTS = ["gated", "stuck", "done"] as const satisfies readonly NotifyEvent[];

/** The service whose message format is used. `json` has all fields, for a program. */
export type NotifyFormat = "slack" | "teams" | "google-chat" | "discord" | "json";

export const NOTIFY_FORMATS = [
  "slack",
  "teams",
  "google-chat",
  "discord",
  "json",
] as const satisfies readonly NotifyFormat[];

export interface Notify {
  /** Name of the environment variable with the address, which is a secret. */
  variable: string;
  /** The only permitted host, as in `URL.host`: lowercase, with the port unless it is 443. */
  host: string;
  format: NotifyFormat;
  on: readonly NotifyEvent[];
}

export interface PullRequestRules {
  /** User names, `team:NAME` for a team, or `codeowners` for the code owners in the target branch. */
  reviewers: readonly string[];
  labels: readonly string[];
}

export interface MergeRules {
  /** Minimum time between the last required approval and the merge, in milliseconds. */
  afterMs: number;
  /** Maximum number of merges in 24 hours, including merges by people and updates of branches; null for no limit. */
  atMost: number | null;
  /** Null for any method that the repository allows. */
  method: MergeMethod | null;
  /** Whether to update branches that must be up to date. */
  update: boolean;
  /** Globs of repositories without CI, whose pull requests are merged without checks. */
  withoutChecks: readonly string[];
}

export interface ResultRules {
  /** A path in the repository. `{id}` is replaced by characters that are unique to one start. */
  path: string;
  /** The JSON Schema on one line. */
  schema: string;
}

export interface CampaignFile {
  /** Matches {@linkcode CAMPAIGN_NAME}, and is part of every idempotency key. */
  name: string;
  /** Part of every idempotency key. Empty by default. */
  round: string;
  home: string | null;
  /** A template for the first line of every prompt, or null. */
  title: string | null;
  /** A template, without the title. */
  prompt: string;
  variables: Readonly<Record<string, string>>;
  repositories: readonly RepositoryEntry[];
  exclude: readonly string[];
  /** `mode` is null if the service chooses it. */
  agent: { harness: string; mode: string | null };
  /** A template; null if the service chooses the name. */
  branch: string | null;
  /** Absent if runs have no result file. */
  result?: ResultRules | undefined;
  success: { require: Requirement; acceptUnchanged: boolean };
  limits: {
    /** Maximum number of runs at the same time, from 1 to 3. */
    parallel: number;
    /** Maximum number of attempts for each item, at least 1. */
    attempts: number;
    /** Maximum duration of a run, in milliseconds. */
    runTimeoutMs: number;
    /** Null for no limit. */
    stopAfterFailures: Threshold | null;
    /** Null for no limit. */
    openPullRequests: number | null;
  };
  canary: Canary | null;
  /** The template of the prompt for follow-ups that fix failed checks, and how many each item can have; null for no follow-ups. */
  onFailedChecks: { prompt: string; attempts: number } | null;
  pullRequests: PullRequestRules | null;
  /** Null if waves merge nothing. */
  merge: MergeRules | null;
  /** Names of bots that the forge does not mark as bots. Their approvals are ignored. */
  notPeople: readonly string[];
  /** Empty if runs can always start. */
  windows: readonly StartWindow[];
  notify: Notify | null;
}

export interface ReadCampaign {
  file: CampaignFile;
  /** SHA-256 of the file and the files that it names, as 64 hex digits. It does not depend on standard input or line endings. */
  hash: string;
  /** Paths of the files that the campaign names, in the order in which they were read. */
  includes: string[];
  /** Whether a list from standard input was skipped, so that repositories may be missing. */
  skippedStdin: boolean;
}
