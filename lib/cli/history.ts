import { messageOf } from "../error_sentence.ts";
import { UsageError } from "../errors.ts";
import { lastAgentLines } from "../report/event_text.ts";
import {
  campaignRecordOf,
  type CampaignRun,
  compareRuns,
  type History,
  historyLine,
  type HistoryRecord,
  MAX_HISTORY_BYTES,
  readHistory,
  recordOf,
} from "../report/history.ts";
import { cleanResult } from "../run/clean.ts";
import type { AnyResult } from "../run/result.ts";
import { formatCount } from "../text/duration.ts";
import { HISTORY, SHOW_TASK } from "./options.ts";
import { isNotPermitted } from "../runtime.ts";
import type { Context, JobExtra, JobExtras } from "./verb.ts";

function fileText({ io }: Context, path: string): string | undefined {
  return io.readFile(path, MAX_HISTORY_BYTES, "refuse", "replace");
}

const textOf = (context: Context, path: string) => fileText(context, path) ?? "";

function tell({ writer }: Context, path: string, { skipped, skippedCount }: History): void {
  for (const { line, why } of skipped) writer.note(`history ${JSON.stringify(path)}, line ${line} is skipped: ${why}`);
  const more = skippedCount - skipped.length;
  if (more > 0) writer.note(`history ${JSON.stringify(path)}: ${formatCount(more, "more line")} skipped`);
}

function jobOf({ platform, io: { env } }: Context): string | null {
  const { job = null, node = "" } = platform.identity(env) ?? {};
  return job === null || node === "" ? job : `${job} ${node}`;
}

function jobUrlOf({ platform, io: { env }, writer }: Context): string | null {
  const { job, pipeline } = platform.links(env);
  const url = job ?? pipeline;
  return url === undefined ? null : writer.redact(url);
}

/** A failure is only printed, because a job must not fail because of its history. */
function append(context: Context, path: string, record: HistoryRecord): void {
  const { writer: { redact }, writer, io } = context;
  try {
    // The record is appended with a single write, because two jobs may write at the same time. If another program left the last line without a line
    // break, the record starts with a line break.
    const isOpen = /[^\n]$/.test(textOf(context, path));
    io.appendFile(path, `${isOpen ? "\n" : ""}${redact.token(historyLine(record))}`, "refuse");
  } catch (error) {
    writer.note(`Cannot write the history ${JSON.stringify(path)}: ${messageOf(error)}`);
  }
}

export function addCampaignRun(context: Context, path: string, run: CampaignRun): void {
  append(
    context,
    path,
    campaignRecordOf(context.writer.clean(run), context.clock.wallTime(), jobOf(context), jobUrlOf(context)),
  );
}

export function checkAppends({ io }: Context, attempted: string, path: string): void {
  try {
    io.appendFile(path, "", "refuse");
  } catch (cause) {
    const why = /^ENOENT\b/.test(messageOf(cause)) ? "its folder does not exist" : messageOf(cause);
    // Deno's message contains the path.
    const value = isNotPermitted(cause) ? undefined : JSON.stringify(path);
    throw new UsageError({ attempted, why, value }, { cause });
  }
}

type HistoryExtra = Pick<JobExtra, "compare" | "ended">;

export function openHistory(context: Context): HistoryExtra | undefined {
  const path = context.option(HISTORY);
  if (path === undefined) return undefined;
  checkAppends(context, "write the history", path);
  const { writer } = context;
  return {
    compare(result) {
      const run = recordIn(context, result);
      if (run === undefined) return null;
      try {
        const history = readHistory(textOf(context, path));
        tell(context, path, history);
        const { sentence, streak, earlier } = compareRuns(run, history.records);
        return sentence === null ? null : { sentence, streak, runs: earlier };
      } catch (error) {
        writer.note(`Cannot read the history ${JSON.stringify(path)}: ${messageOf(error)}`);
        return null;
      }
    },
    // deno-lint-ignore require-await
    async ended(end) {
      addRun(context, end.result);
    },
  };
}

export function hasHistory({ option }: Pick<Context, "option">): boolean {
  return option(HISTORY) !== undefined;
}

export function addRun(context: Context, result: AnyResult): void {
  const path = context.option(HISTORY);
  const run = path === undefined ? undefined : recordIn(context, result);
  if (path !== undefined && run !== undefined) append(context, path, run);
}

function recordIn(context: Context, result: AnyResult): HistoryRecord | undefined {
  const { writer: { redact }, clock, isMention } = context;
  const clean = cleanResult(result, redact, redact.token);
  const isShown = context.option(SHOW_TASK) !== false && clean.kind === "run";
  const [lastLine = null] = isShown ? lastAgentLines(clean.events, redact, 1) : [];
  return recordOf(clean, clock.wallTime(), jobOf(context), jobUrlOf(context), lastLine, isMention);
}

export const HISTORY_EXTRAS: JobExtras = {
  secrets: () => [],
  permissions: ({ option }) => ({ net: [], env: [], files: [option(HISTORY) ?? []].flat() }),
  // deno-lint-ignore require-await
  async open(context) {
    const history = openHistory(context);
    return history && { onSession() {}, onRequest() {}, onNotice() {}, ...history };
  },
};
