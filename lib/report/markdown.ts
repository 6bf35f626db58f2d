/**
 * `summary.md`, which is also the step summary on GitHub: where, what was asked and what came of it in one line; why and what to do; the
 * task, what the agent said and did last; everything else folded at the end.
 *
 * @module
 */
import type { Redact } from "../run/clean.ts";
import type { AnyResult, RunResult } from "../run/result.ts";
import {
  type AutomationTimes,
  branchWords,
  type GitFacts,
  headlineOf,
  type ResultView,
  viewOf,
  WAIT_CAUSES,
} from "../run/result_view.ts";
import { formatDuration } from "../text/duration.ts";
import { markdownBlock, markdownCode, markdownLink } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";
import { lastLines } from "./event_text.ts";
import type { ReportLinks } from "./page_link.ts";

// Tables of the Markdown reports.

const MAX_CELL = 300;

/** Untrusted text as a cell, as code and cut; empty for null. */
export function codeCell(text: string | null): string {
  return text === null ? "" : markdownCode(cutText(text, MAX_CELL));
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/**
 * A table.
 *
 * @param rows Cells that are Markdown already: our own text, or made safe by {@linkcode codeCell}.
 */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

// Keeps the whole far below 1 MiB, even at three bytes a unit. Source: GitHub, "Workflow commands", adding a job summary.
const MAX_SUMMARY_TEXT = 50_000;
const MAX_ADVICE = 2_000;
// Of the task, what the agent said and the log: each is less than MAX_SUMMARY_TEXT.
const MAX_PROSE = 20_000;
/** Lines of the task that are not folded. */
const OPEN_LINES = 6;
/** The same in UTF-16 units. */
const MAX_OPEN = 800;
// A feed holds 200 events with at most one phase each; nobody reads a longer table.
const MAX_ROWS = 50;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return markdownTable(head, rows.slice(0, MAX_ROWS));
}

function pullRequest({ pullRequest: { state, url } }: GitFacts, mayLink: (url: string) => boolean): string {
  if (url !== null) return mayLink(url) ? markdownLink(url) : markdownCode(url);
  return state === "none" ? "none" : "unknown: no event seen says so";
}

function gitRows(git: GitFacts, mayLink: (url: string) => boolean): string[][] {
  return [
    ["Changes", git.changed === null ? "unknown" : git.changed ? "yes" : "no"],
    ["Branch", branchWords(git, codeCell)],
    ["Base branch", codeCell(git.branch.base)],
    ["Pull request", pullRequest(git, mayLink)],
  ];
}

function timeRows({ startedAt, completedAt, durationMs }: AutomationTimes): string[][] {
  return [
    ["Started", codeCell(startedAt)],
    ["Completed", codeCell(completedAt)],
    ["Took", durationMs === null ? "" : formatDuration(durationMs)],
  ];
}

function events({ seen, missed, windowFull }: RunResult["eventCount"], omitted: number): string {
  const notes = [
    ...(omitted > 0 ? [`${omitted} earlier events are only in events.ndjson`] : []),
    ...(missed ? ["some went by unseen"] : []),
    ...(windowFull ? ["the feed is full, later ones cannot be seen"] : []),
  ];
  return [`${seen} seen`, ...notes].join("; ");
}

function start({ replayed, kind: { begun } }: ResultView): string {
  if (replayed === null) return `not ${begun} here`;
  return replayed ? "attached: the idempotency key was known" : `${begun} by this job`;
}

function facts(view: ResultView, { mayLink = () => true, links = {} }: MarkdownOptions): string[][] {
  const { kind: { noun }, git, times, eventCount } = view;
  const rows = [
    ["Automation", codeCell(view.automationId)],
    [noun.replace(/^./, (letter) => letter.toUpperCase()), codeCell(view.runId)],
    ["Repository", codeCell(view.repoId)],
    ["Agent", codeCell(view.harness)],
    ["Status", codeCell(view.status)],
    ["Exit code", String(view.exitCode)],
    ["Failure code", codeCell(view.failureCode)],
    ...(git === null ? [] : gitRows(git, mayLink)),
    ["Start", start(view)],
    ["Idempotency key", codeCell(view.idempotencyKey)],
    ["Created", codeCell(view.createdAt)],
    ...(times === null ? [] : timeRows(times)),
    ...(eventCount === null ? [] : [["Events", events(eventCount, view.eventsOmitted)]]),
    ["Requests", String(view.requests)],
    ["Time spent here", formatDuration(view.durationMs)],
    ...[["Page of this run", links.page], ["CI job", links.job], ["CI pipeline", links.pipeline], [
      "CI commit",
      links.commit,
    ]].map(([name = "", url]) => [
      name,
      url === undefined ? "" : markdownLink(url),
    ]),
  ];
  return rows.filter(([, value]) => value !== "");
}

/** Options of {@linkcode renderMarkdown}. */
export interface MarkdownOptions {
  /** Whether an address may be a link; any other is shown as text. @default every address may */
  mayLink?: ((url: string) => boolean) | undefined;
  /** Pages of the job on its CI system. @default {{}} */
  links?: ReportLinks | undefined;
  /** Removes secrets from text that is joined from several events. @default {no change} */
  redact?: Redact | undefined;
  /** How the run compares with the one before: a sentence of ours. @default {undefined} (there is none) */
  compared?: string | undefined;
}

/** A foldable part. Forges and CI systems show both elements; Markdown inside needs the empty lines. */
function folded(summary: string, ...parts: readonly string[]): string {
  return [`<details><summary>${summary}</summary>`, ...parts, "</details>"].join("\n\n");
}

function heading(view: ResultView, { mayLink = () => true }: MarkdownOptions): string {
  const { where, title, end, more } = headlineOf(view);
  const url = view.outcome === "success" ? view.git?.pullRequest.url ?? null : null;
  // Outside of code and links, "#12" is a reference to something of the forge itself.
  const linked = url === null ? end : mayLink(url) ? markdownLink(url, end) : markdownCode(end);
  const what = [where, title].flatMap((part) => part === null ? [] : markdownCode(part) || []).join(": ");
  return `## ${view.verdict.mark} ${what === "" ? `Mogplex ${view.kind.noun}` : what} → ${linked} ${more}`;
}

/** The first lines of the task, and the rest folded. */
function taskParts(text: string): string[] {
  const task = text.trim();
  const lines = task.split("\n");
  const first = lines.slice(0, OPEN_LINES).join("\n");
  const blank = first.length > MAX_OPEN ? first.lastIndexOf(" ", MAX_OPEN) : first.length;
  const open = first.slice(0, blank < 0 ? MAX_OPEN : blank);
  const rest = task.slice(open.length).replace(/^\s+/, "");
  return [
    "### Task",
    markdownBlock(open),
    ...(rest === "" ? [] : [folded("The rest of the task", markdownBlock(cutText(rest, MAX_PROSE)))]),
  ];
}

function phaseTable({ phases }: ResultView): string[] {
  if (phases.length === 0) return [];
  return [
    "### Phases",
    table(
      ["Phase", "Began", "Took"],
      phases.map(({ name, startedAt, durationMs }) => [
        codeCell(name),
        codeCell(startedAt),
        durationMs === null ? "its end was not seen" : formatDuration(durationMs),
      ]),
    ),
  ];
}

function waitTable({ waits }: ResultView): string[] {
  if (waits.length === 0) return [];
  return [
    "### Waits",
    table(
      ["Because of", "Times", "In all"],
      waits.map(({ cause, count, totalMs }) => [WAIT_CAUSES[cause], String(count), formatDuration(totalMs)]),
    ),
  ];
}

/** What happened: why and what to do now, the task, the agent's end of the story. */
function story(view: ResultView, { redact = (text) => text, compared }: MarkdownOptions): string[] {
  const { verdict: { headline }, reason, advice, nextStep, outcome, task, finalMessage, git, exitCode } = view;
  const isGood = exitCode === 0 && outcome === "success";
  const lines = isGood ? [] : lastLines(view.events, redact);
  const files = (git?.files ?? []).map(codeCell).filter((path) => path !== "").map((path) => `- ${path}`);
  return [
    ...(isGood ? [] : [`${headline} (exit code ${exitCode}).`]),
    ...(reason ? [markdownBlock(cutText(reason, MAX_SUMMARY_TEXT))] : []),
    ...(advice ? [`**What to do now:** ${markdownCode(cutText(advice, MAX_ADVICE))}`] : []),
    ...(nextStep ? [`**What to do now:** ${nextStep}`] : []),
    ...(view.resume ? ["Follow it again:", markdownBlock(cutText(view.resume, MAX_PROSE))] : []),
    ...(compared ? [compared] : []),
    ...(task ? taskParts(task) : []),
    ...(finalMessage ? ["### What the agent said last", markdownBlock(cutText(finalMessage, MAX_PROSE))] : []),
    ...(lines.length > 0 ? ["### Last lines of the log", markdownBlock(lines.join("\n"))] : []),
    ...(files.length > 0 ? ["### Files that the service committed", files.join("\n")] : []),
  ];
}

/**
 * Renders the summary. Untrusted text is always code. The only links are `http(s)` addresses of the pull request and of the job
 * on its CI system.
 *
 * @param result Result after `cleanResult`.
 * @returns Less than 1 MiB of UTF-8.
 */
export function renderMarkdown(result: AnyResult, options: MarkdownOptions = {}): string {
  const view = viewOf(result);
  const details = [table(["Fact", "Value"], facts(view, options)), ...phaseTable(view), ...waitTable(view)];
  const parts = [heading(view, options), ...story(view, options), folded("Technical details", ...details)];
  return `${parts.join("\n\n")}\n`;
}
