/**
 * The table that stands at the bottom of a terminal while `campaign run` works.
 *
 * @module
 */
import { isTrouble } from "../../campaign/report/causes.ts";
import { boundText, outlookMs, STATES, totalsOf } from "../../campaign/report/words.ts";
import { hasVerdict, type ItemState, OPEN_STATES } from "../../campaign/verdicts.ts";
import type { CampaignView, ItemView } from "../../campaign/view.ts";
import { distanceText, instantMs, timeText } from "../../result/times.ts";
import { ItemTable } from "./item_table.ts";
import { Screen, type ScreenOptions, type Span } from "./screen.ts";

/** Options of {@linkcode liveTable}. */
export interface LiveTableOptions extends ScreenOptions {
  /** Most lines. With fewer than 7 there are only the lines about the whole. */
  height: number;
  /** Now, in milliseconds since 1970. */
  nowMs: number;
}

/** Lines about the whole, the heading of the table, and the line that counts the others. */
const OTHER_LINES = 6;
const MAX_MEASURED = 500;
/** The order in which the others are counted: a narrow terminal cuts the end. */
const OTHERS: readonly ItemState[] = [...[...OPEN_STATES].reverse(), ...STATES.filter(hasVerdict)];

function parts(spans: readonly (Span | undefined)[]): Span[] {
  const given = spans.filter((span) => span !== undefined);
  return given.flatMap((span, index) => index === 0 ? [span] : [{ text: " · ", style: "dim" as const }, span]);
}

function progress(screen: Screen, view: CampaignView): Span[] {
  const { items, ended, good, bad, running } = totalsOf(view);
  // The other two can be seen: something runs, or the next line says what is waited for.
  const state = view.state === "running" || view.state === "waiting" ? "" : `: ${view.state}`;
  return parts([
    { text: `${screen.text(view.campaign)}${state}`, style: "bold" },
    { text: `${ended}/${items} ended` },
    { text: `${good} good`, style: good > 0 ? "green" : undefined },
    bad > 0 ? { text: `${bad} need${bad === 1 ? "s" : ""} attention`, style: "red" } : undefined,
    { text: `${running} running`, style: running > 0 ? "cyan" : undefined },
  ]);
}

function starts({ quota: { minute, hour, day, sandboxes } }: CampaignView): Span[] {
  return parts([
    { text: `starts ${minute.used}/${minute.limit} a minute` },
    { text: `${hour.used}/${hour.limit} an hour` },
    { text: `${day.used}/${day.limit} a day` },
    { text: `sandboxes ${sandboxes.used ?? "?"}/${sandboxes.limit}` },
  ]);
}

/** What comes next and why, and when it may be over. */
function outlook(screen: Screen, view: CampaignView, nowMs: number): Span[][] {
  const { waitsFor, state, stateReason } = view;
  const { next, end } = outlookMs(view);
  const isWaiting = waitsFor !== null && waitsFor !== "nothing" && state !== "done";
  const start = parts([
    stateReason === null ? undefined : { text: screen.text(stateReason), style: "yellow" },
    next === null ? undefined : { text: `next wave ${distanceText(next, nowMs)}` },
    isWaiting ? { text: `waits for ${boundText(waitsFor, view.quota)}` } : undefined,
  ]);
  const over = end === null ? [] : [{ text: `earliest end ${timeText(end, nowMs)}` }];
  return [start, over].filter((spans) => spans.length > 0);
}

/** Runs that wait for a person first: they hold a sandbox. Then the newest end. */
function byUrgency(a: ItemView, b: ItemView): number {
  const waits = ({ verdict }: ItemView) => verdict === "needs-input" ? 1 : 0;
  return waits(b) - waits(a) || (instantMs(b.endedAt) ?? 0) - (instantMs(a.endedAt) ?? 0);
}

/** What fits, in the order of the table: what is at work, what needs a person, what ended last. */
function chosen(items: readonly ItemView[], rows: number): ItemView[] {
  const working = items.filter(({ verdict }) => verdict === "running" || verdict === "starting").slice(0, rows);
  const judged = items.filter(({ verdict }) => hasVerdict(verdict)).sort(byUrgency);
  const trouble = judged.filter(({ verdict }) => isTrouble(verdict));
  const good = judged.filter(({ verdict }) => !isTrouble(verdict));
  const free = rows - working.length;
  // Each of the two gets half of what is free, and what the other does not need.
  const troubles = Math.min(trouble.length, Math.max(Math.ceil(free / 2), free - good.length));
  return [...working, ...trouble.slice(0, troubles), ...good.slice(0, free - troubles)];
}

function othersText({ counts }: CampaignView, shown: readonly ItemView[]): string {
  const hidden = new Map(OTHERS.map((state) => [state, counts[state]]));
  for (const { verdict } of shown) hidden.set(verdict, (hidden.get(verdict) ?? 0) - 1);
  return [...hidden].filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`).join(", ");
}

/**
 * The table: lines about the whole, then the items that matter now, then a count of the others.
 *
 * @param view Not yet cleaned.
 * @returns At most `height` lines, each at most `width` cells, safe to print.
 */
export function liveTable(view: CampaignView, options: LiveTableOptions): string[] {
  const { height, nowMs } = options;
  const screen = new Screen(options);
  screen.line(...progress(screen, view));
  screen.line(...starts(view));
  for (const spans of outlook(screen, view, nowMs)) screen.line(...spans);
  const rows = height - OTHER_LINES;
  if (rows > 0 && view.items.length > 0) {
    const shown = chosen(view.items, rows);
    if (shown.length > 0) {
      // Columns that fit all items stay where they are while rows come and go.
      const measured = view.items.length <= MAX_MEASURED ? view.items : shown;
      const table = new ItemTable(screen, view.items, measured, nowMs);
      table.heading();
      for (const item of shown) table.row(item);
    }
    const others = othersText(view, shown);
    if (others !== "") screen.line({ text: `  … ${others}`, style: "dim" });
  }
  return screen.lines.slice(0, Math.max(1, height));
}
