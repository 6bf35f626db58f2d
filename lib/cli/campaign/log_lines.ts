/**
 * Lines about a campaign in the log of a CI system: one for each change, and one each minute. They are not yet safe to print: each goes
 * through `Writer.untrusted`.
 *
 * @module
 */
import { boundText, outlookMs, runMs, totalsOf } from "../../campaign/report/words.ts";
import { pullRequestText } from "../../campaign/pulls/stuck.ts";
import type { CampaignView, ItemView } from "../../campaign/view.ts";
import { formatCount } from "../../result/duration.ts";
import { spanText, timeText } from "../../result/times.ts";

/** Most UTF-16 units of a line; the reports have all of it. It is cut after it was redacted. */
export const MAX_LINE = 500;
const VERDICT = 11;

/** The items whose verdict, run or pull request differ from those before. */
export function changedItems(before: readonly ItemView[], after: readonly ItemView[]): ItemView[] {
  const known = new Map(before.map((item) => [item.id, item]));
  return after.filter((item) => {
    const old = known.get(item.id);
    if (old === undefined) return true;
    return old.verdict !== item.verdict || old.runId !== item.runId || old.pullRequest !== item.pullRequest ||
      pullRequestText(old) !== pullRequestText(item);
  });
}

/** What there is to say about an item besides its verdict. */
function details(item: ItemView, nowMs: number): string {
  const { verdict, runId, pullRequest, branch, reason, attempts } = item;
  const isOpen = verdict === "running" || verdict === "starting" || verdict === "needs-input";
  const ms = isOpen ? null : runMs(item, nowMs);
  const facts = [
    ...(ms === null ? [] : [spanText(ms)]),
    ...(attempts > 1 ? [`attempt ${attempts}`] : []),
  ];
  const work = pullRequest ?? (verdict === "unknown" ? branch : null);
  return [
    ...(isOpen && runId !== null ? [`run ${runId}`] : []),
    ...(work === null ? [] : [work]),
    ...(item.pullRequestState === null ? [] : [`[${pullRequestText(item)}]`]),
    ...(reason === null ? [] : [reason]),
    ...(facts.length === 0 ? [] : [`(${facts.join(", ")})`]),
  ].join("  ");
}

/**
 * The line about the change of an item: `13:53:00  failed       acme/web  npm test exited with code 1  (19 min)`.
 *
 * @param item The item after the change.
 * @param name Its name for people: see `itemNames`.
 * @param nowMs When it was seen, in milliseconds since 1970.
 * @param times Whether the line has its time; where the CI system writes one, it would be the second.
 */
export function campaignLine(item: ItemView, name: string, nowMs: number, times = true): string {
  const time = times ? `${new Date(nowMs).toISOString().slice(11, 19)}  ` : "";
  return `${time}${item.verdict.padEnd(VERDICT)}  ${name}  ${details(item, nowMs)}`.trimEnd();
}

/**
 * The line that says that the campaign is alive: `... 12 of 40 items ended, 3 running, 2 without a good end; 84 of 150 starts a day; …`.
 *
 * @param nowMs Now, in milliseconds since 1970.
 */
export function heartbeatLine(view: CampaignView, nowMs: number): string {
  const { items, ended, bad, running } = totalsOf(view);
  const { waitsFor, quota: { day } } = view;
  const counts = [
    `${ended} of ${formatCount(items, "item")} ended`,
    `${running} running`,
    ...(bad > 0 ? [`${bad} without a good end`] : []),
  ];
  const { next, end } = outlookMs(view);
  const parts = [
    counts.join(", "),
    `${day.used} of ${day.limit} starts a day`,
    ...(waitsFor === null || waitsFor === "nothing" ? [] : [`next start waits for ${boundText(waitsFor, view.quota)}`]),
    ...(next !== null ? [`next wave ${timeText(next, nowMs)}`] : []),
    ...(next === null && end !== null ? [`earliest end ${timeText(end, nowMs)}`] : []),
  ];
  return `... ${parts.join("; ")}`;
}
