/**
 * A history by week: how many runs succeeded, and how long they took.
 *
 * @module
 */
import type { HistoryRecord } from "./record.ts";

/** One week. */
export interface Week {
  /** ISO week in UTC: `2026-W48`. */
  week: string;
  /** Its Monday, `2026-11-23`. */
  from: string;
  /** Runs. */
  runs: number;
  /** Those that succeeded. */
  succeeded: number;
  /** Share of them, from 0 to 1. */
  share: number;
  /** Half of the runs took at most so many milliseconds; null when no time is known. */
  p50Ms: number | null;
  /** 95 % of the runs took at most so many milliseconds; null when no time is known. */
  p95Ms: number | null;
}

const DAY = 86_400_000;

/** Name and Monday of the week that a time is in. Source: ISO 8601, week dates: a week belongs to the year of its Thursday. */
export function weekOf(ms: number): { week: string; from: string } {
  const day = Math.floor(ms / DAY);
  // 1970-01-01 was a Thursday.
  const monday = day - (((day + 3) % 7) + 7) % 7;
  const thursday = new Date((monday + 3) * DAY);
  const year = thursday.getUTCFullYear();
  const number = Math.floor((monday + 3 - Date.UTC(year, 0, 1) / DAY) / 7) + 1;
  return {
    week: `${year}-W${String(number).padStart(2, "0")}`,
    from: new Date(monday * DAY).toISOString().slice(0, 10),
  };
}

/** The smallest of the values that at least this share of them does not exceed; null without values. @param share Above 0, at most 1. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? null;
}

/** The weeks that have runs, oldest first. */
export function weeksOf(records: readonly HistoryRecord[]): Week[] {
  const weeks = new Map<string, { from: string; records: HistoryRecord[] }>();
  for (const record of records) {
    const { week, from } = weekOf(Date.parse(record.at));
    const found = weeks.get(week) ?? { from, records: [] };
    found.records.push(record);
    weeks.set(week, found);
  }
  return [...weeks].map(([week, { from, records }]) => {
    const times = records.flatMap(({ tookMs }) => tookMs ?? []);
    const succeeded = records.filter(({ outcome }) => outcome === "success").length;
    return {
      week,
      from,
      runs: records.length,
      succeeded,
      share: succeeded / records.length,
      p50Ms: quantile(times, 0.5),
      p95Ms: quantile(times, 0.95),
    };
  }).sort((a, b) => a.from < b.from ? -1 : 1);
}
