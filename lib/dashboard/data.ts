/**
 * The data of a dashboard. `data.json` has this form, and page and metrics are made from it. Its schema is `schema/dashboard.schema.json`.
 * @module
 */
/**
 * The lists of the service that a dashboard reads, in this order. `openRuns` are the runs in the files that were not finished when their jobs ended.
 */
export const LISTS = ["repositories", "sandboxes", "automations", "openRuns", "automationRuns"] as const;

export type ListName = typeof LISTS[number];

export interface ListState {
  /**
   * `complete`: all of the list was read. `cut`: the service, or the request limit of a dashboard, left out the rest. `partial`: a request for a part
   * failed. `failed`: nothing was read. `skipped`: not requested, because a token is missing or an earlier request failed.
   */
  state: "complete" | "cut" | "partial" | "failed" | "skipped";
  /** Why the list is not complete, as a sentence; null if it is complete. Untrusted text. */
  why: string | null;
}

/** A repository that the token has access to. */
export interface RepositoryEntry {
  id: string;
  /** `owner/name`. Untrusted text. */
  name: string;
  /** Null if unknown. Untrusted text. */
  defaultBranch: string | null;
}

export interface SandboxEntry {
  id: string;
  /** Name of the sandbox's repository; null if the list of repositories does not include it. Untrusted text. */
  repository: string | null;
  /** The service's word. Untrusted text. */
  status: string;
  /** Null if unknown. Untrusted text. */
  branch: string | null;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601; null if unknown. */
  lastActiveAt: string | null;
  /** The sandbox's last error; null without one. Untrusted text. */
  error: string | null;
}

export interface AutomationRunEntry {
  id: string;
  /** The service's word. Untrusted text. */
  status: string;
  /** ISO 8601; null if unknown. */
  createdAt: string | null;
  /** Null if unknown. */
  durationMs: number | null;
  /** Null without an error. Untrusted text. */
  error: string | null;
}

/** The newest runs of an automation, at most 50. */
export interface AutomationRuns {
  read: number;
  more: boolean;
  failed: number;
  /** Failed runs among those created in the previous 24 hours. */
  failedLastDay: number;
  open: number;
  /** The newest run; null before the first. */
  last: AutomationRunEntry | null;
  /** Statuses of the newest 20, newest first. Untrusted texts. */
  statuses: readonly string[];
}

export interface AutomationEntry {
  id: string;
  /** Untrusted text. */
  name: string;
  /** `active` or `inactive`, the service's word. Untrusted text. */
  status: string;
  /** Whether the automation has a published version. Without one, it cannot be triggered. */
  published: boolean;
  /** ISO 8601. */
  updatedAt: string;
  /** Null if the runs were not read. */
  runs: AutomationRuns | null;
}

/** A run, from its `result.json`, a history or its campaign. A field is null if none of these files has a value for it. */
export interface RunEntry {
  /** Path of the file. Untrusted text. */
  file: string;
  kind: "run" | "automation-run";
  /** Null if no run was started. */
  runId: string | null;
  /** Untrusted text. */
  repository: string | null;
  /** The job in its CI system. Untrusted text. */
  job: string | null;
  /** Address of the job. Untrusted text. */
  jobUrl: string | null;
  /** First line of the task. Untrusted text. */
  task: string | null;
  /** The beginning of the task's SHA-256: the same for the same task. */
  taskKey: string | null;
  /** Path from the dashboard's folder to the run's page, or to its campaign's page if the run has none; null without a page. */
  page: string | null;
  /**
   * As the service reports it. `unfinished`: the run was not finished when its job ended, and its current state was not read. `forgotten`: the token
   * cannot see the run. `not_started`: no agent started.
   */
  outcome: string;
  exitCode: number | null;
  /** Untrusted text. */
  reason: string | null;
  /** Last line from the agent; null if the run succeeded, or if no history has the line. Untrusted text. */
  lastLine: string | null;
  /** Untrusted text. */
  pullRequest: string | null;
  /** Name of the campaign that started the run; null for a single run. Untrusted text. */
  campaign: string | null;
  /** Whether somebody requested the run with a mention; null if unknown. */
  mention: boolean | null;
  /** ISO 8601. */
  createdAt: string | null;
  /** ISO 8601; null if the end was not seen. */
  endedAt: string | null;
  /** How long the run took according to the service; null if its end is unknown. */
  durationMs: number | null;
}

/** Items of a campaign that need attention for the same reason. */
export interface CampaignCause {
  /** The campaign's word: `failed`, `needs-input` and so on. Untrusted text. */
  verdict: string;
  /** Untrusted text. */
  cause: string;
  items: number;
  /** Names of the first five. Untrusted texts. */
  names: readonly string[];
  /** When the newest of these items ended, or started if it has not ended, in ISO 8601; null if unknown. */
  at: string | null;
}

/** Pull requests of a campaign in one stage before they are merged. */
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
  /** Path. Untrusted text. */
  file: string;
  /** Untrusted text. */
  name: string;
  /** Empty without one. Untrusted text. */
  round: string;
  /** Title of the task; null if unknown. Untrusted text. */
  title: string | null;
  /** Path from the dashboard's folder to the campaign's page; null without a page. */
  page: string | null;
  state: string;
  /** Why the campaign is gated, stopping or stopped; otherwise null. Untrusted text. */
  stateReason: string | null;
  /** When the campaign started to wait for approval, in ISO 8601; null if it is not waiting. */
  gatedAt: string | null;
  /** Why nothing is merged until somebody approves; null if merges are not stopped. Untrusted text. */
  mergesStopped: string | null;
  /** The error that stopped the last wave; null without one. Untrusted text. */
  lastError: string | null;
  items: number;
  /** Items that have ended: `good` and `failed`. */
  ended: number;
  /** Items that succeeded, needed no change or were skipped. */
  good: number;
  /** Items that ended without success. */
  failed: number;
  /** Items with a run that waits for an answer. They are open. */
  asking: number;
  running: number;
  pullRequests: number;
  /** Pull requests that were merged; null if the campaign has not read its pull requests. */
  merged: number | null;
  /** The pull requests that are not merged, by stage; empty if the campaign has not read its pull requests. */
  unmerged: readonly CampaignStage[];
  /** Pull requests that are left for later waves after all runs have ended; empty if there are none, or if some runs have not ended. */
  pending: readonly CampaignWait[];
  /** Why items need attention, at most five reasons: questions first, then the largest groups. */
  causes: readonly CampaignCause[];
  /** ISO 8601; null if no wave is due. */
  nextWaveAt: string | null;
  /** Earliest possible end, in ISO 8601; null if the campaign is done or the end is unknown. */
  endsAt: string | null;
  exitCode: number;
  /** When the file was written, in ISO 8601. */
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
  /** Runs that wait for an answer. */
  waiting: number;
  /** Runs that the service reports as pending or running. */
  running: number;
  /** Runs that were not finished when their jobs ended, and about which nothing else is known. */
  unfinished: number;
  /** Median duration of the runs that succeeded or failed, in milliseconds; null if no duration is known. */
  medianMs: number | null;
  /** 95% of the runs that succeeded or failed took at most this long, in milliseconds; null with fewer than 20 durations. */
  p95Ms: number | null;
  /** The longest of the same durations, in milliseconds; null if no duration is known. */
  slowestMs: number | null;
  /** Agent time: the sum of the known durations of all runs, including runs that neither succeeded nor failed, in milliseconds. */
  totalMs: number;
}

/** How many runs the success rate is based on: only runs that succeeded or failed. */
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

/** A calendar week. */
export interface WeekFigures extends RunFigures {
  /** Its Monday, in UTC: `2026-11-23`. */
  from: string;
}

/** The runs of a repository in the last seven days. */
export interface RepositoryFigures extends RunFigures {
  /** Untrusted text. */
  repository: string;
  /** When its last run ended, in ISO 8601; null if unknown. */
  lastAt: string | null;
  /** Outcomes of its last 12 runs, oldest first. */
  last: readonly string[];
}

/** A regular job that has not run for an unusually long time. */
export interface SilentJob {
  /** Null if unknown. `repository`, `job` and `task` are all null if the entry is about all jobs together. Untrusted text. */
  repository: string | null;
  /** Name of the job in the CI system; null outside CI. Untrusted text. */
  job: string | null;
  /** First line of its task; null if unknown. Untrusted text. */
  task: string | null;
  /** When its last run ended, in ISO 8601. */
  lastAt: string;
  /** Average number of runs of the job per week before it stopped. */
  runsPerWeek: number;
  /** Id of the job's last run. */
  runId: string | null;
  /** Outcome of the job's last run. */
  outcome: string;
  /** Reason of the job's last run. Untrusted text. */
  reason: string | null;
}

/** A number for the last seven days, and for the seven days before. */
export interface Pair {
  last: number;
  /** Null if unknown, because a pull request from that time could not be read. */
  before: number | null;
}

/** An open pull request. */
export interface PullRequestEntry {
  /** Untrusted text. */
  url: string;
  /** Null if unknown. Untrusted text. */
  repository: string | null;
  /** First line of the task; null if unknown. Untrusted text. */
  task: string | null;
  /** Null for a single run. Untrusted text. */
  campaign: string | null;
  /** ISO 8601; null if unknown. */
  openedAt: string | null;
  state: "open" | "merged" | "closed" | "unreadable" | "unknown";
  /** Whether it is a draft; null if unknown. */
  draft: boolean | null;
  /** `green`, `red`, `pending` or `none`; null if they could not be read. */
  checks: string | null;
  /** `approved`, `changes-requested`, `requested` or `not-requested`; null if it could not be read. */
  review: string | null;
  /** Null if the forge has not checked yet. */
  conflict: boolean | null;
  /** Null without an owner. Untrusted text. */
  owner: string | null;
}

/** Pull requests that could not be read, or were only partly read, for the same reason. */
export interface UnreadPullRequests {
  /** A sentence. Untrusted text. */
  why: string;
  pullRequests: number;
  /** Addresses of the first five. Untrusted texts. */
  urls: readonly string[];
}

/**
 * The pull requests of all runs and campaigns. `skipped`: there is no token to read them. `partial` and `cut`: some could not be read. `merged`,
 * `closed` and `waiting` do not include those pull requests.
 */
export interface PullRequests extends ListState {
  /** How many pull requests the files name. */
  count: number;
  opened: Pair;
  /** Null if none could be read. */
  merged: Pair | null;
  /** Closed without a merge; null if none could be read. */
  closed: Pair | null;
  /** Open now, and seven days ago; null if none could be read. */
  waiting: Pair | null;
  /** The open pull requests that are known, oldest first, at most 500. */
  entries: readonly PullRequestEntry[];
  /** Pull requests that could not be read, by reason; empty if there is no token to read them. */
  unread: readonly UnreadPullRequests[];
  /** Open pull requests whose checks, review or approvals could not be read, by reason. The figures include these pull requests. */
  partlyRead: readonly UnreadPullRequests[];
  /**
   * When the oldest pull request that could not be read was opened, in ISO 8601. The end of its run is used as that time. Null if all were read, or if the
   * time is unknown for any of them.
   */
  unreadFrom: string | null;
}

/** What the figures cover. Nothing else is counted. */
export interface Coverage {
  /** Files by kind. */
  results: number;
  campaigns: number;
  histories: number;
  /** Lines of the histories that are runs. */
  lines: number;
  /** Runs in the files that are not counted because they are older than 12 weeks, or because there are 5000 newer runs. */
  leftOut: number;
  /** The Monday on which the first of the weeks begins, in UTC: `2026-09-14`. At most 12 weeks; fewer if only the newest 5000 runs are counted. */
  since: string;
  /** When the first run ended, in ISO 8601; null without runs. */
  from: string | null;
  /** Jobs of the runs. Untrusted texts. */
  jobs: readonly string[];
}

/** A file that could not be used, or a project whose runs could not all be collected. */
export interface FileProblem {
  /** The file, the pattern that matches no file, or the project. Untrusted text. */
  file: string;
  /**
   * `pattern`: the pattern matches no file that a dashboard reads. `file`: the file cannot be read, or is not one of ours. `lines`: only some lines
   * of the file could be read. `project`: not all runs of the project could be collected. `empty-project`: no run of the project was ever collected.
   */
  kind: "pattern" | "file" | "lines" | "project" | "empty-project";
  /** A sentence. Untrusted text. */
  why: string;
}

/** Whether the problem is that runs of a project are missing. */
export function isProject({ kind }: Pick<FileProblem, "kind">): boolean {
  return kind === "project" || kind === "empty-project";
}

export interface DashboardData {
  schema: 1;
  /** When the lists were read, in ISO 8601. */
  at: string;
  origin: string;
  /** HTTP requests sent, at most 30. */
  requests: number;
  /** Exit code of the first list that could not be read completely, or 0. */
  exitCode: number;
  lists: Record<ListName, ListState>;
  repositories: readonly RepositoryEntry[];
  /** Sandboxes, most recently active first. */
  sandboxes: readonly SandboxEntry[];
  /** Automations, newest first. */
  automations: readonly AutomationEntry[];
  /** The runs of this week and of the 11 weeks before, newest first. */
  runs: readonly RunEntry[];
  /** Figures of the last seven days, and of the seven days before. */
  days: { last: RunFigures; before: RunFigures };
  /** Figures of at most 12 weeks, oldest first. The last week is not over yet. */
  weeks: readonly WeekFigures[];
  /** Regular jobs that have stopped running. Jobs whose last run succeeded come last. */
  silentJobs: readonly SilentJob[];
  /**
   * Repositories with runs in the last 12 weeks: first those with a silent job, then by number of runs in the last seven days, then by number
   * of failed runs.
   */
  repositoryFigures: readonly RepositoryFigures[];
  pullRequests: PullRequests;
  /** Campaigns of the files, by name. */
  campaigns: readonly CampaignEntry[];
  covers: Coverage;
  fileProblems: readonly FileProblem[];
}

export function isRead({ state }: Pick<ListState, "state">): boolean {
  return state !== "failed" && state !== "skipped";
}

/** How many pull requests could not be read; 0 if there is no token for any forge. */
export function unreadCount({ unread }: Pick<PullRequests, "unread">): number {
  return sumOf(unread, ({ pullRequests }) => pullRequests);
}

/** Whether a pull request opened at or before this time may be missing because it could not be read. */
export function mayMissOlder({ state, unreadFrom }: Pick<PullRequests, "state" | "unreadFrom">, ms: number): boolean {
  return state !== "complete" && !(Date.parse(unreadFrom ?? "") > ms);
}

/** A count from a list; null if nothing of the list was read. */
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

/** `acme agents`, if all repositories have one owner; otherwise `Mogplex agents`. Untrusted text. */
export function dashboardName({ repositories, repositoryFigures }: DashboardData): string {
  const names = [...repositories.map(({ name }) => name), ...repositoryFigures.map(({ repository }) => repository)];
  const owners = new Set(names.map((name) => name.split("/", 1)[0]));
  const [owner] = owners;
  return owners.size === 1 && owner !== undefined && owner !== "" && owner.length <= 60
    ? `${owner} agents`
    : "Mogplex agents";
}
