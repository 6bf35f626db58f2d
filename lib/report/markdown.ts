/**
 * `summary.md`, also GitHub's step summary: the verdict first, then why, then everything else in tables.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { markdownBlock, markdownCode, markdownLink } from "../text/escape/markdown.ts";
import type { PlatformLinks } from "../platforms/platform.ts";
import { formatDuration } from "../result/duration.ts";
import type { RunResult } from "../result/run_result.ts";
import { branchWords, OUTCOMES, WAIT_CAUSES } from "../result/words.ts";

// Together with the rest far below `MAX_SUMMARY_BYTES`, even at three bytes a unit.
const MAX_REASON = 50_000;
const MAX_CELL = 300;
// A feed holds 200 events and no more than one phase each; the rest of a table helps nobody.
const MAX_ROWS = 50;

function code(text: string | null): string {
  return text === null ? "" : markdownCode(cutText(text, MAX_CELL));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.slice(0, MAX_ROWS).map(line)].join("\n");
}

function pullRequest({ pullRequest: { state, url } }: RunResult, mayLink: (url: string) => boolean): string {
  if (url !== null) return mayLink(url) ? markdownLink(url) : markdownCode(url);
  return state === "none" ? "none" : "unknown: no event that was seen tells";
}

function events({ eventCount: { seen, missed, windowFull } }: RunResult): string {
  const notes = [
    ...(missed ? ["some went by unseen"] : []),
    ...(windowFull ? ["the feed is full, later ones cannot be seen"] : []),
  ];
  return [`${seen} seen`, ...notes].join("; ");
}

function start({ replayed }: RunResult): string {
  if (replayed === null) return "not started here";
  return replayed ? "attached: the idempotency key was known" : "started by this job";
}

function facts(result: RunResult, { mayLink = () => true, links = {} }: MarkdownOptions): string[][] {
  const changed = result.changed === null ? "unknown" : result.changed ? "yes" : "no";
  const rows = [
    ["Run", code(result.runId)],
    ["Repository", code(result.repoId)],
    ["Agent", code(result.harness)],
    ["Status", code(result.status)],
    ["Exit code", String(result.exitCode)],
    ["Failure code", code(result.failureCode)],
    ["Changes", changed],
    ["Branch", branchWords(result, code)],
    ["Base branch", code(result.branch.base)],
    ["Pull request", pullRequest(result, mayLink)],
    ["Start", start(result)],
    ["Idempotency key", code(result.idempotencyKey)],
    ["Created", code(result.createdAt)],
    ["Events", events(result)],
    ["Requests", String(result.requests)],
    ["Time spent here", formatDuration(result.durationMs)],
    ...[["CI job", links.job], ["CI pipeline", links.pipeline], ["CI commit", links.commit]].map(([name = "", url]) => [
      name,
      url === undefined ? "" : markdownLink(url),
    ]),
  ];
  return rows.filter(([, value]) => value !== "");
}

/** Options of {@linkcode renderMarkdown}. */
export interface MarkdownOptions {
  /** Whether an address may be a link; where it may not, it is text. @default every address may */
  mayLink?: ((url: string) => boolean) | undefined;
  /** Where people find the job on its CI system. @default {{}} */
  links?: PlatformLinks | undefined;
}

/**
 * Renders the summary. Untrusted text stands in code only, and nothing is a link but an `http(s)` address: of the pull
 * request, or of the job on its CI system.
 *
 * @param result Result after `cleanResult`.
 * @returns Less than 1 MiB of UTF-8.
 */
export function renderMarkdown(result: RunResult, options: MarkdownOptions = {}): string {
  const { mark, words } = OUTCOMES[result.outcome];
  const parts = [`## ${mark} ${words}`];
  if (result.reason) parts.push(markdownBlock(cutText(result.reason, MAX_REASON)));
  parts.push(table(["Fact", "Value"], facts(result, options)));
  if (result.phases.length > 0) {
    parts.push(
      "### Phases",
      table(
        ["Phase", "Began", "Took"],
        result.phases.map(({ name, startedAt, durationMs }) => [
          code(name),
          code(startedAt),
          durationMs === null ? "not seen to end" : formatDuration(durationMs),
        ]),
      ),
    );
  }
  if (result.waits.length > 0) {
    parts.push(
      "### Waits",
      table(
        ["Because of", "Times", "In all"],
        result.waits.map(({ cause, count, totalMs }) => [WAIT_CAUSES[cause], String(count), formatDuration(totalMs)]),
      ),
    );
  }
  if (result.resume) parts.push("Look at it again:", markdownBlock(cutText(result.resume, MAX_REASON)));
  return `${parts.join("\n\n")}\n`;
}
