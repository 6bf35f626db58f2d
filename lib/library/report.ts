import type { CampaignFormatName } from "../campaign/report/write.ts";
import { detectPlatform } from "../ci/detect.ts";
import type { PlatformLinks, ReadEnv } from "../ci/platform.ts";
import { shown } from "../check_options.ts";
import { MogplexError, type ResultSoFar, UsageError } from "../errors.ts";
import { processIo } from "../io.ts";
import {
  collectProblems,
  parseReportTarget,
  type ReportFormatName,
  type ReportTarget,
  unknownFormat,
  writeReports,
} from "../report/write.ts";
import { joinOpenmetrics } from "../report/metrics.ts";
import { cleanResult } from "../run/clean.ts";
import type { AnyResult } from "../run/result.ts";
import { environmentVariable } from "../runtime.ts";
import { resolveToken } from "../service/connection.ts";
import { checkOptions, type Keys } from "../service/validate.ts";
import { escapeLogLine, escapeMarkup, escapeSlack, jsonLine, markdownBlock, markdownCode } from "../text/escape.ts";
import { cutText, plainLines, plainText } from "../text/plain_text.ts";
import { createRedactor, joinRedactors, type Redactor, redactValue, withOwn } from "../text/redact.ts";
import { checkSecrets, connectorOf } from "./connect.ts";
import type { Mogplex } from "./mogplex.ts";
import { valueOr } from "../lookup.ts";

/** Which secrets to mask. */
export interface MaskOptions {
  /** Client whose token and `secrets` are masked, no matter where the token comes from. */
  mogplex?: Mogplex | undefined;
  /** Access token to mask. @default the token that a run would use */
  token?: string | undefined;
  /**
   * Reads an environment variable. The values of well-known variables that hold secrets, such as `GITHUB_TOKEN`, are masked. @default the
   * environment of `mogplex`, otherwise of the process
   */
  env?: ReadEnv | undefined;
  /**
   * Additional texts to mask. Each must have at least 8 characters, and must not be a UUID, an address, or a word that the output uses, such
   * as `cancelled`. @default {[]}
   */
  secrets?: readonly string[] | undefined;
}

type ReadFile = (path: string) => string | undefined;

function knownToken(env: ReadEnv, readFile: ReadFile | undefined): string | undefined {
  return valueOr(() => resolveToken({ env, readFile }), undefined);
}

/** A missing or unusable token is not an error, because a script can report without a token. */
export function scriptMask(attempted: string, options: MaskOptions, readFile?: ReadFile) {
  const { mogplex, secrets } = checkOptions(attempted, options, maskKeys());
  checkSecrets(secrets);
  const connector = mogplex && connectorOf(attempted, mogplex, "'mogplex'");
  const { env = connector?.env ?? environmentVariable, token = knownToken(env, readFile) } = options;
  const redactor = createRedactor({ token, env, secrets });
  return { redact: connector === undefined ? redactor : joinRedactors(connector.redact, redactor), env };
}

export function maskKeys(): Keys<MaskOptions> {
  return { mogplex: "object", token: "string", env: "function", secrets: "any" };
}

// This module handles results of runs. The entry `./campaigns` adds the code for views of campaigns, so a script without campaigns does not load that
// code.

/** The view of a campaign, as the verbs of any version of `@mogplex/ci/campaigns` return it. */
export interface AnyCampaignView {
  /** Version of the format. */
  readonly schema: number;
  /** Name of the campaign. */
  readonly campaign: string;
  /** Number of items by verdict or state. */
  readonly counts: object;
  /** Items of the campaign. */
  readonly items: readonly object[];
}

export interface ViewReports {
  readonly formats: readonly string[];
  clean(view: AnyCampaignView, redact: Redactor): AnyCampaignView;
  render(view: AnyCampaignView, format: string, redact: Redactor, links: PlatformLinks): string;
}

let viewReports: ViewReports | undefined;

export function takeViews(reports: ViewReports): void {
  viewReports = reports;
}

/** The class does not matter, because the result may have been stored and read again. */
function isResult(value: unknown): value is AnyResult {
  const { kind, outcome } = (value ?? {}) as Partial<AnyResult>;
  return typeof outcome === "string" && (kind === "run" || kind === "automation-run");
}

function isView(value: unknown): value is AnyCampaignView {
  const { campaign, items, counts } = (value ?? {}) as Partial<AnyCampaignView>;
  return typeof campaign === "string" && Array.isArray(items) && typeof counts === "object";
}

function reportedOf(attempted: string, value: unknown): unknown {
  if (isResult(value) || isView(value) || typeof value !== "object" || value === null) return value;
  const { result, view } = value as { result?: unknown; view?: unknown };
  if (isResult(result)) return result;
  if (isView(view)) return view;
  if (!(value instanceof Error) && result !== null) return value;
  throw new UsageError({
    attempted,
    why: "the error has no result because nothing was started and nothing was followed",
  });
}

function reportsOf(attempted: string, value: unknown): ViewReports | undefined {
  if (isResult(value)) return undefined;
  if (isView(value) && viewReports !== undefined) return viewReports;
  throw new UsageError({
    attempted,
    why: "the first argument must be the result of a run, as returned by `await run(…)`, or the view of a campaign",
    advice: isView(value)
      ? "call createCampaigns() from @mogplex/ci/campaigns before you report a campaign"
      : undefined,
  });
}

/**
 * Returns a copy of a value that is safe to store and show: secrets are masked, and invisible characters are removed from every text. The
 * texts still come from an agent, so escape them for the place that shows them. In a result, the secrets of the client that returned it are
 * masked, too. In field names, ids, statuses and types, only the token is masked, so that programs can still rely on them.
 *
 * @param value A result, an item, a view of a campaign, an error (the copy is its `toJSON()`), or any other plain data. Dates are kept.
 * Objects of other classes, such as `Map`, lose their contents.
 * @param options Which secrets to mask.
 * @example Store a result
 * ```ts ignore
 * await database.insert(mask(await run(request)));
 * ```
 */
export function mask<T>(value: T, options: MaskOptions = {}): T {
  const redact = withOwn(value, scriptMask("mask", options).redact);
  if (isResult(value)) return cleanResult(value, redact, redact.token);
  return isView(value) && viewReports !== undefined
    ? viewReports.clean(value, redact) as T
    : redactValue(value, redact);
}

function checkTarget({ format, path }: ReportTarget<string>, formats: readonly string[] | undefined): void {
  checkFormat("write report", format, formats);
  // The format does not matter here, because only the path still has to be checked.
  parseReportTarget(`${formats === undefined ? format : "json"}=${path ?? ""}`, ".");
}

function checkFormat(attempted: string, format: string, formats: readonly string[] | undefined): void {
  if (formats !== undefined && !formats.includes(format)) throw unknownFormat(attempted, format, formats);
}

/**
 * Renders a report without writing it. Secrets are masked, including the secrets of the result's client.
 *
 * @param result Result of a run or an automation run, an error with such a result, or the view of a campaign.
 * @param format Name of the format, such as `markdown` or `json`; for a campaign, also `csv`.
 * @param options Which secrets to mask.
 * @throws {UsageError} for an unknown format.
 * @example A comment on a pull request
 * ```ts ignore
 * await comment(render(result, "markdown"));
 * ```
 */
export function render(
  result: AnyResult | ResultSoFar | MogplexError,
  format: ReportFormatName,
  options?: MaskOptions,
): string;
/** Renders the metrics of several runs as one text. The label `run` contains the id of each run. */
export function render(
  results: readonly (AnyResult | ResultSoFar)[],
  format: "openmetrics",
  options?: MaskOptions,
): string;
/** Renders the view of a campaign. The format `csv` is available as well. */
export function render(view: AnyCampaignView, format: CampaignFormatName, options?: MaskOptions): string;
export function render(reported: unknown, format: string, options: MaskOptions = {}): string {
  const attempted = "render report";
  const { redact: given, env } = scriptMask(attempted, options);
  if (Array.isArray(reported)) return joined(attempted, reported, format, given);
  const value = reportedOf(attempted, reported) as AnyResult | AnyCampaignView;
  const redact = withOwn(value, given);
  const views = reportsOf(attempted, value);
  checkFormat(attempted, format, views?.formats);
  const links = detectPlatform(env).links(env);
  if (views !== undefined) return views.render(value as AnyCampaignView, format, redact, links);
  let text: string | undefined;
  const keep = { writeFile: (_path: string, content: string) => void (text = content) };
  const io = { ...keep, readFile: () => undefined, appendFile() {}, removeFile() {} };
  const target = parseReportTarget(`${format}=report`, ".");
  const [problem] = writeReports(value as AnyResult, [target], io, redact, { links, redactToken: redact.token });
  if (problem !== undefined || text === undefined) throw new UsageError(problem?.message ?? "Cannot render report");
  return text;
}

function joined(attempted: string, values: readonly unknown[], format: string, given: Redactor): string {
  if (format !== "openmetrics") {
    const why = "only the format openmetrics accepts several results";
    throw new UsageError({ attempted, why, value: JSON.stringify(format), advice: "render them one by one" });
  }
  const results = values.map((each) => reportedOf(attempted, each));
  for (const each of results) {
    if (!isResult(each)) throw new UsageError({ attempted, why: "the list must contain only results of runs" });
  }
  return joinOpenmetrics((results as AnyResult[]).map((result) => {
    const redact = withOwn(result, given);
    return cleanResult(result, redact, redact.token);
  }));
}

/**
 * Writes reports about a run, an automation run or a campaign, without sending a request. Replaces whole files, and creates missing
 * directories. Secrets are masked, including the secrets of the result's client.
 *
 * @param result Result of a run or an automation run, an error with such a result, or the view of a campaign.
 * @param targets Formats and files.
 * @param options Which secrets to mask.
 * @throws {UsageError} for an unknown format or key, before anything is written.
 * @throws {MogplexError} when a report cannot be written, with exit code 2 and the code `REPORT_NOT_WRITTEN`. All other reports are written
 * first.
 * @example Write a summary
 * ```ts ignore
 * await report(result, [{ format: "markdown", path: "summary.md" }, { format: "json", path: "result.json" }]);
 * ```
 */
export function report(
  result: AnyResult | ResultSoFar | MogplexError,
  targets: readonly ReportTarget[],
  options?: MaskOptions,
): Promise<void>;
/** Writes reports about a campaign. The format `csv` is available as well. */
export function report(
  view: AnyCampaignView,
  targets: readonly ReportTarget<CampaignFormatName>[],
  options?: MaskOptions,
): Promise<void>;
// deno-lint-ignore require-await
export async function report(
  reported: unknown,
  targets: readonly ReportTarget<string>[],
  options: MaskOptions = {},
): Promise<void> {
  const value = reportedOf("write report", reported) as AnyResult | AnyCampaignView;
  const io = processIo();
  const { redact: given, env } = scriptMask("write report", options, io.readFile);
  const redact = withOwn(value, given);
  if (!Array.isArray(targets)) {
    const why = "the second argument must be a list of targets, such as { format, path }";
    throw new UsageError({ attempted: "write report", why, value: shown("targets", targets) });
  }
  const keys: Keys<ReportTarget> = { format: "string", path: "string" };
  for (const target of targets) checkOptions("write report", target, keys, "targets");
  const views = reportsOf("write report", value);
  for (const target of targets) checkTarget(target, views?.formats);
  const links = detectPlatform(env).links(env);
  const { problems, attempt } = collectProblems();
  if (views === undefined) {
    const more = { links, redactToken: redact.token };
    problems.push(...writeReports(value as AnyResult, targets as readonly ReportTarget[], io, redact, more));
  } else {
    for (const { format, path } of targets) {
      attempt(format, path, () => io.writeFile(path, views.render(value as AnyCampaignView, format, redact, links)));
    }
  }
  // This error is not a `UsageError`, because that class means that nothing was started.
  const message = problems.map((problem) => problem.message).join("; ");
  if (problems.length > 0) throw new MogplexError(message, "usage", { code: "REPORT_NOT_WRITTEN" });
}

/** Makes untrusted text safe to print. */
export interface LogText {
  /**
   * Returns the text as one line without invisible characters, secrets, or anything that a CI system would treat as a command. You can print
   * it as part of a longer line.
   *
   * @param text Anything.
   * @param maxLength Maximum length in UTF-16 units, at least 1. A longer text is cut, and ends with a mark that shows how many units were
   * cut. @default {1_000}
   */
  line(text: string, maxLength?: number): string;
  /**
   * Returns the value as one line of JSON for programs, with the secrets in every text masked. It is as safe to print as the output of
   * {@linkcode LogText.line}. Parsing it returns every text unchanged, except for masked secrets.
   *
   * @param value Any value that `JSON.stringify` accepts.
   */
  json(value: unknown): string;
}

/** Limit for log lines, because a message can contain a whole file and CI systems limit the size of logs. */
const DEFAULT_LINE_LENGTH = 1_000;

/**
 * Creates functions that make untrusted text safe to print. Untrusted text comes from agents, repositories and the service: event messages,
 * reasons, branch names, and error messages that quote the service.
 *
 * @example Print a message from an agent
 * ```ts
 * import { createLogText } from "@mogplex/ci";
 *
 * const { line } = createLogText({ env: () => undefined });
 * if (line("fine\n::error::forged mog_abcdefgh1234") !== "fine ::error::forged [redacted]") throw new Error("changed");
 * if (line("\x1b[31m::error::forged") !== ": :error::forged") throw new Error("changed");
 * ```
 */
export function createLogText(options: MaskOptions = {}): LogText {
  const { redact } = scriptMask("create log text", options);
  return {
    line(text, maxLength = DEFAULT_LINE_LENGTH) {
      if (typeof text !== "string") {
        throw new UsageError({
          attempted: "make a line",
          why: "the text must be a string",
          value: shown("text", text),
        });
      }
      // Redact before joining lines, because a secret can have several lines, and before cutting, because half a secret would not be recognized.
      const lines = redact(plainLines(text).join("\n")).split("\n");
      return escapeLogLine(cutText(lines.map((each) => each.trim()).join(" "), maxLength));
    },
    json(value) {
      const kind = typeof value;
      if (kind !== "undefined" && kind !== "function" && kind !== "symbol") return jsonLine(redactValue(value, redact));
      throw new UsageError({
        attempted: "make a line of JSON",
        why: "the value cannot be written as JSON",
        value: kind,
      });
    },
  };
}

/** Makes untrusted text safe for the place where it is shown. It does not mask secrets: use `mask()` or `createLogText()` for that. */
export interface EscapeText {
  /**
   * Returns the text as inline code on one line, also for use in a table. Mentions, quick actions and links in it have no effect. Line
   * breaks become spaces, and `|` becomes the character `│`, because renderers disagree on how to escape it in a table. Blank text gives an
   * empty string.
   *
   * @param text Anything.
   */
  markdown(text: string): string;
  /**
   * Returns the text as a code block with all its lines. Put blank lines around the block, and start it at the left margin. Empty text
   * gives a block with one empty line.
   *
   * @param text Anything.
   */
  markdownBlock(text: string): string;
  /**
   * Escapes the text for use inside an HTML or XML element, or in a quoted attribute.
   *
   * @param text Anything.
   */
  html(text: string): string;
  /**
   * Escapes text for the `text` and `mrkdwn` fields of a Slack message, so that the message mentions no users and contains no named links. Slack has no
   * escape for `*`, `_`, `~` and backticks, so these still format the text. Line breaks are kept.
   *
   * @param text Anything.
   */
  slack(text: string): string;
  /**
   * Makes the text safe for a terminal and for the log of a CI job. The result has no terminal sequences, invisible characters, or anything
   * that a CI system would treat as a command. Line breaks are kept.
   *
   * @param text Anything.
   */
  terminal(text: string): string;
}

function escaping(name: keyof EscapeText, escape: (text: string) => string): (text: string) => string {
  return (text) => {
    if (typeof text === "string") return escape(text);
    const attempted = `escape text for ${name}`;
    throw new UsageError({ attempted, why: "it must be a string", value: shown("text", text) });
  };
}

/**
 * Makes texts from agents, repositories and the service safe to show in your own pages, comments and logs.
 *
 * @example A comment
 * ```ts
 * import { escapeText } from "@mogplex/ci";
 *
 * if (escapeText.markdown("/close") !== "`/close`") throw new Error("changed");
 * if (escapeText.html("<script>") !== "&lt;script&gt;") throw new Error("changed");
 * if (escapeText.slack("<!channel> it's done") !== "&lt;!channel&gt; it's done") throw new Error("changed");
 * if (escapeText.terminal("\x1b[31m::error::forged") !== ": :error::forged") throw new Error("changed");
 * ```
 */
export const escapeText: EscapeText = {
  markdown: /* @__PURE__ */ escaping("markdown", (text) => markdownCode(plainText(text))),
  markdownBlock: /* @__PURE__ */ escaping("markdownBlock", (text) => markdownBlock(plainText(text))),
  html: /* @__PURE__ */ escaping("html", (text) => escapeMarkup(plainText(text))),
  slack: /* @__PURE__ */ escaping("slack", (text) => escapeSlack(plainText(text))),
  terminal: /* @__PURE__ */ escaping(
    "terminal",
    (text) => plainLines(text).map((line) => escapeLogLine(line)).join("\n"),
  ),
};
