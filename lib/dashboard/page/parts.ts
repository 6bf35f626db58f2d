/**
 * What all parts of the page have in common.
 *
 * @module
 */
import {
  type Cell,
  chip,
  type Html,
  list,
  markup,
  type Part,
  section,
  table,
  type TableRow,
  type Tone,
} from "../../pages/pages.ts";
import { distanceText, instantMs, utcText } from "../../result/times.ts";
import { cutText } from "../../text/plain_text.ts";
import { countBy, type ListState } from "../data.ts";

/** Most kinds that a list can be filtered by: there may be words that nobody thought of. */
const MAX_KINDS = 30;

/** A column of a table. */
export interface PartColumn {
  /** Its heading. */
  readonly name: string;
  /** Whether it has numbers. @default {false} */
  readonly number?: boolean;
}

/** A part of the page: a heading with its number, then a table, or a sentence where there is none. */
export interface TablePart {
  /** Unique on the page. */
  readonly id: string;
  /** The heading. */
  readonly heading: string;
  /** What the rows are, in the plural and in lower case. */
  readonly rows: string;
  /** How much of the list was read; undefined for what comes from files. */
  readonly state?: ListState | undefined;
  /** What stands there when there are no rows. */
  readonly empty: string;
  /** The columns. */
  readonly columns: readonly PartColumn[];
  /** The rows. */
  readonly content: readonly TableRow[];
  /** What stands above the table. @default {null} */
  readonly before?: Part;
}

/** The part. */
export function tablePart(
  { id, heading, rows, state, empty, columns, content, before = null }: TablePart,
): Html | null {
  const isUnread = state !== undefined && state.state !== "complete";
  const kinds = [...countBy(content, ({ kind = "" }) => kind)].filter(([kind]) => kind !== "").slice(0, MAX_KINDS);
  return section(
    id,
    content.length > 0 ? `${heading} (${content.length})` : heading,
    isUnread && markup`<p>${chip(stateWord(state), stateTone(state))} ${state.why}</p>`,
    content.length === 0 && (state === undefined || state.state === "complete") &&
      markup`<p class="soft">${empty}</p>`,
    content.length > 0 && before,
    content.length > 0 &&
      list({ name: "rows", rows, kinds, copy: true }, table(heading, columns, content)),
  );
}

/** A word for how much was read. */
export function stateWord({ state }: ListState): string {
  const words = {
    complete: "complete",
    cut: "cut off",
    partial: "not all read",
    failed: "not read",
    skipped: "not read",
  };
  return words[state];
}

/** Its colour. */
export function stateTone({ state }: ListState): Tone {
  return state === "complete" ? "good" : state === "cut" ? "wait" : "bad";
}

/** The colour of a status or an outcome, in the words of the service and in ours. */
export function toneOf(word: string): Tone {
  if (["error", "failed", "stopped_early"].includes(word)) return "bad";
  if (["success", "done", "active"].includes(word)) return "good";
  return ["awaiting_input", "gated", "stopped", "stopping", "deadline", "cancelled", "suppressed"].includes(word)
    ? "wait"
    : "none";
}

/** Longer than any word for a status: what is longer would make a column as wide as the page. */
const MAX_WORD = 32;

/** A status or an outcome in a frame. */
export function word(text: string, tone: Tone): Html {
  return chip(cutText(text, MAX_WORD), tone);
}

/** A time as a distance, which sorts by the time; null for none. */
export function since(text: string | null, nowMs: number): Cell {
  const ms = instantMs(text);
  if (ms === null) return text;
  const iso = new Date(ms).toISOString();
  return { show: markup`<time datetime="${iso}" title="${utcText(ms)}">${distanceText(ms, nowMs)}</time>`, value: ms };
}
