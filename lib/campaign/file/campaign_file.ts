/**
 * A campaign file after it was read: with defaults, with included files, and with durations in milliseconds.
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

/** A place in a campaign. For an object, this is the key, and the number of UTF-16 units before the place in the key's text. */
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
    /** Host of the address by which the repository was given; absent if it was not given by an address. */
    host?: string | undefined;
    /** Base branch; undefined for the repository's default. */
    baseBranch: string | undefined;
    /** Root directory, normalized: null for the repository's root, undefined for the root that the service has stored. */
    root: string | null | undefined;
    /** Variables of this entry. They override variables of the file. */
    variables: Readonly<Record<string, string>>;
    place: Place;
  }
  /** Every repository whose full name begins with a text. */
  | {
    kind: "query";
    /** Beginning of the full name. Upper and lower case are equivalent. */
    query: string;
    /** Globs of names to leave out. */
    exclude: readonly string[];
    place: Place;
  };

/** A time of the week in which runs can start. A window that ends before it begins ends on the next day. */
export interface StartWindow {
  text: string;
  /** Days on which the window begins, 1 (Monday) to 7 (Sunday), ascending. */
  days: readonly number[];
  /** Minutes after midnight at which the window begins, 0 to 1439. */
  fromMinute: number;
  /** Minutes after midnight at which the window ends, 0 to 1440. A value of at most `fromMinute` is on the next day. */
  toMinute: number;
  zone: string;
}

/** When a campaign stops because of failures: a number of items, or a share (more than 0, at most 1) of the items that have ended. */
export type Threshold = { kind: "count"; count: number } | { kind: "share"; share: number };

interface Canary {
  /** Number of items: 1 or more. */
  size: number;
  /** `automatic`: the campaign continues if all canary items have succeeded. `manual`: it waits for `approve`. */
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
  /** The only host that the address can have, as in URLs: in lower case, with the port if it is not 443. */
  host: string;
  format: NotifyFormat;
  on: readonly NotifyEvent[];
}

/** What each pull request gets once, when it is found. */
export interface PullRequestRules {
  /** Names of people, `team:NAME` for a team, or `codeowners` for the code owners in the target branch. */
  reviewers: readonly string[];
  labels: readonly string[];
}

/** What waves merge automatically: only what people have approved. */
export interface MergeRules {
  /** Time between the last approval that was needed and the merge, in milliseconds. */
  afterMs: number;
  /** Maximum number of merges in 24 hours, including merges by people and updates of branches; null for no limit. */
  atMost: number | null;
  /** Null for any method that the repository allows. */
  method: MergeMethod | null;
  /** Whether to update a branch that must be up to date. */
  update: boolean;
  /** Globs of repositories without CI: their pull requests are merged without checks. */
  withoutChecks: readonly string[];
}

/** The result file of each run, which is checked. */
export interface ResultRules {
  /** Path in the repository, with `{id}` for characters that belong to one start. */
  path: string;
  /** The JSON Schema as one line of JSON. */
  schema: string;
}

export interface CampaignFile {
  /** Name of the campaign; see {@linkcode CAMPAIGN_NAME}. It is part of every key. */
  name: string;
  /** Part of every key; empty by default. */
  round: string;
  home: string | null;
  /** First line of every prompt, as a template; null if there is none. */
  title: string | null;
  /** Task without its title, as a template. */
  prompt: string;
  variables: Readonly<Record<string, string>>;
  repositories: readonly RepositoryEntry[];
  exclude: readonly string[];
  /** The agent. `mode` is null if the service chooses it. */
  agent: { harness: string; mode: string | null };
  /** Working branch, as a template; null if the service chooses the name. */
  branch: string | null;
  /** Absent if runs have no result file. */
  result?: ResultRules | undefined;
  success: { require: Requirement; acceptUnchanged: boolean };
  limits: {
    /** Maximum number of runs at the same time, 1 to 3. */
    parallel: number;
    /** Maximum number of attempts for each item, 1 or more. */
    attempts: number;
    /** Maximum duration of a run, in milliseconds. */
    runTimeoutMs: number;
    /** When to stop because of failures; null for never. */
    stopAfterFailures: Threshold | null;
    /** Maximum number of open pull requests; null for no limit. */
    openPullRequests: number | null;
  };
  /** The canary; null if there is none. */
  canary: Canary | null;
  /** Task, as a template, and maximum number of attempts of follow-ups that fix red checks of a pull request; null if there are none. */
  onFailedChecks: { prompt: string; attempts: number } | null;
  /** Reviewers and labels of pull requests; null if there are none. */
  pullRequests: PullRequestRules | null;
  /** What waves merge; null if they merge nothing. */
  merge: MergeRules | null;
  /** Names of bots that the forge does not mark as bots. Their approvals are ignored. */
  notPeople: readonly string[];
  /** When runs can start; empty for always. */
  windows: readonly StartWindow[];
  /** The webhook and its events; null without a webhook. */
  notify: Notify | null;
}

export interface ReadCampaign {
  file: CampaignFile;
  /** SHA-256 of the file and the files that it names, as 64 hex digits. It does not depend on standard input or line ends. */
  hash: string;
  /** Paths of the files that the campaign file names, in the order in which they were read. */
  includes: string[];
  /** Whether a list from standard input was left out. If so, repositories may be missing. */
  skippedStdin: boolean;
}
