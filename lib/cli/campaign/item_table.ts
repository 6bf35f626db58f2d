/**
 * The table of items on a screen: item, verdict, run, pull request, time, attempts.
 *
 * @module
 */
import { isTrouble } from "../../campaign/report/causes.ts";
import { itemNames, runMs } from "../../campaign/report/words.ts";
import type { ItemState } from "../../campaign/verdicts.ts";
import type { ItemView } from "../../campaign/view.ts";
import { spanText } from "../../result/times.ts";
import { cellWidth, fitCells } from "../../text/cells.ts";
import type { Screen, Span, Style } from "./screen.ts";

const GAP = "  ";
const MIN_NAME = 12;
const MAX_NAME = 60;
const VERDICT = 11;
const TIME = 11;
const ATTEMPTS = 8;
const SHORT_ID = 8;
const LONG_ID = 36;
const MAX_SHORT_PULL = 12;
/** From this width on there is room for whole ids and addresses. */
const WIDE = 130;

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

/** A table that knows its columns before its first row. */
export class ItemTable {
  readonly #screen: Screen;
  readonly #names: ReadonlyMap<string, string>;
  readonly #nowMs: number;
  readonly #wide: boolean;
  readonly #name: number;
  readonly #pull: number;

  /**
   * @param all All items of the campaign: their names depend on each other.
   * @param shown The items that will get a row, for the width of columns.
   */
  constructor(screen: Screen, all: readonly ItemView[], shown: readonly ItemView[], nowMs: number) {
    this.#screen = screen;
    this.#names = itemNames(all);
    this.#nowMs = nowMs;
    this.#wide = screen.width >= WIDE;
    const widest = (texts: readonly string[]) => texts.reduce((max, text) => Math.max(max, cellWidth(text)), 0);
    const pulls = widest(shown.map((item) => this.#pullText(item)));
    const id = this.#wide ? LONG_ID : SHORT_ID;
    const room = screen.width - VERDICT - id - TIME - ATTEMPTS - GAP.length * 6;
    const name = Math.min(MAX_NAME, Math.max(MIN_NAME, widest(shown.map((item) => this.#nameText(item)))));
    // The name comes first; addresses get what is free.
    this.#pull = Math.min(
      Math.max(pulls, "PULL REQUEST".length),
      Math.max(MAX_SHORT_PULL, room - name),
    );
    this.#name = Math.max(MIN_NAME, Math.min(name, room - this.#pull));
  }

  #nameText({ id }: ItemView): string {
    return this.#screen.text(this.#names.get(id) ?? id);
  }

  #pullText({ pullRequest }: ItemView): string {
    if (pullRequest === null) return "";
    const url = this.#screen.text(pullRequest);
    return this.#wide ? url : shortPull(url);
  }

  #cells(name: string, verdict: Span, run: string, pull: string, time: string, attempts: string): Span[] {
    const id = this.#wide ? LONG_ID : SHORT_ID;
    return [
      { text: `${GAP}${fitCells(name, this.#name)}${GAP}` },
      { text: `${fitCells(verdict.text, VERDICT)}${GAP}`, style: verdict.style },
      { text: `${this.#wide ? fitCells(run, id) : fitCells(run.slice(0, id), id)}${GAP}` },
      { text: `${fitCells(pull, this.#pull)}${GAP}` },
      { text: `${fitCells(time, TIME, "right")}${GAP}` },
      { text: fitCells(attempts, ATTEMPTS, "right") },
    ];
  }

  /** Adds the heading. */
  heading(): void {
    const spans = this.#cells("ITEM", { text: "VERDICT" }, "RUN", "PULL REQUEST", "TIME", "ATTEMPTS");
    this.#screen.line({ text: spans.map(({ text }) => text).join(""), style: "dim" });
  }

  /** Adds the row of an item. */
  row(item: ItemView): void {
    const { verdict, runId, attempts } = item;
    const ms = runMs(item, this.#nowMs);
    this.#screen.line(...this.#cells(
      this.#nameText(item),
      { text: verdict, style: styleOf(verdict) },
      runId === null ? "" : this.#screen.text(runId),
      this.#pullText(item),
      ms === null ? "" : spanText(ms),
      attempts === 0 ? "" : String(attempts),
    ));
  }

  /** Adds a line about rows that are not shown. */
  more(count: number, verdict: ItemState, how: string): void {
    this.#screen.line({ text: `${GAP}… ${count} more ${verdict}${how}`, style: "dim" });
  }
}
