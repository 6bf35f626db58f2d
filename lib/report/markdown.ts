import type { PlatformLinks } from "../ci/platform.ts";
import type { Redact } from "../run/clean.ts";
import type { AnyResult, RunResult } from "../run/result.ts";
import {
  branchWords,
  commandsIn,
  followAgainWords,
  type GitFacts,
  headlineOf,
  headlineWords,
  isNotStarted,
  noPullRequestWords,
  resultFileWords,
  type ResultView,
  startWords,
  timesOf,
  viewOf,
  WAIT_CAUSES,
} from "../run/result_view.ts";
import { type Block, type Fact, markdownOf, type Words } from "../text/document.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { jsonText, webUrl } from "../text/escape.ts";
import { capital, cutText, plainText } from "../text/plain_text.ts";
import type { CampaignRetry } from "./campaign_item.ts";
import { appAddress } from "./app_link.ts";
import { lastLines, questionIn } from "./event_text.ts";
import type { ReportLinks } from "./page_link.ts";

export interface MarkdownOptions {
  /** Whether an address can be shown as a link. Other addresses are shown as code. */
  mayLink?: ((url: string) => boolean) | undefined;
  links?: ReportLinks | undefined;
  /** Removes secrets from text that is joined from several events. */
  redact: Redact;
  program?: string | null | undefined;
  /** Comparison with the previous run, as a trusted sentence. */
  compared?: string | undefined;
  /** How to start a failed run again if a campaign started it; already cleaned. */
  campaign?: CampaignRetry | undefined;
}

// Keeps the whole text far below 1 MiB, even at three bytes per unit. Source: GitHub, "Workflow commands", adding a job summary.
const MAX_SUMMARY_TEXT = 50_000;
const MAX_ADVICE = 2_000;
const MAX_PROSE = 20_000;
const OPEN_LINES = 6;
const MAX_OPEN = 800;
// A longer table would not be readable.
const MAX_ROWS = 50;

/**
 * Untrusted text is always shown as code. Only `http(s)` addresses of the pull request, of the job on its CI system, and of the app become links.
 * @param result After `cleanResult`.
 * @returns Less than 1 MiB of UTF-8.
 */
export function renderMarkdown(result: AnyResult, options: MarkdownOptions): string {
  const view = viewOf(result);
  return `${
    markdownOf([
      { heading: heading(view, options), level: 2 },
      ...story(view, options),
      {
        summary: "Technical details",
        details: [{ facts: facts(view, options) }, ...phases(view), ...waitTable(view)],
      },
    ])
  }\n`;
}

function heading(view: ResultView, { mayLink = () => true }: MarkdownOptions): Words {
  const url = view.outcome === "success" ? view.git?.pullRequest.url ?? null : null;
  const { end } = headlineOf(view);
  // Outside code and links, "#12" is a reference to an object of the forge itself.
  const linked = url === null ? end : mayLink(url) ? { link: url, words: end } : { name: end };
  return [`${view.verdict.mark} `, headlineWords(view, linked)];
}

const NOW = { strong: "What to do now:" };

function story(view: ResultView, { redact, compared, campaign, program = "mogplex-ci" }: MarkdownOptions): Block[] {
  const { verdict: { headline }, reason, advice, nextStep, resume, outcome, task, finalMessage, git, exitCode } = view;
  const isGood = exitCode === 0 && outcome === "success";
  const lines = isGood ? [] : lastLines(view.events, redact);
  const files = (git?.files ?? []).filter((path) => path.trim() !== "").map((name) => ({ name }));
  return [
    ...(isGood ? [] : [{ text: `${headline} (exit code ${exitCode}).` }]),
    ...(reason ? [{ code: cutText(reason, MAX_SUMMARY_TEXT) }] : []),
    ...(advice ? adviceParts(advice) : []),
    ...(campaign
      ? [
        { text: [NOW, " ", campaign.step] },
        ...(campaign.command === null ? [] : [{ code: cutText(campaign.command, MAX_PROSE) }]),
      ]
      : nextStep
      ? [{ text: [NOW, " ", nextStep] }]
      : []),
    ...(outcome === "awaiting_input" ? questionParts(view) : []),
    ...(resume ? followAgain(cutText(resume, MAX_PROSE), view.resumeIsCommand) : []),
    ...(resume && !isGood ? cancel(view, program) : []),
    ...(compared ? [{ text: compared }] : []),
    ...resultParts(view),
    ...(task ? taskParts(task.trim()) : []),
    // If an agent waits for an answer, its last message is the question.
    ...(finalMessage && outcome !== "awaiting_input"
      ? part("Last message from the agent", { code: cutText(finalMessage, MAX_PROSE) })
      : []),
    ...(lines.length > 0 ? part("Last lines of the log", { code: lines.join("\n") }) : []),
    ...(files.length > 0 ? part("Files committed at the end of the run", { list: files }) : []),
  ];
}

function questionParts({ events, origin, runId }: ResultView): Block[] {
  const text = questionIn(events);
  const app = appAddress(origin, runId);
  return [
    ...(text === undefined ? [] : [{ code: cutText(text, MAX_PROSE) }]),
    ...(app === undefined ? [] : [{ text: { link: app, words: "Open the app" } }]),
  ];
}

function followAgain(resume: string, isCommand: boolean): Block[] {
  return isCommand ? [{ text: "Follow it again:" }, { code: resume }] : [{ text: followAgainWords(resume) }];
}

function cancel({ kind: { noun }, runId }: ResultView, program: string | null): Block[] {
  if (noun !== "run" || runId === null || program === null) return [];
  return [{ text: "Cancel it:" }, { code: cutText(`${program} runs cancel ${runId}`, MAX_PROSE) }];
}

function adviceParts(advice: string): Block[] {
  const { text, commands } = commandsIn(advice);
  return [
    { text: [NOW, " ", { name: text, max: MAX_ADVICE }] },
    ...commands.length > 0 ? [{ code: cutText(commands.join("\n"), MAX_ADVICE) }] : [],
  ];
}

function part(heading: string, ...blocks: readonly Block[]): Block[] {
  return [{ heading, level: 3 }, ...blocks];
}

export function resultBlocks({ resultFile }: ResultView): Block[] {
  if (resultFile === null) return [];
  const { cause, value, mistakes, path, commit } = resultFile;
  const isThere = cause !== "result-missing" && cause !== "result-unreadable";
  const where: Block = {
    text: [
      { name: path },
      ...commit === null ? [] : [" at ", { name: commit.slice(0, 12) }],
      ...isThere ? [] : [`: ${resultFileWords(resultFile)}`],
    ],
  };
  // A single mistake is already part of the reason.
  if (cause !== null) return mistakes.length <= 1 ? [where] : [where, { list: mistakes.map((name) => ({ name })) }];
  return [where, { code: cutText(plainText(jsonText(value, 2)), MAX_PROSE) }];
}

function resultParts(view: ResultView): Block[] {
  const blocks = resultBlocks(view);
  return blocks.length === 0 ? [] : part("Result", ...blocks);
}

function taskParts(task: string): Block[] {
  const first = task.split("\n").slice(0, OPEN_LINES).join("\n");
  const blank = first.length > MAX_OPEN ? first.lastIndexOf(" ", MAX_OPEN) : first.length;
  const whole = first.slice(0, blank < 0 ? MAX_OPEN : blank);
  // A horizontal rule separates the task from a quote or from another section, which is folded.
  const [open = ""] = whole.split(/\s*\n-{3,}(?=\n|$)/, 1);
  const rest = task.slice(open.length).replace(/^\s+/, "");
  const folded = { summary: "The rest of the task", details: [{ code: cutText(rest, MAX_PROSE) }] };
  return part("Task", { code: open }, ...(rest === "" ? [] : [folded]));
}

function facts(view: ResultView, { mayLink = () => true, links = {} }: MarkdownOptions): Fact[] {
  const { kind: { noun }, git, eventCount } = view;
  const { runMs, hereMs } = timesOf(view);
  return [
    ["Automation", { name: view.automationId }],
    [capital(noun), { name: view.runId }],
    ["Repository", { name: view.repository ?? view.repoId }],
    ["Agent", { name: view.harness }],
    ["Status", { name: view.status }],
    ["Exit code", view.exitCode],
    ["Failure code", { name: view.failureCode }],
    ...(git === null ? [] : gitFacts(view, git, mayLink)),
    ...startFacts(view),
    ["Duration", runMs === null ? null : formatDuration(runMs)],
    ["Events", eventCount === null ? null : events(eventCount, view.eventsOmitted)],
    ["Requests", view.requests],
    ["Duration of the command", hereMs === null ? null : formatDuration(hereMs)],
    ["Page of this run", links.page === undefined ? null : { link: links.page }],
    ...jobLinks(links),
  ];
}

function gitFacts(view: ResultView, git: GitFacts, mayLink: (url: string) => boolean): Fact[] {
  const { url } = git.pullRequest;
  return [
    ["Changes", git.changed === null ? isNotStarted(view) ? null : "unknown" : git.changed ? "yes" : "no"],
    ["Branch", branchWords(git, view)],
    ["Base branch", { name: git.branch.base }],
    [
      "Pull request",
      url === null ? noPullRequestWords(view) : mayLink(url) ? { link: url } : { name: url, max: Infinity },
    ],
  ];
}

export function startFacts(view: ResultView): Fact[] {
  const { idempotencyKey, createdAt, times } = view;
  return [
    ["Started", startWords(view)],
    ["Idempotency key", { name: idempotencyKey }],
    ["Created", { time: createdAt }],
    ["Started", { time: times?.startedAt ?? null }],
    ["Completed", { time: times?.completedAt ?? null }],
  ];
}

function events({ seen, missed, windowFull }: RunResult["eventCount"], omitted: number): string {
  const notes = [
    ...(omitted > 0 ? [`${formatCount(omitted, "earlier event")} only in events.ndjson`] : []),
    ...(missed ? ["some were missed"] : []),
    ...(windowFull ? ["later events are not visible because the event feed is full"] : []),
  ];
  return [`${seen} seen`, ...notes].join("; ");
}

export function jobLinks(links: PlatformLinks): Fact[] {
  const { job, pipeline, pipelineNoun = "pipeline", commit } = links;
  const pages = [["CI job", job], [`CI ${pipelineNoun}`, pipeline], ["CI commit", commit]] as const;
  return pages.map(([name, url]) => [name, url === undefined || webUrl(url) === undefined ? null : { link: url }]);
}

function phases({ phases }: ResultView): Block[] {
  const rows = phases.slice(0, MAX_ROWS).map(({ name, startedAt, durationMs }) => [
    { name },
    { time: startedAt },
    durationMs === null ? "end not seen" : formatDuration(durationMs),
  ]);
  return rows.length === 0 ? [] : [{ table: "Phases", head: ["Phase", "Started", "Duration"], rows }];
}

export function waitTable({ waits }: ResultView): Block[] {
  const rows = waits.slice(0, MAX_ROWS)
    .map(({ cause, count, totalMs }) => [WAIT_CAUSES[cause], count, formatDuration(totalMs)]);
  return rows.length === 0 ? [] : [{ table: "Waits", head: ["Cause", "Times", "Total"], rows }];
}
