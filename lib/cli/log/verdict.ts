/**
 * The block at the end of a job: what became of the run, why, and where to go from here.
 *
 * @module
 */
import { cutText, plainText } from "../../text/plain_text.ts";
import { formatCount, formatDuration } from "../../result/duration.ts";
import type { Outcome, RunResult } from "../../result/run_result.ts";
import type { ReportTarget } from "../../report/targets.ts";
import { branchWords } from "../../result/words.ts";

const WORDS: Record<Outcome, string> = {
  success: "success",
  failed: "failed",
  cancelled: "cancelled",
  awaiting_input: "waits for a person",
  deadline: "did not end in time",
  interrupted: "interrupted",
  started: "started, not followed",
  error: "not known",
};

/** Most UTF-16 units of a reason: the reports have all of it, and a log has to be read. */
const MAX_REASON = 4_000;

const LABEL_WIDTH = 14;

function pullRequest({ pullRequest: { state, url } }: RunResult): string {
  return url ?? (state === "none" ? "none" : "unknown (no event that was seen tells)");
}

function events({ eventCount: { seen, missed, windowFull } }: RunResult): string {
  return `${seen} seen${missed ? ", some went by unseen" : ""}${windowFull ? ", later ones cannot be seen" : ""}`;
}

/** All files; those of one directory without its name before each. */
function files(reports: readonly ReportTarget[]): string | null {
  const paths = reports.map(({ path }) => path);
  const directory = /^.*\//.exec(paths[0] ?? "")?.[0] ?? "";
  const together = paths.length > 1 && directory !== "" && paths.every((path) => path.startsWith(directory));
  const names = together ? [`${directory}:`, ...paths.map((path) => path.slice(directory.length))] : paths;
  return names.length === 0 ? null : names.join(" ");
}

/**
 * A reason for the block.
 *
 * @param told Whether an error line in the same log says all of it: what to do, after the semicolon, is then left to that one.
 */
export function blockReason(reason: string | null, told: boolean): string | null {
  if (reason === null) return null;
  return cutText(told ? reason.split("; ", 1)[0] ?? "" : reason, MAX_REASON);
}

/** Options of {@linkcode verdictText}. */
export interface VerdictOptions {
  /** Reports that were written. */
  reports: readonly ReportTarget[];
  /** How to cancel the run. */
  cancel(runId: string): string;
  /** Whether an error line in the same log says the reason in full. */
  told: boolean;
}

/** The lines of the block. They are not yet safe to print. */
export function verdictText(result: RunResult, { reports, cancel, told }: VerdictOptions): string {
  const { runId, status, resume, idempotencyKey, replayed } = result;
  const reason = blockReason(result.reason, told);
  const rows: [label: string, text: string | null][] = [
    ["verdict", `${WORDS[result.outcome]} (exit code ${result.exitCode})`],
    ["run", runId === null ? null : `${runId}${status === null ? "" : ` (${status})`}`],
    ["start", replayed === null ? null : replayed ? "attached: the key was known" : "started by this job"],
    ["key", runId === null ? idempotencyKey : null],
    ["reason", reason],
    ["branch", runId === null ? null : branchWords(result)],
    ["pull request", runId === null ? null : pullRequest(result)],
    ["events", runId === null ? null : events(result)],
    ["time", `${formatDuration(result.durationMs)}, ${formatCount(result.requests, "request")}`],
    ["reports", files(reports)],
    ["resume", resume],
    ["cancel", resume === null || runId === null ? null : cancel(runId)],
  ];
  return blockText(rows);
}

/** Rows of label and text as lines, without those whose text is null. They are not yet safe to print. */
export function blockText(rows: readonly (readonly [label: string, text: string | null])[]): string {
  const indent = `\n${" ".repeat(LABEL_WIDTH)}`;
  return rows.filter((row) => row[1] !== null)
    .map(([label, text]) => label.padEnd(LABEL_WIDTH) + plainText(text ?? "").trim().replaceAll("\n", indent))
    .join("\n");
}
