/**
 * The renderer is written by hand, because the package `junit-report-builder` has 160 KB.
 *
 * @module
 */
import type { Redact } from "../run/clean.ts";
import type { AnyResult, AutomationOutcome, Outcome, RunPhase } from "../run/result.ts";
import {
  failedPhaseOf,
  followAgainWords,
  headlineOf,
  headlineText,
  type ResultView,
  viewOf,
} from "../run/result_view.ts";
import { plainWords } from "../text/document.ts";
import { escapeMarkup } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";
import { lastLines } from "./event_text.ts";

// Readers compare suites of different pipelines by the names of the suites and their cases. For example, GitLab distinguishes a new failure from an
// old one. A name must therefore not contain anything that differs from run to run.
//
// Source: GitLab, lib/gitlab/ci/parsers/test/junit.rb and "Unit test reports"; the schema of Jenkins' xUnit plugin.

export type Mark = "failure" | "error" | "skipped";

export interface Case {
  /** Must be unique in its suite, because GitLab drops the second of two cases with the same name. */
  readonly name: string;
  readonly timeMs: number;
  /** `type` is always this program's own word, because GitLab's converter interprets the types `yaml` and `file`. */
  readonly problem?: { readonly mark: Mark; readonly type: string; readonly message: string; readonly text: string };
}

/** Names and values must have passed `plainText`. */
interface Suite {
  readonly name: string;
  readonly className: string;
  readonly beganAt: string | null;
  readonly properties: readonly (readonly [name: string, value: string])[];
  readonly cases: readonly Case[];
}

type Attributes = Readonly<Record<string, string | null>>;

function tag(name: string, attributes: Attributes): string {
  const written = Object.entries(attributes).filter(([, value]) => value !== null)
    .map(([key, value]) => ` ${key}="${escapeMarkup(value ?? "")}"`);
  return `${name}${written.join("")}`;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}

/** The format has no place for a time zone. */
function timestamp(time: string | null): string | null {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) ? null : /^\d{4}-.{14}/.exec(new Date(ms).toISOString())?.[0] ?? null;
}

function renderCase({ name, timeMs, problem }: Case, classname: string): string[] {
  const open = tag("testcase", { classname, name, time: seconds(timeMs) });
  if (problem === undefined) return [`    <${open}/>`];
  const { mark, type, message, text } = problem;
  return [
    `    <${open}>`,
    `      <${tag(mark, { message, type })}>${escapeMarkup(text)}</${mark}>`,
    "    </testcase>",
  ];
}

export function renderSuite({ name, className, beganAt, properties, cases }: Suite): string {
  const count = (mark: Mark) => String(cases.filter(({ problem }) => problem?.mark === mark).length);
  const totals = {
    tests: String(cases.length),
    failures: count("failure"),
    errors: count("error"),
    time: seconds(cases.reduce((sum, { timeMs }) => sum + timeMs, 0)),
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<${tag("testsuites", { name: "Mogplex", ...totals })}>`,
    `  <${tag("testsuite", { name, ...totals, skipped: count("skipped"), timestamp: timestamp(beganAt) })}>`,
    "    <properties>",
    ...properties.map(([key, value]) => `      <${tag("property", { name: key, value })}/>`),
    "    </properties>",
    ...cases.flatMap((each) => renderCase(each, className)),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

// `failure`: the run itself failed. `error`: something else prevented success. A case must be red unless the exit code is 0.
const MARKS: Readonly<Record<Outcome | AutomationOutcome, Mark | null>> = {
  success: null,
  failed: "failure",
  cancelled: "error",
  awaiting_input: "error",
  deadline: "error",
  interrupted: "error",
  started: "skipped",
  suppressed: "error",
  error: "error",
};
// Keeps the file far below the 30 MB that GitLab reads.
const MAX_FAILURE_TEXT = 50_000;
const MAX_ADVICE = 2_000;
const MAX_TASK = 10_000;
const MAX_NAME = 300;
const MAX_MESSAGE = 500;
const MAX_PHASES = 50;

function className({ kind: { noun } }: ResultView): string {
  return `Mogplex ${noun}`;
}

function oneLine(text: string, maxLength: number): string {
  return cutText(text.replace(/\s+/g, " ").trim(), maxLength);
}

function verdictCase(view: ResultView, redact: Redact): Case {
  const { outcome, exitCode, reason, advice, nextStep, failureCode, resume, resumeIsCommand, task, finalMessage } =
    view;
  const ofPhases = view.phases.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0);
  // Readers add up the times of all cases. The verdict gets the part of the total time that is not in the phases.
  const passed = { name: "Verdict", timeMs: Math.max(0, view.tookMs - ofPhases) };
  const red = exitCode === 0 ? null : "error";
  const mark = MARKS[outcome] === "skipped" ? red ?? "skipped" : MARKS[outcome] ?? red;
  if (mark === null) return passed;
  const headline = `${view.verdict.headline} (exit code ${exitCode})`;
  const message = reason ? oneLine(reason, MAX_MESSAGE) : headline;
  const last = lastLines(view.events, redact);
  const lines = [
    headlineText(view),
    headline,
    ...(reason ? [cutText(reason, MAX_FAILURE_TEXT)] : []),
    ...(advice ?? nextStep ? [`What to do now: ${cutText(advice ?? nextStep ?? "", MAX_ADVICE)}`] : []),
    ...(failureCode ? [`Failure code: ${cutText(failureCode, MAX_NAME)}`] : []),
    ...(resume ? [followAgain(cutText(resume, MAX_NAME), resumeIsCommand)] : []),
    ...(task ? [`Task:\n${cutText(task.trim(), MAX_TASK)}`] : []),
    ...(finalMessage ? [`Last message from the agent:\n${cutText(finalMessage, MAX_TASK)}`] : []),
    ...(last.length > 0 ? [`Last lines of the log:\n${last.join("\n")}`] : []),
  ];
  // The text repeats the reason, because several readers show only the text.
  return { ...passed, problem: { mark, type: outcome, message, text: lines.join("\n\n") } };
}

function followAgain(resume: string, isCommand: boolean): string {
  return isCommand ? `Follow it again: ${resume}` : plainWords(followAgainWords(resume));
}

function phaseCase({ name, durationMs }: RunPhase, reached: boolean, failed: boolean): Case {
  const passed = { name: `Phase ${cutText(name, MAX_NAME)}`, timeMs: durationMs ?? 0 };
  const message = durationMs === null
    ? "End not seen"
    : reached
    ? null
    : `The run ${failed ? "failed" : "ended"} in this phase: see the verdict`;
  return message === null ? passed : { ...passed, problem: { mark: "skipped", type: "phase", message, text: message } };
}

function cases(view: ResultView, redact: Redact): Case[] {
  const { phases, outcome } = view;
  // The phase in which a run fails did not pass, but only the verdict is reported as a failure.
  const failed = failedPhaseOf(view) !== undefined;
  const last = outcome === "success" || view.resultFile !== null ? undefined : phases.at(-1);
  const ofPhases = phases.slice(0, MAX_PHASES).map((phase) => phaseCase(phase, phase !== last, failed));
  return [verdictCase(view, redact), ...ofPhases];
}

function properties(view: ResultView): [string, string][] {
  const { git, eventCount, replayed } = view;
  const all: [string, string | null][] = [
    ["automation_id", view.automationId],
    ["run_id", view.runId],
    ["repository", view.repository],
    ["repository_id", view.repoId],
    ["task", headlineOf(view).title],
    ["harness", view.harness],
    ["status", view.status],
    ["outcome", view.outcome],
    ["exit_code", String(view.exitCode)],
    ["failure_code", view.failureCode],
    ["failed_phase", failedPhaseOf(view)?.name ?? null],
    ["result_cause", view.resultFile?.cause ?? null],
    ["branch", git?.branch.pushed ?? null],
    ["base_branch", git?.branch.base ?? null],
    ["pull_request", git?.pullRequest.url ?? git?.pullRequest.state ?? null],
    ["replayed", replayed === null ? null : String(replayed)],
    ["idempotency_key", view.idempotencyKey],
    ["requests", String(view.requests)],
    ["events", eventCount === null ? null : String(eventCount.seen)],
    ["origin", view.origin],
  ];
  return all.flatMap(([name, value]) => value ? [[name, cutText(value, MAX_NAME)]] : []);
}

/**
 * @param result After `cleanResult`.
 * @param redact Removes secrets from text that is joined from several events.
 */
export function renderJunit(result: AnyResult, redact: Redact): string {
  const view = viewOf(result);
  const { automationId, repository, repoId } = view;
  const where = repository ?? repoId;
  // A job can work on several automations or repositories, so the name of the suite contains them.
  const name = [
    className(view),
    ...(automationId ? [`of automation ${automationId}`] : []),
    ...(where ? [`in repository ${cutText(where, MAX_NAME)}`] : []),
  ].join(" ");
  return renderSuite({
    name,
    className: className(view),
    beganAt: view.createdAt,
    properties: properties(view),
    cases: cases(view, redact),
  });
}
