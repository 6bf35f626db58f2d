/**
 * The table of items on a screen: item, verdict, run, pull request and its state, time, attempts.
 *
 * @module
 */
import { isTrouble } from "../../campaign/report/causes.ts";
import { pullRequestText } from "../../campaign/pulls/stuck.ts";
import { itemNames, runMs } from "../../campaign/report/words.ts";
import type { ItemState } from "../../campaign/verdicts.ts";
import type { ItemView } from "../../campaign/view.ts";
import { spanText } from "../../result/times.ts";
import { cellWidth, fitCells } from "../../text/cells.ts";
import type { Screen, Span, Style } from "./screen.ts";

const GAP = "  ";
/** From this width on there is room for whole ids and addresses. */
const WIDE = 128;
const SHORT_ID = 8;
/** What the columns of names and of addresses keep when there is little room. */
const MIN_NAME = 12;
const MIN_PULL = 12;
const MIN_STATE = 8;
const MAX_NAME = 60;
const NAME = 0;
const PULL = 3;
const STATE = 4;
/** Columns of numbers, which are aligned on the right. */
const NUMBERS: readonly number[] = [5, 6];

/** The colour of a verdict. */
export function styleOf(state: ItemState): Style | undefined {
  if (state === "succeeded" || state === "unchanged") return "green";
  if (state === "needs-input" || state === "unknown") return "yellow";
  if (state === "running" || state === "starting") return "cyan";
  if (state === "service") return "yellow";
  return isTrouble(state) ? "red" : "dim";
}

/** `#7` or `!7` for an address of a pull request or a merge request; otherwise the address. */
function shortPull(url: string): string {
  const [, kind, number] = /\/(pull|pulls|pull-requests|merge_requests)\/(\d+)\/?$/.exec(url) ?? [];
  return kind === undefined ? url : `${kind === "merge_requests" ? "!" : "#"}${number}`;
}

function widest(texts: readonly string[]): number {
  return texts.reduce((max, text) => Math.max(max, cellWidth(text)), 0);
}

/** A table that knows its columns before its first row. */
export class ItemTable {
  readonly #screen: Screen;
  readonly #names: ReadonlyMap<string, string>;
  readonly #nowMs: number;
  readonly #wide: boolean;
  readonly #head: readonly string[];
  readonly #widths: number[];
  /** Whether there is a column for the state of pull requests. */
  readonly #hasPulls: boolean;

  /**
   * @param all All items of the campaign: their names depend on each other.
   * @param measured The items that the columns have room for.
   */
  constructor(screen: Screen, all: readonly ItemView[], measured: readonly ItemView[], nowMs: number) {
    this.#screen = screen;
    this.#names = itemNames(all);
    this.#nowMs = nowMs;
    this.#wide = screen.width >= WIDE;
    const pull = this.#wide ? "PULL REQUEST" : "PR";
    this.#head = ["ITEM", "VERDICT", "RUN", pull, "PR STATE", "TIME", "ATTEMPTS"];
    const rows = measured.map((item) => this.#cells(item));
    this.#hasPulls = measured.some(({ pullRequest }) => pullRequest !== null);
    this.#widths = this.#head.map((head, column) => widest([head, ...rows.map((row) => row[column] ?? "")]));
    if (!this.#hasPulls) this.#widths[STATE] = 0;
    this.#fit();
  }

  /** Makes addresses, then names, as short as the screen demands. */
  #fit(): void {
    const widths = this.#widths;
    const over = () =>
      widths.reduce((sum, width) => sum + width + GAP.length, this.#hasPulls ? 0 : -GAP.length) - this.#screen.width;
    const shrink = (column: number, least: number) => {
      const width = widths[column] ?? 0;
      widths[column] = Math.max(Math.min(least, width), width - Math.max(0, over()));
    };
    widths[NAME] = Math.min(MAX_NAME, widths[NAME] ?? 0);
    shrink(STATE, MIN_STATE);
    shrink(PULL, MIN_PULL);
    shrink(NAME, MIN_NAME);
  }

  #cells(item: ItemView): string[] {
    const { id, verdict, runId, pullRequest, attempts } = item;
    const run = runId === null ? "" : this.#screen.text(runId);
    const pull = pullRequest === null ? "" : this.#screen.text(pullRequest);
    const ms = runMs(item, this.#nowMs);
    return [
      this.#screen.text(this.#names.get(id) ?? id),
      verdict,
      this.#wide ? run : run.slice(0, SHORT_ID),
      this.#wide ? pull : shortPull(pull),
      pullRequestText(item) ?? "",
      ms === null ? "" : spanText(ms),
      attempts === 0 ? "" : String(attempts),
    ];
  }

  #line(cells: readonly string[], style: (column: number) => Style | undefined): void {
    const spans = cells.map((cell, column): Span => {
      if (column === STATE && !this.#hasPulls) return { text: "" };
      const side = NUMBERS.includes(column) ? "right" : "left";
      return { text: `${GAP}${fitCells(cell, this.#widths[column] ?? 0, side)}`, style: style(column) };
    });
    this.#screen.line(...spans);
  }

  /** Adds the heading. */
  heading(): void {
    this.#line(this.#head, () => "dim");
  }

  /** Adds the row of an item. */
  row(item: ItemView): void {
    this.#line(this.#cells(item), (column) => column === 1 ? styleOf(item.verdict) : undefined);
  }

  /** Adds a line about rows that are not shown. */
  more(count: number, verdict: ItemState, how: string): void {
    this.#screen.line({ text: `${GAP}… ${count} more ${verdict}${how}`, style: "dim" });
  }
}
