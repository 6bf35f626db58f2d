/**
 * A report that cannot be written does not change the verdict, so writing throws no errors.
 *
 * @module
 */
import type { PlatformFiles, PlatformLinks } from "../../ci/platform.ts";
import { type Case, type Mark, renderSuite } from "../../report/junit.ts";
import { type Family, renderFamilies, single } from "../../report/metrics.ts";
import {
  appendOutputs,
  collectProblems,
  renderGithubOutputs,
  renderLinks,
  type ReportIo,
  type ReportProblem,
} from "../../report/write.ts";
import type { Redact } from "../../run/clean.ts";
import { instantMs } from "../../run/result.ts";
import { bareValue, csvLine, jsonText, renderDotenvFile } from "../../text/escape.ts";
import { plainText } from "../../text/plain_text.ts";
import type { Redactor } from "../../text/redact.ts";
import { STUCK_CAUSES } from "../pulls.ts";
import { CAMPAIGN_STATES, ITEM_VERDICTS, type ItemState, totalsOf } from "../view/verdicts.ts";
import type { CampaignItem, CampaignView } from "../view/view.ts";
import { renderCampaignPage } from "./campaign_page.ts";
import { isTrouble } from "./causes.ts";
import { cleanCampaign, cleanCommand, cleanProblem } from "./clean.ts";
import { CAMPAIGN_FILES } from "./files.ts";
import { type CampaignMarkdownOptions, renderCampaignMarkdown } from "./markdown.ts";
import { itemNames, runMs, STATES } from "./words.ts";

function renderCampaignAnnotations({ items }: CampaignView): string {
  const names = itemNames(items);
  const rank = ({ verdict }: CampaignItem) => isTrouble(verdict) ? 0 : 1;
  const ended = ({ endedAt }: CampaignItem) => instantMs(endedAt) ?? 0;
  const itemsWithPull = items.filter(({ pullRequest }) => pullRequest !== null)
    .sort((a, b) => rank(a) - rank(b) || ended(b) - ended(a));
  return renderLinks(
    itemsWithPull.map(({ id, verdict, pullRequest }) => ({
      label: `${names.get(id) ?? id} (${verdict}): ${pullRequest}`,
      address: pullRequest,
    })),
  );
}

type Cell = string | number | null;

// These names are public. A change requires a new major version.
type Column = readonly [name: string, cell: (item: CampaignItem, nowMs: number) => Cell];

const COLUMNS: readonly Column[] = [
  ["repository", (item) => item.repository],
  ["base_branch", (item) => item.baseBranch],
  ["root", (item) => item.root],
  ["verdict", (item) => item.verdict],
  ["reason", (item) => item.reason],
  ["starts", (item) => item.starts],
  ["attempts", (item) => item.attempts],
  ["run_id", (item) => item.runId],
  ["branch", (item) => item.branch],
  ["pull_request", (item) => item.pullRequest],
  ["started_at", (item) => item.startedAt],
  ["ended_at", (item) => item.endedAt],
  ["run_seconds", (item, nowMs) => {
    const ms = runMs(item, nowMs);
    return ms === null ? null : Math.round(ms / 1_000);
  }],
  ["canary", (item) => item.canary ? "yes" : "no"],
  ["pull_request_state", ({ pullRequestState: pull }) => pull?.state ?? null],
  ["checks", ({ pullRequestState: pull }) => pull?.checks ?? null],
  ["review", ({ pullRequestState: pull }) => pull?.review ?? null],
  [
    "conflict",
    ({ pullRequestState: pull }) => pull === null || pull.conflict === null ? null : pull.conflict ? "yes" : "no",
  ],
  ["owner", ({ pullRequestState: pull }) => pull?.owner ?? null],
  ["stuck", (item) => item.stuck],
];

/**
 * Renders a heading, and a line for each item. Lines end with CR LF, text is quoted, and no cell is a formula. An unknown value is an empty cell.
 * Source: RFC 4180.
 */
function renderCampaignCsv({ items, at }: CampaignView): string {
  const nowMs = instantMs(at) ?? 0;
  const columns = [...COLUMNS, ...resultColumns(items)];
  const heading = csvLine(columns.map(([name]) => name));
  return heading + items.map((item) => csvLine(columns.map(([, cell]) => cell(item, nowMs)))).join("");
}

function resultColumns(items: readonly CampaignItem[]): Column[] {
  if (items.every(({ result }) => result === undefined)) return [];
  const names = new Set(items.flatMap(({ result }) => Object.keys(result?.outputs ?? {})));
  const columns = [...names].toSorted().map((name): Column => [`result_${name}`, ({ result }) => {
    const value = result?.outputs[name];
    return value === undefined ? null : typeof value === "boolean" ? String(value) : value;
  }]);
  return [["result", ({ result }) => result === undefined ? null : result.cause ?? "good"], ...columns];
}

function field([name, value]: [string, unknown]): string {
  const text = Array.isArray(value) && value.length > 0
    ? `[\n${value.map((entry) => `    ${jsonText(entry)}`).join(",\n")}\n  ]`
    : jsonText(value);
  return `  ${jsonText(name)}: ${text}`;
}

/** Each item has its own line, so that a Git diff shows which items have changed. */
function renderCampaignJson(view: CampaignView): string {
  return `{\n${Object.entries(view).map(field).join(",\n")}\n}\n`;
}

/**
 * The mark of a test case (`null` if it passed), and its text if nothing else is known. `failure`: the run did not produce what was required, or took
 * too long. `error`: something else prevented success.
 */
const MARKS: Readonly<Record<ItemState, readonly [mark: Mark | null, meaning: string]>> = {
  "needs-input": ["error", "The run needs an answer"],
  unknown: ["error", "Nothing shows whether the run produced what the file requires"],
  conflict: ["error", "The idempotency key belongs to another request"],
  failed: ["failure", "The run failed, or did not produce what the file requires"],
  overdue: ["failure", "The run took longer than limits.run-timeout and was cancelled"],
  cancelled: ["error", "The run was cancelled"],
  invalid: ["error", "The service refuses the request, or does not know the repository or the run"],
  skipped: ["skipped", "Skipped"],
  succeeded: [null, "Succeeded"],
  unchanged: [null, "No change was needed"],
  running: ["skipped", "The run has not ended"],
  starting: ["skipped", "The start was sent"],
  quota: ["skipped", "Waiting: a limit refused its last start"],
  service: ["skipped", "Waiting: its last start failed because of the service or the network"],
  waiting: ["skipped", "Waiting to start"],
};

function caseOf(item: CampaignItem, name: string, nowMs: number): Case {
  const { verdict, reason, runId, branch, pullRequest } = item;
  const timeMs = runMs(item, nowMs) ?? 0;
  const [mark, meaning] = MARKS[verdict];
  if (mark === null) return { name, timeMs };
  const message = `${verdict}: ${reason ?? meaning}`;
  const lines = [
    message,
    ...(reason === null ? [] : [meaning]),
    ...(runId === null ? [] : [`Run: ${runId}`]),
    ...(branch === null ? [] : [`Branch: ${branch}`]),
    ...(pullRequest === null ? [] : [`Pull request: ${pullRequest}`]),
  ];
  // The message is also the first line of the text, because several readers show only the text.
  return { name, timeMs, problem: { mark, type: verdict, message, text: lines.join("\n\n") } };
}

/** Items have unique names, but two long names may be the same after truncation. */
function uniqueNames(items: readonly CampaignItem[]): string[] {
  const used = new Set<string>();
  const next = new Map<string, number>();
  return items.map(({ id }) => {
    const base = id === "" ? "(no name)" : id;
    let name = base;
    for (let number = next.get(base) ?? 2; used.has(name); number++) {
      name = `${base} (${number})`;
      next.set(base, number + 1);
    }
    used.add(name);
    return name;
  });
}

function earliest(items: readonly CampaignItem[]): string | null {
  let first: string | null = null;
  for (const { startedAt } of items) {
    if (startedAt !== null && (first === null || startedAt < first)) first = startedAt;
  }
  return first;
}

/** The name of the suite does not contain the round, so that GitLab compares a round with the previous round. */
function renderCampaignJunit(view: CampaignView): string {
  const { campaign, round, state, items, exitCode, waves } = view;
  const nowMs = instantMs(view.at) ?? 0;
  const names = uniqueNames(items);
  const properties: [string, string][] = [
    ["campaign", campaign],
    ["round", round],
    ["state", state],
    ["exit_code", String(exitCode)],
    ["waves", String(waves)],
  ];
  return renderSuite({
    name: `Mogplex campaign ${campaign}`,
    className: "Mogplex campaign",
    beganAt: earliest(items),
    properties: properties.filter(([, value]) => value !== ""),
    cases: items.map((item, index) => caseOf(item, names[index] ?? "", nowMs)),
  });
}

function pullRequests(items: readonly CampaignItem[]): Family[] {
  const itemsWithPull = items.filter(({ pullRequest }) => pullRequest !== null);
  const count = (state: string) =>
    itemsWithPull.filter((item) => (item.pullRequestState?.state ?? "not-read") === state).length;
  const states = ["open", "merged", "closed", "unreadable", "not-read"];
  return [
    {
      name: "pull_requests",
      help: "Pull requests by state.",
      samples: states.map((state) => [{ state }, count(state)] as const),
    },
    {
      name: "pull_requests_stuck",
      help: "Items whose pull request needs attention, by cause.",
      samples: STUCK_CAUSES.map((cause) => [{ cause }, items.filter(({ stuck }) => stuck === cause).length] as const),
    },
  ];
}

function progress({ campaign, state, counts, items, causes, waves, exitCode }: CampaignView): Family[] {
  return [
    { name: "info", help: "Identifies the campaign; always 1.", samples: [[{ campaign }, 1]] },
    {
      name: "state",
      help: "1 for the state of the campaign, 0 for all others.",
      samples: CAMPAIGN_STATES.map((each) => [{ state: each }, each === state ? 1 : 0]),
    },
    {
      name: "items",
      help: "Items by verdict, or by state if they have none.",
      samples: STATES.map((verdict) => [{ verdict }, counts[verdict]]),
    },
    single(
      "causes",
      "Different causes among the items that did not succeed.",
      causes.filter(({ stuck }) => stuck === null).length,
    ),
    ...pullRequests(items),
    single("starts", "Starts that were sent.", items.reduce((sum, item) => sum + item.starts, 0)),
    single("attempts", "Starts that used up an attempt.", items.reduce((sum, item) => sum + item.attempts, 0)),
    single("waves", "Waves so far.", waves),
    single("exit_code", "Current exit code of the campaign.", exitCode),
  ];
}

function quotas({ quota: { minute, hour, day, sandboxes } }: CampaignView): Family[] {
  const windows = { minute, hour, day };
  const samples = (value: "used" | "limit") =>
    Object.entries(windows).flatMap(([window, quota]) => {
      const count = quota[value];
      return count === null ? [] : [[{ window }, count] as const];
    });
  return [
    { name: "quota_starts_used", help: "Starts in the last minute, hour and day.", samples: samples("used") },
    { name: "quota_starts_limit", help: "Starts that the service permits.", samples: samples("limit") },
    single("quota_sandboxes_used", "Sandboxes in use, if they were read.", sandboxes.used),
    single("quota_sandboxes_limit", "Sandboxes that the service permits.", sandboxes.limit),
  ];
}

function times(view: CampaignView): Family[] {
  const nowMs = instantMs(view.at) ?? 0;
  const ended = view.items.filter((item) => item.isFinal).flatMap((item) => runMs(item, nowMs) ?? []);
  const seconds = (name: string, help: string, ms: number | null): Family => ({
    ...single(name, help, ms === null ? null : ms / 1_000),
    unit: "seconds",
  });
  const mean = ended.length === 0 ? null : Math.round(ended.reduce((sum, ms) => sum + ms, 0) / ended.length);
  return [
    seconds("run_mean_seconds", "Mean duration of the runs that have ended.", mean),
    seconds("next_wave_timestamp_seconds", "Unix time when the next wave is due.", instantMs(view.nextWaveAt)),
    seconds("end_timestamp_seconds", "Unix time of the earliest end.", instantMs(view.endsAt)),
  ];
}

/** No label has an id, a repository or the round as its value, because each value would be a new series. */
function renderCampaignMetrics(view: CampaignView): string {
  return renderFamilies([...progress(view), ...quotas(view), ...times(view)], "mogplex_campaign");
}

const PREFIX = "MOGPLEX_";

/**
 * The outputs, by the name of their variable, such as `MOGPLEX_CAMPAIGN_STATE`. The names are public, so a change requires a new major version. There
 * are only 15, because GitLab limits the variables of a job. Empty if a value is unknown or does not exist.
 */
export function campaignVariables(view: CampaignView): Record<string, string> {
  const { items, ended } = totalsOf(view.counts);
  const values: [string, string][] = [
    ["STATE", view.state],
    ["NEXT_WAVE_AT", view.nextWaveAt ?? ""],
    ["ENDS_AT", view.endsAt ?? ""],
    ["ITEMS", String(items)],
    ["OPEN", String(items - ended)],
    ...ITEM_VERDICTS.map((verdict): [string, string] => [
      verdict.toUpperCase().replaceAll("-", "_"),
      String(view.counts[verdict]),
    ]),
  ];
  return Object.fromEntries(values.map(([name, value]) => [`${PREFIX}CAMPAIGN_${name}`, bareValue(value)]));
}

function renderCampaignDotenv(view: CampaignView): string {
  return renderDotenvFile(campaignVariables(view));
}

function renderCampaignGithubOutputs(view: CampaignView): string {
  const entries = Object.entries(campaignVariables(view));
  return renderGithubOutputs(
    Object.fromEntries(entries.map(([name, value]) => [name.slice(PREFIX.length).toLowerCase(), value])),
  );
}

interface CampaignFormat {
  readonly file: string;
  readonly help: string;
  /** Renders a view from `cleanCampaign`. Only human-readable formats use the options. */
  readonly render: (view: CampaignView, options?: CampaignMarkdownOptions) => string;
}

/** Name of a format for campaign reports. */
export type CampaignFormatName =
  | "json"
  | "csv"
  | "markdown"
  | "html"
  | "junit"
  | "openmetrics"
  | "dotenv"
  | "annotations";

export const CAMPAIGN_FORMATS = {
  json: {
    file: CAMPAIGN_FILES.json,
    help: "the campaign as JSON (JSON Schema in the package)",
    render: renderCampaignJson,
  },
  csv: { file: CAMPAIGN_FILES.csv, help: "the items as a table for spreadsheets", render: renderCampaignCsv },
  markdown: { file: CAMPAIGN_FILES.markdown, help: "summary for people", render: renderCampaignMarkdown },
  html: { file: CAMPAIGN_FILES.html, help: "page for a browser", render: renderCampaignPage },
  junit: { file: CAMPAIGN_FILES.junit, help: "a test case for each item", render: renderCampaignJunit },
  openmetrics: {
    file: CAMPAIGN_FILES.openmetrics,
    help: "metrics for GitLab and Prometheus",
    render: renderCampaignMetrics,
  },
  dotenv: {
    file: CAMPAIGN_FILES.dotenv,
    help: "`MOGPLEX_CAMPAIGN_…` variables for later GitLab jobs",
    render: renderCampaignDotenv,
  },
  annotations: {
    file: CAMPAIGN_FILES.annotations,
    help: "links for the page of a GitLab job",
    render: renderCampaignAnnotations,
  },
} as const satisfies Record<CampaignFormatName, CampaignFormat>;

export const CAMPAIGN_FORMAT_NAMES = Object.keys(CAMPAIGN_FORMATS) as readonly CampaignFormatName[];

/**
 * @param view Does not have to be cleaned.
 * @param redact Removes secrets from text before the text is escaped.
 */
export function renderCampaignReport(
  view: CampaignView,
  format: CampaignFormatName,
  redact: Redactor,
  links: PlatformLinks,
): string {
  const { render }: CampaignFormat = CAMPAIGN_FORMATS[format];
  return redact.token(render(cleanCampaign(view, redact, redact.token), { links }));
}

interface WriteCampaignOptions extends Omit<CampaignMarkdownOptions, "mayLink"> {
  files?: PlatformFiles | undefined;
  redactToken: Redact;
}

/**
 * @param view Does not have to be cleaned.
 * @param redact Removes secrets from text before the text is escaped.
 */
export function writeCampaignReports(
  view: CampaignView,
  directory: string,
  io: ReportIo,
  redact: Redact,
  options: WriteCampaignOptions,
): ReportProblem[] {
  const { files = {}, redactToken } = options;
  const { problems, attempt } = collectProblems();
  const { command, problem, links, isShared, prompts = [] } = options;
  const about = view.about === undefined || command === undefined ? view.about : { ...view.about, file: command.file };
  const clean = cleanCampaign({ ...view, about }, redact, redactToken);
  const forPeople: CampaignMarkdownOptions = {
    command: command === undefined ? undefined : cleanCommand(command, redact),
    problem: cleanProblem(problem, redact),
    links,
    isShared,
    prompts: prompts.map((prompt) => redact(plainText(prompt))),
  };
  for (const name of CAMPAIGN_FORMAT_NAMES) {
    const { file, render }: CampaignFormat = CAMPAIGN_FORMATS[name];
    const path = `${directory.replace(/\/+$/, "")}/${file}`;
    attempt(name, path, () => io.writeFile(path, redactToken(render(clean, forPeople))));
  }
  const texts = {
    outputs: () => renderCampaignGithubOutputs(clean),
    variables: () => renderCampaignDotenv(clean),
  };
  appendOutputs(texts, files, io, attempt, redactToken);
  const { summary } = files;
  if (summary !== undefined) {
    const text = () => `\n${redactToken(renderCampaignMarkdown(clean, forPeople))}`;
    attempt("github-summary", summary, () => io.appendFile(summary, text()));
  }
  return problems;
}
