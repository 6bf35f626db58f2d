/**
 * `junit.xml`: the run as a test suite, for the test pages of CI systems. The first case is the verdict, the others are the
 * phases.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import type { AnyResult } from "../result/any_result.ts";
import type { AutomationOutcome } from "../result/automation_result.ts";
import { type ResultView, viewOf } from "../result/result_view.ts";
import type { Outcome, Phase } from "../result/run_result.ts";
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
const MAX_NAME = 300;
// A run has at most one phase of each name.
const MAX_PHASES = 50;

/** Shown in the column "Suite" of GitLab's page. */
function className({ kind: { noun } }: ResultView): string {
  return `Mogplex ${noun}`;
}

function verdictCase(view: ResultView): Case {
  const { outcome, exitCode, reason, advice, failureCode, resume } = view;
  const ofPhases = view.phases.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0);
  // Readers add up the times of all cases: the verdict has what the phases leave of the whole time.
  const passed = { name: "Verdict", timeMs: Math.max(0, view.durationMs - ofPhases) };
  const red = exitCode === 0 ? null : "error";
  const mark = MARKS[outcome] === "skipped" ? red ?? "skipped" : MARKS[outcome] ?? red;
  if (mark === null) return passed;
  const message = `${view.verdict.headline} (exit code ${exitCode})`;
  const lines = [
    message,
    ...(reason ? [cutText(reason, MAX_FAILURE_TEXT)] : []),
    ...(advice ? [`What to do: ${cutText(advice, MAX_ADVICE)}`] : []),
    ...(failureCode ? [`Failure code: ${cutText(failureCode, MAX_NAME)}`] : []),
    ...(resume ? [`Follow it again: ${cutText(resume, MAX_NAME)}`] : []),
  ];
  // The message is the first line of the text, since several readers show only the text.
  return { ...passed, problem: { mark, type: outcome, message, text: lines.join("\n\n") } };
}

function phaseCase({ name, durationMs }: Phase, reached: boolean): Case {
  const passed = { name: `Phase ${cutText(name, MAX_NAME)}`, timeMs: durationMs ?? 0 };
  const message = durationMs === null
    ? "Not seen to end"
    : reached
    ? null
    : "The run ended in this phase: see its verdict";
  return message === null ? passed : { ...passed, problem: { mark: "skipped", type: "phase", message, text: message } };
}

function cases(view: ResultView): Case[] {
  const { phases, outcome } = view;
  // The phase in which a run fails did not pass, but only the verdict counts as a failure.
  const last = outcome === "success" ? undefined : phases.at(-1);
  return [verdictCase(view), ...phases.slice(0, MAX_PHASES).map((phase) => phaseCase(phase, phase !== last))];
}

function properties(view: ResultView): [string, string][] {
  const { git, eventCount, replayed } = view;
  const all: [string, string | null][] = [
    ["automation_id", view.automationId],
    ["run_id", view.runId],
    ["repository_id", view.repoId],
    ["harness", view.harness],
    ["status", view.status],
    ["outcome", view.outcome],
    ["exit_code", String(view.exitCode)],
    ["failure_code", view.failureCode],
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
 */
export function renderJunit(result: AnyResult): string {
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
    cases: cases(view),
  });
}
