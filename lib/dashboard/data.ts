/**
 * What a dashboard shows, as plain data: `data.json` is this, and page and metrics are made of it. Its schema is
 * `schema/dashboard.schema.json`. And what on it needs a person, and the line of a day in `days.jsonl`.
 *
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
   * `complete`: all of it. `cut`: the service or our limit of requests held the rest back. `partial`: a request for a part of it failed.
   * `failed`: nothing was read. `skipped`: it was not asked for, since the token had been refused before.
   */
  state: "complete" | "cut" | "partial" | "failed" | "skipped";
  /** Why it is not complete, as a sentence; null when it is. Untrusted text. */
  why: string | null;
}

/** A repository that the token reaches. */
export interface RepositoryEntry {
  id: string;
  /** `owner/name`. Untrusted text. */
  name: string;
  /** Its default branch; null when it is not known. Untrusted text. */
  defaultBranch: string | null;
}

export interface SandboxEntry {
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

export interface AutomationRunEntry {
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
  read: number;
  more: boolean;
  failed: number;
  /** How many of those that were made in the 24 hours before failed. */
  failedLastDay: number;
  open: number;
  /** The newest one; null before the first. */
  last: AutomationRunEntry | null;
  /** Statuses of the newest 20, newest first. Untrusted texts. */
  statuses: readonly string[];
}

export interface AutomationEntry {
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
  /** First line of its task; null when it is not known. Untrusted text. */
  task: string | null;
  /** Its page `run.html` beside the file, as a path from the folder of the dashboard; null where that folder has none. Untrusted text. */
  page: string | null;
  outcome: string;
  exitCode: number;
  /** Why; null when there is nothing to say. Untrusted text. */
  reason: string | null;
  /** Address of the pull request; null without one. Untrusted text. */
  pullRequest: string | null;
  /** When it was made, in ISO 8601; null when it is not known. */
  createdAt: string | null;
  /** How long it took, in milliseconds: the time of the job that started it, else its own where the service said it. */
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
  /** Its page `campaign.html` beside the file, as a path from the folder of the dashboard; null where that folder has none. Untrusted text. */
  page: string | null;
  state: string;
  /** Why it is gated, stopping or stopped; null otherwise. Untrusted text. */
  stateReason: string | null;
  items: number;
  ended: number;
  /** How many of those have a good end: succeeded, without need of a change, or skipped. */
  good: number;
  running: number;
  pullRequests: number;
  /** When its next wave is due, in ISO 8601; null when none is. */
  nextWaveAt: string | null;
  /** Its earliest end, in ISO 8601; null when it is done, or cannot be told. */
  endsAt: string | null;
  exitCode: number;
  /** When the file was written, in ISO 8601. */
  at: string;
}

/** A file that was given and could not be used. */
export interface FileProblem {
  /** The file, or the pattern that finds none. Untrusted text. */
  file: string;
  /** `pattern`: it finds no file. `file`: it cannot be read, or is none of ours. */
  kind: "pattern" | "file";
  /** Why, as a sentence. Untrusted text. */
  why: string;
}

export interface DashboardData {
  schema: 1;
  /** When the lists were read, in ISO 8601. */
  at: string;
  origin: string;
  /** HTTP requests that were sent for it, 30 at most. */
  requests: number;
  /** Exit code that belongs to it: that of the first list that could not be read whole, or 0. */
  exitCode: number;
  lists: Record<ListName, ListState>;
  repositories: readonly RepositoryEntry[];
  /** Sandboxes, most recently active first. */
  sandboxes: readonly SandboxEntry[];
  /** Automations, newest first. */
  automations: readonly AutomationEntry[];
  /** Runs of the files, newest first. */
  runs: readonly RunEntry[];
  /** Campaigns of the files, by name. */
  campaigns: readonly CampaignEntry[];
  fileProblems: readonly FileProblem[];
}

export function isRead({ state }: ListState): boolean {
  return state !== "failed" && state !== "skipped";
}

/** A number that was counted in a list; null when nothing of the list was read. */
export function countedIn({ lists }: Pick<DashboardData, "lists">, list: ListName, value: number): number | null {
  return isRead(lists[list]) ? value : null;
}

/** Statuses of a sandbox that is in use or soon will be. Source: contract, 3.2. */
const ACTIVE_SANDBOX: readonly string[] = ["creating", "installing", "running"];

export function activeSandboxes({ sandboxes }: DashboardData): number {
  return sandboxes.filter(({ status }) => ACTIVE_SANDBOX.includes(status)).length;
}

/** Numbers by a word, in the order of the first of each. */
export function countBy<T>(items: readonly T[], wordOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(wordOf(item), (counts.get(wordOf(item)) ?? 0) + 1);
  return counts;
}

export function sumOf<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0);
}

// What on a dashboard needs a person, most urgent first.

export interface Concern {
  /** What it is about, before its name; empty when {@linkcode Concern.what} says it. */
  kind: "" | "automation" | "campaign";
  /** Its name; empty without one. Untrusted text. */
  name: string;
  /** What is wrong, in our own words. */
  what: string;
  count: number;
  noun: "run" | "campaign item" | "thing";
  /** What is known of it. Untrusted texts. */
  details: readonly string[];
  part: "repositories" | "sandboxes" | "automations" | "campaigns" | "runs" | "missing";
  /** Whether something went wrong, or only waits. */
  tone: "bad" | "wait";
}

export const LIST_WORDS: Readonly<Record<ListName, string>> = {
  repositories: "repositories",
  sandboxes: "sandboxes",
  automations: "automations",
  automationRuns: "runs of automations",
};

/** Most sandboxes that are in use at the same time. Source: contract, 2.2. */
const MAX_SANDBOXES = 3;
/** After this time a sandbox that is still being made is stuck, in milliseconds. */
const STUCK_MS = 3_600_000;
const MAX_NAMES = 5;

/** Something about several things, of which the first are named. */
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

/** A campaign with its round, which tells repetitions of one campaign apart. Untrusted text. */
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

/** Outcomes of runs that need nobody: after a job that was stopped, too, there is nothing to do. */
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

/** Everything that needs a person. @param data Data after `cleanDashboard`. */
export function concernsOf(data: DashboardData): Concern[] {
  const all = [ofLists, ofCampaigns, ofAutomations, ofRuns, ofSandboxes].flatMap((find) => find(data));
  return [...all.filter(({ tone }) => tone === "bad"), ...all.filter(({ tone }) => tone === "wait")];
}

/** How many runs, items and other things need a person, as a sentence without its stop. */
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

// `history.jsonl`: the numbers of each day, one line a day, for the trend.

/** The numbers of a day, by the last dashboard of it. A number is null when it was not read. */
export interface Day {
  schema: 1;
  /** The day in UTC, as `2026-12-01`. */
  day: string;
  repositories: number | null;
  sandboxes: number | null;
  automations: number | null;
  /** Runs of automations that failed in the 24 hours before. */
  failedRuns: number | null;
  openItems: number;
  /** Pull requests of the runs and campaigns whose files were given. */
  pullRequests: number;
}

/** Most days that are kept: some more than two years. */
const MAX_DAYS = 800;

const NUMBERS = ["repositories", "sandboxes", "automations", "failedRuns", "openItems", "pullRequests"] as const;

/** Pull requests of the runs and campaigns whose files were given. */
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
  // What else stands there would be written again and again.
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, value[name] ?? null]));
  return { schema: 1, day: value.day, ...numbers } as Day;
}

/**
 * Reads the days of a file.
 *
 * @returns The days in order, each once: its last line counts. `unread`: how many lines are no day.
 */
export function readDays(text: string): { days: Day[]; unread: number } {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const read = lines.map(dayIn);
  const days = new Map(read.filter((day) => day !== undefined).map((day) => [day.day, day]));
  const sorted = [...days.values()].sort((a, b) => a.day < b.day ? -1 : 1);
  return { days: sorted, unread: read.filter((day) => day === undefined).length };
}

/** The days with that of a dashboard, in place of an older line of the same day: at most {@linkcode MAX_DAYS}. */
export function withDay(days: readonly Day[], day: Day): Day[] {
  return [...days.filter((each) => each.day !== day.day), day].sort((a, b) => a.day < b.day ? -1 : 1).slice(-MAX_DAYS);
}

export function renderDays(days: readonly Day[]): string {
  return days.map((day) => `${jsonLine(day)}\n`).join("");
}
