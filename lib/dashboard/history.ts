/**
 * `history.jsonl`: the numbers of each day, one line a day, for the trend.
 *
 * @module
 */
import { isObject, parseJson } from "../lookup.ts";
import { jsonLine } from "../text/escape/json.ts";
import { activeSandboxes, countedIn, type DashboardData, sumOf } from "./data.ts";

/** The numbers of a day, by the last dashboard of it. A number is null when it was not read. */
export interface Day {
  /** Version of this form. */
  schema: 1;
  /** The day in UTC, as `2026-12-01`. */
  day: string;
  /** Repositories. */
  repositories: number | null;
  /** Sandboxes in use. */
  sandboxes: number | null;
  /** Automations. */
  automations: number | null;
  /** Runs of automations that failed in the 24 hours before. */
  failedRuns: number | null;
  /** Items of campaigns that have not ended. */
  openItems: number;
  /** Pull requests of the runs whose files were given. */
  pullRequests: number;
}

/** Most days that are kept: some more than two years. */
export const MAX_DAYS = 800;

const NUMBERS = ["repositories", "sandboxes", "automations", "failedRuns", "openItems", "pullRequests"] as const;

/** The numbers of a dashboard. */
export function dayOf(data: DashboardData): Day {
  const { at, repositories, automations, campaigns, runs } = data;
  return {
    schema: 1,
    day: at.slice(0, 10),
    repositories: countedIn(data, "repositories", repositories.length),
    sandboxes: countedIn(data, "sandboxes", activeSandboxes(data)),
    automations: countedIn(data, "automations", automations.length),
    failedRuns: countedIn(data, "automationRuns", sumOf(automations, (each) => each.runs?.failedLastDay ?? 0)),
    openItems: sumOf(campaigns, (each) => each.items - each.ended),
    pullRequests: runs.filter(({ pullRequest }) => pullRequest !== null).length,
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

/** The text of the file. */
export function renderDays(days: readonly Day[]): string {
  return days.map((day) => `${jsonLine(day)}\n`).join("");
}
