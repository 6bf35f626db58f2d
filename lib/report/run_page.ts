/**
 * `run.html`: a run for people, in a browser. Everything on it comes from the result. The parts of this file are in the order of the page.
 * @module
 */
import type { PlatformLinks } from "../ci/platform.ts";
import { EXIT } from "../exit_codes.ts";
import { lookup } from "../lookup.ts";
import { isLoopback } from "../loopback.ts";
import type { RunEvent } from "../model.ts";
import type { AnyResult, Outcome } from "../run/result.ts";
import {
  branchWords,
  commandsIn,
  headlineText,
  headlineWords,
  noPullRequestWords,
  type ResultView,
  viewOf,
} from "../run/result_view.ts";
import type { Block, Fact, Words } from "../text/document.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { jsonText, shellWord } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";
import { MASK } from "../text/redact.ts";
import type { Earlier } from "./history.ts";
import { jobLinks, startFacts, waitTable } from "./markdown.ts";
import {
  bar,
  bare,
  chip,
  code,
  commandBlock,
  fold,
  type Html,
  htmlOf,
  link,
  list,
  longBlock,
  markup,
  page,
  type Part,
  section,
  type Share,
  swatch,
  table,
  time,
  type Tone,
  type Verdict,
  wordsOf,
} from "./page.ts";

export interface Setting {
  /** The name of the flag, without dashes. */
  readonly name: string;
  /** As the user wrote it; otherwise the documented default. */
  readonly value: string;
  /** `flag`, the name of the variable, or `default`. */
  readonly from: string;
}

export interface RunPageOptions {
  /** Pages of the job on its CI system. @default {{}} */
  links?: PlatformLinks | undefined;
  /** Earlier runs, already cleaned. @default not shown */
  earlier?: Earlier | undefined;
  /** Settings of the job with their sources, already cleaned. @default {[]} (not shown) */
  settings?: readonly Setting[] | undefined;
  /** The program as the user called it, for commands to copy; already cleaned. @default {"mogplex-ci"} */
  program?: string | undefined;
}

const MAX_TASK = 100_000;
const MAX_NAME = 400;

/** @param result After `cleanResult`. Its texts stay texts, and only its pull request becomes a link. */
export function renderRunPage(result: AnyResult, options: RunPageOptions = {}): string {
  const view = viewOf(result);
  const { task, finalMessage } = view;
  return page({
    // A tab shows only the beginning.
    title: cutText(headlineText(view), MAX_NAME),
    verdict: verdictOf(view),
    body: [
      section("what", "What it is about", htmlOf([{ facts: changes(view, options) }])),
      section("task", "Task", task !== null && longBlock(task, MAX_TASK)),
      section("time", "Where the time went", phases(view)),
      section("files", "Files changed", htmlOf(files(view))),
      section("said", "What the agent said last", finalMessage !== null && longBlock(finalMessage)),
      section("events", "Events", timeLine(view)),
      section("requests", "Requests and waits", htmlOf(requests(view))),
      section("settings", "Settings", htmlOf(settingsOf(options.settings ?? []))),
      section("again", "Reproduce", htmlOf(reproduce(view, options))),
      section("earlier", "The runs before it", htmlOf(earlierRuns(options.earlier))),
      section("more", "Details", htmlOf(details(view))),
    ],
    notes: ["The service does not report what a run costs."],
  });
}

const OUTCOME_TONES: Readonly<Partial<Record<ResultView["outcome"], Tone>>> = {
  success: "good",
  failed: "bad",
  error: "bad",
  started: "none",
};

// By exit code, for jobs without a verdict of the service. A text that ends in a colon is followed by what happened to the start.
const AFTER_ERRORS: readonly (readonly [code: number, text: string])[] = [
  [EXIT.usage, "Correct what the reason names, then start the job again. A retry alone changes nothing."],
  [EXIT.unavailable, "Look whether the service and the network are up, then retry the job: "],
  [EXIT.rateLimited, "Wait until the limit allows more, then retry the job: "],
  [EXIT.internal, "Report this as an error of the toolkit, with the log of the job."],
];

function afterSuccess({ git }: ResultView): Part {
  const url = git?.pullRequest.url ?? null;
  if (url !== null) return markup`Review the pull request ${link(url)}`;
  if (git?.changed === false) return "Nothing: the agent changed nothing.";
  if (git?.branch.pushed) {
    return "Look at the branch that the agent has pushed; no pull request is known.";
  }
  return "Look for the work in the repository: no event says where it is.";
}

function nextOf(view: ResultView): Part {
  const { outcome, resume, exitCode, verdict, kind: { noun } } = view;
  const texts: Readonly<Record<Exclude<Outcome, "success" | "error"> | "suppressed", string>> = {
    failed: `Correct what the reason names. Where a second try can help, start the ${noun} again.`,
    cancelled: `The ${noun} was cancelled. Start it again if it is still wanted.`,
    awaiting_input: "Answer the agent in the app.",
    deadline: `The ${noun} may still be going on: follow it again.`,
    interrupted: resume === null ? `Start the ${noun} again if it is still wanted.` : `Follow the ${noun} again.`,
    started: "Follow it.",
    suppressed: "Wait until one of the active runs has ended, then trigger it again.",
  };
  if (outcome === "success") return afterSuccess(view);
  if (outcome === "error") {
    const start = verdict.word === "not started" ? "nothing was started." : "nothing is started twice.";
    return AFTER_ERRORS.find(([code]) => code === exitCode)?.[1].replace(/ $/, ` ${start}`);
  }
  return lookup(texts, outcome);
}

function verdictOf(view: ResultView): Verdict {
  const { verdict: { word }, outcome, exitCode, reason, advice, nextStep, resume } = view;
  const { text, commands } = commandsIn(advice ?? "");
  const next = advice === null ? nextStep ?? nextOf(view) : text;
  const steps: Part[] = next === undefined ? [] : [next];
  if (commands.length > 0) steps.push(commandBlock(commands.join("\n"), 2_000));
  if (resume !== null) steps.push(markup`To follow it again:${commandBlock(resume, 2_000)}`);
  return {
    tone: lookup(OUTCOME_TONES, outcome) ?? "wait",
    headline: wordsOf(headlineWords(view), bare),
    line: markup`<strong>${word}</strong>, exit code ${exitCode}`,
    reason,
    next: steps,
    more: outcome === "success" || outcome === "started" ? null : lastEvents(view),
  };
}

const LAST_EVENTS = 5;
const MAX_LAST_MESSAGE = 300;

/** The last events, with links into the list of events; null without events. */
function lastEvents(view: ResultView): Part {
  const events = view.events.slice(-MAX_EVENTS).map((event, index) => ({ ...event, number: index + 1 }));
  const items = events.filter((event) => !isInner(event)).slice(-LAST_EVENTS).map((event) => {
    const { type, message, createdAt, number } = event;
    const what = (message ?? "").trim().split("\n", 1)[0] ?? "";
    return markup`<li><a href="#e-${number}">${clockText(createdAt)}</a> <span>${
      chip(cutText(type, MAX_WORD), EVENT_TONES.get(type))
    }</span><div class="what" dir="auto">${cutText(what, MAX_LAST_MESSAGE)}</div></li>`;
  });
  return items.length > 0 &&
    markup`<div class="step"><strong>Last events, in UTC:</strong><ol class="last">${items}</ol></div>`;
}

/** Whether an event is a line inside a longer text, such as a frame of a stack trace or a closing brace: the line before is more useful. */
function isInner({ type, message }: RunEvent): boolean {
  return type === "log" && (/^\s/.test(message ?? "") || !/[\p{L}\p{N}]/u.test(message ?? ""));
}

/** UTC. */
function clockText(createdAt: string): string {
  const ms = Date.parse(createdAt);
  return Number.isNaN(ms) ? "?" : new Date(ms).toISOString().slice("2026-12-01T".length, -".000Z".length);
}

function pullRequest(view: ResultView): Words {
  if (view.git === null) return null;
  const { url } = view.git.pullRequest;
  return url === null ? noPullRequestWords(view) : { link: url };
}

function changes(view: ResultView, { links = {} }: RunPageOptions): Fact[] {
  const { git, repoId, repository, harness, automationId, kind, status } = view;
  return [
    ["Pull request", pullRequest(view)],
    ["Branch", git === null ? null : branchWords(git)],
    ["Base branch", { name: git?.branch.base ?? null }],
    ["Repository", { name: repository ?? repoId }],
    ["Agent", { name: harness }],
    ["Automation", { name: automationId }],
    ["Status", { name: kind.noun === "run" || status !== null ? status : null }],
    ...jobLinks(links),
  ];
}

const MEANINGS: Readonly<Partial<Record<string, string>>> = {
  queue: "waiting for a sandbox",
  prepare: "the sandbox boots, the repository is cloned",
  agent: "the agent works",
  deliver: "branch and pull request",
};

const GREY = 4;
/** Most phases shown: a run has four kinds of them. */
const MAX_PHASES = 100;

interface PhaseRow extends Share {
  readonly began: string | null;
  readonly meaning: string;
}

/** How long a phase without a known end has taken: until the last event, and in a job that started the run until the end of the job. */
function openMs({ events, phases, replayed, durationMs }: ResultView, startedAt: string): number {
  const began = Date.parse(startedAt);
  const last = Date.parse(events.at(-1)?.createdAt ?? "");
  const seen = Number.isNaN(last - began) ? 0 : last - began;
  const others = phases.reduce((sum, phase) => sum + (phase.durationMs ?? 0), 0);
  return Math.max(0, seen, replayed === false ? durationMs - others : 0);
}

/** Bar and table of the phases, and the additional time of this job; null without phases. */
function phases(view: ResultView): Html | null {
  const { times, durationMs, replayed } = view;
  const visiblePhases = times?.durationMs === undefined || times.durationMs === null
    ? view.phases.slice(0, MAX_PHASES)
    : [{ name: "run", startedAt: times.startedAt ?? "", durationMs: times.durationMs }];
  const rows: PhaseRow[] = visiblePhases.map(({ name, startedAt, durationMs }, index) => {
    const value = durationMs ?? openMs(view, startedAt);
    return {
      name,
      began: startedAt === "" ? null : startedAt,
      meaning: lookup(MEANINGS, name) ?? "",
      value,
      text: durationMs !== null
        ? formatDuration(value)
        : value === 0
        ? "its end was not seen"
        : `${formatDuration(value)} so far`,
      colour: index % GREY,
      open: durationMs === null,
    };
  });
  if (rows.length === 0) return null;
  const ours = durationMs - rows.reduce((sum, { value }) => sum + value, 0);
  // Only the job that started the run was there from the beginning.
  if (replayed === false && ours > 0 && visiblePhases.every(({ durationMs }) => durationMs !== null)) {
    const meaning = "this job, before the start and after the end";
    rows.push({ name: "job", began: null, meaning, value: ours, text: formatDuration(ours), colour: GREY });
  }
  const columns = [
    { name: "Phase" },
    { name: "Took", number: true },
    { name: "What happens" },
    { name: "Began", extra: true },
  ];
  return markup`${bar("time by phase", rows)}${
    table(
      "Phases",
      columns,
      rows.map(({ name, meaning, began, text, colour }) => ({
        cells: [markup`<span class="line">${swatch(colour)} ${code(name)}</span>`, text, meaning, time(began)],
      })),
    )
  }`;
}

const MAX_FILES = 500;

function files({ git }: ResultView): Block[] {
  const files = git?.files ?? [];
  const more = files.length - MAX_FILES;
  if (files.length === 0) {
    const missing = { text: "The events name no file. They never name those that the agent has committed itself." };
    return git?.files && git.changed ? [missing] : [];
  }
  return [
    { list: files.slice(0, MAX_FILES).map((name) => ({ name })) },
    ...(more > 0 ? [{ text: `and ${more} more` }] : []),
  ];
}

/** Most events shown: a feed has 200. */
const MAX_EVENTS = 400;
/** Shortest pause that is shown, in milliseconds. */
const QUIET_MS = 60_000;
/** Most bytes of all events together, so that a browser shows the page at once. */
const MAX_BYTES = 2_200_000;
const MAX_MESSAGE = 4_000;
const MAX_WORD = 100;

const EVENT_TONES: ReadonlyMap<string, Tone> = new Map([
  ["failed", "bad"],
  ["finished", "good"],
  ["cancelled", "wait"],
]);

/** Bytes of a text; the number of units if it is certainly small enough, since a unit takes at most three bytes. */
function bytesOf(text: Html, enough: number): number {
  const { length } = text.toString();
  return length * 3 <= enough ? length : new TextEncoder().encode(text.toString()).length;
}

/** `+1:02:03` after the beginning. */
function offsetText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return `+${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}

/** A text as markup of at most so many bytes: an escaped character takes up to six. */
function within(text: string, maxBytes: number, render: (text: string) => Html): Html {
  let length = text.length;
  for (;;) {
    const rendered = render(cutText(text, length));
    const bytes = bytesOf(rendered, maxBytes);
    if (bytes <= maxBytes || length < 16) return rendered;
    length = Math.floor(length * Math.min(0.9, maxBytes / bytes));
  }
}

function payloadOf({ payload }: RunEvent, maxBytes: number): Html | null {
  if (Object.keys(payload).length === 0) return null;
  const text = jsonText(payload, 1);
  return fold("payload", within(text, maxBytes, (part) => markup`<pre dir="auto">${part}</pre>`));
}

function eventItem(event: RunEvent, number: number, beganMs: number, maxBytes: number): Html {
  const { type, toolName, message, createdAt } = event;
  const ms = Date.parse(createdAt);
  const kind = cutText(type, MAX_WORD);
  const text = message === null || message === "" ? null : within(
    cutText(message, MAX_MESSAGE),
    maxBytes,
    (part) => markup`<p dir="auto">${part}</p>`,
  );
  return markup`<li id="e-${number}" data-k="${kind}"><a class="n" href="#e-${number}">${number}</a> ${
    Number.isNaN(ms)
      ? markup`<span class="at">?</span>`
      : markup`<time class="at" datetime="${new Date(ms).toISOString()}">${offsetText(ms - beganMs)}</time>`
  } <span>${chip(kind, EVENT_TONES.get(type))}</span> <div class="what">${
    toolName !== null && code(toolName)
  }${text}</div>${payloadOf(event, 2 * maxBytes - (text === null ? 0 : bytesOf(text, maxBytes)))}</li>
`;
}

function eventNotes({ eventsOmitted, eventCount }: ResultView, hidden: number): string[] {
  const { seen = 0, missed = false, windowFull = false } = eventCount ?? {};
  return [
    `${formatCount(seen, "event")} seen.`,
    ...(eventsOmitted + hidden > 0
      ? [`${eventsOmitted + hidden} of them are not on this page; the report ndjson has all.`]
      : []),
    ...(missed ? ["Some went by unseen."] : []),
    ...(windowFull ? ["The service shows 200 events: later ones could not be seen."] : []),
  ];
}

/** Null without events. */
function timeLine(view: ResultView): Html | null {
  const events = view.events.slice(-MAX_EVENTS);
  const [first] = events;
  if (first === undefined) return null;
  const created = Date.parse(view.createdAt ?? "");
  const firstMs = Date.parse(first.createdAt);
  const beganMs = Number.isNaN(created) ? firstMs : Math.min(created, firstMs);
  const maxBytes = Math.floor(MAX_BYTES / (2 * events.length));
  const kinds = new Map<string, { count: number; first: number }>();
  let before = NaN;
  const items = events.map((event, index) => {
    const kind = cutText(event.type, MAX_WORD);
    const entry = kinds.get(kind);
    kinds.set(kind, { count: (entry?.count ?? 0) + 1, first: entry?.first ?? index + 1 });
    const ms = Date.parse(event.createdAt);
    const quietMs = ms - before;
    if (!Number.isNaN(ms)) before = ms;
    const gap = quietMs >= QUIET_MS && markup`<li class="gap">quiet for ${formatDuration(quietMs)}</li>`;
    return markup`${gap}${eventItem(event, index + 1, beganMs, maxBytes)}`;
  });
  const entries = [...kinds];
  const notes = eventNotes(view, view.events.length - events.length).join(" ");
  return markup`<p class="soft">${notes} Times count from the start of the ${view.kind.noun}.</p><nav aria-label="first event of each type"><ul class="legend">${
    entries.map(([kind, { count, first }]) => markup`<li><a href="#e-${first}"><bdi>${kind}</bdi></a> (${count})</li>`)
  }</ul></nav>${
    list(
      { name: "lines", rows: "events", kinds: entries.map(([kind, { count }]) => [kind, count]) },
      markup`<ol class="events" data-rows>${items}</ol>`,
    )
  }`;
}

function requests(view: ResultView): Block[] {
  const { requests, waits, durationMs } = view;
  const waited = waits.length === 0 ? "none had to wait" : "these waits were among them";
  return [
    { text: `${formatCount(requests, "request")} in the ${formatDuration(durationMs)} spent here; ${waited}.` },
    ...waitTable(view),
  ];
}

/** The settings that the user set, with the defaults folded. */
function settingsOf(settings: readonly Setting[]): Block[] {
  const set = settings.filter(({ from }) => from !== "default");
  const defaults = settings.filter(({ from, value }) => from === "default" && /\w/.test(value));
  return [
    ...(set.length > 0 ? [settingRows(set)] : []),
    ...(defaults.length > 0 ? [{ summary: "defaults", details: [settingRows(defaults)] }] : []),
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

/** The emulator scenario with the same end as a run. */
function scenarioOf({ outcome, failureCode, git, phases }: ResultView): string | undefined {
  if (outcome === "failed") {
    if (phases.at(-1)?.name === "deliver") return "delivery-failure";
    return failureCode === null && phases.at(-1)?.name !== "agent" ? "boot-failure" : "agent-failure";
  }
  if (outcome === "success") return git?.changed === false ? "no-changes" : "success";
  return lookup({ awaiting_input: "awaiting-input", deadline: "stuck-streaming" }, outcome);
}

/** Longest task inside a command; a longer one is read from a file. */
const MAX_TYPED_TASK = 2_000;
/** Settings of the job that are part of the request. */
const ASKED: readonly string[] = ["mode", "base-branch", "root", "timeout"];

/** Empty for a result that names no run. */
function reproduce(view: ResultView, options: RunPageOptions): Block[] {
  const { runId, kind: { noun }, origin } = view;
  if (noun !== "run" || runId === null || !/^[\w-]{1,100}$/.test(runId)) return [];
  const { program = "mogplex-ci" } = options;
  const scenario = scenarioOf(view);
  const emulator = { name: "mogplex-emulator" };
  return [
    { text: ["Each command needs the token in ", { name: "MOGPLEX_API_KEY" }, ", and this address:"] },
    { code: `export MOGPLEX_URL=${shellWord(origin)}${isLocal(origin) ? " MOGPLEX_DEV=1" : ""}` },
    { text: "Write the reports of this run again:" },
    { code: `${program} report ${runId}` },
    ...startAgain(view, options),
    ...(scenario === undefined ? [] : [
      { text: ["Try a run that ends in this way, with ", emulator, " on the PATH:"] },
      { code: `mogplex-emulator exec --scenario ${scenario} -- ${program} run --follow 'Try it'` },
    ]),
  ];
}

/** The command that starts the same task again, and what is missing for it; empty if the repository is unknown. */
function startAgain({ repository, repoId, harness, task }: ResultView, options: RunPageOptions): Block[] {
  const { program = "mogplex-ci", settings = [] } = options;
  const repo = repository ?? repoId;
  if (repo === null) return [];
  const set = settings.filter(({ name, from }) => from !== "default" && ASKED.includes(name));
  const flags = [
    ...["--repo", repo],
    ...harness === null ? [] : ["--harness", harness],
    ...set.flatMap(({ name, value }) => [`--${name}`, value]),
    "--new",
  ];
  const start = `${program} ${["run", "--follow", ...flags].map(shellWord).join(" ")}`;
  if (task === null || task.length > MAX_TYPED_TASK) {
    const missing = task === null ? "The task is not on this page. Write it to " : "Copy the task to ";
    return [
      { text: [missing, { name: "task.md" }, ", then start it again:"] },
      { code: `${start} --prompt-file task.md` },
    ];
  }
  const masked = task.includes(MASK) ? ` (put the secret in the place of ${MASK})` : "";
  return [{ text: `Start the same task again${masked}:` }, { code: `${start} ${shellWord(task)}` }];
}

function isLocal(origin: string): boolean {
  return URL.canParse(origin) && isLoopback(new URL(origin).hostname);
}

/** How the run compares, and a row for each earlier run; empty without an earlier run. */
function earlierRuns(earlier: Earlier | undefined): Block[] {
  if (earlier === undefined) return [];
  const rows = earlier.runs.map(({ at, outcome, exitCode, tookMs, requests, runId }) => [
    { time: at },
    { name: outcome },
    exitCode,
    tookMs === null ? "not known" : formatDuration(tookMs),
    requests,
    { name: runId },
  ]);
  const head = ["When", "Outcome", "Exit code", "Took", "Requests", "Run"];
  return [{ text: earlier.sentence }, { table: "Runs before, newest first", head, rows }];
}

function details(view: ResultView): Block[] {
  const { kind: { noun }, runId, repoId, failureCode, origin } = view;
  const facts: Fact[] = [
    [noun === "run" ? "Run" : "Automation run", { name: runId }],
    ["Repository id", { name: repoId }],
    ["Failure code", { name: failureCode }],
    ...startFacts(view),
    ["Service", { name: origin }],
  ];
  return [{ summary: "ids, key and times", details: [{ facts }] }];
}
