/**
 * `schema/dashboard.schema.json` describes all fields.
 *
 * @module
 */
/** `openRuns` are the runs in the files that had not finished when their jobs ended. */
export const LISTS = ["repositories", "sandboxes", "automations", "openRuns", "automationRuns"] as const;

export type ListName = typeof LISTS[number];

export interface ListState {
  state: "complete" | "cut" | "partial" | "failed" | "skipped";
  /** Untrusted text. */
  why: string | null;
}

export interface RepositoryEntry {
  id: string;
  /** Untrusted text. */
  name: string;
  /** Untrusted text. */
  defaultBranch: string | null;
}

export interface SandboxEntry {
  id: string;
  /** Untrusted text. */
  repository: string | null;
  /** Untrusted text. */
  status: string;
  /** Untrusted text. */
  branch: string | null;
  createdAt: string;
  lastActiveAt: string | null;
  /** Untrusted text. */
  error: string | null;
}

export interface AutomationRunEntry {
  id: string;
  /** Untrusted text. */
  status: string;
  createdAt: string | null;
  durationMs: number | null;
  /** Untrusted text. */
  error: string | null;
}

export interface AutomationRuns {
  read: number;
  more: boolean;
  failed: number;
  failedLastDay: number;
  open: number;
  last: AutomationRunEntry | null;
  /** Untrusted text. */
  statuses: readonly string[];
}

export interface AutomationEntry {
  id: string;
  /** Untrusted text. */
  name: string;
  /** Untrusted text. */
  status: string;
  published: boolean;
  updatedAt: string;
  runs: AutomationRuns | null;
}

export interface RunEntry {
  /** Untrusted text. */
  file: string;
  kind: "run" | "automation-run";
  runId: string | null;
  /** Untrusted text. */
  repository: string | null;
  /** Untrusted text. */
  job: string | null;
  /** Untrusted text. */
  jobUrl: string | null;
  /** Untrusted text. */
  task: string | null;
  taskKey: string | null;
  page: string | null;
  outcome: string;
  exitCode: number | null;
  /** Untrusted text. */
  reason: string | null;
  /** Untrusted text. */
  lastLine: string | null;
  /** Untrusted text. */
  pullRequest: string | null;
  /** Untrusted text. */
  campaign: string | null;
  mention: boolean | null;
  createdAt: string | null;
  endedAt: string | null;
  durationMs: number | null;
}

export interface CampaignCause {
  /** Untrusted text. */
  verdict: string;
  /** Untrusted text. */
  cause: string;
  items: number;
  /** Untrusted text. */
  names: readonly string[];
  at: string | null;
}

export interface CampaignStage {
  /** Untrusted text. */
  stage: string;
  pullRequests: number;
}

export interface CampaignWait {
  /** Untrusted text. */
  reason: string;
  pullRequests: number;
}

/**
 * The state of the campaign when its `campaign.json` was written. Only `ended`, `failed`, `asking`, `running` and `causes` include what the service
 * has reported about its runs since then.
 */
export interface CampaignEntry {
  /** Untrusted text. */
  file: string;
  /** Path of the campaign file, such as `campaign.yml`, as the campaign's jobs specify it. Untrusted text. */
  campaignFile: string | null;
  /** Untrusted text. */
  name: string;
  /** Untrusted text. */
  round: string;
  /** Untrusted text. */
  title: string | null;
  page: string | null;
  state: string;
  /** Untrusted text. */
  stateReason: string | null;
  gatedAt: string | null;
  /** Untrusted text. */
  mergesStopped: string | null;
  /** Untrusted text. */
  lastError: string | null;
  items: number;
  ended: number;
  good: number;
  failed: number;
  asking: number;
  running: number;
  pullRequests: number;
  merged: number | null;
  unmerged: readonly CampaignStage[];
  pending: readonly CampaignWait[];
  causes: readonly CampaignCause[];
  nextWaveAt: string | null;
  endsAt: string | null;
  exitCode: number;
  at: string;
}

/** The campaign's name and round, which together are unique in a dashboard. Untrusted text. */
export function campaignName({ name, round }: Pick<CampaignEntry, "name" | "round">): string {
  return `${name}${round === "" ? "" : `, round ${round}`}`;
}

export interface RunFigures {
  runs: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  notStarted: number;
  waiting: number;
  running: number;
  unfinished: number;
  medianMs: number | null;
  p95Ms: number | null;
  slowestMs: number | null;
  totalMs: number;
}

export function ratedOf({ succeeded, failed }: Pick<RunFigures, "succeeded" | "failed">): number {
  return succeeded + failed;
}

export function unratedTexts({ cancelled, notStarted, waiting, running, unfinished }: RunFigures): string[] {
  return [
    [cancelled, "was cancelled", "were cancelled"] as const,
    [notStarted, "did not start", "did not start"] as const,
    [waiting, "needs an answer", "need an answer"] as const,
    [running, "is running", "are running"] as const,
    [unfinished, "had not finished when its job ended", "had not finished when their jobs ended"] as const,
  ].flatMap(([count, one, many]) => count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]);
}

export interface WeekFigures extends RunFigures {
  from: string;
}

export interface RepositoryFigures extends RunFigures {
  /** Untrusted text. */
  repository: string;
  lastAt: string | null;
  last: readonly string[];
}

export interface SilentJob {
  /** Untrusted text. */
  repository: string | null;
  /** Untrusted text. */
  job: string | null;
  /** Untrusted text. */
  task: string | null;
  lastAt: string;
  runsPerWeek: number;
  runId: string | null;
  outcome: string;
  /** Untrusted text. */
  reason: string | null;
}

export interface Pair {
  last: number;
  before: number | null;
}

export interface PullRequestEntry {
  /** Untrusted text. */
  url: string;
  /** Untrusted text. */
  repository: string | null;
  /** Untrusted text. */
  task: string | null;
  /** Untrusted text. */
  campaign: string | null;
  openedAt: string | null;
  state: "open" | "merged" | "closed" | "unreadable" | "unknown";
  draft: boolean | null;
  checks: string | null;
  review: string | null;
  conflict: boolean | null;
  /** Untrusted text. */
  owner: string | null;
}

export interface UnreadPullRequests {
  /** Untrusted text. */
  why: string;
  pullRequests: number;
  /** Untrusted text. */
  urls: readonly string[];
}

/**
 * `skipped`: there is no token to read the pull requests. `partial` and `cut`: some pull requests could not be read, and are not included in
 * `merged`, `closed` and `waiting`.
 */
export interface PullRequests extends ListState {
  count: number;
  opened: Pair;
  merged: Pair | null;
  closed: Pair | null;
  waiting: Pair | null;
  entries: readonly PullRequestEntry[];
  unread: readonly UnreadPullRequests[];
  partlyRead: readonly UnreadPullRequests[];
  unreadFrom: string | null;
}

export interface Coverage {
  results: number;
  campaigns: number;
  histories: number;
  lines: number;
  leftOut: number;
  since: string;
  from: string | null;
  /** Untrusted text. */
  jobs: readonly string[];
}

export interface FileProblem {
  /** Untrusted text. */
  file: string;
  /**
   * `pattern`: the pattern matches no file that a dashboard reads. `file`: the file cannot be read, or this program did not write it. `lines`: only
   * some lines of the file could be read. `project`: not all runs of the project could be collected. `empty-project`: no run of the project was ever
   * collected.
   */
  kind: "pattern" | "file" | "lines" | "project" | "empty-project";
  /** Untrusted text. */
  why: string;
}

export function isProject({ kind }: Pick<FileProblem, "kind">): boolean {
  return kind === "project" || kind === "empty-project";
}

export interface DashboardData {
  schema: 1;
  at: string;
  origin: string;
  requests: number;
  exitCode: number;
  lists: Record<ListName, ListState>;
  repositories: readonly RepositoryEntry[];
  sandboxes: readonly SandboxEntry[];
  automations: readonly AutomationEntry[];
  runs: readonly RunEntry[];
  days: { last: RunFigures; before: RunFigures };
  weeks: readonly WeekFigures[];
  silentJobs: readonly SilentJob[];
  repositoryFigures: readonly RepositoryFigures[];
  pullRequests: PullRequests;
  campaigns: readonly CampaignEntry[];
  covers: Coverage;
  fileProblems: readonly FileProblem[];
}

export function isRead({ state }: Pick<ListState, "state">): boolean {
  return state !== "failed" && state !== "skipped";
}

export function unreadCount({ unread }: Pick<PullRequests, "unread">): number {
  return sumOf(unread, ({ pullRequests }) => pullRequests);
}

/** Whether a pull request that was opened at or before this time may be missing because it could not be read. */
export function mayMissOlder({ state, unreadFrom }: Pick<PullRequests, "state" | "unreadFrom">, ms: number): boolean {
  return state !== "complete" && !(Date.parse(unreadFrom ?? "") > ms);
}

export function countedIn({ lists }: Pick<DashboardData, "lists">, list: ListName, value: number): number | null {
  return isRead(lists[list]) ? value : null;
}

/** Statuses of a sandbox that is in use or will be soon. Source: contract, 3.2. */
const ACTIVE_SANDBOX: readonly string[] = ["creating", "installing", "running"];

export function activeSandboxes({ sandboxes }: DashboardData): number {
  return sandboxes.filter(({ status }) => ACTIVE_SANDBOX.includes(status)).length;
}

export function sumOf<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0);
}

export const LIST_WORDS: Readonly<Record<ListName, string>> = {
  repositories: "repositories",
  sandboxes: "sandboxes",
  automations: "automations",
  openRuns: "unfinished runs",
  automationRuns: "automation runs",
};

/** `acme agents` if all repositories have the same owner. Untrusted text. */
export function dashboardName({ repositories, repositoryFigures }: DashboardData): string {
  const names = [...repositories.map(({ name }) => name), ...repositoryFigures.map(({ repository }) => repository)];
  const owners = new Set(names.map((name) => name.split("/", 1)[0]));
  const [owner] = owners;
  return owners.size === 1 && owner !== undefined && owner !== "" && owner.length <= 60
    ? `${owner} agents`
    : "Mogplex agents";
}
