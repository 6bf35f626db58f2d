/**
 * The history of a job: compares the run with the one before, and adds it.
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import {
  compareRuns,
  comparisonSentence,
  type History,
  historyLine,
  MAX_HISTORY_BYTES,
  readHistory,
  recordOf,
  weeksOf,
} from "../report/history.ts";
import { cleanResult } from "../run/clean.ts";
import type { AnyResult } from "../run/result.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { printRows } from "./log/terminal.ts";
import type { Context, JobExtra } from "./verb.ts";
import { JSON_LINES } from "./options.ts";

/** Undefined without a file. @throws if it cannot be read. */
function fileText({ io }: Context, path: string): string | undefined {
  return io.readFile(path, MAX_HISTORY_BYTES, "refuse", "replace");
}

const textOf = (context: Context, path: string) => fileText(context, path) ?? "";

function tell({ writer }: Context, path: string, { skipped, skippedCount }: History): void {
  for (const { line, why } of skipped) writer.note(`history ${JSON.stringify(path)}, line ${line} is left out: ${why}`);
  const more = skippedCount - skipped.length;
  if (more > 0) writer.note(`history ${JSON.stringify(path)}: ${formatCount(more, "more line")} left out`);
}

/** Null outside CI. */
function jobOf({ platform, io: { env } }: Context): string | null {
  const { job = null, node = "" } = platform.identity(env) ?? {};
  return job === null || node === "" ? job : `${job} ${node}`;
}

export function openHistory(context: Context, path: string): Partial<JobExtra> {
  const { writer: { redact }, writer, io, clock } = context;
  const record = (result: AnyResult) =>
    recordOf(cleanResult(result, redact, redact.token), clock.wallTime(), jobOf(context));
  return {
    compare(result) {
      const run = record(result);
      if (run === undefined) return null;
      try {
        const history = readHistory(textOf(context, path));
        tell(context, path, history);
        const comparison = compareRuns(run, history.records);
        const sentence = comparisonSentence(comparison);
        return sentence === null ? null : { sentence, streak: comparison.streak, runs: comparison.earlier };
      } catch (error) {
        writer.note(`Cannot read the history ${JSON.stringify(path)}: ${messageOf(error)}`);
        return null;
      }
    },
    // deno-lint-ignore require-await
    async ended(end) {
      const run = record(end.result);
      if (run === undefined) return;
      try {
        // One write, because two jobs may write at once. If another program left the last line without a line break, the new line starts after one.
        const isOpen = /[^\n]$/.test(textOf(context, path));
        io.appendFile(path, `${isOpen ? "\n" : ""}${redact.token(historyLine(run))}`, "refuse");
      } catch (error) {
        writer.note(`Cannot write the history ${JSON.stringify(path)}: ${messageOf(error)}`);
      }
    },
  };
}

/** Most weeks in the table: about 20 years. A forged file may have a run in each week until the year 9999. */
const MAX_WEEKS = 1_000;

const duration = (ms: number | null) => ms === null ? "–" : formatDuration(ms);

/** `report --history FILE` without a run: prints the history by week. @throws {UsageError} without a history. */
export function printHistory(context: Context, path: string): number {
  const { writer, flags } = context;
  let text: string | undefined;
  try {
    text = fileText(context, path);
  } catch (cause) {
    throw new UsageError({ attempted: "read the history", why: messageOf(cause), value: JSON.stringify(path) }, {
      cause,
    });
  }
  const history = readHistory(text ?? "");
  tell(context, path, history);
  if (history.records.length === 0) {
    throw new UsageError({
      attempted: "read the history",
      why: text === undefined ? "there is no such file" : "it has no run",
      value: JSON.stringify(path),
      advice: "a job writes it with `run --follow --history FILE`",
    });
  }
  const weeks = weeksOf(history.records);
  if (flags.has(JSON_LINES)) {
    for (const week of weeks) writer.json({ type: "week", ...week });
    return EXIT.success;
  }
  const hiddenWeeks = weeks.length - MAX_WEEKS;
  if (hiddenWeeks > 0) writer.note(`${formatCount(hiddenWeeks, "earlier week")} left out: --json has all`);
  const rows = weeks.slice(-MAX_WEEKS).map(({ week, runs, share, p50Ms, p95Ms }) => [
    week,
    String(runs),
    `${Math.floor(share * 100)} %`,
    duration(p50Ms),
    duration(p95Ms),
  ]);
  printRows(writer, [["week", "runs", "success", "p50", "p95"], ...rows]);
  return EXIT.success;
}
