import { pullRequestText } from "../../campaign/pulls.ts";
import { isTrouble } from "../../campaign/report/causes.ts";
import {
  boundText,
  byVerdict,
  itemNames,
  NO_QUOTAS,
  outlookMs,
  runMs,
  stateClause,
  STATES,
  stateWord,
} from "../../campaign/report/words.ts";
import { areRunsOver, hasVerdict, type ItemState, OPEN_STATES, totalsOf } from "../../campaign/view/verdicts.ts";
import type { CampaignItem, CampaignView } from "../../campaign/view/view.ts";
import type { Platform } from "../../ci/platform.ts";
import type { Clock } from "../../clock.ts";
import { distanceText, instantMs, spanText, timeText } from "../../run/result.ts";
import { type TerminalSize, terminalSize } from "../../runtime.ts";
import { plainWords } from "../../text/document.ts";
import { formatCount } from "../../text/duration.ts";
import { cellWidth } from "../../text/cells.ts";
import { cutText } from "../../text/plain_text.ts";
import type { SafeLine } from "../../text/safe_line.ts";
import { Screen, type ScreenOptions, type Span } from "../log/terminal.ts";
import { LogSection, type Writer } from "../log/writer.ts";
import type { Context } from "../verb.ts";
import { ItemTable } from "./status_text.ts";

interface LiveCampaignOptions {
  writer: Writer;
  platform: Platform;
  clock: Clock;
  interactive: boolean;
  /** Whether each line begins with its time. `false` if the CI system adds the time. @default {true} */
  times?: boolean | undefined;
  size?: (() => TerminalSize | undefined) | undefined;
}

const REDRAW_MS = 1_000;

const HEARTBEAT_MS = 60_000;

const USUAL_SIZE = { columns: 80, rows: 24 };

export class LiveCampaign {
  readonly #options: LiveCampaignOptions;
  readonly #ticker = new AbortController();
  #view: CampaignView | undefined;
  #waitsUntilMs = 0;
  #toldState: string | undefined;
  readonly #section: LogSection;

  constructor(options: LiveCampaignOptions) {
    this.#options = options;
    this.#section = new LogSection(options);
    if (!options.interactive) options.writer.fence();
    void this.#tick();
  }

  update(view: CampaignView): void {
    const before = this.#view;
    this.#view = view;
    if (this.#options.interactive) {
      // The table does not show waiting items, so it would never show that an attempt failed.
      for (const line of this.#retryLines(before, view)) this.#print(line);
      return this.#draw();
    }
    if (before === undefined || view.waves > before.waves) {
      this.#section.begin(`wave_${view.waves}`, `wave ${view.waves}`, false);
    }
    this.#printItems(before, view);
    // If the command ends in this state, its final output already shows the state.
    const { state: word, counts } = view;
    const isIdle = counts.running + counts["needs-input"] === 0;
    if (areRunsOver(word) || word === "stopped" || word === "gated" && isIdle) return;
    // An idempotency key may find a run that has already finished. The campaign then briefly has no active run, but is not waiting for anything.
    if (view.state === "waiting" && view.waitingFor === null && before !== undefined) return;
    const state = stateKey(view);
    if (state !== this.#toldState) {
      this.#toldState = state;
      this.#print(stateLine(view, true));
    }
  }

  /** @param untilMs Milliseconds since 1970. */
  wait(untilMs: number): void {
    this.#waitsUntilMs = untilMs;
  }

  #printItems(before: CampaignView | undefined, view: CampaignView): void {
    if (before === undefined) return;
    const { clock, times = true } = this.#options;
    for (const line of itemLines(before, view, clock.wallTime(), times)) this.#print(line);
  }

  #retryLines(before: CampaignView | undefined, view: CampaignView): string[] {
    if (before === undefined) return [];
    const { clock, times = true } = this.#options;
    return itemLines(before, view, clock.wallTime(), times, true);
  }

  close(): void {
    this.#ticker.abort();
    this.#section.end();
    this.#options.writer.transient();
  }

  /** Closes the section and the fence immediately, for a process that must exit now. */
  leave(): void {
    this.close();
    this.#options.writer.unfence();
  }

  async #tick(): Promise<void> {
    const { signal } = this.#ticker;
    const { clock, interactive } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(interactive ? REDRAW_MS : HEARTBEAT_MS, { signal }).catch(() => {});
      if (signal.aborted) return;
      if (interactive) this.#draw();
      else if (this.#view !== undefined) this.#print(heartbeatLine(this.#view, clock.wallTime()));
    }
  }

  #draw(): void {
    const { writer, platform, clock, size = terminalSize } = this.#options;
    if (this.#view === undefined || this.#ticker.signal.aborted) return;
    const { columns, rows } = size() ?? USUAL_SIZE;
    const lines = liveTable(this.#view, {
      width: columns,
      // One row above the table stays free for earlier output.
      height: rows - 1,
      nowMs: clock.wallTime(),
      waitsUntilMs: this.#waitsUntilMs,
      color: writer.colored,
      redact: writer.redact,
      escapeLine: (line) => platform.escapeLine(line),
    });
    writer.transient(...lines);
  }

  /** @param text May contain untrusted text. */
  #print(text: string): void {
    const { writer } = this.#options;
    this.#section.show();
    writer.out(logLine(writer, text));
  }
}

function logLine(writer: Writer, text: string): SafeLine {
  return cutText(writer.untrusted(text), MAX_LINE);
}

export function printChanges(
  { writer, platform, io, clock }: Context,
  before: CampaignView,
  view: CampaignView,
): void {
  const lines = itemLines(before, view, clock.wallTime(), !platform.stampsLines(io.env));
  if (stateKey(before) !== stateKey(view)) lines.push(stateLine(view));
  writer.out(...lines.map((line) => logLine(writer, line)));
}

interface LiveTableOptions extends ScreenOptions {
  height: number;
  /** Milliseconds since 1970. */
  nowMs: number;
  /** Time of the next request, in milliseconds since 1970. The time is in the past if no request is waiting. */
  waitsUntilMs: number;
}

const OTHER_LINES = 6;

const MAX_MEASURED = 500;

/** The most important counts come first, because a narrow terminal cuts the end of the line. */
const OTHERS: readonly ItemState[] = [...[...OPEN_STATES].reverse(), ...STATES.filter(hasVerdict)];

/** @param view The view before redaction. */
function liveTable(view: CampaignView, options: LiveTableOptions): SafeLine[] {
  const { height, nowMs, waitsUntilMs } = options;
  const screen = new Screen(options);
  screen.line(...progress(screen, view));
  screen.line(...starts(view));
  for (const spans of outlook(screen, view, nowMs, waitsUntilMs)) screen.line(...spans);
  const rows = height - OTHER_LINES;
  if (rows > 0 && view.items.length > 0) {
    const visibleItems = chosen(view.items, rows);
    if (visibleItems.length > 0) {
      // If the columns fit all items, they do not move while rows appear and disappear.
      const measured = view.items.length <= MAX_MEASURED ? view.items : visibleItems;
      const table = new ItemTable(screen, view.items, measured, nowMs);
      table.heading();
      for (const item of visibleItems) table.row(item);
    }
    const others = othersText(view, visibleItems);
    if (others !== "") screen.line({ text: `  … ${others}`, style: "dim" });
  }
  return screen.lines.slice(0, Math.max(1, height));
}

function parts(spans: readonly (Span | undefined)[]): Span[] {
  const visibleSpans = spans.filter((span) => span !== undefined);
  return visibleSpans.flatMap((span, index) => index === 0 ? [span] : [{ text: " · ", style: "dim" as const }, span]);
}

function progress(screen: Screen, view: CampaignView): Span[] {
  const { items, ended, good, bad, skipped, asking, running } = totalsOf(view.counts);
  // In the states `running` and `waiting`, the other lines already show the active runs or the reason for waiting.
  const state = view.state === "running" || view.state === "waiting" ? "" : `: ${view.state}`;
  const spans = parts([
    { text: `${screen.text(view.campaign)}${state}`, style: "bold" },
    { text: `${ended}/${items} finished` },
    { text: `${good} ok`, style: good > 0 ? "green" : undefined },
    bad > 0 ? { text: `${bad} not ok`, style: "red" } : undefined,
    skipped > 0 ? { text: `${skipped} skipped`, style: "dim" } : undefined,
    { text: `${running} running`, style: running > 0 ? "cyan" : undefined },
    asking > 0 ? { text: `${asking} ${asking === 1 ? "needs" : "need"} an answer`, style: "yellow" } : undefined,
  ]);
  const width = spans.reduce((sum, { text }) => sum + cellWidth(text), 0);
  const [name, ...rest] = spans;
  // A narrow terminal only has room for the numbers.
  if (name === undefined || items === 0 || width + BAR_CELLS + 2 > screen.width) return spans;
  return [name, { text: "  " }, ...bar(view), { text: "  " }, ...rest.slice(1)];
}

const BAR_CELLS = 20;

function bar(view: CampaignView): Span[] {
  const { items, good, skipped, bad, asking, running } = totalsOf(view.counts);
  const shares: [count: number, sign: string, style: Span["style"]][] = [
    [good, "━", "green"],
    [bad + asking, "━", "red"],
    [skipped, "━", "dim"],
    [running, "─", "cyan"],
  ];
  let count = 0;
  let cells = 0;
  const spans = shares.map(([share, sign, style]): Span => {
    count += share;
    const next = Math.round(count / items * BAR_CELLS);
    const text = sign.repeat(next - cells);
    cells = next;
    return { text, style };
  });
  return [...spans, { text: "─".repeat(BAR_CELLS - cells), style: "dim" }];
}

function starts({ quota: { minute, hour, day, sandboxes } }: CampaignView): Span[] {
  return parts([
    ...minute.limit === null ? [{ text: `starts ${NO_QUOTAS}` }] : [
      { text: `starts ${minute.used}/${minute.limit} a minute` },
      { text: `${hour.used}/${hour.limit} an hour` },
      { text: `${day.used}/${day.limit} a day` },
    ],
    {
      text: sandboxes.used === null
        ? `${sandboxes.limit} sandboxes at most`
        : `sandboxes ${sandboxes.used}/${sandboxes.limit}`,
    },
  ]);
}

function outlook(screen: Screen, view: CampaignView, nowMs: number, waitsUntilMs: number): Span[][] {
  const { waitingFor, stateReason } = view;
  const { start: startMs, end } = outlookMs(view, nowMs);
  const isWaiting = waitingFor !== null && waitingFor !== "nothing";
  const isPaused = waitsUntilMs - nowMs >= REDRAW_MS;
  const start = parts([
    isPaused ? { text: `next check ${distanceText(waitsUntilMs, nowMs)}`, style: "yellow" } : undefined,
    stateReason === null ? undefined : { text: screen.text(stateReason), style: "yellow" },
    startMs === null ? undefined : { text: `next start ${distanceText(startMs, nowMs)}` },
    isWaiting ? { text: `waits for ${boundText(waitingFor, view)}` } : undefined,
  ]);
  const over = end === null ? [] : [{ text: `earliest end ${timeText(end, nowMs)}` }];
  return [start, over].filter((spans) => spans.length > 0);
}

/**
 * The items that fit in the table: running items, items that need attention, and items that finished last. The second and the third group are sorted
 * by verdict, then by position in the plan, as in the other tables.
 */
function chosen(items: readonly CampaignItem[], rows: number): CampaignItem[] {
  const working = items.filter(({ verdict }) => verdict === "running" || verdict === "starting").slice(0, rows);
  const judged = items.filter(({ verdict }) => hasVerdict(verdict)).sort(byUrgency);
  const trouble = judged.filter(({ verdict }) => isTrouble(verdict));
  const good = judged.filter(({ verdict }) => !isTrouble(verdict));
  const free = rows - working.length;
  const troubles = Math.min(trouble.length, Math.max(Math.ceil(free / 2), free - good.length));
  const inOrder = (part: readonly CampaignItem[]) => items.filter((item) => part.includes(item)).sort(byVerdict);
  return [...working, ...inOrder(trouble.slice(0, troubles)), ...inOrder(good.slice(0, free - troubles))];
}

/** Sorts runs that wait for an answer first, because they occupy a sandbox. The other runs are sorted by their end, newest first. */
function byUrgency(a: CampaignItem, b: CampaignItem): number {
  const waits = ({ verdict }: CampaignItem) => verdict === "needs-input" ? 1 : 0;
  return waits(b) - waits(a) || (instantMs(b.endedAt) ?? 0) - (instantMs(a.endedAt) ?? 0);
}

function othersText({ counts }: CampaignView, visibleItems: readonly CampaignItem[]): string {
  const hidden = new Map(OTHERS.map((state) => [state, counts[state]]));
  for (const { verdict } of visibleItems) hidden.set(verdict, (hidden.get(verdict) ?? 0) - 1);
  return [...hidden].filter(([, count]) => count > 0).map(([state, count]) => `${count} ${stateWord(state)}`).join(
    ", ",
  );
}

// The lines contain untrusted text.

/** In UTF-16 units after redaction. The reports contain the full text. */
const MAX_LINE = 500;

const VERDICT = 11;

function changedItems(before: readonly CampaignItem[], after: readonly CampaignItem[]): CampaignItem[] {
  const itemsBefore = new Map(before.map((item) => [item.id, item]));
  return after.filter((item) => {
    const old = itemsBefore.get(item.id);
    if (old === undefined) return true;
    return old.verdict !== item.verdict || old.runId !== item.runId || old.pullRequest !== item.pullRequest ||
      pullRequestText(old) !== pullRequestText(item);
  });
}

function itemLines(
  before: CampaignView,
  view: CampaignView,
  nowMs: number,
  times: boolean,
  retriesOnly = false,
): string[] {
  const retries = retriedItems(before, view);
  const changed = changedItems(before.items, view.items).filter(({ id }) => !retriesOnly || retries.has(id));
  const names = changed.length === 0 ? new Map<string, string>() : itemNames(view.items);
  return changed.map((item) =>
    campaignLine({ ...item, reason: retries.get(item.id) ?? item.reason }, names.get(item.id) ?? item.id, nowMs, times)
  );
}

function retriedItems(before: CampaignView, { items, about }: CampaignView): Map<string, string> {
  const attemptsBefore = new Map(before.items.map(({ id, attempts }) => [id, attempts]));
  const retries = items.filter(({ id, verdict, attempts }) =>
    verdict === "waiting" && attempts > (attemptsBefore.get(id) ?? attempts)
  );
  return new Map(retries.map(({ id, attempts, reason }) => {
    const limit = about?.limits.attempts ?? 0;
    const most = attempts < limit ? ` of ${limit}` : "";
    return [
      id,
      `attempt ${attempts}${most} failed${reason === null ? "" : `: ${reason.replace(/\.$/, "")}`}; trying again`,
    ];
  }));
}

function stateKey({ state, stateReason }: CampaignView): string {
  return `${state} ${stateReason ?? ""}`;
}

function stateLine(view: CampaignView, stays?: boolean): string {
  return `campaign ${view.campaign} ${plainWords(stateClause(view, stays))}`;
}

function details(item: CampaignItem, nowMs: number): string {
  const { verdict, runId, pullRequest, branch, reason, attempts } = item;
  const isOpen = verdict === "running" || verdict === "starting" || verdict === "needs-input";
  const ms = isOpen ? null : runMs(item, nowMs);
  const facts = [
    ...(ms === null ? [] : [spanText(ms)]),
    // The attempt of an active run is not counted yet. The text of a retried item already names the attempt.
    ...(attempts > 1 && !isOpen && verdict !== "waiting" ? [`attempt ${attempts}`] : []),
  ];
  const pull = pullRequestText(item);
  const work = pullRequest ?? (verdict === "unknown" ? branch : null);
  return [
    ...(isOpen && runId !== null ? [`run ${runId}`] : []),
    ...(work === null ? [] : [work]),
    ...(pull === null ? [] : [`[${pull}]`]),
    ...(reason === null ? [] : [reason]),
    ...(facts.length === 0 ? [] : [`(${facts.join(", ")})`]),
  ].join("  ");
}

/** `13:53:00  failed       acme/web  npm test exited with code 1  (19 min)`. */
function campaignLine(item: CampaignItem, name: string, nowMs: number, times: boolean): string {
  const time = times ? `${new Date(nowMs).toISOString().slice(11, 19)}  ` : "";
  return `${time}${stateWord(item.verdict).padEnd(VERDICT)}  ${name}  ${details(item, nowMs)}`.trimEnd();
}

/** `... 12 of 40 items finished, 3 running, 2 did not succeed; 84 of 150 starts a day; …`. */
function heartbeatLine(view: CampaignView, nowMs: number): string {
  const { items, ended, bad, asking, running } = totalsOf(view.counts);
  const { waitingFor, quota: { day } } = view;
  const counts = [
    `${ended} of ${formatCount(items, "item")} finished`,
    `${running} running`,
    ...(bad > 0 ? [`${bad} did not succeed`] : []),
    ...(asking > 0 ? [`${asking} ${asking === 1 ? "needs" : "need"} an answer`] : []),
  ];
  const { start, end } = outlookMs(view, nowMs);
  const parts = [
    counts.join(", "),
    ...(day.limit === null ? [] : [`${day.used} of ${day.limit} starts a day`]),
    ...(waitingFor === null || waitingFor === "nothing" ? [] : [`next start waits for ${boundText(waitingFor, view)}`]),
    ...(start !== null ? [`next start ${timeText(start, nowMs)}`] : []),
    ...(end !== null ? [`earliest end ${timeText(end, nowMs)}`] : []),
  ];
  return `... ${parts.join("; ")}`;
}
