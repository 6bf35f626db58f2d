/**
 * The data of a dashboard, from which the page, the metrics and `data.json` are made. Its schema is `schema/dashboard.schema.json`. Times are in ISO
 * 8601. A field is `null` if its value is unknown or does not exist.
 *
 * @module
 */
/**
 * The lists of the service that a dashboard reads, in this order. `openRuns` are the runs in the files that were not finished when their jobs ended.
 */
export const LISTS = ["repositories", "sandboxes", "automations", "openRuns", "automationRuns"] as const;

export type ListName = typeof LISTS[number];

export interface ListState {
  /**
   * `complete`: all of the list was read. `cut`: the service, or the request limit of a dashboard, cut off the list. `partial`: a request for a part
   * failed. `failed`: nothing was read. `skipped`: not requested, because a token is missing or an earlier request failed.
   */
  state: "complete" | "cut" | "partial" | "failed" | "skipped";
  /** Why the list is not complete, as a sentence. Untrusted text. */
  why: string | null;
}

export interface RepositoryEntry {
  id: string;
  /** `owner/name`. Untrusted text. */
  name: string;
  /** Untrusted text. */
  defaultBranch: string | null;
}

export interface SandboxEntry {
  id: string;
  /** `null` if the list of repositories does not include the sandbox's repository. Untrusted text. */
  repository: string | null;
  /** The status as the service reports it. Untrusted text. */
  status: string;
  /** Untrusted text. */
  branch: string | null;
  createdAt: string;
  lastActiveAt: string | null;
  /** The sandbox's last error. Untrusted text. */
  error: string | null;
}

export interface AutomationRunEntry {
  id: string;
  /** The status as the service reports it. Untrusted text. */
  status: string;
  createdAt: string | null;
  durationMs: number | null;
  /** Untrusted text. */
  error: string | null;
}

/** The newest runs of an automation, at most 50. */
export interface AutomationRuns {
  read: number;
  more: boolean;
  failed: number;
  /** Failed runs among the runs created in the previous 24 hours. */
  failedLastDay: number;
  open: number;
  /** The newest run. `null` if the automation has no runs. */
  last: AutomationRunEntry | null;
  /** Statuses of the newest 20 runs, newest first. Untrusted text. */
  statuses: readonly string[];
}

export interface AutomationEntry {
  id: string;
  /** Untrusted text. */
  name: string;
  /** `active` or `inactive`, as the service reports it. Untrusted text. */
  status: string;
  /** An automation without a published version cannot be triggered. */
  published: boolean;
  updatedAt: string;
  runs: AutomationRuns | null;
}

export interface RunEntry {
  /** Path of the file. Untrusted text. */
  file: string;
  kind: "run" | "automation-run";
  runId: string | null;
  /** Untrusted text. */
  repository: string | null;
  /** The job in its CI system. Untrusted text. */
  job: string | null;
  /** Untrusted text. */
  jobUrl: string | null;
  /** First line of the task. Untrusted text. */
  task: string | null;
  /** The beginning of the task's SHA-256, which identifies the task. */
  taskKey: string | null;
  /** Path from the dashboard's folder to the run's page. If the run has no page, the path of its campaign's page. */
  page: string | null;
  /**
   * The outcome as the service reports it. `unfinished`: the run was not finished when its job ended, and its current state was not read.
   * `forgotten`: the token cannot see the run. `not_started`: no agent started.
   */
  outcome: string;
  exitCode: number | null;
  /** Untrusted text. */
  reason: string | null;
  /** Last line from the agent. `null` if the run succeeded, or if no history has the line. Untrusted text. */
  lastLine: string | null;
  /** Untrusted text. */
  pullRequest: string | null;
  /** Name of the campaign that started the run. `null` for a single run. Untrusted text. */
  campaign: string | null;
  mention: boolean | null;
  createdAt: string | null;
  endedAt: string | null;
  durationMs: number | null;
}

export interface CampaignCause {
  /** The item state, such as `failed` or `needs-input`. Untrusted text. */
  verdict: string;
  /** Untrusted text. */
  cause: string;
  items: number;
  /** Names of the first five items. Untrusted text. */
  names: readonly string[];
  /** When the newest of these items ended, or started if it has not ended. */
  at: string | null;
}

export interface CampaignStage {
  /** `queued`, `ready`, `review`, `checks` or `blocked`. Untrusted text. */
  stage: string;
  pullRequests: number;
}

/** Pull requests of a campaign that are left for later waves, after its runs, for the same reason. */
export interface CampaignWait {
  /** The same value as `pending.groups[].reason` in `campaign.json`. Untrusted text. */
  reason: string;
  pullRequests: number;
}

/**
 * A campaign, as of the time when its `campaign.json` was written. `ended`, `failed`, `asking`, `running` and `causes` include what the service has
 * reported about its runs since then.
 */
export interface CampaignEntry {
  /** Untrusted text. */
  file: string;
  /** The campaign file, such as `campaign.yml`, as its jobs name it. Untrusted text. */
  campaignFile: string | null;
  /** Untrusted text. */
  name: string;
  /** Empty if the campaign has no round. Untrusted text. */
  round: string;
  /** Title of the task. Untrusted text. */
  title: string | null;
  page: string | null;
  state: string;
  /** Why the campaign is gated, stopping or stopped. Untrusted text. */
  stateReason: string | null;
  /** When the campaign started to wait for approval. `null` if it is not waiting. */
  gatedAt: string | null;
  /** Why nothing is merged until a user approves. `null` if merges are not stopped. Untrusted text. */
  mergesStopped: string | null;
  /** The error that stopped the last wave. Untrusted text. */
  lastError: string | null;
  items: number;
  ended: number;
  /** Items that succeeded, needed no change or were skipped. */
  good: number;
  failed: number;
  /** Items with a run that waits for an answer. These items have not ended. */
  asking: number;
  running: number;
  pullRequests: number;
  /** `null` if the campaign has not read its pull requests. */
  merged: number | null;
  /** The pull requests that are not merged, by stage. Empty if the campaign has not read its pull requests. */
  unmerged: readonly CampaignStage[];
  /** Pull requests that are left for later waves after all runs have ended. Empty if some runs have not ended. */
  pending: readonly CampaignWait[];
  /** Why items need attention, at most five reasons: questions first, then the largest groups. */
  causes: readonly CampaignCause[];
  nextWaveAt: string | null;
  /** Earliest possible end. `null` if the campaign is done or the end is unknown. */
  endsAt: string | null;
  exitCode: number;
  at: string;
}

/** The campaign's name and round, which together are unique in a dashboard. Untrusted text. */
export function campaignName({ name, round }: Pick<CampaignEntry, "name" | "round">): string {
  return `${name}${round === "" ? "" : `, round ${round}`}`;
}

/** Figures of the runs that ended in a period, or started in it and have not ended. */
export interface RunFigures {
  runs: number;
  succeeded: number;
  failed: number;
  /** Not part of the success rate, like `notStarted`, `waiting`, `running` and `unfinished`. */
  cancelled: number;
  /** Runs whose agent did not start, because no sandbox was free. */
  notStarted: number;
  waiting: number;
  running: number;
  /** Runs that were not finished when their jobs ended, and about which nothing else is known. */
  unfinished: number;
  medianMs: number | null;
  /** The 95th percentile of the same durations. `null` if there are fewer than 20 durations. */
  p95Ms: number | null;
  /** The longest of the same durations. */
  slowestMs: number | null;
  /** Agent time: the sum of the known durations of all runs, including runs that neither succeeded nor failed. */
  totalMs: number;
}

export function ratedOf({ succeeded, failed }: Pick<RunFigures, "succeeded" | "failed">): number {
  return succeeded + failed;
}

/** The runs that the success rate leaves out, in words: `3 were cancelled`. */
export function unratedTexts({ cancelled, notStarted, waiting, running, unfinished }: RunFigures): string[] {
  return [
    [cancelled, "was cancelled", "were cancelled"] as const,
    [notStarted, "did not start", "did not start"] as const,
    [waiting, "waits for an answer", "wait for an answer"] as const,
    [running, "is running", "are running"] as const,
    [unfinished, "had not finished when its job ended", "had not finished when their jobs ended"] as const,
  ].flatMap(([count, one, many]) => count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]);
}

export interface WeekFigures extends RunFigures {
  /** The Monday of the week, in UTC: `2026-11-23`. */
  from: string;
}

export interface RepositoryFigures extends RunFigures {
  /** Untrusted text. */
  repository: string;
  lastAt: string | null;
  last: readonly string[];
}

/** A regular job that has not run for an unusually long time. */
export interface SilentJob {
  /** `repository`, `job` and `task` are all `null` if the entry is about all jobs together. Untrusted text. */
  repository: string | null;
  /** Name of the job in the CI system. `null` outside CI. Untrusted text. */
  job: string | null;
  /** First line of the task. Untrusted text. */
  task: string | null;
  lastAt: string;
  runsPerWeek: number;
  runId: string | null;
  outcome: string;
  /** Reason of the last run. Untrusted text. */
  reason: string | null;
}

export interface Pair {
  last: number;
  /** `null` if a pull request from that time could not be read, or no file has runs from that time. */
  before: number | null;
}

export interface PullRequestEntry {
  /** Untrusted text. */
  url: string;
  /** Untrusted text. */
  repository: string | null;
  /** First line of the task. Untrusted text. */
  task: string | null;
  /** `null` for a single run. Untrusted text. */
  campaign: string | null;
  openedAt: string | null;
  state: "open" | "merged" | "closed" | "unreadable" | "unknown";
  draft: boolean | null;
  /** `green`, `red`, `pending` or `none`. `null` if the checks could not be read. */
  checks: string | null;
  /** `approved`, `changes-requested`, `requested` or `not-requested`. `null` if the review could not be read. */
  review: string | null;
  /** `null` if the forge has not checked for conflicts yet. */
  conflict: boolean | null;
  /** Untrusted text. */
  owner: string | null;
}

export interface UnreadPullRequests {
  /** A sentence. Untrusted text. */
  why: string;
  pullRequests: number;
  /** Addresses of the first five pull requests. Untrusted text. */
  urls: readonly string[];
}

/**
 * The pull requests of all runs and campaigns. `skipped`: there is no token to read them. `partial` and `cut`: some pull requests could not be read,
 * and are not included in `merged`, `closed` and `waiting`.
 */
export interface PullRequests extends ListState {
  count: number;
  opened: Pair;
  /** `null` if no pull request could be read. */
  merged: Pair | null;
  /** Closed without a merge. `null` if no pull request could be read. */
  closed: Pair | null;
  /** Open now, and seven days ago. `null` if no pull request could be read. */
  waiting: Pair | null;
  /** The open pull requests that are known, oldest first, at most 500. */
  entries: readonly PullRequestEntry[];
  /** Pull requests that could not be read, by reason. Empty if there is no token to read them. */
  unread: readonly UnreadPullRequests[];
  /** Open pull requests whose checks, review or approvals could not be read, by reason. The figures include these pull requests. */
  partlyRead: readonly UnreadPullRequests[];
  /**
   * When the oldest pull request that could not be read was opened. The end of the run is used as the opening time. `null` if all pull requests were
   * read, or if the time is unknown for any of them.
   */
  unreadFrom: string | null;
}

export interface Coverage {
  results: number;
  campaigns: number;
  histories: number;
  /** Lines of the histories that are runs. */
  lines: number;
  /** Runs in the files that are not counted because they are older than 12 weeks, or because there are 5000 newer runs. */
  leftOut: number;
  /** The Monday on which the first of the weeks begins, in UTC: `2026-09-14`. At most 12 weeks, or fewer if only the newest 5000 runs are counted. */
  since: string;
  from: string | null;
  /** Jobs of the runs. Untrusted text. */
  jobs: readonly string[];
}

export interface FileProblem {
  /** The file, the pattern that matches no file, or the project. Untrusted text. */
  file: string;
  /**
   * `pattern`: the pattern matches no file that a dashboard reads. `file`: the file cannot be read, or this program did not write it. `lines`: only
   * some lines of the file could be read. `project`: not all runs of the project could be collected. `empty-project`: no run of the project was ever
   * collected.
   */
  kind: "pattern" | "file" | "lines" | "project" | "empty-project";
  /** A sentence. Untrusted text. */
  why: string;
}

export function isProject({ kind }: Pick<FileProblem, "kind">): boolean {
  return kind === "project" || kind === "empty-project";
}

export interface DashboardData {
  schema: 1;
  at: string;
  origin: string;
  /** At most 30. */
  requests: number;
  /** Exit code of the first list that could not be read completely, or 0. */
  exitCode: number;
  lists: Record<ListName, ListState>;
  repositories: readonly RepositoryEntry[];
  /** Most recently active first. */
  sandboxes: readonly SandboxEntry[];
  /** Newest first. */
  automations: readonly AutomationEntry[];
  /** The runs of this week and of the 11 weeks before, newest first. */
  runs: readonly RunEntry[];
  days: { last: RunFigures; before: RunFigures };
  /** Figures of at most 12 weeks, oldest first. The last week is not over yet. */
  weeks: readonly WeekFigures[];
  /** Regular jobs that have stopped running. Jobs whose last run succeeded come last. */
  silentJobs: readonly SilentJob[];
  /**
   * Repositories with runs in the last 12 weeks: first repositories with a silent job, then by number of runs in the last seven days, then by number
   * of failed runs.
   */
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

/** Whether a pull request opened at or before this time may be missing because it could not be read. */
export function mayMissOlder({ state, unreadFrom }: Pick<PullRequests, "state" | "unreadFrom">, ms: number): boolean {
  return state !== "complete" && !(Date.parse(unreadFrom ?? "") > ms);
}

/** `null` if nothing of the list was read. */
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
