/** The jobs that a schedule or a trigger starts. gitlab-ci-local lists the same ones in `tests/matrix/components/examples.test.ts`. */
import { expect, test } from "bun:test";
import { predictPipeline } from "../../../../lib/cli/setup/gitlab_rules.ts";

const POLL = { MOGPLEX_SCHEDULE: "respond" };

/** Which of the pipelines of `respond` start a job with these lines. */
function starts(lines: string, more: Record<string, string> = {}): string {
  const files: Record<string, string> = { ".gitlab-ci.yml": `x:\n  script: [make]\n${lines}`, ...more };
  const has = (source: string, variables = {}) =>
    predictPipeline({ read: (path) => files[path], source, variables }).jobs.includes("x");
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
    ["  rules: [!reference [.a, rules]]\n.a:\n  rules: [{ if: $CI_COMMIT_TAG }]\n", ""],
    ["  rules: !reference [.a, rules]\n.a:\n  rules: [!reference [.b]]\n.b: [{ if: $MOGPLEX_SCHEDULE }]\n", "schedule"],
    [
      "  rules:\n    - !reference [.a, rules]\n    - if: $CI_PIPELINE_SOURCE == 'schedule'\n" +
      ".a: { rules: [{ if: $MOGPLEX_SCHEDULE, when: never }] }\n",
      "",
    ],
    ["  rules: !reference [x, rules]\n", BOTH],
    [rule("$CI_PIPELINE_SOURCE == "), ""],
    ["  only: [merge_requests, tags]\n", ""],
    ["  only: [schedules]\n", "schedule"],
    ["  only: { refs: [main] }\n", BOTH],
    ["  except: [schedules, triggers]\n", ""],
    [`  except: { refs: [triggers], variables: ['$MOGPLEX_SCHEDULE == "respond"'] }\n`, ""],
    ["  except: { variables: [$MOGPLEX_SCHEDULE, $DEPLOY] }\n", "trigger"],
    ["  except: { variables: [$DEPLOY] }\n", BOTH],
    ["  extends: .a\n.a:\n  rules: [{ if: $CI_COMMIT_TAG }]\n", ""],
    [
      "  extends: [.a, .b]\n.a: { tags: [x] }\n.b: { extends: .c }\n.c: { rules: [{ if: $MOGPLEX_SCHEDULE }] }\n",
      "schedule",
    ],
    ["  extends: .x\n.x: { extends: .x }\n", BOTH],
    ["  <<: *a\n", ""],
    [".a: &a { rules: [{ if: $CI_COMMIT_TAG }] }\ny:\n  script: [make]\n  <<: *a\n", BOTH],
  ] as const,
)("predictPipeline() of a job with %j: %s", (lines, expected) => {
  expect(starts(lines)).toBe(expected);
});

test("predictPipeline() reads the files that the pipeline includes, and no hidden jobs, settings or jobs without a script", () => {
  const files: Record<string, string> = {
    ".gitlab-ci.yml":
      "include: [{ local: ci/a.yml }]\ndefault: { script: [a] }\n.hidden: { script: [a] }\nempty: {}\n" +
      "own: { script: [a] }\ncalls: { trigger: { include: b.yml } }\na: { rules: [{ when: never }] }\n",
    "ci/a.yml": "include: /.gitlab-ci.yml\na: { script: [a] }\nb: { script: [b] }\n",
  };
  const jobsOf = (read: (path: string) => string | undefined) => predictPipeline({ read, source: "trigger" }).jobs;
  expect(jobsOf((path) => files[path]).toSorted()).toEqual(["b", "calls", "own"]);
  expect(jobsOf(() => undefined)).toEqual([]);
  expect(jobsOf(() => "x: [")).toEqual([]);
});

const MERGE_REQUESTS = "workflow:\n  rules:\n    - if: $CI_PIPELINE_SOURCE == 'merge_request_event'\n";

// The rules are those of GitLab's documentation ("GitLab CI/CD workflow keyword") and of its template Workflows/Branch-Pipelines.
test.each(
  [
    ["", true],
    ["workflow: { name: x }\n", true],
    [MERGE_REQUESTS, false],
    [`${MERGE_REQUESTS}    - if: $CI_PIPELINE_SOURCE == 'push' && $CI_COMMIT_BRANCH\n`, false],
    [`${MERGE_REQUESTS}    - if: $CI_COMMIT_BRANCH\n`, true],
    [
      `${MERGE_REQUESTS}    - if: $CI_COMMIT_BRANCH && $CI_OPEN_MERGE_REQUESTS\n      when: never\n    - when: always\n`,
      true,
    ],
    [`${MERGE_REQUESTS}    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH\n`, true],
    [`${MERGE_REQUESTS}    - if: $CI_COMMIT_BRANCH == "main"\n`, undefined],
    [`${MERGE_REQUESTS}    - if: $RELEASE\n`, undefined],
    [
      "workflow:\n  rules:\n    - if: $CI_COMMIT_TITLE =~ /-draft$/\n      when: never\n    - if: $CI_COMMIT_BRANCH\n",
      true,
    ],
    ["workflow:\n  rules:\n    - !reference [.rules, all]\n", undefined],
    [
      "workflow:\n  rules:\n    - if: $CI_PIPELINE_SOURCE == 'schedule'\n      when: never\n    - when: always\n",
      false,
    ],
    ["workflow:\n  rules:\n    - if: $MOGPLEX_SCHEDULE\n    - when: never\n", true],
    ["workflow:\n  rules:\n    - changes: [src/**/*]\n", undefined],
    ["workflow:\n  rules: []\n", false],
    ["include: ci/a.yml\nworkflow: { name: x }\n", false],
    ["include: ci/a.yml\nworkflow: { rules: [{ when: always }] }\n", true],
    ["include: [{ local: ci/a.yml, rules: [{ if: $MOGPLEX_SCHEDULE == null }] }]\n", true],
  ] as const,
)("predictPipeline() of a schedule with %j: created is %p", (text, expected) => {
  const files: Record<string, string> = { ".gitlab-ci.yml": text, "ci/a.yml": MERGE_REQUESTS };
  const query = { read: (path: string) => files[path], source: "schedule", variables: { MOGPLEX_SCHEDULE: "run" } };
  expect(predictPipeline(query).isCreated).toBe(expected);
});

test("predictPipeline() compares with the name of the default branch if it is given", () => {
  const text = `${MERGE_REQUESTS}    - if: $CI_COMMIT_BRANCH == "main"\n`;
  const isCreated = (branch: string) => predictPipeline({ read: () => text, source: "schedule", branch }).isCreated;
  expect([isCreated("main"), isCreated("master")]).toEqual([true, false]);
});

test("predictPipeline() names the included files that it cannot read, without secrets, and skips includes whose rules keep them out", () => {
  const files: Record<string, string> = {
    ".gitlab-ci.yml": `include:
  - template: Jobs/SAST.gitlab-ci.yml
  - { project: acme/ci, ref: v1, file: [a.yml, b.yml] }
  - { project: acme/ci, file: c.yml }
  - remote: https://kim:secret@ci.example/x.yml?token=secret
  - component: $CI_SERVER_FQDN/acme/scan/scan@1
  - local: ci/*.yml
  - https://ci.example/y.yml
  - { template: Never.gitlab-ci.yml, rules: [{ if: $MOGPLEX_SCHEDULE == null }] }
  - { local: ci/pipeline.yml, rules: [{ if: $MOGPLEX_SCHEDULE == null }] }
  - { local: ci/more.yml, rules: [{ if: $MORE }] }
`,
    "ci/pipeline.yml": "build: { script: [make] }\n",
    "ci/more.yml": "more: { script: [make] }\n",
  };
  const query = { read: (path: string) => files[path], source: "schedule", variables: { MOGPLEX_SCHEDULE: "run" } };
  expect(predictPipeline(query)).toEqual({
    isCreated: true,
    jobs: ["more"],
    unreadable: [
      "Jobs/SAST.gitlab-ci.yml",
      "acme/ci",
      "https://ci.example/x.yml",
      "$CI_SERVER_FQDN/acme/scan/scan@1",
      "ci/*.yml",
      "https://ci.example/y.yml",
    ],
  });
});

test("predictPipeline() fills in the inputs of an included file, once for each include", () => {
  const rules = "[{ if: $CI_PIPELINE_SOURCE == 'push' }]";
  const files: Record<string, string> = {
    ".gitlab-ci.yml": `include:
  - { local: ci/run.yml }
  - { local: ci/run.yml, inputs: { job-name: nightly, rules: [{ if: $CI_PIPELINE_SOURCE == "schedule" }] } }
  - { local: ci/run.yml, inputs: { job-name: all, rules: [{ when: always }] } }
`,
    "ci/run.yml": `spec:
  inputs:
    job-name: { default: agent }
    rules: { type: array, default: ${rules} }
    image: {}
---
".base:$[[ inputs.job-name ]]": { image: "$[[ inputs.image ]]" }
"$[[ inputs.job-name ]]-run":
  script: [make]
  rules: $[[ inputs.rules ]]
`,
  };
  expect(predictPipeline({ read: (path) => files[path], source: "schedule" }).jobs).toEqual(["nightly-run", "all-run"]);
});
