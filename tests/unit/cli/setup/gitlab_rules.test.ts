/** The jobs that a schedule or a trigger starts. gitlab-ci-local lists the same ones in `tests/matrix/components/examples.test.ts`. */
import { expect, test } from "bun:test";
import { startingJobs } from "../../../../lib/cli/setup/gitlab_rules.ts";

const POLL = { MOGPLEX_SCHEDULE: "respond" };

/** Which of the pipelines of `respond` start a job with these lines. */
function starts(lines: string, more: Record<string, string> = {}): string {
  const files: Record<string, string> = { ".gitlab-ci.yml": `x:\n  script: [make]\n${lines}`, ...more };
  const has = (source: string, variables = {}) => startingJobs((path) => files[path], source, variables).includes("x");
  return [has("trigger") ? "trigger" : "", has("schedule", POLL) ? "schedule" : ""].join(" ").trim();
}

const BOTH = "trigger schedule";
const rule = (condition: string, when = "") =>
  `  rules:\n    - if: ${condition}\n${when === "" ? "" : `      when: ${when}\n`}`;

test.each(
  [
    ["", BOTH],
    ["  when: manual\n", ""],
    [rule("$CI_PIPELINE_SOURCE == 'schedule'"), "schedule"],
    [rule('$CI_PIPELINE_SOURCE != "schedule"'), "trigger"],
    [rule("$CI_PIPELINE_SOURCE =~ /^(schedule|web)$/"), "schedule"],
    [rule("$CI_PIPELINE_SOURCE !~ /^(schedule|trigger)$/"), ""],
    [rule("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"), BOTH],
    [rule('$CI_COMMIT_BRANCH == "main"'), BOTH],
    [rule("$CI_COMMIT_TAG"), ""],
    [rule("$CI_COMMIT_TAG == null && $MOGPLEX_SCHEDULE"), "schedule"],
    [rule("($CI_COMMIT_TAG || $CI_PIPELINE_SOURCE == 'push') && $DEPLOY"), ""],
    [rule("$DEPLOY"), BOTH],
    [rule("$CI_MERGE_REQUEST_IID || $CI_PIPELINE_SOURCE == 'trigger'"), "trigger"],
    [
      `${rule('$CI_PIPELINE_SOURCE == "trigger" || $MOGPLEX_SCHEDULE == "respond"', "never")}    - when: on_success\n`,
      "",
    ],
    [`${rule("$MOGPLEX_SCHEDULE", "never")}    - if: $CI_PIPELINE_SOURCE == 'schedule'\n`, ""],
    [`${rule("$DEPLOY", "never")}    - if: $CI_PIPELINE_SOURCE == 'schedule'\n`, "schedule"],
    [rule("$CI_PIPELINE_SOURCE == 'schedule'", "manual"), ""],
    ["  rules:\n    - changes: [a.ts]\n", BOTH],
    ["  rules: [!reference [.a, rules]]\n", BOTH],
    [rule("$CI_PIPELINE_SOURCE == "), ""],
    ["  only: [merge_requests, tags]\n", ""],
    ["  only: [schedules]\n", "schedule"],
    ["  only: { refs: [main] }\n", BOTH],
    ["  except: [schedules, triggers]\n", ""],
    ["  extends: .a\n.a:\n  rules: [{ if: $CI_COMMIT_TAG }]\n", ""],
    [
      "  extends: [.a, .b]\n.a: { tags: [x] }\n.b: { extends: .c }\n.c: { rules: [{ if: $MOGPLEX_SCHEDULE }] }\n",
      "schedule",
    ],
    ["  extends: .x\n.x: { extends: .x }\n", BOTH],
    ["  <<: *a\n", ""],
    [".a: &a { rules: [{ if: $CI_COMMIT_TAG }] }\ny:\n  script: [make]\n  <<: *a\n", BOTH],
  ] as const,
)("startingJobs() of a job with %j: %s", (lines, expected) => {
  expect(starts(lines)).toBe(expected);
});

test("startingJobs() reads the files that the pipeline includes, and no hidden jobs, settings or jobs without a script", () => {
  const files: Record<string, string> = {
    ".gitlab-ci.yml":
      "include: [{ local: ci/a.yml }]\ndefault: { script: [a] }\n.hidden: { script: [a] }\nempty: {}\n" +
      "own: { script: [a] }\ncalls: { trigger: { include: b.yml } }\na: { rules: [{ when: never }] }\n",
    "ci/a.yml": "include: /.gitlab-ci.yml\na: { script: [a] }\nb: { script: [b] }\n",
  };
  expect(startingJobs((path) => files[path], "trigger").toSorted()).toEqual(["b", "calls", "own"]);
  expect(startingJobs(() => undefined, "trigger")).toEqual([]);
  expect(startingJobs(() => "x: [", "trigger")).toEqual([]);
});
