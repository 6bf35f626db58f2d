/**
 * The parts of this file are in the order of the page.
 *
 * @module
 */
import type { PlatformLinks } from "../ci/platform.ts";
import { EXIT } from "../exit_codes.ts";
import { countBy, isObject, lookup } from "../lookup.ts";
import { isLoopback } from "../loopback.ts";
import { appAddress } from "./app_link.ts";
import type { RunEvent } from "../model.ts";
import type { Redact } from "../run/clean.ts";
import { type AnyResult, dayText, dayTimeText, instantMs, PHASES } from "../run/result.ts";
import {
  branchWords,
  commandsIn,
  followAgainWords,
  headlineOf,
  isNotStarted,
  mayHaveStarted,
  noPullRequestWords,
  type ResultView,
  statusWords,
  timesOf,
  viewOf,
} from "../run/result_view.ts";
import { type Block, type Fact, plainWords } from "../text/document.ts";
import { clockText, formatCount, formatDuration } from "../text/duration.ts";
import { jsonText, shellWord } from "../text/escape.ts";
import { capital, cutText } from "../text/plain_text.ts";
import { MASK } from "../text/redact.ts";
import type { CampaignRetry } from "./campaign_item.ts";
import { agentLines, eventLabel, questionIn } from "./event_text.ts";
import { type Earlier, streakText } from "./history.ts";
import { jobLinks, resultBlocks, startFacts, waitTable } from "./markdown.ts";
import { outcomeWords } from "./outcome_words.ts";
import { columns, figure, gantt, type GanttRow } from "./chart.ts";
import {
  action,
  bare,
  block,
  call,
  code,
  fold,
  grid,
  type Html,
  htmlOf,
  link,
  list,
  longText,
  markup,
  page,
  panel,
  type Part,
  pullLink,
  section,
  shortId,
  state,
  type Tone,
  unbroken,
} from "./page.ts";

export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly from: string;
}

export interface RunPageOptions {
  links?: PlatformLinks | undefined;
  /** Earlier runs, already cleaned. @default not shown */
  earlier?: Earlier | undefined;
  /** Removes secrets from text that is joined from several events. @default nothing is removed */
  redact?: Redact | undefined;
  /** Settings of the job with their sources, already cleaned. @default {[]} (not shown) */
  settings?: readonly Setting[] | undefined;
  /**
   * The program as the user called it, for commands to copy; already cleaned. `null` if the project has no such program, so the page has no commands.
   * @default {"mogplex-ci"}
   */
  program?: string | null | undefined;
  /** How to start the task of an interrupted job again without a command, as a trusted clause. @default unknown */
  restart?: string | undefined;
  /** The comment that repeats the run, if somebody requested the run in a comment; already cleaned. @default a command repeats it */
  repeat?: string | undefined;
  /** How to start a failed run again if a campaign started it; already cleaned. @default no campaign started it */
  campaign?: CampaignRetry | undefined;
}

const MAX_TASK = 100_000;
const MAX_NAME = 400;

/** @param result After `cleanResult`. All text in it is escaped. Only web addresses of the pull request, the job and the app become links. */
export function renderRunPage(result: AnyResult, options: RunPageOptions = {}): string {
  const view = viewOf(result);
  const { runId, repository, repoId, kind: { noun } } = view;
  const [tone, word] = stateOf(view);
  const { title, where } = headlineOf(view);
  const heading = title ?? `Mogplex ${noun}`;
  const place = repository ?? repoId;
  return page({
    title: cutText(
      `${capital(word)}: ${[where, title].filter(Boolean).join(", ") || noun}`,
      MAX_NAME,
    ),
    path: [
      ...place === null ? [] : [{ name: repository === null ? shortId(place) : bare(cutText(place, MAX_NAME)) }],
      { name: shortId(runId) ?? noun },
    ],
    asOf: dayTimeText(endMsOf(view)),
    tone,
    heading: bare(heading),
    state: word,
    summary: summaryOf(view, options),
    body: [
      callOf(view, tone, options),
      section("result", "Result file", null, panel(htmlOf(resultBlocks(view)))),
      section("time", "Time", null, grid("thirds", phases(view), lastRuns(view, options.earlier))),
      section(
        "about",
        "Task and result",
        null,
        grid("thirds", words(view), panel(htmlOf([{ facts: facts(view, options) }]))),
      ),
      section("events", "Events", eventNotes(view), eventList(view)),
      section("more", "More", null, panel(more(view, options))),
    ],
    notes: ["The service does not report what a run costs."],
  });
}

function stateOf(view: ResultView): [tone: Tone, word: string] {
  const { outcome, verdict, resultFile } = view;
  if (outcome !== "interrupted" && resultFile !== null && resultFile.cause !== null) return ["bad", verdict.word];
  const { tone, state } = outcomeWords(view);
  return [tone, state];
}

function endMsOf({ createdAt, tookMs, events, times }: ResultView): number | null {
  const last = instantMs(times?.completedAt ?? events.at(-1)?.createdAt ?? null);
  const created = instantMs(createdAt);
  return last ?? (created === null ? null : created + tookMs);
}

function summaryOf(view: ResultView, { earlier }: RunPageOptions): Part {
  const { repository, repoId, harness, automationId, createdAt, tookMs, outcome } = view;
  const where = repository ?? (repoId === null ? null : `repository ${repoId}`);
  const who = [
    where,
    automationId === null ? null : `automation ${automationId}`,
    harness === null ? null : `by ${harness}`,
  ]
    .filter((part) => part !== null).map((part) => cutText(part, MAX_NAME));
  const started = instantMs(createdAt);
  const { runMs, hereMs } = timesOf(view);
  const took = outcome === "started" || (runMs ?? hereMs) === null ? "" : `took ${unbroken(formatDuration(tookMs))}`;
  const when = [started === null ? "" : `started ${dayTimeText(started)}`, took].filter(Boolean).join(", ");
  return [
    who.length > 0 && markup`${bare(who.join(", "))}. `,
    when !== "" && `${capital(when)}.`,
    earlier !== undefined &&
    ` ${earlier.streak > 1 && outcome === "failed" ? streakText(earlier.streak) : unbroken(earlier.sentence)}`,
  ];
}

// Sentences by exit code, for jobs without a verdict from the service. A sentence that ends with a colon is followed by what happened to the start.
const AFTER_ERRORS: readonly (readonly [code: number, text: string])[] = [
  [EXIT.usage, "Fix the problem shown above, then start the job again. A retry alone does not help."],
  [EXIT.unavailable, "Check that the service and the network are up, then retry the job: "],
  [EXIT.rateLimited, "Wait until the limit resets, then retry the job: "],
  [EXIT.internal, "Report this as a bug in the toolkit, with the job's log."],
];

function nextOf(view: ResultView, follow: string | undefined, restart: string | undefined): string | undefined {
  const { outcome, resume, exitCode, kind: { noun } } = view;
  if (outcome === "error") {
    const start = isNotStarted(view) ? "nothing was started." : "nothing is started twice.";
    return AFTER_ERRORS.find(([code]) => code === exitCode)?.[1].replace(/ $/, ` ${start}`);
  }
  const texts: Readonly<Partial<Record<string, string>>> = {
    failed: `Fix the problem shown above. If another attempt could help, start the ${noun} again.`,
    cancelled: `The ${noun} was cancelled. Start it again if you still need it.`,
    deadline: `The ${noun} may still be running: follow it again.`,
    interrupted: resume === null
      ? restart === undefined
        ? `Start the ${noun} again if you still need it.`
        : `If you still need the ${noun}, ${restart}.`
      : follow ?? `Follow the ${noun} again.`,
    started: `Follow the ${noun} to see its result.`,
    suppressed: "Wait until one of the active runs has ended, then trigger the automation again.",
  };
  return lookup(texts, outcome);
}

const MAX_REASON = 160;

function callOf(view: ResultView, tone: Tone, options: RunPageOptions): Html {
  const { outcome, verdict, reason, advice, nextStep, resume, resumeIsCommand, origin, runId, kind: { noun } } = view;
  const { program = "mogplex-ci" } = options;
  if (outcome === "success") return successCall(view, tone);
  const [first = "", ...rest] = (reason ?? "").trim().split("\n");
  const isLong = first.length > MAX_REASON || rest.length > 0;
  const { text, commands } = commandsIn(advice ?? "");
  const step = options.campaign?.step ?? nextStep;
  const follow = resume === null || resumeIsCommand ? undefined : plainWords(followAgainWords(cutText(resume, 2_000)));
  const next = advice === null ? step ?? nextOf(view, follow, options.restart) : text;
  const again = startCommand(view, options);
  const app = outcome === "awaiting_input" ? appAddress(origin, runId) : undefined;
  const actions = [
    ...commands.map((each, index) =>
      action(index === 0 && next ? `What to do: ${next}` : "Then", cutText(each, 2_000), index === 0)
    ),
    ...resume === null || !resumeIsCommand
      ? []
      : [action("Follow it again", cutText(resume, 2_000), commands.length === 0)],
    ...resume === null || program === null || noun !== "run" || runId === null
      ? []
      : [action("Cancel it", `${program} runs cancel ${runId}`, false)],
    ...again === null || resume !== null || outcome === "started"
      ? []
      : [action(again.text, again.command, commands.length === 0)],
  ];
  return call({
    id: "why",
    tone,
    heading: outcome === "awaiting_input"
      ? "The agent is waiting for an answer"
      : first === "" || first.length > MAX_REASON
      ? verdict.headline
      : bare(first),
    line: [
      phaseLine(view),
      commands.length === 0 && next !== undefined && markup` What to do: ${next}`,
      app !== undefined && markup` ${link(app, "Open the app")}`,
      follow !== undefined && next !== follow && markup` ${follow}`,
    ],
    evidence: [
      outcome === "awaiting_input" && question(view),
      isLong && markup`<div class="evidence">${block(reason ?? "", 10_000)}</div>`,
      outcome !== "started" && outcome !== "awaiting_input" && lastLog(view, options),
    ],
    actions,
  });
}

const DURING: Readonly<Record<string, string>> = {
  queue: ", while it was queued",
  prepare: ", while the sandbox was being prepared",
  agent: ", while the agent was working",
  deliver: ", while the work was being delivered",
};

function phaseLine({ outcome, phases, git, status, tookMs, kind: { noun }, runId, exitCode }: ResultView): Part {
  if (outcome === "error" || outcome === "suppressed") return `Exit code ${exitCode}.`;
  if (outcome !== "failed" && outcome !== "cancelled" || noun !== "run" || runId === null) return null;
  const phase = phases.at(-1);
  // A run that succeeded did not stop in a phase. Only its result is invalid.
  const where = phase === undefined || status === "success"
    ? null
    : `It ${outcome === "failed" ? "failed" : "was cancelled"} after ${unbroken(formatDuration(tookMs))}${
      lookup(DURING, phase.name) ?? ""
    }.`;
  const pushed = git?.branch.pushed ?? null;
  const isNone = git?.pullRequest.url === null;
  const work = pushed === null
    ? isNone ? "Nothing was pushed, and no pull request was reported." : null
    : isNone
    ? "The branch was pushed, but no pull request was reported."
    : null;
  return where === null && work === null ? null : [where, where !== null && work !== null && " ", work];
}

function question({ events }: ResultView): Part {
  const text = questionIn(events);
  return text !== undefined && markup`<div class="evidence">${block(text, 10_000)}</div>`;
}

function successCall(view: ResultView, tone: Tone): Html {
  const { git, automationId, kind: { noun } } = view;
  const url = git?.pullRequest.url ?? null;
  const names = (git?.files ?? []).filter((name) => name.trim() !== "");
  const more = names.length - MAX_LEAD_FILES;
  const files = names.length > 0 && [
    names.slice(0, MAX_LEAD_FILES).map((name, index) => markup`${index > 0 && ", "}${code(name)}`),
    more > 0 && ` and ${formatCount(more, "more file")}`,
    ". ",
  ];
  if (url !== null) {
    return call({
      id: "why",
      tone,
      ...view.resultFile === null
        ? {
          heading: markup`Pull request ${pullLink(url)} is ready for review`,
          line: [files, link(url, "Review it")],
        }
        : {
          heading: markup`Pull request ${pullLink(url)} contains the result file`,
          line: [files, "Close it, or merge it to keep the file."],
        },
    });
  }
  const isUnchanged = git?.changed === false;
  const heading = isUnchanged
    ? "The agent changed nothing"
    : git?.branch.pushed
    ? markup`The agent pushed the branch ${code(git.branch.pushed)}`
    : `The ${noun} succeeded`;
  const line = isUnchanged || automationId !== null
    ? null
    : git?.branch.pushed
    ? "No pull request was reported. Check the branch."
    : "No event reports a branch or pull request. Check the repository for the agent's work.";
  return call({ id: "why", tone, heading, line: [files, line] });
}

const MAX_LEAD_FILES = 3;
const MAX_OUTPUT_LINES = 6;
const MAX_LAST_LINES = 5;
const MAX_LAST_MESSAGE = 300;

type NumberedEvent = RunEvent & { number: number };

function lastLog(view: ResultView, { redact = (text) => text }: RunPageOptions): Part {
  const events = view.events.slice(-MAX_EVENTS).map((event, index) => ({ ...event, number: index + 1 }));
  const firstMs = beginning(view);
  const rows = new Map(toolRows(events).map(({ start, end }) => [end, start]));
  const entry = (event: NumberedEvent, text: string, isBad = false) => {
    const ms = Date.parse(event.createdAt);
    const number = (rows.get(event.number - 1) ?? event.number - 1) + 1;
    return markup`<li><a href="#e-${number}">${
      Number.isNaN(ms) ? "?" : clockText(ms - firstMs + 500)
    }</a><span dir="auto"${isBad && markup` class="bad"`}>${cutText(text, MAX_LAST_MESSAGE)}</span></li>`;
  };
  // After a cancellation, the service also marks the run as failed. The message of that event explains nothing.
  const failures = events.filter(({ type }) => type === "failed");
  const failure = view.outcome === "cancelled"
    ? undefined
    : failures.findLast(({ message }) => (message ?? "").trim() !== "");
  const count = failure === undefined ? MAX_LAST_LINES : MAX_LAST_LINES - 1;
  const tool = events.findLast((event) => event.type === "tool_finished" && outputOf(event) !== null);
  const output = tool === undefined ? [] : (outputOf(tool) ?? "").trimEnd().split("\n").slice(-MAX_OUTPUT_LINES);
  const written = agentLines(tool === undefined ? events : events.slice(tool.number), redact)
    // The text of a line has lost its leading spaces, so the message shows whether the line was indented.
    .filter(({ text, event }) => !isInner(event.message?.trim() === text ? event.message : text)).slice(-count);
  const items = [
    ...tool === undefined ? [] : [toolText(tool, events), ...output].map((text) => entry(tool, text)),
    ...written.map(({ text, event }) => entry(event, text)),
  ];
  const evidence = items.length > 0
    ? items
    : events.filter((event) => !failures.includes(event) && (event.message ?? "").trim() !== "").slice(-count)
      .map((event) => entry(event, (event.message ?? "").trim().split("\n", 1)[0] ?? ""));
  const all = failure === undefined ? evidence : [...evidence, entry(failure, failure.message ?? "", true)];
  return all.length > 0 && markup`<ol class="log" aria-label="Last lines">${all}</ol>`;
}

function outputOf({ payload }: RunEvent): string | null {
  const { output } = payload;
  return typeof output === "string" && output.trim() !== "" ? output : null;
}

function isInner(line: string): boolean {
  return /^\s/.test(line) || !/[\p{L}\p{N}]/u.test(line);
}

function facts(view: ResultView, { links = {} }: RunPageOptions): Fact[] {
  const { git, repoId, repository, harness, automationId, runId, failureCode, kind: { noun } } = view;
  return [
    ["Repository", { name: repository ?? repoId }],
    ["Agent", { name: harness }],
    ["Base branch", { name: git?.branch.base ?? null }],
    ["Branch", git === null ? null : branchWords(git, view)],
    // The first lines of the page already show the address of a pull request.
    ["Pull request", git === null || git.pullRequest.url !== null ? null : noPullRequestWords(view)],
    ["Automation", { name: automationId }],
    ["Failure code", { name: failureCode }],
    ...jobLinks(links),
    [noun === "run" ? "Run" : "Automation run", { name: runId }],
  ];
}

function words(view: ResultView): Html | null {
  const { task, finalMessage, runId, replayed, kind: { noun } } = view;
  const names = (view.git?.files ?? []).filter((name) => name.trim() !== "");
  const isFromService = noun === "run" && runId !== null && replayed === null;
  return panel(
    task !== null && markup`<h3>Task</h3>${longText(task, MAX_TASK)}`,
    task === null && isFromService &&
      markup`<h3>Task</h3><p class="soft">The task is known only to the job that started the run: the service does not return it.</p>`,
    finalMessage !== null && markup`<h3>Last message from the agent</h3>${longText(finalMessage)}`,
    names.length > 0 && markup`<h3>Files changed</h3>${htmlOf(files(names))}`,
    names.length === 0 && view.git?.files && view.git.changed === true &&
      markup`<p class="soft">Changed files are unknown: the service does not report the agent's own commits. See the pull request.</p>`,
  );
}

const MAX_PHASES = 100;

function openMs({ events, phases, replayed, durationMs }: ResultView, startedAt: string): number {
  const began = Date.parse(startedAt);
  const last = Date.parse(events.at(-1)?.createdAt ?? "");
  const seen = Number.isNaN(last - began) ? 0 : last - began;
  const others = phases.reduce((sum, phase) => sum + (phase.durationMs ?? 0), 0);
  return Math.max(0, seen, replayed === false ? durationMs - others : 0);
}

function phases(view: ResultView): Html | null {
  const { times, outcome } = view;
  const known = times?.durationMs === undefined || times.durationMs === null
    ? view.phases.slice(0, MAX_PHASES)
    : [{ name: "run", startedAt: times.startedAt ?? "", durationMs: times.durationMs }];
  if (known.length === 0) return null;
  const hasEnded = outcome === "success" || outcome === "failed" || outcome === "cancelled";
  let at = 0;
  const rows = known.map(({ name, startedAt, durationMs }, index) => {
    const ms = durationMs ?? openMs(view, startedAt);
    const from = at;
    at += ms;
    const isBad = outcome === "failed" && view.resultFile === null && index === known.length - 1;
    const took = unbroken(formatDuration(ms));
    const text = durationMs !== null || hasEnded && ms > 0 ? took : ms === 0 ? "end not seen" : `${took} so far`;
    return { name: cutText(name, MAX_WORD), from, to: at, isBad, text: `${text}${isBad ? ", failed" : ""}` };
  });
  const whole = Math.max(1, at);
  // The head of the page shows the duration of the job, which also includes waiting and the start of the run.
  const [inPhases, took] = [formatDuration(at), formatDuration(view.tookMs)];
  const sum = hasEnded && view.tookMs > at && took !== inPhases ? `${inPhases} (the command took ${took})` : inPhases;
  const missing = known[0]?.name === "run" ? [] : PHASES.filter((name) => !known.some((phase) => phase.name === name));
  return figure(
    "Phases",
    at > 0 && markup`<span class="soft">${unbroken(sum)}</span>`,
    gantt([
      ...rows.map(({ name, from, to, isBad, text }): GanttRow => ({
        name,
        span: [from / whole, to / whole],
        color: isBad ? "bad" : "idle",
        text,
      })),
      ...missing.map((name): GanttRow => ({ name, span: null, color: "idle", text: "not reached" })),
    ]),
  );
}

const MAX_RUNS = 10;

function lastRuns(view: ResultView, earlier: Earlier | undefined): Html | null {
  const before = (earlier?.runs ?? []).slice(0, MAX_RUNS - 1).reverse();
  const all = [
    ...before.map(({ at, outcome, tookMs, durationMs }) => ({ at, outcome, ms: tookMs ?? durationMs })),
    { at: null, outcome: view.outcome, ms: view.tookMs },
  ];
  // Two columns show no trend.
  if (all.length < 3) return null;
  const longest = Math.max(...all.map(({ ms }) => ms));
  const [unit, size] = longest >= 120_000 ? ["minutes", 60_000] : ["seconds", 1_000];
  const failed = all.filter(({ outcome }) => outcome === "failed").length;
  return figure(
    `Last ${all.length} runs`,
    markup`<span class="soft">${unit}, same job and task</span>`,
    columns(
      `The last ${all.length} runs of this job: ${failed} failed`,
      all.map(({ at, outcome, ms }, index) => ({
        name: at === null ? "this run" : index === 0 ? dayText(at) : undefined,
        parts: [[outcome === "success" ? "good" : outcome === "failed" ? "bad" : "idle", ms / size]],
        text: outcome === "failed" ? "✕" : undefined,
      })),
      170,
    ),
  );
}

const MAX_FILES = 500;

function files(names: readonly string[]): Block[] {
  const more = names.length - MAX_FILES;
  return [
    { list: names.slice(0, MAX_FILES).map((name) => ({ name })) },
    ...(more > 0 ? [{ text: `and ${more} more` }] : []),
  ];
}

const MAX_EVENTS = 400;
const QUIET_MS = 60_000;
/** Keeps the page small enough for a browser to show it at once. */
const MAX_BYTES = 2_200_000;
const MAX_MESSAGE = 4_000;
const MAX_WORD = 100;

const EVENT_TONES: ReadonlyMap<string, Tone> = new Map([
  ["failed", "bad"],
  ["cancelled", "skipped"],
]);

function rowKind(event: RunEvent): string {
  return event.type === "tool_finished" ? "tool" : eventLabel(event);
}

/** A UTF-16 unit takes at most three bytes, so short text does not have to be encoded. */
function bytesOf(text: Html, enough: number): number {
  const { length } = text.toString();
  return length * 3 <= enough ? length : new TextEncoder().encode(text.toString()).length;
}

/** Cuts the text so that its markup takes at most `maxBytes`. An escaped character takes up to six bytes. */
function within(text: string, maxBytes: number, render: (text: string) => Html): Html {
  let length = text.length;
  for (;;) {
    const rendered = render(cutText(text, length));
    const bytes = bytesOf(rendered, maxBytes);
    if (bytes <= maxBytes || length < 16) return rendered;
    length = Math.floor(length * Math.min(0.9, maxBytes / bytes));
  }
}

function payloadText(events: readonly RunEvent[]): string {
  const payloads = events.map(({ payload }) => payload).filter((payload) => Object.keys(payload).length > 0);
  return payloads.map((payload) => jsonText(payload, 1)).join("\n");
}

function toolRows(events: readonly RunEvent[]): { start: number; end: number }[] {
  const open = new Map<string, number>();
  const spans: { start: number; end: number }[] = [];
  for (const [index, { type, payload: { toolCallId } }] of events.entries()) {
    if (typeof toolCallId !== "string") continue;
    const start = open.get(toolCallId);
    if (type === "tool_started") open.set(toolCallId, index);
    else if (type === "tool_finished" && start !== undefined) {
      open.delete(toolCallId);
      spans.push({ start, end: index });
    }
  }
  return spans;
}

function toolText(event: RunEvent, events: readonly RunEvent[]): string {
  const { toolName, message, payload: { toolCallId, input } } = event;
  const begun = isObject(input)
    ? input
    : events.find(({ type, payload }) => type === "tool_started" && payload.toolCallId === toolCallId)?.payload.input;
  const what = isObject(begun) ? Object.values(begun).find((value) => typeof value === "string") : undefined;
  return typeof what === "string" ? `${toolName ?? "tool"}: ${what}` : message ?? toolName ?? "tool";
}

function eventItem(
  rowEvents: readonly [RunEvent, ...RunEvent[]],
  all: readonly RunEvent[],
  number: number,
  firstMs: number,
  maxBytes: number,
): Html {
  const [event] = rowEvents;
  const { type, toolName, message, createdAt } = event;
  const ms = Date.parse(createdAt);
  const endMs = Date.parse(rowEvents[1]?.createdAt ?? "");
  const label = rowKind(event);
  const isTool = label === "tool";
  const ownText = (isTool ? toolText(event, all) : toolName === null ? message ?? "" : `${toolName}: ${message ?? ""}`)
    .trimEnd();
  const text = within(
    cutText(`${ownText}${endMs >= ms ? ` · ${unbroken(formatDuration(endMs - ms))}` : ""}`, MAX_MESSAGE),
    maxBytes,
    (part) => markup`<span class="what" dir="auto">${part}</span>`,
  );
  const at = Number.isNaN(ms)
    ? markup`<span class="at">?</span>`
    : markup`<time class="at" datetime="${new Date(ms).toISOString()}">${clockText(ms - firstMs + 500)}</time>`;
  const row = markup`${at}${state(label, EVENT_TONES.get(type))}${text}`;
  const payload = payloadText(rowEvents);
  const id = markup`<li id="e-${number}" data-k="${cutText(label, MAX_WORD)}">`;
  if (payload === "") return markup`${id}<div class="event">${row}</div></li>\n`;
  const left = 2 * maxBytes - bytesOf(text, maxBytes);
  return markup`${id}<details><summary class="event">${row}</summary>${
    within(payload, left, (part) => markup`<pre dir="auto">${part}</pre>`)
  }</details></li>\n`;
}

function eventNotes({ eventsOmitted, eventCount, events, kind: { noun } }: ResultView): string {
  const { seen = 0, missed = false, windowFull = false } = eventCount ?? {};
  const hidden = eventsOmitted + Math.max(0, events.length - MAX_EVENTS);
  const more = [
    ...(hidden > 0 ? [`${hidden} of them are only in the ndjson report.`] : []),
    ...(missed ? ["Some were missed."] : []),
    ...(windowFull ? ["The service shows only the first 200 events of a run."] : []),
  ];
  return [`${seen} seen; times are relative to the start of the ${noun}${more.length > 0 ? "." : ""}`, ...more].join(
    " ",
  );
}

function beginning({ createdAt, events }: ResultView): number {
  const created = Date.parse(createdAt ?? "");
  const firstMs = Date.parse(events[0]?.createdAt ?? "");
  return Number.isNaN(created) ? firstMs : Number.isNaN(firstMs) ? created : Math.min(created, firstMs);
}

function eventList(view: ResultView): Html | null {
  const events = view.events.slice(-MAX_EVENTS);
  if (events.length === 0) return null;
  const firstMs = beginning(view);
  const maxBytes = Math.floor(MAX_BYTES / (2 * events.length));
  const pairs = toolRows(events);
  const ends = new Map(pairs.map(({ start, end }) => [start, end]));
  const isEnd = new Set(pairs.map(({ end }) => end));
  const kinds: string[] = [];
  let before = NaN;
  const items = events.map((event, index) => {
    const ms = Date.parse(event.createdAt);
    const quietMs = ms - before;
    if (!Number.isNaN(ms)) before = ms;
    const gap = quietMs >= QUIET_MS && markup`<li class="gap">Quiet for ${unbroken(formatDuration(quietMs))}</li>`;
    if (isEnd.has(index)) return gap;
    const end = events[ends.get(index) ?? -1];
    kinds.push(cutText(rowKind(event), MAX_WORD));
    return markup`${gap}${eventItem(end === undefined ? [event] : [event, end], events, index + 1, firstMs, maxBytes)}`;
  });
  return markup`<div class="panel">${
    list(
      { name: "lines", rows: "events", kinds: [...countBy(kinds, (kind) => kind)] },
      markup`<ol class="events" data-rows>${items}</ol>`,
    )
  }</div>`;
}

function more(view: ResultView, options: RunPageOptions): Part {
  const { settings = [], earlier } = options;
  const set = settings.filter(({ from }) => from !== "default").length;
  const waited = view.waits.length === 0 ? "none had to wait" : "some had to wait";
  const folds: readonly (readonly [summary: string, blocks: readonly Block[]])[] = [
    ["Reproduce", reproduce(view, options)],
    [`Settings: ${set} set, ${settings.length - set} defaults`, settingsOf(settings)],
    ["Earlier runs", earlierRuns(earlier)],
    [`Requests: ${view.requests}, ${waited}`, requests(view)],
    ["Identifiers and times", details(view)],
  ];
  return folds.filter(([, blocks]) => blocks.length > 0).map(([summary, blocks]) =>
    fold(summary, markup`<div class="stack">${htmlOf(blocks)}</div>`)
  );
}

function requests(view: ResultView): Block[] {
  const { requests, waits, durationMs } = view;
  const waited = waits.length === 0 ? "; none had to wait." : ", including these waits:";
  return [
    { text: `${formatCount(requests, "request")} in ${formatDuration(durationMs)}${waited}` },
    ...waitTable(view),
  ];
}

function settingsOf(settings: readonly Setting[]): Block[] {
  const set = settings.filter(({ from }) => from !== "default");
  const defaults = settings.filter(({ from, value }) => from === "default" && /\w/.test(value));
  return [
    ...(set.length > 0 ? [settingRows(set)] : []),
    ...(defaults.length > 0 ? [settingRows(defaults)] : []),
  ];
}

function settingRows(settings: readonly Setting[]): Block {
  return {
    table: "Settings of the job",
    head: ["Setting", "Value", "From"],
    rows: settings.map((
      { name, value, from },
    ) => [{ name }, { name: value }, from === "flag" ? { name: `--${name}` } : from]),
  };
}

function scenarioOf({ outcome, failureCode, git, phases }: ResultView): string | undefined {
  if (outcome === "failed") {
    if (phases.at(-1)?.name === "deliver") return "delivery-failure";
    return failureCode === null && phases.at(-1)?.name !== "agent" ? "boot-failure" : "agent-failure";
  }
  if (outcome === "success") return git?.changed === false ? "no-changes" : "success";
  return lookup({ awaiting_input: "awaiting-input", deadline: "stuck-streaming" }, outcome);
}

/** A longer task is read from a file instead of being part of the command. */
const MAX_TYPED_TASK = 2_000;
const REQUEST_SETTINGS: readonly string[] =
  "harness mode base-branch branch create-branch no-create-branch root after fix result schema result-retries timeout"
    .split(" ");
/** Settings that a follow-up takes from its pull request. `run` refuses their flags together with `--after`. */
const BRANCH_SETTINGS: readonly string[] = ["base-branch", "branch", "create-branch", "no-create-branch"];

function reproduce(view: ResultView, options: RunPageOptions): Block[] {
  const { runId, kind: { noun }, origin } = view;
  if (noun !== "run" || runId === null || !/^[\w-]{1,100}$/.test(runId)) return [];
  const { program = "mogplex-ci" } = options;
  if (program === null) return [];
  const again = startCommand(view, options);
  const scenario = scenarioOf(view);
  const emulator = { name: "mogplex-emulator" };
  return [
    { text: ["Each command needs the token in ", { name: "MOGPLEX_API_KEY" }, " and this address:"] },
    { code: `export MOGPLEX_URL=${shellWord(origin)}${isLocal(origin) ? " MOGPLEX_DEV=1" : ""}` },
    { text: "Write the reports of this run again:" },
    { code: `${program} report ${runId}` },
    ...again === null ? [] : [{ text: `${again.text}:` }, { code: again.command }],
    ...(scenario === undefined ? [] : [
      { text: ["Simulate a run with the same outcome (requires ", emulator, " on the PATH):"] },
      { code: `mogplex-emulator exec --scenario ${scenario} -- ${program} run --follow 'Try it'` },
    ]),
  ];
}

function startCommand(
  view: ResultView,
  { program = "mogplex-ci", repeat, settings = [], campaign }: RunPageOptions,
): { text: string; command: string } | null {
  if (campaign !== undefined) {
    if (campaign.command === null) return null;
    return { text: `Start it again in campaign ${cutText(campaign.campaign, MAX_NAME)}`, command: campaign.command };
  }
  if (repeat !== undefined) {
    return { text: "To repeat the task, write this comment in the thread of the request", command: repeat };
  }
  // A new key would start a second agent beside an agent that may be running.
  if (mayHaveStarted(view)) return null;
  const { repository, repoId, harness, task, kind: { noun } } = view;
  const repo = repository ?? repoId;
  if (repo === null || noun !== "run" || program === null) return null;
  const set = settings.filter(({ name, from }) => from !== "default" && REQUEST_SETTINGS.includes(name));
  const isSet = (name: string) => set.some((setting) => setting.name === name);
  const sent = isSet("after") ? set.filter(({ name }) => !BRANCH_SETTINGS.includes(name)) : set;
  const flags = [
    ...["--repo", repo],
    // If the user did not set the option, the server chooses the agent again.
    ...harness === null || settings.some(({ name }) => name === "harness") ? [] : ["--harness", harness],
    ...sent.flatMap(flagOf),
    "--new",
  ];
  const start = `${program} ${["run", "--follow", ...flags].map(shellWord).join(" ")}`;
  if (isSet("fix")) return { text: "Start the task again", command: start };
  if (task === null || task.length > MAX_TYPED_TASK) {
    const missing = task === null
      ? "This page does not contain the task. Save your task as task.md"
      : "Save the task as task.md";
    return { text: `${missing}, then start it again`, command: `${start} --prompt-file task.md` };
  }
  const masked = task.includes(MASK) ? ` (replace ${MASK} with the secret)` : "";
  return { text: `Start the task again${masked}`, command: `${start} ${shellWord(task)}` };
}

function flagOf({ name, value }: Setting): string[] {
  if (!name.endsWith("create-branch")) return [`--${name}`, value];
  return [value === "false" || value === "0" ? "--no-create-branch" : `--${name}`];
}

function isLocal(origin: string): boolean {
  return URL.canParse(origin) && isLoopback(new URL(origin).hostname);
}

function earlierRuns(earlier: Earlier | undefined): Block[] {
  if (earlier === undefined) return [];
  const rows = earlier.runs.map(({ at, outcome, exitCode, tookMs, requests, runId }) => [
    { time: at },
    { name: outcome },
    exitCode,
    tookMs === null ? "unknown" : formatDuration(tookMs),
    requests,
    { name: runId },
  ]);
  const head = ["When", "Outcome", "Exit code", "Duration", "Requests", "Run"];
  return [{ text: earlier.sentence }, { table: "Earlier runs, newest first", head, rows }];
}

function details(view: ResultView): Block[] {
  const { repoId, origin, exitCode } = view;
  const facts: Fact[] = [
    ["Repository id", { name: repoId }],
    ["Status", { name: statusWords(view) }],
    ["Exit code", exitCode],
    ...startFacts(view),
    ["Service", { name: origin }],
  ];
  return [{ facts }];
}
