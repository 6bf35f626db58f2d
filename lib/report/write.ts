/**
 * Writing sends no requests and throws no errors: the caller decides what to do if a report cannot be written.
 *
 * @module
 */
import { githubRecord, type PlatformFiles, type PlatformLinks } from "../ci/platform.ts";
import { errorSentence, messageOf } from "../error_sentence.ts";
import { type ErrorParts, UsageError } from "../errors.ts";
import { type Io, isFull, proveWritable } from "../io.ts";
import { didYouMean } from "../nearest.ts";
import { lookup, valueOr } from "../lookup.ts";
import { cleanResult, type Redact } from "../run/clean.ts";
import { renderNdjson } from "../run/event_file.ts";
import type { AnyResult } from "../run/result.ts";
import { viewOf } from "../run/result_view.ts";
import { bareValue, jsonText, MAX_BARE, renderDotenvFile, webUrl } from "../text/escape.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import type { CampaignRetry } from "./campaign_item.ts";
import { REPORT_FILES } from "./files.ts";
import type { Earlier } from "./history.ts";
import { renderJson } from "./json.ts";
import { renderJunit } from "./junit.ts";
import { type MarkdownOptions, renderMarkdown } from "./markdown.ts";
import { renderOpenmetrics } from "./metrics.ts";
import { type ReportLinks, withPageLink } from "./page_link.ts";
import { renderRunPage, type RunPageOptions, type Setting } from "./run_page.ts";

// `annotations.json`: links that GitLab shows on the page of the job.

const LIST = "Mogplex";
const MAX_LABEL = 200;

const MAX_LINKS = 20;

interface Annotation {
  label: string;
  address: string | null;
}

/**
 * Renders at most 20 links, in less than 80 KB. GitLab accepts an empty object if there are no links. Source: GitLab, "Artifacts reports types",
 * annotations; parse_annotations_artifact_service.rb.
 */
export function renderLinks(links: readonly Annotation[]): string {
  const rows = links.flatMap(({ label, address }) => {
    const url = webUrl(address ?? "");
    return url === undefined ? [] : [{ external_link: { label: cutText(label.replace(/\s+/g, " "), MAX_LABEL), url } }];
  }).slice(0, MAX_LINKS);
  return `${jsonText(rows.length > 0 ? { [LIST]: rows } : {}, 2)}\n`;
}

/**
 * The service does not document a page for a run, so the link to the service leads to its front page and has the run's id as its text.
 * @param result Cleaned by `cleanResult`.
 */
function renderAnnotations(result: AnyResult, { page }: ReportLinks = {}): string {
  const { git, runId, origin, kind: { noun } } = viewOf(result);
  const address = git?.pullRequest.url ?? null;
  return renderLinks([
    ...(page === undefined ? [] : [{ label: `Page of this ${noun}`, address: page }]),
    { label: `Pull request ${address}`, address },
    ...(runId ? [{ label: `Mogplex (${noun} ${runId})`, address: origin }] : []),
  ]);
}

// Public names of the GitHub outputs and the dotenv variables. A change requires a new major version.
const NAMES: Readonly<Record<OutputName, string>> = {
  run_id: "MOGPLEX_RUN_ID",
  status: "MOGPLEX_RUN_STATUS",
  outcome: "MOGPLEX_OUTCOME",
  branch: "MOGPLEX_BRANCH",
  pull_request_url: "MOGPLEX_PULL_REQUEST_URL",
  replayed: "MOGPLEX_REPLAYED",
  result_path: "MOGPLEX_RESULT_PATH",
};

export const OUTPUT_VARIABLES: readonly string[] = Object.values(NAMES);

export type OutputName =
  | "run_id"
  | "status"
  | "outcome"
  | "branch"
  | "pull_request_url"
  | "replayed"
  | "result_path";

/** A missing output is not written. The schema of a result file can add outputs named `result_…`. */
export type Outputs = Partial<Record<OutputName | `result_${string}`, string>>;

/** GitLab refuses a dotenv file of more than 5,000 bytes. */
const MAX_RESULT_BYTES = 4_000;

export function outputsOf(result: AnyResult, valuePath?: string): Outputs {
  return { ...runOutputs(result), ...resultOutputs(result, valuePath).outputs };
}

export function omittedOutputs(
  result: AnyResult,
  valuePath: string | undefined,
  isStep: boolean,
): { name: string; why: string }[] {
  const { omitted } = resultOutputs(result, valuePath);
  return omitted.map(({ name, why }) => ({ name: isStep ? `output ${name}` : `variable ${variableName(name)}`, why }));
}

/**
 * A value that is not safe in a script, or does not fit into the file of all outputs, is left out, because an empty output would be mistaken for an
 * empty value.
 */
function resultOutputs(
  result: AnyResult,
  valuePath: string | undefined,
): { outputs: Outputs; omitted: { name: string; why: string }[] } {
  const file = result.kind === "run" ? result.resultFile : null;
  const [outputs, omitted]: [Record<string, string>, { name: string; why: string }[]] = [{}, []];
  if (file === null || file.cause !== null) return { outputs, omitted };
  const values = Object.entries(file.outputs).map(([name, value]) => [`result_${name}`, String(value)] as const);
  let bytes = textBytes(runOutputs(result));
  for (const [name, value] of [...valuePath === undefined ? [] : [["result_path", valuePath] as const], ...values]) {
    const size = textBytes({ [name]: value });
    const isLong = value.length > MAX_BARE || bytes + size > MAX_RESULT_BYTES;
    if (isLong) omitted.push({ name, why: "it is too long" });
    else if (bareValue(value) !== value) {
      omitted.push({ name, why: "it contains spaces, quotes or special characters" });
    } else {
      outputs[name] = value;
      bytes += size;
    }
  }
  return { outputs, omitted };
}

const textBytes = (outputs: Outputs) => new TextEncoder().encode(renderOutputsEnv(outputs)).length;

function runOutputs(result: AnyResult): Outputs {
  const { runId, status, outcome, git, replayed } = viewOf(result);
  return {
    run_id: runId ?? "",
    status: status ?? "",
    outcome,
    branch: git?.branch.pushed ?? "",
    pull_request_url: git?.pullRequest.url ?? "",
    replayed: replayed === null ? "" : String(replayed),
  };
}

/** A value that is not safe without quotes becomes empty, because people paste outputs into scripts. */
export function renderGithubOutputs(outputs: Readonly<Partial<Record<string, string>>>): string {
  return Object.entries(outputs).map(([name, value = ""]) => githubRecord(name, bareValue(value))).join("");
}

export function outputVariables(outputs: Outputs): Record<string, string> {
  const entries = Object.entries(outputs).map(([name, value = ""]) => [
    variableName(name),
    bareValue(value),
  ]);
  return Object.fromEntries(entries);
}

const variableName = (output: string) => lookup(NAMES, output) ?? `MOGPLEX_${output.toUpperCase()}`;

function renderOutputsEnv(outputs: Outputs): string {
  return renderDotenvFile(outputVariables(outputs));
}

function renderDotenv(result: AnyResult, { valuePath }: Surroundings): string {
  return renderOutputsEnv(outputsOf(result, valuePath));
}

// The formats of `--report`. To add a format, add a renderer and a row here.

type Surroundings = MarkdownOptions & RunPageOptions & Pick<WriteReportsOptions, "valuePath">;

interface ReportFormat {
  readonly file: string;
  readonly help: string;
  readonly render: (result: AnyResult, around: Surroundings) => string;
}

/** Name of a format for `--report`. */
export type ReportFormatName =
  | "json"
  | "ndjson"
  | "dotenv"
  | "markdown"
  | "html"
  | "junit"
  | "annotations"
  | "openmetrics";

export const REPORT_FORMATS = {
  json: { file: REPORT_FILES.json, help: "the result as JSON (JSON Schema in the package)", render: renderJson },
  ndjson: { file: REPORT_FILES.ndjson, help: "all events, one JSON object per line", render: renderNdjson },
  dotenv: { file: REPORT_FILES.dotenv, help: "`MOGPLEX_…` variables for later GitLab jobs", render: renderDotenv },
  markdown: { file: REPORT_FILES.markdown, help: "summary for people", render: renderMarkdown },
  html: { file: REPORT_FILES.html, help: "page for a browser", render: renderRunPage },
  junit: {
    file: REPORT_FILES.junit,
    help: "verdict and phases as test cases",
    render: (result, { redact }) => renderJunit(result, redact),
  },
  annotations: {
    file: REPORT_FILES.annotations,
    help: "links for the page of a GitLab job",
    render: (result, { links }) => renderAnnotations(result, links),
  },
  openmetrics: { file: REPORT_FILES.openmetrics, help: "metrics for GitLab and Prometheus", render: renderOpenmetrics },
} as const satisfies Record<ReportFormatName, ReportFormat>;

/** A report and its file. */
export interface ReportTarget<F = ReportFormatName> {
  /** Name of the format. */
  format: F;
  /** Path of its file, with `/` as the separator. */
  path: string;
}

export type ReportIo = Pick<Io, "readFile" | "writeFile" | "appendFile" | "removeFile">;

function pathIn(directory: string, file: string): string {
  return `${directory.replace(/\/+$/, "")}/${file}`;
}

function isFormat(name: string): name is ReportFormatName {
  return Object.hasOwn(REPORT_FORMATS, name);
}

export function unknownFormat(attempted: string, format: string, formats: readonly string[]): UsageError {
  return new UsageError({
    attempted,
    why: `its format must be one of ${formats.join(", ")}`,
    value: JSON.stringify(format),
    advice: didYouMean(format, formats),
  });
}

export function parseReportTarget(text: string, directory: string): ReportTarget {
  const cut = text.indexOf("=");
  const format = (cut < 0 ? text : text.slice(0, cut)).trim();
  if (!isFormat(format)) {
    const [, name = "", file] = /^([a-z]+):(.+)$/.exec(format) ?? [];
    if (isFormat(name)) {
      throw new UsageError({
        attempted: "write report",
        why: 'the format and the path must be separated by "="',
        value: JSON.stringify(text),
        advice: `did you mean ${JSON.stringify(`${name}=${file}`)}?`,
      });
    }
    throw unknownFormat("write report", format, Object.keys(REPORT_FORMATS));
  }
  const path = cut < 0 ? pathIn(directory, REPORT_FORMATS[format].file) : text.slice(cut + 1);
  if (path.trim() === "" || path === "-" || path.endsWith("/")) {
    throw new UsageError({
      attempted: `write report "${format}"`,
      why: "its path must point to a file",
      value: JSON.stringify(path),
    });
  }
  return { format, path };
}

export function plainPath(path: string): string {
  return path.replace(/^(\.\/+)+/, "").replace(/\/(\.?\/)+/g, "/");
}

export function pagePath(targets: readonly ReportTarget[]): string | undefined {
  const target = targets.find(({ format }) => format === "html");
  return target && plainPath(target.path);
}

export const TERMINAL_FORMATS: readonly ReportFormatName[] = ["json", "markdown", "html"];

export function defaultTargets(
  directory: string,
  formats: readonly ReportFormatName[] = Object.keys(REPORT_FORMATS) as ReportFormatName[],
): ReportTarget[] {
  return formats
    .map((format) => ({ format, path: pathIn(directory, REPORT_FORMATS[format].file) }));
}

const FREE_SPACE = "free some space on the disk, or write to another disk";

function cannotWrite(report: string, path: string, error: unknown): ErrorParts {
  const advice = isFull(error) ? FREE_SPACE : undefined;
  return { attempted: `write report "${report}" to "${path}"`, why: messageOf(error), advice };
}

/** Removes the file unless it must be kept. */
export function proveReplaceable(io: ReportIo, path: string, stays: boolean): void {
  if (!stays) return proveWritable(io, path);
  proveWritable(io, `${path}.new`);
  // Refuses everything except a regular file.
  io.readFile(path, undefined, "refuse", "replace");
}

/**
 * Removes the reports of an earlier job, so that they are not mistaken for reports of this run.
 *
 * @param kept Paths of the reports to keep for now.
 */
export function checkTargets(targets: readonly ReportTarget[], io: ReportIo, kept: readonly string[] = []): void {
  const seen = new Map<string, string>();
  for (const { format, path } of targets) {
    const name = plainPath(path);
    const other = seen.get(name);
    if (other !== undefined) {
      const why = `report "${other}" is written to the same file`;
      throw new UsageError({ attempted: `write report "${format}"`, why, value: JSON.stringify(path) });
    }
    seen.set(name, format);
    try {
      proveReplaceable(io, path, kept.includes(path));
    } catch (error) {
      throw new UsageError(cannotWrite(format, path, error), { cause: error });
    }
  }
}

export interface ReportProblem {
  /** A format, `value`, `github-outputs`, `github-summary` or `pipeline-variables`. */
  format: string;
  path: string;
  message: string;
  isFull?: true;
}

export function problemOf(format: string, path: string, error: unknown): ReportProblem {
  const message = errorSentence(cannotWrite(format, path, error));
  return { format, path, message, ...(isFull(error) && { isFull: true }) };
}

export function problemLines(problems: readonly ReportProblem[]): string[] {
  const full = problems.filter((problem) => problem.isFull);
  if (full.length < 2) return problems.map(({ message }) => message);
  const value = full.map(({ path }) => JSON.stringify(path)).join(", ");
  return [
    ...problems.filter((problem) => !problem.isFull).map(({ message }) => message),
    errorSentence({ attempted: "write reports", why: "the disk is full", value, advice: FREE_SPACE }),
  ];
}

type Attempt = (format: string, path: string, write: () => void) => void;

export function collectProblems(): { problems: ReportProblem[]; attempt: Attempt } {
  const problems: ReportProblem[] = [];
  return {
    problems,
    attempt(format, path, write) {
      try {
        write();
      } catch (error) {
        problems.push(problemOf(format, path, error));
      }
    },
  };
}

function isLineOpen(path: string, io: ReportIo): boolean {
  return valueOr(() => /[^\n]$/.test(io.readFile(path) ?? ""), false);
}

interface OutputTexts {
  outputs(): string;
  variables(): string;
}

export function appendOutputs(
  texts: OutputTexts,
  { outputs, variables }: PlatformFiles,
  io: ReportIo,
  attempt: Attempt,
  redactToken: Redact,
): void {
  function append(path: string, text: string): void {
    io.appendFile(path, `${isLineOpen(path, io) ? "\n" : ""}${redactToken(text)}`);
  }
  if (outputs !== undefined) attempt("github-outputs", outputs, () => append(outputs, texts.outputs()));
  if (variables !== undefined) attempt("pipeline-variables", variables, () => append(variables, texts.variables()));
}

export interface WriteReportsOptions {
  files?: PlatformFiles | undefined;
  links?: PlatformLinks | undefined;
  /** Settings of the job, for the page; not cleaned yet. */
  settings?: readonly Setting[] | undefined;
  /** The program as the user called it, for commands to copy; not cleaned yet. `null` if no commands are shown. @default {"mogplex-ci"} */
  program?: string | null | undefined;
  /** How to start the task of an interrupted job again without a command, as a trusted clause. */
  restart?: string | undefined;
  /** The comment that repeats the run, not cleaned yet. */
  repeat?: string | undefined;
  earlier?: Earlier | undefined;
  /** How to start a failed run again if a campaign started it; not cleaned yet. */
  campaign?: CampaignRetry | undefined;
  valuePath?: string | undefined;
  /** Removes this program's own token from the finished text, including JSON keys. */
  redactToken: Redact;
}

function textsOf(values: Outputs): OutputTexts {
  return { outputs: () => renderGithubOutputs(values), variables: () => renderOutputsEnv(values) };
}

/**
 * Publishes the id of a run or an automation run at once: as the GitHub output `run_id`, and as `MOGPLEX_RUN_ID` in the dotenv report. A cleanup step
 * then finds the id even if this process is killed. The id is added to the file of pipeline variables only at the end, because CI systems do not
 * document how they treat a repeated name.
 */
export function writeRunId(
  runId: string,
  targets: readonly ReportTarget[],
  io: ReportIo,
  options: WriteReportsOptions,
): ReportProblem[] {
  const { files: { outputs } = {}, redactToken } = options;
  const { problems, attempt } = collectProblems();
  const values = { run_id: redactToken(runId) };
  appendOutputs(textsOf(values), { outputs }, io, attempt, redactToken);
  for (const { format, path } of targets) {
    if (format === "dotenv") {
      attempt(format, path, () => io.writeFile(path, renderOutputsEnv(values)));
    }
  }
  return problems;
}

/**
 * @param result Not cleaned yet.
 * @param redact Removes secrets from text before the text is escaped.
 */
export function writeReports(
  result: AnyResult,
  targets: readonly ReportTarget[],
  io: ReportIo,
  redact: Redact,
  options: WriteReportsOptions,
): ReportProblem[] {
  const { files = {}, redactToken } = options;
  const links = withPageLink(options.links ?? {}, pagePath(targets));
  const { summary } = files;
  const { problems, attempt } = collectProblems();
  const settings = (options.settings ?? []).map((each) => ({ ...each, value: redact(plainText(each.value)) }));
  const clean = cleanResult(result, redact, redactToken);
  const { earlier, program, repeat, restart, valuePath, campaign } = options;
  const plain = (text: string) => redact(plainText(text));
  const around = {
    valuePath,
    program: program && plain(program),
    repeat: repeat && plain(repeat),
    restart,
    campaign: campaign && {
      step: campaign.step,
      campaign: plain(campaign.campaign),
      command: campaign.command === null ? null : plain(campaign.command),
    },
    links,
    redact,
    settings,
    earlier,
    compared: earlier?.sentence,
  };
  const file = clean.kind === "run" ? clean.resultFile : null;
  if (valuePath !== undefined && file !== null) {
    attempt("value", valuePath, () => {
      if (file.cause === null) io.writeFile(valuePath, `${redactToken(jsonText(file.value, 2))}\n`, true);
      else io.removeFile(valuePath);
    });
  }
  for (const { format, path } of targets) {
    const { render }: ReportFormat = REPORT_FORMATS[format];
    // Overwrites the file in place if the disk is full. Otherwise, later jobs would read the outputs from the start of this job.
    attempt(format, path, () => io.writeFile(path, redactToken(render(clean, around)), format === "dotenv"));
  }
  appendOutputs(textsOf(outputsOf(clean, valuePath)), files, io, attempt, redactToken);
  if (summary !== undefined) {
    attempt(
      "github-summary",
      summary,
      () => io.appendFile(summary, `\n${redactToken(renderMarkdown(clean, around))}`),
    );
  }
  return problems;
}
