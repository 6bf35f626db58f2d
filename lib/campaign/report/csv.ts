/**
 * `campaign.csv`: the items as a table for spreadsheets.
 *
 * @module
 */
import { csvLine } from "../../text/escape/csv.ts";
import type { CampaignView, ItemView } from "../view.ts";
import { instantMs } from "../../result/times.ts";
import { runMs } from "./words.ts";

type Cell = string | number | null;

// Public names: a change is a new major version.
type Column = readonly [name: string, cell: (item: ItemView, nowMs: number) => Cell];

const COLUMNS: readonly Column[] = [
  ["repository", (item) => item.repository],
  ["base_branch", (item) => item.baseBranch],
  ["root", (item) => item.root],
  ["verdict", (item) => item.verdict],
  ["reason", (item) => item.reason],
  ["starts", (item) => item.starts],
  ["attempts", (item) => item.attempts],
  ["run_id", (item) => item.runId],
  ["branch", (item) => item.branch],
  ["pull_request", (item) => item.pullRequest],
  ["started_at", (item) => item.startedAt],
  ["ended_at", (item) => item.endedAt],
  ["run_seconds", (item, nowMs) => {
    const ms = runMs(item, nowMs);
    return ms === null ? null : Math.round(ms / 1_000);
  }],
  ["canary", (item) => item.canary ? "yes" : "no"],
  ["pull_request_state", ({ pullRequestState: pull }) => pull?.state ?? null],
  ["checks", ({ pullRequestState: pull }) => pull?.checks ?? null],
  ["review", ({ pullRequestState: pull }) => pull?.review ?? null],
  [
    "conflict",
    ({ pullRequestState: pull }) => pull === null || pull.conflict === null ? null : pull.conflict ? "yes" : "no",
  ],
  ["owner", ({ pullRequestState: pull }) => pull?.owner ?? null],
  ["stuck", (item) => item.stuck],
];

/**
 * Renders a heading and a line for each item. Lines end in CR LF, texts are in quotes, and no cell is a formula. An unknown value is an
 * empty cell.
 *
 * Source: RFC 4180.
 *
 * @param view View after `cleanCampaign`.
 */
export function renderCampaignCsv({ items, at }: CampaignView): string {
  const nowMs = instantMs(at) ?? 0;
  const heading = csvLine(COLUMNS.map(([name]) => name));
  return heading + items.map((item) => csvLine(COLUMNS.map(([, cell]) => cell(item, nowMs)))).join("");
}
