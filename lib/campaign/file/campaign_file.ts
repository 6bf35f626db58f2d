/**
 * A campaign file after it was read: defaults filled in, included files read, durations in milliseconds.
 *
 * @module
 */
import type { MergeMethod } from "../../forge/model.ts";

export const CAMPAIGN_NAME: RegExp = /^[a-z0-9][a-z0-9-]{0,39}$/;

type Requirement = "run" | "changes" | "pull-request";

export interface FilePlace {
  /** Path as the user wrote it; `<stdin>` for standard input. */
  file: string;
  /** Line, from 1. */
  line: number;
  /** Column, from 1. */
  column: number;
}

/** A place in a campaign. If the campaign is an object, it is the key and the number of UTF-16 units of the key's text before the place. */
export type Place = FilePlace | { key: string; offset?: number };

export function placeText(place: Place): string {
  return "key" in place ? place.key : `${place.file}:${place.line}:${place.column}`;
}

/** An entry of `repositories`. Entries of the form `file:` are replaced by the lines of that file. */
export type RepositoryEntry =
  | {
    kind: "repository";
    /** `owner/name` or a UUID. */
    repo: string;
    /** Host of the address by which it was given; absent without one. */
    host?: string | undefined;
    /** Base branch; undefined for the repository's default. */
    baseBranch: string | undefined;
    /** Root directory, normalized: null for the repository's root, undefined for the repository's stored one. */
    root: string | null | undefined;
    /** Variables of this entry. They override variables of the file. */
    variables: Readonly<Record<string, string>>;
    place: Place;
  }
  /** Every repository whose full name begins with a text. */
  | {
    kind: "query";
    /** Beginning of the full name; compared without regard to case. */
    query: string;
    /** Globs of names to leave out. */
    exclude: readonly string[];
    place: Place;
  };

/** A time of the week in which runs may be started. A window that ends before it begins ends on the next day. */
export interface StartWindow {
  text: string;
  /** Days on which it begins, 1 (Monday) to 7 (Sunday), ascending. */
  days: readonly number[];
  /** Minutes after midnight at which it begins, 0 to 1439. */
  fromMinute: number;
  /** Minutes after midnight at which it ends, 0 to 1440; at most `fromMinute` means on the next day. */
  toMinute: number;
  zone: string;
}

/** When a campaign stops because of failures: a number of items, or a share (more than 0, at most 1) of those that ended. */
export type Threshold = { kind: "count"; count: number } | { kind: "share"; share: number };

interface Canary {
  /** How many: 1 or more. */
  size: number;
  /** `automatic`: continues if all of them succeeded. `manual`: waits for `approve`. */
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
  /** Environment variable with the address, which is a secret. */
  variable: string;
  /** The only host that the address is allowed to have, as in URLs: in lower case, with the port if it is not 443. */
  host: string;
  format: NotifyFormat;
  on: readonly NotifyEvent[];
}

/** What pull requests get when they are found, once. */
export interface PullRequestRules {
  /** Names of people; `team:NAME`; `codeowners` for the owners that the target branch names. */
  reviewers: readonly string[];
  labels: readonly string[];
}

/** What waves merge by themselves: what people have approved, and nothing else. */
export interface MergeRules {
  /** Time between the last approval that was needed and the merge, in milliseconds. */
  afterMs: number;
  /** Maximum number of merges in 24 hours, including merges by people and updates of branches; null for no limit. */
  atMost: number | null;
  /** Null for a method that the repository allows. */
  method: MergeMethod | null;
  /** Whether to update a branch that must be up to date. */
  update: boolean;
  /** Globs of repositories without CI: their pull requests are merged without checks. */
  withoutChecks: readonly string[];
}

/** The checked result of each run. */
export interface ResultRules {
  /** Path in the repository, with `{id}` for characters that belong to one start. */
  path: string;
  /** The JSON Schema as one line of JSON. */
  schema: string;
}

export interface CampaignFile {
  /** See {@linkcode CAMPAIGN_NAME}; part of every key. */
  name: string;
  /** Part of every key; empty by default. */
  round: string;
  home: string | null;
  /** First line of every prompt, with templates; null for none. */
  title: string | null;
  /** Task, with templates, without the title. */
  prompt: string;
  variables: Readonly<Record<string, string>>;
  repositories: readonly RepositoryEntry[];
  exclude: readonly string[];
  /** Which agent. `mode` is null when the service chooses. */
  agent: { harness: string; mode: string | null };
  /** Working branch, with templates; null when the service names it. */
  branch: string | null;
  /** Absent for none. */
  result?: ResultRules | undefined;
  success: { require: Requirement; acceptUnchanged: boolean };
  limits: {
    /** Runs at the same time, 1 to 3. */
    parallel: number;
    /** Attempts for each item, 1 or more. */
    attempts: number;
    /** Maximum duration of a run, in milliseconds. */
    runTimeoutMs: number;
    /** When to stop because of failures; null for never. */
    stopAfterFailures: Threshold | null;
    /** Maximum number of open pull requests; null for no limit. */
    openPullRequests: number | null;
  };
  /** The first items; null when there is no canary. */
  canary: Canary | null;
  /** Task, with templates, and most attempts of a follow-up that fixes red checks of a pull request; null for none. */
  onFailedChecks: { prompt: string; attempts: number } | null;
  /** Reviewers and labels of pull requests; null for none. */
  pullRequests: PullRequestRules | null;
  /** What waves merge; null for nothing. */
  merge: MergeRules | null;
  /** Names of bots that the forge does not mark as bots. Their approvals are ignored. */
  notPeople: readonly string[];
  /** When runs may be started; empty for always. */
  windows: readonly StartWindow[];
  /** The webhook and its events; null without a webhook. */
  notify: Notify | null;
}

export interface ReadCampaign {
  file: CampaignFile;
  /** SHA-256 of the file with the files that it names, as 64 hex digits. Standard input and line ends do not change it. */
  hash: string;
  /** Paths of the files that it names, in the order in which they were read. */
  includes: string[];
  /** Whether a list from standard input was left out, so that repositories may be missing. */
  skippedStdin: boolean;
}
