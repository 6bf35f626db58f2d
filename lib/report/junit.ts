/**
 * `junit.xml`: the run as a test suite, for the test pages of CI systems. The first case is the verdict, the others are the
 * phases.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import type { AnyResult } from "../result/any_result.ts";
import type { AutomationOutcome } from "../result/automation_result.ts";
import type { Redact } from "../result/clean.ts";
import { headlineOf, headlineText } from "../result/headline.ts";
import { type ResultView, viewOf } from "../result/result_view.ts";
import type { Outcome, Phase } from "../result/run_result.ts";
import { lastLines } from "./log/last_lines.ts";
import { type Case, type Mark, renderSuite } from "./junit_suite.ts";

// `failure`: the run itself failed; `error`: something else kept it from succeeding. Only exit code 0 permits a case that is
// not red.
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
// A run has at most one phase of each name.
const MAX_PHASES = 50;

/** Shown in the column "Suite" of GitLab's page. */
function className({ kind: { noun } }: ResultView): string {
  return `Mogplex ${noun}`;
}

/** A text on one line, for an attribute. */
function oneLine(text: string, maxLength: number): string {
  return cutText(text.replace(/\s+/g, " ").trim(), maxLength);
}

function verdictCase(view: ResultView, redact: Redact): Case {
  const { outcome, exitCode, reason, advice, nextStep, failureCode, resume, task, finalMessage } = view;
  const ofPhases = view.phases.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0);
  // Readers add up the times of all cases: the verdict has what the phases leave of the whole time.
  const passed = { name: "Verdict", timeMs: Math.max(0, view.durationMs - ofPhases) };
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
    ...(resume ? [`Follow it again: ${cutText(resume, MAX_NAME)}`] : []),
    ...(task ? [`Task:\n${cutText(task.trim(), MAX_TASK)}`] : []),
    ...(finalMessage ? [`What the agent said last:\n${cutText(finalMessage, MAX_TASK)}`] : []),
    ...(last.length > 0 ? [`Last lines of the log:\n${last.join("\n")}`] : []),
  ];
  // The text repeats the reason, since several readers show only the text.
  return { ...passed, problem: { mark, type: outcome, message, text: lines.join("\n\n") } };
}

function phaseCase({ name, durationMs }: Phase, reached: boolean, failed: boolean): Case {
  const passed = { name: `Phase ${cutText(name, MAX_NAME)}`, timeMs: durationMs ?? 0 };
  const message = durationMs === null
    ? "Not seen to end"
    : reached
    ? null
    : `The run ${failed ? "failed" : "ended"} in this phase: see its verdict`;
  return message === null ? passed : { ...passed, problem: { mark: "skipped", type: "phase", message, text: message } };
}

function cases(view: ResultView, redact: Redact): Case[] {
  const { phases, outcome } = view;
  // The phase in which a run fails did not pass, but only the verdict counts as a failure.
  const last = outcome === "success" ? undefined : phases.at(-1);
  const failed = outcome === "failed";
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
    ["failed_phase", view.outcome === "failed" ? view.phases.at(-1)?.name ?? null : null],
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
 * Renders the suite. Red for every exit code but 0; a run that was only started is skipped.
 *
 * @param result Result after `cleanResult`.
 * @param redact Removes secrets from text that is joined from several events. @default {no change}
 */
export function renderJunit(result: AnyResult, redact: Redact = (text) => text): string {
  const view = viewOf(result);
  const { automationId, repoId } = view;
  // A job may work on several automations or repositories: their ids tell its suites apart.
  const name = [
    className(view),
    ...(automationId ? [`of automation ${automationId}`] : []),
    ...(repoId ? [`in repository ${repoId}`] : []),
  ].join(" ");
  return renderSuite({
    name,
    className: className(view),
    beganAt: view.createdAt,
    properties: properties(view),
    cases: cases(view, redact),
  });
}
