/**
 * The files of a dashboard, as texts.
 *
 * @module
 */
import { jsonText } from "../text/escape/json.ts";
import type { DashboardData } from "./data.ts";
import { type Day, dayOf, readDays, renderDays, withDay } from "./history.ts";
import { renderDashboardMetrics } from "./metrics.ts";
import { renderDashboardPage } from "./dashboard_page.ts";

/** Names of the files, in the order in which they are written: the page comes last, so that it never leads to missing ones. */
export const FILES = {
  data: "data.json",
  metrics: "metrics.prom",
  history: "history.jsonl",
  page: "index.html",
} as const;

/** A file to write. */
export interface DashboardFile {
  /** Its name in the directory. */
  name: string;
  /** Its text. */
  text: string;
}

/**
 * Renders all files. The same data and the same history always give the same texts.
 *
 * @param data Data after `cleanDashboard`.
 * @param history Text of `history.jsonl` as it is now; empty when there is none.
 * @returns The files, and how many lines of the history are no day: they are left out from now on.
 */
export function renderDashboard(data: DashboardData, history: string): { files: DashboardFile[]; unread: number } {
  const { days, unread } = readDays(history);
  const all: Day[] = withDay(days, dayOf(data));
  const files = [
    { name: FILES.data, text: `${jsonText(data, 2)}\n` },
    { name: FILES.metrics, text: renderDashboardMetrics(data) },
    { name: FILES.history, text: renderDays(all) },
    { name: FILES.page, text: renderDashboardPage(data, all) },
  ];
  return { files, unread };
}
