import { InterruptedError } from "../../errors.ts";
import type { RunEvent } from "../../model.ts";
import { lastAgentLines, lastLines } from "../../report/event_text.ts";
import { resultFields } from "../../report/json.ts";
import { EventFile } from "../../run/event_file.ts";
import type { FollowItem } from "../../run/follow.ts";
import {
  omittedOutputs,
  problemLines,
  problemOf,
  type ReportProblem,
  type ReportTarget,
  writeReports,
  type WriteReportsOptions,
  writeRunId,
} from "../../report/write.ts";
import type { AnyResult, AutomationOutcome, Outcome } from "../../run/result.ts";
import { cleanResult } from "../../run/clean.ts";
import { isStillRunning } from "../../run/result_view.ts";
import { cutText } from "../../text/plain_text.ts";
import { own, type SafeLine } from "../../text/safe_line.ts";
import { commandOutputs, commandResult, isInteractive, logWidth, type Writer } from "../log/writer.ts";
import { type LogForm, verdictText } from "../log/live_log.ts";
import { LABEL_WIDTH } from "../log/terminal.ts";
import { JSON_LINES, OPEN, SHOW_TASK } from "../options.ts";
import { isLaptop, type Places } from "../settings.ts";
import type { Context, JobExtra } from "../verb.ts";
import { type EndDetails, prepareNote } from "./note.ts";
import type { CampaignRetry } from "../../report/campaign_item.ts";
import { lookup } from "../../lookup.ts";

export interface Ended<R> extends EndDetails {
  result: R;
  error: unknown;
  isLeft?: boolean | undefined;
  /** Set by the publisher of reports, which runs first. */
  written: readonly ReportTarget[];
  /** Whether the block with the reason was printed. Set by the publisher of the block. */
  isShown?: boolean | undefined;
  compared?: string | undefined;
  campaign?: CampaignRetry | undefined;
}

export interface Published {
  places: Places;
  log: LogForm | null;
  eventFiles?: readonly EventFile[] | undefined;
  extra?: JobExtra | undefined;
}

export function eventFiles({ io, writer }: Context, { targets }: Places): EventFile[] {
  const redact = {
    redact: (text: string) => writer.redact(text),
    redactToken: (text: string) => writer.redact.token(text),
  };
  return targets.filter(({ format }) => format === "ndjson").map(({ path }) => new EventFile(path, io, redact));
}

/** A failure of a step is printed on stderr and does not change the verdict. */
interface Publish<R> {
  /** Publishes the id of the run immediately, so that later steps can cancel the run if this job is killed. */
  started?(runId: string): void;
  item?(item: FollowItem): void;
  ended(ended: Ended<R>): void | Promise<void>;
}

/** Called before the job starts, so that an invalid setting stops the job. */
export type Publisher<R> = (context: Context, job: Published) => Publish<R>;

export interface Prepared<R> {
  started(runId: string): void;
  item(item: FollowItem): void;
  ended(end: Pick<Ended<R>, "result" | "error" | "isLeft" | "stopped">): Promise<{ isShown: boolean }>;
}

export function prepare<R>(
  publishers: readonly Publisher<R>[],
  context: Context,
  job: Published,
): Prepared<R> {
  const prepared = publishers.map((publisher) => publisher(context, job));
  return {
    started(runId) {
      for (const publish of prepared) publish.started?.(runId);
    },
    item(item) {
      for (const publish of prepared) publish.item?.(item);
    },
    async ended(end) {
      const ended: Ended<R> = { ...end, written: [] };
      for (const publish of prepared) await publish.ended(ended);
      return { isShown: ended.isShown === true };
    },
  };
}

function reports(context: Context, job: Published): Publish<AnyResult> {
  const { io, platform, writer, settings, vocabulary, laptop } = context;
  const { places: { targets, value: valuePath }, eventFiles = [], extra } = job;
  const options: WriteReportsOptions = {
    files: platform.files(io.env),
    links: platform.links(io.env),
    redactToken: (text) => writer.redact.token(text),
    // A project that uses a component or the action might not have the program.
    program: laptop === undefined ? null : vocabulary.program,
    repeat: vocabulary.repeat,
    restart: vocabulary.restart,
    valuePath,
  };
  function print(problems: readonly ReportProblem[]): void {
    for (const line of problemLines(problems)) writer.error(line);
  }
  return {
    started: (runId) => print(writeRunId(runId, targets, io, options)),
    ended(ended) {
      // The files of events contain more events than the result keeps.
      const complete = eventFiles.filter((file) => file.begun);
      const earlier = extra?.compare(ended.result) ?? undefined;
      ended.compared = earlier?.sentence;
      ended.streak = earlier?.streak;
      ended.campaign = context.laptop?.campaignRetry(context, ended.result);
      if (ended.isLeft) return;
      const others = targets.filter(({ path }) => !complete.some((file) => file.path === path));
      const all = { ...options, settings: [...settings.values()], campaign: ended.campaign };
      const problems = [
        ...complete.flatMap(({ path, problem }) => problem === undefined ? [] : [problemOf("ndjson", path, problem)]),
        ...writeReports(ended.result, others, io, writer.redact, { ...all, earlier }),
      ];
      print(problems);
      const clean = writer.clean(ended.result);
      for (const { name, why } of omittedOutputs(clean, valuePath, options.files?.outputs !== undefined)) {
        writer.note(
          writer.untrusted(`${name} is left out: ${why}; read ${valuePath}`),
        );
      }
      ended.written = targets.filter((target) => !problems.some((problem) => problem.path === target.path));
    },
  };
}

const COLORS: Partial<Record<Outcome | AutomationOutcome, "green" | "red">> = {
  success: "green",
  failed: "red",
  error: "red",
};

const COPIED = /^(?:pull request|answer at|retry|page|resume|cancel|key) /;

function linked(writer: Writer, result: AnyResult, lines: readonly SafeLine[]): SafeLine[] {
  const url = result.kind === "run" ? result.pullRequest.url : null;
  const row = `pull request  ${url}`;
  return lines.map((line) => url !== null && line === row ? own`pull request  ${writer.link(url)}` : line);
}

const MAX_LINES = 10;
const MAX_LINE = 200;

function printLastLines({ writer, option }: Context, events: readonly RunEvent[]): void {
  if (option(SHOW_TASK) === false) return;
  const agentLines = lastAgentLines(events, writer.redact, MAX_LINES);
  const lines = agentLines.length > 0 ? agentLines : lastLines(events, writer.redact);
  if (lines.length === 0) return;
  writer.out(
    agentLines.length > 0 ? own`Last lines from the agent:` : own`Last lines of the log:`,
    ...writer.broken("stdout", lines.map((line) => own`  ${writer.untrusted(cutText(line, MAX_LINE))}`), 2),
    own``,
  );
}

function block(context: Context, { log, places }: Published): Publish<AnyResult> {
  const { io, flags, writer, vocabulary } = context;
  return {
    ended(ended) {
      const { result, written, compared, campaign } = ended;
      ended.isShown = true;
      const clean = cleanResult(result, writer.redact, writer.redact.token);
      if (flags.has(JSON_LINES)) return writer.json({ type: "result", ...resultFields(clean) });
      const options = {
        reports: written,
        cancel: result.kind === "run" ? vocabulary.cancel : undefined,
        full: log === "full",
        compared,
        campaign,
        page: pageOf(context, written),
        value: places.value,
      };
      const cells = io.isTerminal("stdout") ? logWidth(io) : Infinity;
      const hang = { cells, indent: LABEL_WIDTH, whole: COPIED };
      const isGood = clean.outcome === "success" && clean.exitCode === 0;
      if (clean.kind === "run" && log === null && !isGood) printLastLines(context, clean.events);
      const [first = own``, ...rest] = writer.untrustedLines(verdictText(clean, options), Infinity, hang);
      if (log !== null) writer.out(own``);
      const style = lookup(COLORS, result.outcome) ?? "yellow";
      writer.out(writer.paint(style, first, LABEL_WIDTH), ...linked(writer, clean, rest));
    },
  };
}

function blockInCi(context: Context, job: Published): Publish<AnyResult> {
  return isLaptop(context) ? { ended() {} } : block(context, job);
}

function pageOf(context: Context, written: readonly ReportTarget[]): string | undefined {
  return isInteractive(context) ? written.find(({ format }) => format === "html")?.path : undefined;
}

/** Whether the block and the error line always appear in the same place. The error line would then only repeat the block. */
export function isTogether(context: Context): boolean {
  if (context.flags.has(JSON_LINES)) return false;
  return context.io.isOneStream === true || isInteractive(context) && isInteractive(context, "stderr");
}

function withAdvice(message: string, { error }: AnyResult): string {
  const advice = error?.advice ?? null;
  if (advice === null || message.includes(advice)) return message;
  return `${message}; ${advice.replace(/^[A-Z](?=[a-z]* )/, (letter) => letter.toLowerCase())}`;
}

function errorLine(context: Context): Publish<AnyResult> {
  const { flags, writer, vocabulary, platform } = context;
  const json = flags.has(JSON_LINES);
  return {
    ended({ result, error }) {
      // In the log of a cancelled CI job, the interruption is not an error of the job.
      const together = isTogether(context) || !json && platform.isCi && error instanceof InterruptedError;
      const { reason } = result;
      // The reason describes what a signal stopped, and what is still running.
      const errorText = error instanceof InterruptedError
        ? reason
        : error instanceof Error
        ? vocabulary.words(error.message)
        : null;
      const isReason = errorText !== null && errorText === reason;
      // It is not an error if a run is still active when its report is requested.
      const isSaid = isReason && (together || !json && isStillRunning(result));
      if (errorText !== null && !isSaid) writer.error(withAdvice(errorText, result));
    },
  };
}

function browser(context: Context): Publish<AnyResult> {
  return {
    async ended({ written }) {
      const page = pageOf(context, written);
      if (page !== undefined && context.flags.has(OPEN)) await context.laptop?.openPage(context, page);
    },
  };
}

/** With `--json` there are no commands to the CI system, because programs read stdout. */
function commands(context: Context, { places }: Published): Publish<AnyResult> {
  const { flags, writer, platform } = context;
  if (flags.has(JSON_LINES)) return { ended() {} };
  return {
    started: (runId) => commandOutputs(writer, platform, { run_id: runId }),
    ended: ({ result, written }) => commandResult(context, platform, result, { written, valuePath: places.value }),
  };
}

function note(context: Context, { places }: Published): Publish<AnyResult> {
  const job = prepareNote(context, places.targets);
  return {
    item: (item) => job.item(item),
    async ended({ result, error, streak, stopped }) {
      // After a signal, the job has only a few seconds left, and cancelling the run takes precedence. A note that shows the run as active is still
      // completed.
      if (!(error instanceof InterruptedError) || job.isBegun) await job.ended(result, { streak, stopped });
    },
  };
}

function recent(context: Context): Publish<AnyResult> {
  return { ended: ({ result }) => context.laptop?.rememberEnd(context, result) };
}

/** The extras come last, because a trace covers all previous steps. */
function extras(_context: Context, { extra }: Published): Publish<AnyResult> {
  return { ended: async (ended) => await extra?.ended(ended) };
}

export const AT_END: readonly Publisher<AnyResult>[] = [
  reports,
  block,
  errorLine,
  browser,
  commands,
  note,
  recent,
  extras,
];

/** Publishers of a job that was refused before there was a run. The caller prints the error line. */
export const WHEN_REFUSED: readonly Publisher<AnyResult>[] = [reports, blockInCi, commands, extras];

export const WHEN_LEFT: readonly Publisher<AnyResult>[] = [commands, extras];
