/**
 * The block at the end of a job: the verdict, why, and what the reader can do next.
 *
 * @module
 */
import { cutText, plainText } from "../../text/plain_text.ts";
import { formatCount, formatDuration } from "../../result/duration.ts";
import type { AnyResult } from "../../result/any_result.ts";
import { headlineOf } from "../../result/headline.ts";
import { type GitFacts, type ResultView, viewOf } from "../../result/result_view.ts";
import type { RunResult } from "../../result/run_result.ts";
import type { ReportTarget } from "../../report/targets.ts";
import { branchWords, mayHaveStarted } from "../../result/words.ts";

/** Most UTF-16 units of a reason or an advice in the block; the reports have all of it. */
const MAX_BLOCK_TEXT = 4_000;

/** Width of the labels, and indent of what follows a line that is broken. */
export const LABEL_WIDTH = 14;

function pullRequest({ pullRequest: { state, url } }: GitFacts, outcome: ResultView["outcome"]): string {
  if (url !== null || state === "none") return url ?? "none";
  if (outcome === "success") return "unknown (no event seen says so)";
  return outcome === "failed" || outcome === "cancelled" ? "none reported" : "none yet";
}

/** What is known of the events; how many there were only if all is to be shown. Null when there is nothing to say. */
function events({ seen, missed, windowFull }: RunResult["eventCount"], full: boolean): string | null {
  const parts = [full && `${seen} seen`, missed && "some went by unseen", windowFull && "later ones cannot be seen"];
  return parts.filter(Boolean).join(", ") || null;
}

/** The paths of all reports; a directory that they share is named once. */
function files(reports: readonly ReportTarget[]): string | null {
  const paths = reports.map(({ path }) => path);
  const directory = /^.*\//.exec(paths[0] ?? "")?.[0] ?? "";
  const together = paths.length > 1 && directory !== "" && paths.every((path) => path.startsWith(directory));
  const names = together ? [`${directory}:`, ...paths.map((path) => path.slice(directory.length))] : paths;
  return names.length === 0 ? null : names.join(" ");
}

function shortened(text: string | null): string | null {
  return text === null ? null : cutText(text, MAX_BLOCK_TEXT);
}

/** Options of {@linkcode verdictText}. */
export interface VerdictOptions {
  /** Reports that were written. */
  reports: readonly ReportTarget[];
  /** How to cancel the run. @default {undefined} (the block does not say) */
  cancel?: ((runId: string) => string) | undefined;
  /** Whether an error line in the same log has the whole message; the block then leaves the advice to it. */
  inErrorLine: boolean;
  /** Whether key, events and requests are shown. @default {false} */
  full?: boolean | undefined;
  /** How the run compares with the one before. @default {undefined} (the block does not say) */
  compared?: string | undefined;
  /** Path of the page, for a person to open. @default {undefined} (the block does not say) */
  page?: string | undefined;
}

/** The lines of the block, for a run and for an automation run. They are not yet safe to print. */
export function verdictText(result: AnyResult, options: VerdictOptions): string {
  const { reports, cancel, inErrorLine, full = false, compared, page } = options;
  const view = viewOf(result);
  const { kind: { begun }, runId, status, git, eventCount, times, resume, replayed } = view;
  const runMs = times?.durationMs ?? null;
  const started = runId !== null;
  // Only a start whose outcome is unknown needs the key to go on. The way to resume names it.
  const lost = !started && resume === null && mayHaveStarted(result);
  return blockText([
    ["verdict", `${endWords(view)} (exit code ${view.exitCode})`],
    ["pull request", started && git !== null ? pullRequest(git, view.outcome) : null],
    ["repository", view.repository ?? view.repoId],
    ["task", headlineOf(view).title],
    ["reason", shortened(view.reason)],
    ["what to do", view.nextStep ?? (inErrorLine ? null : shortened(view.advice))],
    ["automation", view.automationId],
    ["run", started ? `${runId}${status === null ? "" : ` (${status})`}` : null],
    ["start", replayed === null ? null : replayed ? "attached: the key was known" : `${begun} by this job`],
    ["key", full || lost ? view.idempotencyKey : null],
    ["branch", started && git !== null ? branchWords(git) : null],
    ["files", git?.files?.length ? shortened(git.files.join(", ")) : null],
    ["events", started && eventCount !== null ? events(eventCount, full) : null],
    ["run time", runMs === null ? null : formatDuration(runMs)],
    ["time", `${formatDuration(view.durationMs)}${full ? `, ${formatCount(view.requests, "request")}` : ""}`],
    ["before", compared ?? null],
    ["reports", files(reports)],
    ["page", page === undefined ? null : `open ${page}`],
    ["resume", resume],
    ["cancel", started && resume !== null ? cancel?.(runId) ?? null : null],
  ]);
}

/** The verdict, with the phase in which a run failed, and whether a success changed nothing. */
function endWords(view: ResultView): string {
  const { outcome, verdict: { word }, git } = view;
  if (outcome === "success" && git?.changed === false) return `${word}, no changes`;
  return outcome === "failed" ? headlineOf(view).end : word;
}

/** Rows of label and text as lines, without those whose text is null. They are not yet safe to print. */
export function blockText(rows: readonly (readonly [label: string, text: string | null])[]): string {
  const indent = `\n${" ".repeat(LABEL_WIDTH)}`;
  return rows.filter((row) => row[1] !== null)
    .map(([label, text]) => label.padEnd(LABEL_WIDTH) + plainText(text ?? "").trim().replaceAll("\n", indent))
    .join("\n");
}
