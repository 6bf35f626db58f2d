/**
 * The screen must contain everything that users need to decide what to do next.
 *
 * @module
 */
import { pullRequestsSentence, pullRequestText } from "../../campaign/pulls.ts";
import {
  type Attention,
  attentionCount,
  attentionOf,
  endingsText,
  GATE_CLOSED,
  MAX_ALL_ENDINGS,
  newestParts,
  retryFirst,
  stepBlocks,
} from "../../campaign/report/attention.ts";
import { isTrouble } from "../../campaign/report/causes.ts";
import { failedGroups, isCanaryRetried } from "../../campaign/report/next_step.ts";
import { mergeBlocks } from "../../campaign/report/merge_stages.ts";
import {
  ANY_COMMAND,
  type CampaignCommand,
  campaignCommand,
  campaignName,
  countSentences,
  endBasis,
  endMsOf,
  itemNames,
  nextStartText,
  pullRequestWords,
  runMs,
  sandboxesText,
  startsText,
  stateClause,
  STATES,
  stateWord,
  waveTimeText,
} from "../../campaign/report/words.ts";
import { areRunsOver, type ItemState } from "../../campaign/view/verdicts.ts";
import type { CampaignItem, CampaignView } from "../../campaign/view/view.ts";
import { instantMs, spanText, timeText } from "../../run/result.ts";
import { cellWidth, fitCells } from "../../text/cells.ts";
import type { Fact } from "../../text/document.ts";
import { formatCount } from "../../text/duration.ts";
import type { SafeLine } from "../../text/safe_line.ts";
import { LABEL_WIDTH, Screen, type ScreenOptions, shortPull, type Span } from "../log/terminal.ts";
import type { Style } from "../log/writer.ts";

export interface StatusOptions extends ScreenOptions {
  command?: CampaignCommand | undefined;
  problem?: string | null | undefined;
  all?: boolean | undefined;
  /** Whether the screen is printed on a terminal. Items that need attention then come last, because users look at the end. */
  isEnd?: boolean | undefined;
  short?: boolean | undefined;
}

/** @param view The view before redaction. */
export function statusText(view: CampaignView, options: StatusOptions): SafeLine[] {
  const screen = new Screen(options);
  const nowMs = instantMs(view.at) ?? 0;
  const title = screen.words(["Campaign ", campaignName(view), " ", stateClause(view)]);
  screen.paragraph(0, title, "bold", undefined, 2);
  const pulls = options.short ? pullRequestsSentence(view.items) : pullRequestWords(view.items);
  const sentences = [...countSentences(view), ...(pulls === null ? [] : [pulls])];
  screen.print(sentences.map((text) => ({ text })), 0);
  if (options.short) return screen.lines;
  if (!options.isEnd) attention(screen, view, options);
  merging(screen, view, options.command ?? ANY_COMMAND);
  pace(screen, view, nowMs, options.command ?? ANY_COMMAND);
  table(screen, view, nowMs, options);
  if (options.isEnd) attention(screen, view, options);
  gate(screen, view, options.command ?? ANY_COMMAND);
  return screen.lines;
}

export const BY_HAND = "A schedule or `campaign run` starts the next wave. To start it by hand:";

/** If the campaign has at most this many items, every item that is running or needs attention gets a row. */
const MAX_TABLE = 50;
const ROWS_OF_TROUBLE = 10;
const ROWS = 5;
const MAX_GROUPS = 20;
/** Maximum width of a cause, in cells. A cause can be an error message with advice. */
const MAX_CAUSE = 600;
const MAX_LINES = 5;

function attention(
  screen: Screen,
  view: CampaignView,
  { command = ANY_COMMAND, problem = null, all = false }: StatusOptions,
): void {
  // The screen of a campaign at a gate ends with the gate, so the gate is not listed here.
  const isGated = view.state === "gated";
  const whole = attentionOf(view, command, problem);
  const entries = whole.filter(({ title }) => !isGated || title !== GATE_CLOSED);
  if (isGated && entries.length === 0) return;
  if (entries.length === 0) {
    const who = view.writer === null ? "the campaign continues with the next wave" : "a process is running";
    const goesOn = view.state === "done" ? "" : `: ${who}`;
    screen.print([{ heading: `Nothing needs attention${goesOn}`, level: 3 }], 0);
    return;
  }
  const counted = entries.some(({ count }) => count > 0) ? `: ${attentionCount(whole)}` : "";
  screen.print([{ heading: `Needs attention${counted}`, level: 3 }], 0);
  busy(screen, view);
  for (const one of entries.slice(0, MAX_GROUPS)) entry(screen, one, all);
  const more = entries.length - MAX_GROUPS;
  if (more > 0) {
    screen.space();
    screen.line({ text: `  … ${formatCount(more, "more cause")}: see campaign.json`, style: "dim" });
  }
}

function busy(screen: Screen, { writer, waitingFor }: CampaignView): void {
  if (writer === null) return;
  const text = waitingFor === "stopped"
    ? [
      "Another process is shutting down: ",
      { name: writer },
      ". Once it has ended, `campaign status` shows how to continue.",
    ]
    : [
      "Another process is running: ",
      { name: writer },
      ". Until it ends, you can view the campaign and use `campaign stop`. For the other commands below, stop that process first.",
    ];
  screen.print([{ text }], 2);
}

function merging(screen: Screen, view: CampaignView, command: CampaignCommand): void {
  const blocks = mergeBlocks(view, command);
  if (blocks.length === 0) return;
  screen.print([{ heading: "Merge status", level: 3 }], 0);
  screen.print(blocks, 2);
}

function entry(screen: Screen, one: Attention, all: boolean): void {
  const style = isItemState(one.title) ? styleOf(one.title) : "yellow";
  const cause = screen.text(one.cause, MAX_CAUSE);
  screen.space();
  screen.paragraph(2, cause, undefined, { text: `${titleOf(one)}${cause === "" ? "" : ": "}`, style }, 4);
  if (one.items.length > 0) itemsLine(screen, one);
  newest(screen, one, all);
  screen.print(stepBlocks(one.steps), 4);
}

function newest(screen: Screen, one: Attention, all: boolean): void {
  const parts = newestParts(
    one,
    all ? { max: MAX_ALL_ENDINGS, rest: "see campaign.json" } : { rest: "`campaign status --all` shows them" },
  );
  if (parts === null) return;
  for (const { head, lines } of parts.lastLines) {
    screen.print([{ text: head }], 4);
    for (const line of lines) screen.paragraph(6, screen.text(line), "dim");
  }
  screen.print(
    [...parts.more === null ? [] : [{ text: parts.more }], { text: parts.step }, { code: parts.command }],
    4,
  );
}

function itemsLine(screen: Screen, { items, count }: Attention): void {
  const apart = items.some((item) => item.includes(" ("));
  const room = (screen.width - 4) * 2 - "and 10000 more".length;
  const names: string[] = [];
  let used = 0;
  for (const item of items) {
    const name = screen.text(item);
    used += cellWidth(name) + 2;
    if (apart ? names.length === MAX_LINES : names.length > 0 && used > room) break;
    names.push(name);
  }
  const more = count - names.length;
  const rest = more > 0 ? [`and ${more} more`] : [];
  if (apart) { for (const line of [...names, ...rest]) screen.line({ text: `    ${line}`, style: "dim" }); }
  else screen.paragraph(4, [names.join(", "), ...rest].join(" "), "dim");
}

function titleOf(one: Attention): string {
  const { title, count } = one;
  return count > 0 ? `${title} (${count})${endingsText(one)}` : title;
}

function isItemState(title: string): title is ItemState {
  return (STATES as readonly string[]).includes(title);
}

function pace(screen: Screen, view: CampaignView, nowMs: number, command: CampaignCommand): void {
  const { quota, quota: { sandboxes }, waves, state, writer } = view;
  const [next, end] = [waveTimeText(view, nowMs), endMsOf(view, nowMs)];
  const number = waves === 0 ? "the first" : `number ${waves + 1}`;
  const starts: Fact = ["starts", startsText(quota)];
  const coming: Fact[] = [
    ["sandboxes", sandboxes.used === null ? `${sandboxes.limit} at most` : sandboxesText(sandboxes)],
    ["next start", nextStartText(view)],
    ["next wave", next === null ? null : `${next}, ${number}`],
    ["used by", writer === null ? null : { name: writer }],
  ];
  screen.print([{ heading: "Pace", level: 3 }, { facts: [starts, ...(areRunsOver(state) ? [] : coming)] }], 2);
  if (areRunsOver(state)) return;
  if (next !== null) {
    screen.print([{ text: BY_HAND }, { code: campaignCommand(command, "advance") }], LABEL_WIDTH + 2);
  }
  const ends = end === null ? null : `${timeText(end, nowMs)}, ${endBasis(view)}`;
  screen.print([{ facts: [["earliest end", ends]] }], 2);
}

function table(
  screen: Screen,
  view: CampaignView,
  nowMs: number,
  { all = false, isEnd = false }: Pick<StatusOptions, "all" | "isEnd">,
): void {
  if (view.items.length === 0) return;
  const how = isEnd ? " (`campaign status --all` shows them)" : " (--all shows them)";
  const groups = rowsOf(view, all);
  const table = new ItemTable(screen, view.items, groups.flatMap(({ shown }) => shown), nowMs);
  screen.print([{ heading: "Items", level: 3 }], 0);
  table.heading();
  for (const { verdict, shown, hidden } of groups) {
    for (const item of shown) table.row(item);
    if (hidden > 0) table.more(hidden, verdict, how);
  }
}

const MAX_ADDRESSES = 10;

/** The gate comes last, because all previous lines may have scrolled out of view. */
function gate(screen: Screen, view: CampaignView, command: CampaignCommand): void {
  const { state, items, canaryGate, writer } = view;
  if (isCanaryRetried(view)) {
    const then = canaryGate?.gate === "automatic"
      ? "If the whole canary succeeds, the campaign continues without approval."
      : "When the canary has finished, review it and approve.";
    screen.print([{ heading: "The canary is being retried", level: 3 }], 0);
    screen.print([{ text: then }], 2);
    if (writer !== null) return;
    return screen.print(
      [{ text: "To start the other items anyway:" }, { code: campaignCommand(command, "approve") }],
      2,
    );
  }
  if (state !== "gated") return;
  const isFailed = failedGroups(view).length > 0;
  const pulls = items.filter(({ canary, pullRequest }) => canary && pullRequest !== null);
  const more = pulls.length - MAX_ADDRESSES;
  screen.print([{ heading: "The gate is closed", level: 3 }], 0);
  busy(screen, view);
  if (isFailed) screen.print([{ text: retryFirst(view) }], 2);
  if (pulls.length > 0) screen.print([{ text: "Review the pull requests of the canary:" }], 2);
  screen.print(pulls.slice(0, MAX_ADDRESSES).map(({ pullRequest }) => ({ code: pullRequest ?? "" })), 2);
  if (more > 0) screen.print([{ text: `and ${formatCount(more, "more pull request")}` }], 4);
  screen.print([
    {
      text: isFailed
        ? "To start the other items anyway:"
        : pulls.length > 0
        ? "Then open the gate:"
        : "Review the finished items, then open the gate:",
    },
    { code: campaignCommand(command, "approve") },
    { text: "To stop the campaign instead:" },
    { code: campaignCommand(command, "stop") },
  ], 2);
}

function rowsOf(
  { items }: CampaignView,
  all: boolean,
): { verdict: ItemState; shown: CampaignItem[]; hidden: number }[] {
  const of = new Map<ItemState, CampaignItem[]>(STATES.map((state) => [state, []]));
  for (const item of items) of.get(item.verdict)?.push(item);
  return [...of].filter(([, group]) => group.length > 0).map(([verdict, group]) => {
    const style = styleOf(verdict);
    const limit = style === "red" || style === "yellow" ? ROWS_OF_TROUBLE : ROWS;
    const isQuiet = style === "green" || style === "dim";
    // An additional row takes no more space than the line with the count.
    const isWhole = all || group.length <= limit + 1 || items.length <= MAX_TABLE && !isQuiet;
    const newest = new Set(group.toSorted(byEnd).slice(0, limit));
    const visibleItems = isWhole ? group : group.filter((item) => newest.has(item));
    return { verdict, shown: visibleItems, hidden: group.length - visibleItems.length };
  });
}

function byEnd(a: CampaignItem, b: CampaignItem): number {
  return (instantMs(b.endedAt) ?? 0) - (instantMs(a.endedAt) ?? 0);
}

const GAP = "  ";
const WIDE = 128;
const SHORT_ID = 8;
const MIN_NAME = 12;
const MIN_PULL = 12;
const MIN_STATE = 8;
const MAX_NAME = 60;
const NAME = 0;
const PULL = 3;
const STATE = 4;
const FIRST_TO_GO: readonly number[] = [2, 6, 5];
const NUMBERS: readonly number[] = [5, 6];

function styleOf(state: ItemState): Style | undefined {
  if (state === "succeeded" || state === "unchanged") return "green";
  if (state === "needs-input" || state === "unknown") return "yellow";
  if (state === "running" || state === "starting") return "cyan";
  if (state === "service") return "yellow";
  return isTrouble(state) ? "red" : "dim";
}

function widest(texts: readonly string[]): number {
  return texts.reduce((max, text) => Math.max(max, cellWidth(text)), 0);
}

export class ItemTable {
  readonly #screen: Screen;
  readonly #names: ReadonlyMap<string, string>;
  readonly #nowMs: number;
  readonly #wide: boolean;
  readonly #head: readonly string[];
  readonly #widths: number[];
  /** Hidden columns: the state of pull requests if no state was read, and columns that do not fit on a narrow screen. */
  readonly #left = new Set<number>();

  /**
   * @param all All items of the campaign, because the displayed names depend on each other.
   * @param measured The items that the columns must fit.
   */
  constructor(screen: Screen, all: readonly CampaignItem[], measured: readonly CampaignItem[], nowMs: number) {
    this.#screen = screen;
    this.#names = itemNames(all);
    this.#nowMs = nowMs;
    this.#wide = screen.width >= WIDE;
    const pull = this.#wide ? "PULL REQUEST" : "PR";
    this.#head = ["ITEM", "VERDICT", "RUN", pull, "PR STATE", "TIME", "ATTEMPTS"];
    const rows = measured.map((item) => this.#cells(item));
    if (measured.every((item) => pullRequestText(item) === null)) this.#left.add(STATE);
    this.#widths = this.#head.map((head, column) => widest([head, ...rows.map((row) => row[column] ?? "")]));
    this.#fit();
  }

  /**
   * States, addresses and names are shortened until the table fits the screen. A shortened id or number would be useless, so the other columns are
   * dropped.
   */
  #fit(): void {
    const widths = this.#widths;
    const over = () =>
      widths.reduce((sum, width, column) => sum + (this.#left.has(column) ? 0 : width + GAP.length), 0) -
      this.#screen.width;
    const shrink = (column: number, least: number) => {
      const width = widths[column] ?? 0;
      widths[column] = Math.max(Math.min(least, width), width - Math.max(0, over()));
    };
    const name = widths[NAME] = Math.min(MAX_NAME, widths[NAME] ?? 0);
    shrink(STATE, MIN_STATE);
    shrink(PULL, MIN_PULL);
    shrink(NAME, MIN_NAME);
    for (const column of FIRST_TO_GO) if (over() > 0) this.#left.add(column);
    widths[NAME] = Math.min(name, widths[NAME] + Math.max(0, -over()));
  }

  #cells(item: CampaignItem): string[] {
    const { id, verdict, runId, pullRequest, attempts } = item;
    const run = runId === null ? "" : this.#screen.text(runId);
    const pull = pullRequest === null ? "" : this.#screen.text(pullRequest);
    const ms = runMs(item, this.#nowMs);
    return [
      this.#screen.text(this.#names.get(id) ?? id),
      stateWord(verdict),
      this.#wide ? run : run.slice(0, SHORT_ID),
      this.#wide ? pull : shortPull(pull),
      pullRequestText(item) ?? "",
      ms === null ? "" : spanText(ms),
      attempts === 0 ? "" : String(attempts),
    ];
  }

  #line(cells: readonly string[], style: (column: number) => Style | undefined): void {
    const spans = cells.map((cell, column): Span => {
      if (this.#left.has(column)) return { text: "" };
      const side = NUMBERS.includes(column) ? "right" : "left";
      return { text: `${GAP}${fitCells(cell, this.#widths[column] ?? 0, side)}`, style: style(column) };
    });
    this.#screen.line(...spans);
  }

  heading(): void {
    this.#line(this.#head, () => "dim");
  }

  row(item: CampaignItem): void {
    this.#line(this.#cells(item), (column) => column === 1 ? styleOf(item.verdict) : undefined);
  }

  more(count: number, verdict: ItemState, how: string): void {
    this.#screen.line({ text: `${GAP}… ${count} more ${stateWord(verdict)}${how}`, style: "dim" });
  }
}
