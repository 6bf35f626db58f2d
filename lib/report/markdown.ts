/**
 * `summary.md`, which is also the step summary on GitHub: the verdict, what failed and why, then everything else in tables.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { markdownBlock, markdownCode, markdownLink } from "../text/escape/markdown.ts";
import { formatDuration } from "../result/duration.ts";
import type { AnyResult } from "../result/any_result.ts";
import { type AutomationTimes, type GitFacts, type ResultView, viewOf } from "../result/result_view.ts";
import type { RunResult } from "../result/run_result.ts";
import { branchWords, WAIT_CAUSES } from "../result/words.ts";
import { codeCell, markdownTable } from "./markdown_table.ts";
import type { ReportLinks } from "../pages/page_link.ts";

// Keeps the whole far below `MAX_SUMMARY_BYTES`, even at three bytes a unit.
const MAX_SUMMARY_TEXT = 50_000;
const MAX_ADVICE = 2_000;
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
    ["What to do", view.advice === null ? "" : markdownCode(cutText(view.advice, MAX_ADVICE))],
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
  const { verdict: { mark, headline }, reason } = view;
  const parts = [`## ${mark} ${headline}`];
  if (reason) parts.push(markdownBlock(cutText(reason, MAX_SUMMARY_TEXT)));
  parts.push(table(["Fact", "Value"], facts(view, options)));
  if (view.phases.length > 0) {
    parts.push(
      "### Phases",
      table(
        ["Phase", "Began", "Took"],
        view.phases.map(({ name, startedAt, durationMs }) => [
          codeCell(name),
          codeCell(startedAt),
          durationMs === null ? "its end was not seen" : formatDuration(durationMs),
        ]),
      ),
    );
  }
  if (view.waits.length > 0) {
    parts.push(
      "### Waits",
      table(
        ["Because of", "Times", "In all"],
        view.waits.map(({ cause, count, totalMs }) => [WAIT_CAUSES[cause], String(count), formatDuration(totalMs)]),
      ),
    );
  }
  if (view.resume) parts.push("Follow it again:", markdownBlock(cutText(view.resume, MAX_SUMMARY_TEXT)));
  return `${parts.join("\n\n")}\n`;
}
