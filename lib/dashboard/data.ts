/**
 * What a dashboard shows, as plain data: `data.json` is this, and page and metrics are made of it. Its schema is
 * `schema/dashboard.schema.json`.
 *
 * @module
 */

/** The lists of the service that a dashboard reads, in this order. */
export const LISTS = ["repositories", "sandboxes", "automations", "automationRuns"] as const;

/** A list of the service. */
export type ListName = typeof LISTS[number];

/** How much of a list was read. */
export interface ListState {
  /**
   * `complete`: all of it. `cut`: the service or our limit of requests held the rest back. `partial`: a request for a part of it failed.
   * `failed`: nothing was read. `skipped`: it was not asked for, since the token had been refused before.
   */
  state: "complete" | "cut" | "partial" | "failed" | "skipped";
  /** Why it is not complete, as a sentence; null when it is. Untrusted text. */
  why: string | null;
}

/** A repository that the token reaches. */
export interface RepositoryEntry {
  /** UUID. */
  id: string;
  /** `owner/name`. Untrusted text. */
  name: string;
  /** Its default branch; null when it is not known. Untrusted text. */
  defaultBranch: string | null;
}

/** A sandbox. */
export interface SandboxEntry {
  /** UUID of its record. */
  id: string;
  /** Name of its repository; null when the list of repositories does not have it. Untrusted text. */
  repository: string | null;
  /** What it does, in the service's word. Untrusted text. */
  status: string;
  /** Branch that it works on; null when it is not known. Untrusted text. */
  branch: string | null;
  /** When it was made, in ISO 8601. */
  createdAt: string;
  /** When it was last in use, in ISO 8601; null when it is not known. */
  lastActiveAt: string | null;
  /** Its last error; null without one. Untrusted text. */
  error: string | null;
}

/** A run of an automation. */
export interface AutomationRunEntry {
  /** UUID. */
  id: string;
  /** Its status, in the service's word. Untrusted text. */
  status: string;
  /** When it was made, in ISO 8601; null when it is not known. */
  createdAt: string | null;
  /** How long it took in milliseconds; null when it is not known. */
  durationMs: number | null;
  /** Its error; null without one. Untrusted text. */
  error: string | null;
}

/** The last runs of an automation: at most 50. */
export interface AutomationRuns {
  /** How many were read. */
  read: number;
  /** Whether there may be older ones. */
  more: boolean;
  /** How many of them failed. */
  failed: number;
  /** How many of those that were made in the 24 hours before failed. */
  failedLastDay: number;
  /** How many wait or work. */
  open: number;
  /** The newest one; null when there is none. */
  last: AutomationRunEntry | null;
  /** Statuses of the newest 20, newest first. Untrusted texts. */
  statuses: readonly string[];
}

/** An automation. */
export interface AutomationEntry {
  /** UUID. */
  id: string;
  /** Its name. Untrusted text. */
  name: string;
  /** `active` or `inactive`, in the service's word. Untrusted text. */
  status: string;
  /** Whether it has a published version: without one it cannot be triggered. */
  published: boolean;
  /** When it was changed last, in ISO 8601. */
  updatedAt: string;
  /** Its last runs; null when they were not read. */
  runs: AutomationRuns | null;
}

/** A run whose `result.json` was given. */
export interface RunEntry {
  /** The file. Untrusted text. */
  file: string;
  /** What ran: `run` or `automation-run`. */
  kind: "run" | "automation-run";
  /** Its UUID; null when none was started. */
  runId: string | null;
  /** Name of its repository; null when it is not known. Untrusted text. */
  repository: string | null;
  /** The verdict. */
  outcome: string;
  /** Exit code of its job. */
  exitCode: number;
  /** Why; null when there is nothing to say. Untrusted text. */
  reason: string | null;
  /** Address of the pull request; null without one. Untrusted text. */
  pullRequest: string | null;
  /** When it was made, in ISO 8601; null when it is not known. */
  createdAt: string | null;
  /** How long the job took with it, in milliseconds. */
  durationMs: number;
}

/** A campaign whose `campaign.json` was given, as it was when that was written. */
export interface CampaignEntry {
  /** The file. Untrusted text. */
  file: string;
  /** Its name. Untrusted text. */
  name: string;
  /** Its round; empty when it has none. Untrusted text. */
  round: string;
  /** Where it is. */
  state: string;
  /** Why it is gated, stopping or stopped; null otherwise. Untrusted text. */
  stateReason: string | null;
  /** Number of its items. */
  items: number;
  /** How many have ended. */
  ended: number;
  /** How many of those have a good end. */
  good: number;
  /** How many are at work. */
  running: number;
  /** When its next wave is due, in ISO 8601; null when none is. */
  nextWaveAt: string | null;
  /** Its earliest end, in ISO 8601; null when it is done, or cannot be told. */
  endsAt: string | null;
  /** Exit code that belonged to it. */
  exitCode: number;
  /** When the file was written, in ISO 8601. */
  at: string;
}

/** A file that was given and says nothing. */
export interface FileProblem {
  /** The file, or the pattern that finds none. Untrusted text. */
  file: string;
  /** Why, as a sentence. Untrusted text. */
  why: string;
}

/** Everything on a dashboard. */
export interface DashboardData {
  /** Version of this form. */
  schema: 1;
  /** When the lists were read, in ISO 8601. */
  at: string;
  /** Address of the service. */
  origin: string;
  /** HTTP requests that were sent for it, 30 at most. */
  requests: number;
  /** Exit code that belongs to it: that of the first list that could not be read whole, or 0. */
  exitCode: number;
  /** How much of each list was read. */
  lists: Record<ListName, ListState>;
  /** Repositories, by name. */
  repositories: readonly RepositoryEntry[];
  /** Sandboxes, most recently active first. */
  sandboxes: readonly SandboxEntry[];
  /** Automations, newest first. */
  automations: readonly AutomationEntry[];
  /** Runs of the files, newest first. */
  runs: readonly RunEntry[];
  /** Campaigns of the files, by name. */
  campaigns: readonly CampaignEntry[];
  /** Files that say nothing. */
  fileProblems: readonly FileProblem[];
}

/** Whether anything of a list was read. */
export function isRead({ state }: ListState): boolean {
  return state !== "failed" && state !== "skipped";
}

/** A number that was counted in a list; null when nothing of the list was read. */
export function countedIn({ lists }: Pick<DashboardData, "lists">, list: ListName, value: number): number | null {
  return isRead(lists[list]) ? value : null;
}

/** Statuses of a sandbox that is in use or soon will be. Source: contract, 3.2. */
const ACTIVE_SANDBOX: readonly string[] = ["creating", "installing", "running"];

/** How many sandboxes are in use. */
export function activeSandboxes({ sandboxes }: DashboardData): number {
  return sandboxes.filter(({ status }) => ACTIVE_SANDBOX.includes(status)).length;
}

/** Numbers by a word, in the order of the first of each. */
export function countBy<T>(items: readonly T[], wordOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(wordOf(item), (counts.get(wordOf(item)) ?? 0) + 1);
  return counts;
}

/** The sum of a number of each item. */
export function sumOf<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0);
}
