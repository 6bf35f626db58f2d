/**
 * A test suite in JUnit's XML, as the test pages of CI systems read it.
 *
 * Readers compare suites of different pipelines by the names of suite and cases (GitLab does, to tell a new failure from an old
 * one), so a name must not contain anything that differs from run to run.
 *
 * Source: GitLab, lib/gitlab/ci/parsers/test/junit.rb and "Unit test reports"; the schema of Jenkins' xUnit plugin.
 *
 * @module
 */
import { escapeMarkup } from "../text/escape/markup.ts";

/** Element of a case that did not pass. */
export type Mark = "failure" | "error" | "skipped";

/** A case of a suite. */
export interface Case {
  /** Unique in its suite: GitLab drops the second of two cases of one name. */
  readonly name: string;
  /** Milliseconds. */
  readonly timeMs: number;
  /** Absent when it passed. `type` is always a word of ours: GitLab's converter obeys `yaml` and `file` there. */
  readonly problem?: { readonly mark: Mark; readonly type: string; readonly message: string; readonly text: string };
}

/** A suite. Names and values must have passed `plainText`. */
export interface Suite {
  /** Tells the suites of a pipeline apart. */
  readonly name: string;
  /** Shown in the column "Suite" of GitLab's page. */
  readonly className: string;
  /** When the work began, in ISO 8601; null when that is not known. */
  readonly beganAt: string | null;
  /** Facts about the whole suite; those with an empty value are left out by the caller. */
  readonly properties: readonly (readonly [name: string, value: string])[];
  /** Its cases. */
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

/** A time without its zone, for which the format has no place. */
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

/** Renders a file with one suite. */
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
