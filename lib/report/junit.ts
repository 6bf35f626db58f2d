/**
 * `junit.xml`: the run as a test suite, for the pages that CI systems have for tests. The first case is the verdict, the others
 * are the phases.
 *
 * Readers compare suites of different pipelines by the names of suite and cases (GitLab does, to tell a new failure from an old
 * one), so no name holds anything that differs from run to run.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { escapeMarkup } from "../text/escape/markup.ts";
import type { Outcome, Phase, RunResult } from "../result/run_result.ts";
import { OUTCOMES } from "../result/words.ts";

/** What a case that did not pass has inside. */
type Kind = "failure" | "error" | "skipped";

type Attributes = Readonly<Record<string, string | null>>;

interface Case {
  readonly name: string;
  readonly timeMs: number;
  /** Absent when it passed. `type` is never a word of others: GitLab's converter reads `yaml` or `file` there as an order. */
  readonly problem?: { readonly kind: Kind; readonly type: string; readonly message: string; readonly text: string };
}

// A failure is the run's own; an error is a verdict that is missing. Only what ends with 0 may be anything else than red.
const KINDS: Readonly<Record<Outcome, Kind | null>> = {
  success: null,
  failed: "failure",
  cancelled: "error",
  awaiting_input: "error",
  deadline: "error",
  interrupted: "error",
  started: "skipped",
  error: "error",
};
// The column "Suite" of GitLab's page shows it.
const CLASS = "Mogplex run";
// The file is far below the 30 MB that GitLab reads.
const MAX_REASON = 50_000;
const MAX_NAME = 300;
// No run has more than one phase of each kind.
const MAX_PHASES = 50;

function verdict(result: RunResult): Case {
  const { outcome, exitCode, reason, failureCode, resume } = result;
  const ofPhases = result.phases.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0);
  // Readers add up the cases: the phases have their time, the verdict has the rest of ours.
  const passed = { name: "Verdict", timeMs: Math.max(0, result.durationMs - ofPhases) };
  const red = exitCode === 0 ? null : "error";
  const kind = KINDS[outcome] === "skipped" ? red ?? "skipped" : KINDS[outcome] ?? red;
  if (kind === null) return passed;
  const message = `${OUTCOMES[outcome].words} (exit code ${exitCode})`;
  const lines = [
    message,
    ...(reason ? [cutText(reason, MAX_REASON)] : []),
    ...(failureCode ? [`Failure code: ${cutText(failureCode, MAX_NAME)}`] : []),
    ...(resume ? [`Look at it again: ${cutText(resume, MAX_NAME)}`] : []),
  ];
  // Several readers show the text and nothing else, so the message is its first line.
  return { ...passed, problem: { kind, type: outcome, message, text: lines.join("\n\n") } };
}

function phaseCase({ name, durationMs }: Phase, reached: boolean): Case {
  const passed = { name: `Phase ${cutText(name, MAX_NAME)}`, timeMs: durationMs ?? 0 };
  const message = durationMs === null
    ? "Not seen to end"
    : reached
    ? null
    : "The run ended in this phase: see its verdict";
  return message === null ? passed : { ...passed, problem: { kind: "skipped", type: "phase", message, text: message } };
}

function cases(result: RunResult): Case[] {
  const { phases, outcome } = result;
  // A phase in which a run fails did not pass, but the failure is told once: by the verdict.
  const last = outcome === "success" ? undefined : phases.at(-1);
  return [verdict(result), ...phases.slice(0, MAX_PHASES).map((phase) => phaseCase(phase, phase !== last))];
}

function properties(result: RunResult): [string, string][] {
  const { branch, pullRequest, replayed } = result;
  const all: [string, string | null][] = [
    ["run_id", result.runId],
    ["repository_id", result.repoId],
    ["harness", result.harness],
    ["status", result.status],
    ["outcome", result.outcome],
    ["exit_code", String(result.exitCode)],
    ["failure_code", result.failureCode],
    ["branch", branch.pushed],
    ["base_branch", branch.base],
    ["pull_request", pullRequest.url ?? pullRequest.state],
    ["replayed", replayed === null ? null : String(replayed)],
    ["idempotency_key", result.idempotencyKey],
    ["requests", String(result.requests)],
    ["events", String(result.eventCount.seen)],
    ["origin", result.origin],
  ];
  return all.flatMap(([name, value]) => value ? [[name, cutText(value, MAX_NAME)]] : []);
}

function tag(name: string, attributes: Attributes): string {
  const written = Object.entries(attributes).filter(([, value]) => value !== null)
    .map(([key, value]) => ` ${key}="${escapeMarkup(value ?? "")}"`);
  return `${name}${written.join("")}`;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}

/** The form without a zone that the format has. */
function timestamp(time: string | null): string | null {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) ? null : /^\d{4}-.{14}/.exec(new Date(ms).toISOString())?.[0] ?? null;
}

function renderCase({ name, timeMs, problem }: Case): string[] {
  const open = tag("testcase", { classname: CLASS, name, time: seconds(timeMs) });
  if (problem === undefined) return [`    <${open}/>`];
  const { kind, type, message, text } = problem;
  return [
    `    <${open}>`,
    `      <${tag(kind, { message, type })}>${escapeMarkup(text)}</${kind}>`,
    "    </testcase>",
  ];
}

/**
 * Renders the suite. Red for every exit code but 0; a run that was only started is skipped.
 *
 * Source: GitLab, lib/gitlab/ci/parsers/test/junit.rb and "Unit test reports"; the schema of Jenkins' xUnit plugin.
 *
 * @param result Result after `cleanResult`.
 */
export function renderJunit(result: RunResult): string {
  const all = cases(result);
  const count = (kind: Kind) => String(all.filter(({ problem }) => problem?.kind === kind).length);
  const totals = {
    tests: String(all.length),
    failures: count("failure"),
    errors: count("error"),
    time: seconds(all.reduce((sum, { timeMs }) => sum + timeMs, 0)),
  };
  // The repository tells apart the suites of a job that works on several.
  const name = result.repoId ? `${CLASS} in repository ${result.repoId}` : CLASS;
  const suite = { name, ...totals, skipped: count("skipped"), timestamp: timestamp(result.createdAt) };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<${tag("testsuites", { name: "Mogplex", ...totals })}>`,
    `  <${tag("testsuite", suite)}>`,
    "    <properties>",
    ...properties(result).map(([key, value]) => `      <${tag("property", { name: key, value })}/>`),
    "    </properties>",
    ...all.flatMap(renderCase),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}
