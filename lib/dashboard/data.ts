/**
 * The data of a dashboard. `data.json` has this form, and page and metrics are made from it. Its schema is `schema/dashboard.schema.json`. The file
 * also decides what needs attention, and makes the line of a day in `days.jsonl`.
 * @module
 */
import { isObject, parseJson } from "../lookup.ts";
import { instantMs } from "../run/result.ts";
import { formatCount } from "../text/duration.ts";
import { jsonLine } from "../text/escape.ts";

/** The lists of the service that a dashboard reads, in this order. */
export const LISTS = ["repositories", "sandboxes", "automations", "automationRuns"] as const;

export type ListName = typeof LISTS[number];

export interface ListState {
  /**
   * `complete`: all of it. `cut`: the service or our request limit left out the rest. `partial`: a request for a part failed. `failed`: nothing was
   * read. `skipped`: not requested, because the token had already been refused.
   */
  state: "complete" | "cut" | "partial" | "failed" | "skipped";
  /** Why it is not complete, as a sentence; null if it is. Untrusted text. */
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
  /** Name of its repository; null if the list of repositories does not have it. Untrusted text. */
  repository: string | null;
  /** The service's word. Untrusted text. */
  status: string;
  /** Null if unknown. Untrusted text. */
  branch: string | null;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601; null if unknown. */
  lastActiveAt: string | null;
  /** Its last error; null without one. Untrusted text. */
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
  /** Null without one. Untrusted text. */
  error: string | null;
}

/** The last runs of an automation: at most 50. */
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
  /** Whether it has a published version. Without one it cannot be triggered. */
  published: boolean;
  /** ISO 8601. */
  updatedAt: string;
  /** Null if they were not read. */
  runs: AutomationRuns | null;
}

/** A run, from its `result.json`. */
export interface RunEntry {
  /** Path. Untrusted text. */
  file: string;
  kind: "run" | "automation-run";
  /** Null if no run was started. */
  runId: string | null;
  /** Null if unknown. Untrusted text. */
  repository: string | null;
  /** First line of the task; null if unknown. Untrusted text. */
  task: string | null;
  /** Path of the page `run.html` next to the file, from the dashboard's folder; null if there is no such page. Untrusted text. */
  page: string | null;
  outcome: string;
  exitCode: number;
  /** Null if there is nothing to report. Untrusted text. */
  reason: string | null;
  /** Null without one. Untrusted text. */
  pullRequest: string | null;
  /** ISO 8601; null if unknown. */
  createdAt: string | null;
  /** Time of the job that started the run; otherwise the run's own time, if the service reported it. */
  durationMs: number;
}

/** A campaign, from its `campaign.json`, as of the time when that was written. */
export interface CampaignEntry {
  /** Path. Untrusted text. */
  file: string;
  /** Untrusted text. */
  name: string;
  /** Empty without one. Untrusted text. */
  round: string;
  /** Path of the page `campaign.html` next to the file, from the dashboard's folder; null if there is no such page. Untrusted text. */
  page: string | null;
  state: string;
  /** Why it is gated, stopping or stopped; otherwise null. Untrusted text. */
  stateReason: string | null;
  items: number;
  ended: number;
  /** Items that succeeded, needed no change or were skipped. */
  good: number;
  running: number;
  pullRequests: number;
  /** ISO 8601; null if no wave is due. */
  nextWaveAt: string | null;
  /** Earliest possible end, in ISO 8601; null if the campaign is done or the end is unknown. */
  endsAt: string | null;
  exitCode: number;
  /** When the file was written, in ISO 8601. */
  at: string;
}

/** A file that could not be used. */
export interface FileProblem {
  /** The file, or the pattern that matches nothing. Untrusted text. */
  file: string;
  /** `pattern`: it matches no file. `file`: it cannot be read, or is not one of ours. */
  kind: "pattern" | "file";
  /** A sentence. Untrusted text. */
  why: string;
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
  /** Newest first. */
  runs: readonly RunEntry[];
  /** Campaigns of the files, by name. */
  campaigns: readonly CampaignEntry[];
  fileProblems: readonly FileProblem[];
}

export function isRead({ state }: ListState): boolean {
  return state !== "failed" && state !== "skipped";
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

/** Counts by word, in the order of first appearance. */
export function countBy<T>(items: readonly T[], wordOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(wordOf(item), (counts.get(wordOf(item)) ?? 0) + 1);
  return counts;
}

export function sumOf<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0);
}

// What needs attention, most urgent first.

export interface Concern {
  /** The noun before its name; empty if {@linkcode Concern.what} includes it. */
  kind: "" | "automation" | "campaign";
  /** Empty without one. Untrusted text. */
  name: string;
  /** The problem, in our own words. */
  what: string;
  count: number;
  noun: "run" | "campaign item" | "thing";
  /** Untrusted texts. */
  details: readonly string[];
  part: "repositories" | "sandboxes" | "automations" | "campaigns" | "runs" | "missing";
  /** Whether something went wrong or is only waiting. */
  tone: "bad" | "wait";
}

export const LIST_WORDS: Readonly<Record<ListName, string>> = {
  repositories: "repositories",
  sandboxes: "sandboxes",
  automations: "automations",
  automationRuns: "runs of automations",
};

/** Most sandboxes in use at the same time. Source: contract, 2.2. */
const MAX_SANDBOXES = 3;
/** After this time, in milliseconds, a sandbox that is still being created is stuck. */
const STUCK_MS = 3_600_000;
const MAX_NAMES = 5;

/** A concern about several things; the first ones are named. */
function about(
  part: Concern["part"],
  tone: Concern["tone"],
  what: string,
  names: readonly string[],
  count = names.length,
): Concern {
  const shown = [...new Set(names)];
  const more = shown.length - MAX_NAMES;
  const details = [...shown.slice(0, MAX_NAMES), ...more > 0 ? [`${more} more`] : []];
  return { kind: "", name: "", what, count, noun: part === "runs" ? "run" : "thing", details, part, tone };
}

const texts = (...all: readonly (string | null | undefined)[]) => all.filter((text) => text) as string[];

function ofLists({ lists, fileProblems }: DashboardData): Concern[] {
  const found = LISTS.filter((name) => ["failed", "partial"].includes(lists[name].state)).map((name) => {
    const read = lists[name].state === "failed" ? "not read" : "not all read";
    return about("missing", "bad", `${read}: ${LIST_WORDS[name]}`, texts(lists[name].why), 1);
  });
  const patterns = fileProblems.filter(({ kind }) => kind === "pattern").map(({ file }) => file);
  const files = fileProblems.filter(({ kind }) => kind === "file").map(({ file }) => file);
  if (patterns.length > 0) {
    const what = patterns.length === 1 ? "1 pattern matches no file" : `${patterns.length} patterns match no file`;
    found.push(about("missing", "bad", what, patterns));
  }
  if (files.length > 0) {
    found.push(about("missing", "bad", `${formatCount(files.length, "file")} could not be read`, files));
  }
  return found;
}

/** A campaign with its round, which distinguishes repetitions of one campaign. Untrusted text. */
export function campaignTitle({ name, round }: CampaignEntry): string {
  return round === "" ? name : `${name}, round ${round}`;
}

function ofCampaigns({ campaigns }: DashboardData): Concern[] {
  return campaigns.flatMap((campaign): Concern[] => {
    const { state, stateReason, items, ended, good } = campaign;
    const name = campaignTitle(campaign);
    const bad = ended - good;
    const details = texts(stateReason, `${good} of ${items} ended well or were skipped`);
    const common = { kind: "campaign", name, details, part: "campaigns" } as const;
    if (state === "gated" || state === "stopped") {
      return [{ ...common, what: state, count: 1, noun: "thing", tone: "wait" }];
    }
    const what = `${formatCount(bad, "item")} did not succeed`;
    return bad > 0 ? [{ ...common, what, count: bad, noun: "campaign item", tone: "bad" }] : [];
  });
}

function ofAutomations({ automations }: DashboardData): Concern[] {
  const failing = automations.filter(({ runs }) => runs?.last?.status === "failed");
  const unpublished = automations.filter(({ status, published }) => status === "active" && !published);
  const found: Concern[] = failing.map(({ name, runs }) => ({
    kind: "automation",
    name,
    what: "its last run failed",
    count: 1,
    noun: "thing",
    details: texts(`${runs?.failed ?? 0} of the last ${runs?.read ?? 0} failed`, runs?.last?.error),
    part: "automations",
    tone: "bad",
  }));
  if (unpublished.length > 0) {
    const what = `${formatCount(unpublished.length, "automation")} active without a published version`;
    found.push(about("automations", "wait", what, unpublished.map(({ name }) => name)));
  }
  return found;
}

const sandboxCount = (count: number) => `${count} ${count === 1 ? "sandbox" : "sandboxes"}`;

function ofSandboxes(data: DashboardData): Concern[] {
  const { sandboxes, at } = data;
  const nowMs = instantMs(at) ?? 0;
  const namesOf = (chosen: DashboardData["sandboxes"]) =>
    chosen.map(({ repository, branch }) => repository ?? branch ?? "no name");
  const broken = sandboxes.filter(({ status }) => status === "error");
  const stuck = sandboxes.filter(({ status, createdAt }) =>
    ["creating", "installing"].includes(status) && nowMs - (instantMs(createdAt) ?? nowMs) > STUCK_MS
  );
  const used = activeSandboxes(data);
  const found: Concern[] = [];
  if (broken.length > 0) {
    found.push(about("sandboxes", "bad", `${sandboxCount(broken.length)} with an error`, namesOf(broken)));
  }
  if (stuck.length > 0) {
    const what = `${sandboxCount(stuck.length)} still starting after an hour`;
    found.push(about("sandboxes", "bad", what, namesOf(stuck)));
  }
  if (used >= MAX_SANDBOXES) {
    const why = `The service may refuse the next run while ${MAX_SANDBOXES} sandboxes are in use`;
    found.push(about("sandboxes", "wait", `${sandboxCount(used)} in use`, [why]));
  }
  return found;
}

/** Outcomes of runs that need no attention. After a stopped job there is nothing to do either. */
const AT_REST: readonly string[] = ["success", "started", "interrupted"];

function ofRuns({ runs }: DashboardData): Concern[] {
  const waiting = runs.filter(({ outcome }) => outcome === "awaiting_input");
  const bad = runs.filter(({ outcome }) => outcome !== "awaiting_input" && !AT_REST.includes(outcome));
  const namesOf = (chosen: DashboardData["runs"]) => chosen.map(({ repository, file }) => repository ?? file);
  const found: Concern[] = [];
  if (waiting.length > 0) {
    const what = `${formatCount(waiting.length, "run")} ${waiting.length === 1 ? "waits" : "wait"} for a person`;
    found.push(about("runs", "wait", what, namesOf(waiting)));
  }
  if (bad.length > 0) {
    found.push(about("runs", "bad", `${formatCount(bad.length, "run")} did not succeed`, namesOf(bad)));
  }
  return found;
}

/** @param data Data after `cleanDashboard`. */
export function concernsOf(data: DashboardData): Concern[] {
  const all = [ofLists, ofCampaigns, ofAutomations, ofRuns, ofSandboxes].flatMap((find) => find(data));
  return [...all.filter(({ tone }) => tone === "bad"), ...all.filter(({ tone }) => tone === "wait")];
}

/** How many runs, items and other things need attention, as a sentence without its full stop. */
export function headlineOf(concerns: readonly Concern[]): string {
  const all = sumOf(concerns, ({ count }) => count);
  if (all === 0) return "Nothing needs a person";
  const parts = (["run", "campaign item", "thing"] as const).flatMap((noun) => {
    const count = sumOf(concerns.filter((each) => each.noun === noun), (each) => each.count);
    const words = noun === "thing" && count < all ? "other thing" : noun;
    return count === 0 ? [] : [formatCount(count, words)];
  });
  const last = parts.pop() ?? "";
  const texts = parts.length === 0 ? last : `${parts.join(", ")} and ${last}`;
  return `${texts} ${all === 1 ? "needs" : "need"} a person`;
}

// `history.jsonl`: one line of numbers for each day, for the trend.

/** The numbers of a day, from the last dashboard of that day. A number is null if it was not read. */
export interface Day {
  schema: 1;
  /** UTC, as `2026-12-01`. */
  day: string;
  repositories: number | null;
  sandboxes: number | null;
  automations: number | null;
  /** Automation runs that failed in the previous 24 hours. */
  failedRuns: number | null;
  openItems: number;
  /** Pull requests of the runs and campaigns in the files. */
  pullRequests: number;
}

/** A little more than two years. */
const MAX_DAYS = 800;

const NUMBERS = ["repositories", "sandboxes", "automations", "failedRuns", "openItems", "pullRequests"] as const;

/** Pull requests of the runs and campaigns in the files. */
export function pullRequestCount({ runs, campaigns }: DashboardData): number {
  return runs.filter(({ pullRequest }) => pullRequest !== null).length +
    sumOf(campaigns, ({ pullRequests }) => pullRequests);
}

export function dayOf(data: DashboardData): Day {
  const { at, repositories, automations, campaigns } = data;
  return {
    schema: 1,
    day: at.slice(0, 10),
    repositories: countedIn(data, "repositories", repositories.length),
    sandboxes: countedIn(data, "sandboxes", activeSandboxes(data)),
    automations: countedIn(data, "automations", automations.length),
    failedRuns: countedIn(data, "automationRuns", sumOf(automations, (each) => each.runs?.failedLastDay ?? 0)),
    openItems: sumOf(campaigns, (each) => each.items - each.ended),
    pullRequests: pullRequestCount(data),
  };
}

const isCount = (value: unknown) => value === null || Number.isSafeInteger(value) && Number(value) >= 0;

function dayIn(line: string): Day | undefined {
  const value = parseJson(line);
  if (!isObject(value) || value.schema !== 1) return undefined;
  const isDay = typeof value.day === "string" && /^\d{4}-\d\d-\d\d$/.test(value.day) &&
    !Number.isNaN(Date.parse(value.day));
  if (!isDay || !NUMBERS.every((name) => isCount(value[name] ?? null))) return undefined;
  // Other fields would be copied forever.
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, value[name] ?? null]));
  return { schema: 1, day: value.day, ...numbers } as Day;
}

/** @returns The days in order, each once (the last line wins). `unread`: the number of lines that are not a day. */
export function readDays(text: string): { days: Day[]; unread: number } {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const read = lines.map(dayIn);
  const days = new Map(read.filter((day) => day !== undefined).map((day) => [day.day, day]));
  const sorted = [...days.values()].sort((a, b) => a.day < b.day ? -1 : 1);
  return { days: sorted, unread: read.filter((day) => day === undefined).length };
}

/** Adds the day of a dashboard, replacing an older line of the same day. At most {@linkcode MAX_DAYS} are kept. */
export function withDay(days: readonly Day[], day: Day): Day[] {
  return [...days.filter((each) => each.day !== day.day), day].sort((a, b) => a.day < b.day ? -1 : 1).slice(-MAX_DAYS);
}

export function renderDays(days: readonly Day[]): string {
  return days.map((day) => `${jsonLine(day)}\n`).join("");
}
