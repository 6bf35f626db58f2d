/**
 * The screen of `campaign status`: somebody who reads nothing else can say what to do next.
 *
 * @module
 */
import { type Attention, attentionOf } from "../../campaign/report/attention.ts";
import { ANY_COMMAND, type CampaignCommand, campaignCommand } from "../../campaign/report/commands.ts";
import {
  campaignName,
  countSentences,
  nextStartText,
  sandboxesText,
  stateDetail,
  STATES,
  totalsOf,
} from "../../campaign/report/words.ts";
import { pullRequestsSentence, unreadAdvice } from "../../campaign/pulls/stuck.ts";
import type { ItemState } from "../../campaign/verdicts.ts";
import type { CampaignView, ItemView } from "../../campaign/view.ts";
import { formatCount } from "../../result/duration.ts";
import { instantMs, timeText } from "../../result/times.ts";
import { cellWidth } from "../../text/cells.ts";
import { ItemTable, styleOf } from "./item_table.ts";
import { Screen, type ScreenOptions } from "./screen.ts";

/** Options of {@linkcode statusText}. */
export interface StatusOptions extends ScreenOptions {
  /** How commands are written. @default {ANY_COMMAND} */
  command?: CampaignCommand | undefined;
  /** Message of the error that stopped the last step. @default {null} */
  problem?: string | null | undefined;
  /** Whether the table has a row for every item, however many there are. @default {false} */
  all?: boolean | undefined;
}

/** Up to this many items all have a row. */
const MAX_TABLE = 50;
/** Rows of each verdict in a larger campaign: more where a person has to act. */
const ROWS_OF_TROUBLE = 10;
const ROWS = 5;
/** Most groups that need attention; the rest is counted. */
const MAX_GROUPS = 20;
/** Cells of a cause, which may be the message of an error with its advice. */
const MAX_CAUSE = 600;
/** Most items of a group that have a line each. */
const MAX_LINES = 5;
const LABEL = 14;

function titleOf({ title, count }: Attention): string {
  return count > 0 ? `${title} (${count})` : title;
}

function isItemState(title: string): title is ItemState {
  return (STATES as readonly string[]).includes(title);
}

function entry(screen: Screen, one: Attention): void {
  const style = isItemState(one.title) ? styleOf(one.title) : "yellow";
  const cause = screen.text(one.cause, MAX_CAUSE);
  screen.space();
  screen.paragraph(2, cause, undefined, { text: `${titleOf(one)}${cause === "" ? "" : ": "}`, style }, 4);
  if (one.items.length > 0) itemsLine(screen, one);
  for (const { text, command } of one.steps) {
    screen.paragraph(4, screen.text(text));
    if (command !== null) screen.command(6, command);
  }
}

/** The names of items: on two lines at most, or each on its own where a reader has to follow an address. */
function itemsLine(screen: Screen, { items, count }: Attention): void {
  const apart = items.some((item) => item.includes(" ("));
  const room = (screen.width - 4) * 2 - "and 10000 more".length;
  const shown: string[] = [];
  let used = 0;
  for (const item of items) {
    const name = screen.text(item);
    used += cellWidth(name) + 2;
    if (apart ? shown.length === MAX_LINES : shown.length > 0 && used > room) break;
    shown.push(name);
  }
  const more = count - shown.length;
  const rest = more > 0 ? [`and ${more} more`] : [];
  if (apart) { for (const line of [...shown, ...rest]) screen.line({ text: `    ${line}`, style: "dim" }); }
  else screen.paragraph(4, [shown.join(", "), ...rest].join(" "), "dim");
}

function attention(screen: Screen, view: CampaignView, { command = ANY_COMMAND, problem = null }: StatusOptions): void {
  const entries = attentionOf(view, command, problem);
  screen.space();
  if (entries.length === 0) {
    const goesOn = view.state === "done" ? "" : ": it goes on with the next wave";
    screen.line({ text: `Nothing needs attention${goesOn}`, style: "bold" });
    return;
  }
  const items = entries.reduce((sum, { count }) => sum + count, 0);
  const groups = entries.filter(({ count }) => count > 0).length;
  const counted = items === 0 ? "" : `: ${formatCount(items, "item")}, ${formatCount(groups, "cause")}`;
  screen.line({ text: `Needs attention${counted}`, style: "bold" });
  if (view.atWork !== null) {
    screen.paragraph(
      2,
      `A process is at work (${screen.text(view.atWork)}): end it before you give one of these commands.`,
    );
  }
  for (const one of entries.slice(0, MAX_GROUPS)) entry(screen, one);
  const more = entries.length - MAX_GROUPS;
  if (more > 0) {
    screen.space();
    screen.line({ text: `  … ${formatCount(more, "more cause")}: campaign.json has all of them`, style: "dim" });
  }
}

function fact(screen: Screen, label: string, text: string | null): void {
  if (text !== null) screen.paragraph(2, text, undefined, { text: label.padEnd(LABEL), style: "dim" }, LABEL + 2);
}

function pace(screen: Screen, view: CampaignView, nowMs: number, command: CampaignCommand): void {
  const { quota: { minute, hour, day, sandboxes }, nextWaveAt, endsAt, waves, state, atWork } = view;
  const [next, end] = [instantMs(nextWaveAt), instantMs(endsAt)];
  screen.space();
  screen.line({ text: "Pace", style: "bold" });
  fact(
    screen,
    "starts",
    `${minute.used} of ${minute.limit} a minute, ${hour.used} of ${hour.limit} an hour, ${day.used} of ${day.limit} a day`,
  );
  if (state === "done") return;
  fact(
    screen,
    "sandboxes",
    sandboxes.used === null ? `not read, ${sandboxes.limit} at most` : sandboxesText(sandboxes),
  );
  fact(screen, "next start", nextStartText(view));
  const number = waves === 0 ? "the first" : `number ${waves + 1}`;
  fact(screen, "next wave", next === null ? null : `${timeText(next, nowMs)}, ${number}`);
  if (atWork !== null) fact(screen, "at work", screen.text(atWork));
  else if (next !== null) {
    fact(screen, "", "A schedule or `campaign run` starts it. By hand:");
    screen.command(LABEL + 4, campaignCommand(command, "advance"));
  }
  const by = totalsOf(view).ended > view.counts.skipped
    ? "by the mean of the runs so far"
    : "by a guess, as no run has ended";
  fact(screen, "earliest end", end === null ? null : `${timeText(end, nowMs)}, ${by}`);
}

/** The items of each verdict that get a row, and how many do not. */
function rowsOf({ items }: CampaignView, all: boolean): { verdict: ItemState; shown: ItemView[]; hidden: number }[] {
  const of = new Map<ItemState, ItemView[]>(STATES.map((state) => [state, []]));
  for (const item of items) of.get(item.verdict)?.push(item);
  return [...of].filter(([, found]) => found.length > 0).map(([verdict, found]) => {
    const style = styleOf(verdict);
    const limit = style === "red" || style === "yellow" ? ROWS_OF_TROUBLE : ROWS;
    // One more row takes no more space than the line that counts it.
    const shown = all || items.length <= MAX_TABLE || found.length <= limit + 1 ? found : found.slice(0, limit);
    return { verdict, shown, hidden: found.length - shown.length };
  });
}

function table(screen: Screen, view: CampaignView, nowMs: number, all: boolean): void {
  if (view.items.length === 0) return;
  const groups = rowsOf(view, all);
  const table = new ItemTable(screen, view.items, groups.flatMap(({ shown }) => shown), nowMs);
  screen.space();
  screen.line({ text: "Items", style: "bold" });
  table.heading();
  for (const { verdict, shown, hidden } of groups) {
    for (const item of shown) table.row(item);
    if (hidden > 0) table.more(hidden, verdict, " (--all shows them)");
  }
}

/**
 * The screen: where the campaign is and what it waits for, its counts, what needs attention and what to do about it, its pace, a table of its
 * items.
 *
 * @param view Not yet cleaned.
 * @returns Lines that are safe to print. Commands are not cut, every other line fits the width.
 */
export function statusText(view: CampaignView, options: StatusOptions): string[] {
  const screen = new Screen(options);
  const nowMs = instantMs(view.at) ?? 0;
  const name = campaignName(view, (text) => screen.text(text));
  const detail = stateDetail(view, (text) => screen.text(text));
  screen.paragraph(0, `Campaign ${name} is ${view.state}: ${detail}`, "bold", undefined, 2);
  for (const sentence of countSentences(view)) screen.paragraph(0, sentence, undefined, undefined, 2);
  const pulls = pullRequestsSentence(view.items);
  const advice = unreadAdvice(view.items);
  if (pulls !== null) screen.paragraph(0, advice === null ? pulls : `${pulls}; ${advice}`, undefined, undefined, 2);
  attention(screen, view, options);
  pace(screen, view, nowMs, options.command ?? ANY_COMMAND);
  table(screen, view, nowMs, options.all ?? false);
  return screen.lines;
}
