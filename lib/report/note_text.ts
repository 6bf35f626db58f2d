/**
 * Untrusted text is always shown as code.
 *
 * @module
 */
import type { Redact } from "../run/clean.ts";
import { lookup } from "../lookup.ts";
import { type AnyResult, PHASES, spanText } from "../run/result.ts";
import { commandsIn, followAgainWords, mayHaveStarted, type ResultView, viewOf } from "../run/result_view.ts";
import { type Block, joinWords, markdownOf, type Words } from "../text/document.ts";
import { formatCount } from "../text/duration.ts";
import { webUrl } from "../text/escape.ts";
import { capital, cutText } from "../text/plain_text.ts";
import { appAddress } from "./app_link.ts";
import { lastLines, questionIn } from "./event_text.ts";
import { streakText } from "./history.ts";
import { resultBlocks } from "./markdown.ts";
import { outcomeWords } from "./outcome_words.ts";
import type { AskLink, ReportLinks } from "./page_link.ts";

/** The parts of a note that depend on where it is posted, such as the words that stop the run. */
export interface NoteWords {
  /** What readers write to stop the run, such as `@mogplex stop`. */
  stop?: string | undefined;
  /** Returns the short name of a pull request in the note's own project, such as `#8`. */
  pullName?: ((url: string) => string | undefined) | undefined;
  /** The next step for each outcome, for readers who cannot start the job again. @default advice for people who can start the job */
  steps?: Readonly<Record<string, Words>> | undefined;
  /** The task, if the note is allowed to show it; untrusted text. */
  task?: string | undefined;
  /** Whether the task comes from an earlier request and is therefore not in the text above the note. */
  isRepeated?: boolean | undefined;
}

const dot = " · ";

/** A retried job finds the note by the pipeline's address. */
function linksOf(links: ReportLinks): Words[] {
  const { page, job, pipeline, pipelineNoun = "pipeline", ask } = links;
  const noun = capital(pipelineNoun);
  const by: Words = ask?.by === undefined ? "" : [" by ", { name: ask.by }];
  const all = [["Report", page, ""], ["Log", job, ""], [noun, pipeline, ""], [ask?.words ?? "", ask?.url, by]] as const;
  return all.flatMap(([words, url, end]): Words[] => {
    const address = webUrl(url ?? "");
    return address === undefined ? [] : [[{ link: address, words }, end]];
  });
}

function toStop(stop: string | undefined): Words[] {
  return stop === undefined ? [] : [["To cancel, write ", { name: stop }]];
}

function endLine(links: ReportLinks, stop?: string): Block[] {
  const parts = [...linksOf(links), ...toStop(stop)];
  return parts.length === 0 ? [] : [{ text: joinWords(parts, dot) }];
}

/** A line for notes without a result. */
export function askLine(ask: AskLink | undefined): string {
  return markdownOf(endLine({ ask }));
}

const MAX_LINE = 200;

function named(text: string | null | undefined): Words {
  const [line = ""] = (text ?? "").trim().split("\n");
  return line === "" ? null : [": ", { name: line, max: MAX_LINE }];
}

const EVENTS: ReadonlyMap<string, string> = new Map([
  ["started", "the start"],
  ["status_changed", "a status change"],
  ["tool_started", "a tool call"],
  ["tool_finished", "a tool call"],
  ["cancel_requested", "a request to cancel"],
  ["log", "a message"],
]);

export interface NoteProgress extends Pick<NoteWords, "stop" | "task"> {
  links: ReportLinks;
  phase: string;
  ended?: readonly (readonly [phase: string, ms: number])[] | undefined;
  since: number;
  phaseSince: number;
  nowMs: number;
  last?: { readonly type: string; readonly at: string } | undefined;
  isRare?: boolean | undefined;
  trouble?: Words | undefined;
}

function clockText(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 16)} UTC`;
}

/** Shows states, times and kinds of events, but nothing that the agent wrote. */
export function progressNote(
  { links, phase, ended = [], since, phaseSince, nowMs, last, isRare = false, task, trouble, stop }: NoteProgress,
): string {
  const isStarting = phase === "start";
  // The text stays until the next event, which can take minutes. If it began with `0 s`, the run would seem to hang.
  const span = (front: string, ms: number) => isRare || !(ms >= 500) ? "" : `${front}${spanText(ms)}`;
  const age = isRare ? `, as of ${clockText(nowMs)}` : isStarting ? "" : span(" for ", nowMs - since);
  const steps = PHASES.map((name): Words => {
    const done = ended.find(([each]) => each === name);
    if (done !== undefined) return `✓ ${name} ${spanText(done[1])}`;
    if (PHASES.indexOf(name) < PHASES.indexOf(phase)) return `✓ ${name}`;
    if (name !== phase) return name;
    return { strong: `${name}${span(" ", nowMs - phaseSince)}` };
  });
  const lastMs = Date.parse(last?.at ?? "");
  const lastText = last === undefined || isRare || Number.isNaN(lastMs)
    ? []
    : [{ text: `Last event at ${clockText(lastMs)}: ${EVENTS.get(last.type) ?? "an event"}` }];
  return `${
    markdownOf([
      { text: ["⏳ ", { strong: isStarting ? "Starting" : "Running" }, age, named(task)] },
      ...(trouble === undefined ? [] : [{ text: trouble }]),
      ...(isStarting ? [] : [{ text: joinWords(steps, dot) }, ...lastText]),
      ...endLine(links, stop),
    ])
  }\n`;
}

export interface NoteOptions extends NoteWords {
  /** Whether an address can be shown as a link. Other addresses are shown as code. */
  mayLink: (url: string) => boolean;
  links: ReportLinks;
  /** Removes secrets from text that is joined from several events. */
  redact: Redact;
  streak?: number | undefined;
  /** Whether the start is repeated later without an action by the reader. */
  isPostponed?: boolean | undefined;
  /** What happened to the run when a signal stopped the job, as a clause. */
  stopped?: string | undefined;
}

const TIMED: ReadonlyMap<string, string> = new Map([
  ["success", "in"],
  ["failed", "after"],
  ["cancelled", "after"],
  ["deadline", "after"],
]);

const POSTPONED = ["⏳", "Waiting"] as const;

/** For a success without changes. Only the agent's text shows whether the agent gave an answer or the task needed no change. */
const UNCHANGED = ": nothing was changed";

/** Question marks also occur in addresses, so this question mark must be at the end of a word. */
const QUESTION = /[?\uff1f\u061f](?=[\s"'`)*_]|$)/;

const MAX_PROSE = 20_000;
const MAX_REASON = 10_000;

/** @param result After `cleanResult`. */
export function resultNote(result: AnyResult, options: NoteOptions): string {
  const view = viewOf(result);
  const { outcome, tookMs, reason, finalMessage, exitCode } = view;
  const [sign, word] = options.isPostponed ? POSTPONED : outcomeWords(view).note;
  const preposition = TIMED.get(outcome);
  const took = preposition === undefined ? "" : ` ${preposition} ${spanText(tookMs)}`;
  const isGood = exitCode === 0 && outcome === "success";
  const { links } = options;
  const what = whatOf(view, options);
  const isAnswer = what === UNCHANGED && finalMessage !== null && QUESTION.test(options.task ?? "");
  const good = isAnswer ? "Answered" : what === UNCHANGED ? "Finished" : word;
  const hasWork = view.git?.pullRequest.url != null;
  return `${
    markdownOf([
      { text: [`${sign} `, { strong: good }, took, isAnswer ? "" : what] },
      ...repeatedLine(options),
      ...(isGood ? otherBranchLine(view) : []),
      ...(isGood ? filesLine(view, links) : []),
      ...(reason !== null && isLong(reason) ? [{ code: cutText(reason, MAX_REASON) }] : []),
      ...(outcome === "awaiting_input" ? question(view) : []),
      ...nextLine(view, options),
      ...resultBlocks(view),
      ...(finalMessage === null || outcome === "awaiting_input"
        ? []
        : messageBlocks(cutText(finalMessage, MAX_PROSE), isGood && !hasWork)),
      ...(isGood || outcome === "awaiting_input" ? [] : logBlocks(view, options)),
      ...(isGood && hasFiles(view) ? [] : endLine(links)),
    ])
  }\n`;
}

function repeatedLine({ task, isRepeated = false, redact }: NoteOptions): Block[] {
  const words = isRepeated ? named(redact(task ?? "")) : null;
  return words === null ? [] : [{ text: ["Repeated task", words] }];
}

function isLong(reason: string): boolean {
  return reason.length > MAX_LINE || reason.trim().includes("\n");
}

function whatOf(view: ResultView, { pullName, mayLink, stopped }: NoteOptions): Words {
  const { outcome, git, reason, resultFile } = view;
  if (outcome === "awaiting_input") return ": the agent is waiting for an answer";
  // The reason contains the signal, which is useful only to readers who can see the job.
  if (outcome === "interrupted") return named(stopped === undefined ? reason : `the job was stopped; ${stopped}`);
  if (outcome !== "success") return named(reason);
  const url = git?.pullRequest.url ?? null;
  if (url !== null) {
    const name = pullName?.(url);
    const pull: Words = mayLink(url) ? { link: url, words: name ?? url } : { name: name ?? url, max: Infinity };
    return [": ", pull, " is ready for review"];
  }
  if (resultFile !== null && resultFile.cause !== null) return named(reason);
  if (git?.changed === false) return UNCHANGED;
  const branch = git?.branch.pushed ?? null;
  return branch === null ? "" : [": the branch ", { name: branch }, " was pushed"];
}

/** Explains why the agent's work is on a different branch than the requested one. Source: contract, 4.6. */
function otherBranchLine({ git }: ResultView): Block[] {
  const { base = null, requested = null, pushed = null } = git?.branch ?? {};
  if (pushed === null || requested === null || pushed === requested || requested === base) return [];
  const why = " does not exist on GitHub, or its last pull request there is closed. The agent worked on ";
  return [{ text: ["The branch ", { name: requested }, why, { name: pushed }, "."] }];
}

function hasFiles({ git }: ResultView): boolean {
  return git?.files?.some((name) => name.trim() !== "") === true;
}

function filesLine(view: ResultView, links: ReportLinks): Block[] {
  const [first, ...others] = (view.git?.files ?? []).filter((name) => name.trim() !== "");
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : ` and ${formatCount(others.length, "more file")}`;
  return [{ text: joinWords([[{ name: first }, more], ...linksOf(links)], dot) }];
}

function question({ events }: ResultView): Block[] {
  const text = questionIn(events);
  return text === undefined ? [] : [{ code: cutText(text, MAX_REASON) }];
}

function nextLine(view: ResultView, { steps, stop, streak = 1 }: NoteOptions): Block[] {
  const { outcome, git, advice, nextStep, origin, runId, resume, resumeIsCommand, kind: { noun } } = view;
  if (outcome === "success") return [];
  if (outcome === "awaiting_input") {
    const run: Words = runId === null ? "" : [` (${noun} `, { name: runId.slice(0, 8) }, ")"];
    const app = appAddress(origin, runId);
    const place: Words = app === undefined ? "in the app" : ["in the ", { link: app, words: "app" }];
    const orStop: Words = stop === undefined ? "" : [", or cancel the run with ", { name: stop }];
    return [{ text: ["Replies in this thread do not reach the agent. Answer ", place, run, orStop, "."] }];
  }
  // The scheduled check of a mention repeats a start with an unknown result, so readers do not have to repeat it.
  const ownStep = lookup(steps ?? {}, outcome);
  const isToRepeat = mayHaveStarted(view) || outcome === "error" && ownStep !== undefined;
  const toFix = steps !== undefined && isToRepeat ? null : advice;
  const { text, commands } = commandsIn(toFix ?? "");
  const step = ownStep ?? nextStep;
  const isNothing = outcome === "failed" && git !== null && git.branch.pushed === null && git.pullRequest.url === null;
  const parts: Words[] = [
    ...(outcome === "failed" && streak > 1 ? [streakText(streak)] : []),
    ...(isNothing && runId !== null ? ["Nothing was pushed."] : []),
    ...(toFix === null
      ? []
      : [[steps === undefined ? "To fix it: " : "For the maintainer: ", { name: text, max: MAX_REASON }]]),
    ...(step ? [step] : []),
  ];
  const follow = steps === undefined ? resume : null;
  const last = follow !== null && resumeIsCommand ? [follow] : [];
  // Most readers of a thread cannot run a command.
  const shown = steps === undefined ? [...commands, ...last] : [];
  return [
    ...(parts.length === 0 ? [] : [{ text: joinWords(parts, " ") }]),
    ...shown.map((command) => ({ code: cutText(command, MAX_REASON) })),
    ...(follow === null || resumeIsCommand ? [] : [{ text: followAgainWords(cutText(follow, MAX_REASON)) }]),
  ];
}

/** If a run succeeds without a pull request, the agent's message is what the reader requested. Any other message is folded. */
function messageBlocks(message: string, isAnswer: boolean): Block[] {
  return isAnswer ? [{ code: message }] : [{ summary: "Last message from the agent", details: [{ code: message }] }];
}

function logBlocks(view: ResultView, { redact }: NoteOptions): Block[] {
  const lines = lastLines(view.events, redact);
  return lines.length === 0 ? [] : [{ summary: "Last lines", details: [{ code: lines.join("\n") }] }];
}
