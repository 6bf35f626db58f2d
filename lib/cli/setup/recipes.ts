/**
 * The files that `init` writes: for each CI system the job that runs the program which lies in the repository.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import { RETRY_WHEN } from "../../platforms/gitlab_retry.ts";
import { CHECK, CLEAN, CRON, IMAGE, type Recipe, run, TASK_FILE, TOOL } from "./recipe.ts";
import { SCRIPT_RECIPES } from "./script_recipes.ts";

const RUN_ID = `"$(sed -n 's/^MOGPLEX_RUN_ID=//p' mogplex-ci/outputs.env)"`;
const FOLLOW = `${TOOL} follow ${RUN_ID} --on-timeout cancel`;

const SECRET = '"${{ secrets.MOGPLEX_API_KEY }}"';
const KEEP = `      - if: always()
        uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        with: { name: "mogplex-ci-\${{ github.run_attempt }}", path: "mogplex-ci\\n!mogplex-ci/run.json" }
`;

/** GitHub and its relatives. */
function forge(folder: string, where: string, keep: string, hosts: RegExp): Recipe {
  return {
    file: `${folder}/workflows/mogplex.yml`,
    marks: [folder],
    hosts,
    needs: "secret MOGPLEX_API_KEY",
    repo: '"$GITHUB_REPOSITORY"',
    render: (repo) =>
      `name: Mogplex
on:
  schedule: [{ cron: "${CRON}" }]
  workflow_dispatch:
permissions: { contents: read }
concurrency: { group: mogplex }
jobs:
  mogplex:
    ${where}
    timeout-minutes: 40
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with: { persist-credentials: false }
      - run: ${CHECK}
      - run: exec ${run(repo)}
        env: { MOGPLEX_API_KEY: ${SECRET} }
      - if: always()
        run: ${CLEAN}
        env: { MOGPLEX_API_KEY: ${SECRET}, MOGPLEX_JOB_STATUS: "\${{ job.status }}" }
${keep}`,
  };
}

const DOCKER = `runs-on: docker\n    container: { image: "${IMAGE}" }`;

const circleJob = (name: string, steps: string) =>
  `  ${name}:
    docker: [{ image: "cimg/node:22.11.0" }]
    steps:
      - checkout
${steps}`;
const circleRun = (command: string) => `      - run: |\n          ${command}\n`;
const ATTACH = "      - attach_workspace: { at: . }\n";

/** The systems, by name, in the order in which the repository is asked for them. */
export const RECIPES: ReadonlyMap<string, Recipe> = new Map(Object.entries<Recipe>({
  gitlab: {
    file: ".gitlab-ci.yml",
    beside: "ci/mogplex.gitlab-ci.yml",
    add: "Add to .gitlab-ci.yml:\n\n  include:\n    - local: ",
    hosts: /gitlab/,
    needs: "CI/CD variable MOGPLEX_API_KEY (masked and protected), a pipeline schedule",
    repo: '"$CI_PROJECT_PATH"',
    render: (repo) =>
      `mogplex:
  image: ${IMAGE}
  timeout: 50 minutes
  rules: # without them every push would start an agent, and agents push
    - if: $CI_PIPELINE_SOURCE == "schedule" || $CI_PIPELINE_SOURCE == "web"
  variables: { RUNNER_SCRIPT_TIMEOUT: 40m, RUNNER_AFTER_SCRIPT_TIMEOUT: 2m }
  script:
    - ${CHECK}
    - ${run(repo)} 2>&1 || exit $?
  after_script:
    - ${CLEAN}
  retry: { max: 2, when: [${RETRY_WHEN.join(", ")}], exit_codes: [${EXIT.unavailable}, ${EXIT.rateLimited}] }
  resource_group: mogplex
  artifacts:
    when: always
    access: developer
    paths: [mogplex-ci/]
    exclude: [mogplex-ci/run.json]
    reports:
      dotenv: mogplex-ci/outputs.env
      junit: mogplex-ci/junit.xml
      annotations: mogplex-ci/annotations.json
      metrics: mogplex-ci/metrics.txt
`,
  },
  github: forge(".github", "runs-on: ubuntu-24.04", KEEP, /github/),
  forgejo: forge(".forgejo", DOCKER, "", /codeberg|forgejo/),
  gitea: forge(".gitea", DOCKER, "", /gitea/),
  woodpecker: {
    file: ".woodpecker/mogplex.yaml",
    marks: [".woodpecker", ".woodpecker.yml", ".woodpecker.yaml"],
    needs: "secret mogplex_api_key, a cron job mogplex",
    render: (repo) =>
      `when:
  - { event: cron, cron: mogplex }
  - event: manual
steps:
  - name: mogplex
    image: ${IMAGE}
    environment: { MOGPLEX_API_KEY: { from_secret: mogplex_api_key } }
    commands:
      - ${CHECK}
      - code=0
      - ${run(repo)} --on-timeout cancel || code=$?
      - ${CLEAN} --always
      - exit "$code"
`,
  },
  azure: {
    file: "azure-pipelines.yml",
    beside: "ci/mogplex.azure-pipelines.yml",
    add: "Create a pipeline from ",
    hosts: /dev\.azure|visualstudio/,
    needs: "secret variable MOGPLEX_API_KEY of the pipeline",
    render: (repo) =>
      `trigger: none
pr: none
schedules:
  - { cron: "${CRON}", displayName: Mogplex, branches: { include: [main] }, always: true }
pool: { vmImage: ubuntu-24.04 }
jobs:
  - job: mogplex
    timeoutInMinutes: 40
    cancelTimeoutInMinutes: 5
    steps:
      - checkout: self
      - bash: ${CHECK}
      - bash: exec ${run(repo)}
        env: { MOGPLEX_API_KEY: "$(MOGPLEX_API_KEY)" }
      - bash: ${CLEAN}
        condition: always()
        env: { MOGPLEX_API_KEY: "$(MOGPLEX_API_KEY)" }
`,
  },
  bitbucket: {
    file: "bitbucket-pipelines.yml",
    beside: "ci/mogplex.bitbucket-pipelines.yml",
    add: "Copy the pipeline below `custom:` into bitbucket-pipelines.yml from ",
    hosts: /bitbucket/,
    needs: "secured repository variable MOGPLEX_API_KEY, a schedule",
    render: (repo) =>
      `image: ${IMAGE}
pipelines:
  custom:
    mogplex:
      - step:
          name: Start the agent
          script:
            - ${CHECK}
            - ${run(repo, "--detach")}
          artifacts: [mogplex-ci/outputs.env]
      - step:
          name: Follow the agent
          max-time: 40
          script:
            - ${FOLLOW} --out test-results --state mogplex-ci/run.json
          artifacts: ["test-results/**"]
      - final:
          name: Cancel the agent if it is still at work
          script:
            - ${TOOL} runs cancel ${RUN_ID}
`,
  },
  buildkite: {
    file: ".buildkite/mogplex.yml",
    marks: [".buildkite"],
    needs: "secret MOGPLEX_API_KEY, and a pipeline that runs: buildkite-agent pipeline upload .buildkite/mogplex.yml",
    render: (repo) =>
      `steps:
  - label: Mogplex
    key: mogplex
    secrets: [MOGPLEX_API_KEY]
    command:
      - ${CHECK}
      - ${run(repo)}
    timeout_in_minutes: 40
    retry: { automatic: [{ exit_status: ${EXIT.unavailable}, limit: 2 }] }
    artifact_paths: [mogplex-ci/result.json, mogplex-ci/junit.xml, mogplex-ci/summary.md]
`,
  },
  circleci: {
    file: ".circleci/config.yml",
    beside: "ci/mogplex.circleci.yml",
    add: "Copy jobs and workflow into .circleci/config.yml from ",
    marks: [".circleci"],
    needs: "context mogplex with MOGPLEX_API_KEY, a schedule trigger",
    render: (repo) =>
      `version: 2.1
jobs:
${
        circleJob(
          "mogplex-start",
          circleRun(CHECK) + circleRun(run(repo, "--detach")) +
            "      - persist_to_workspace: { root: ., paths: [mogplex-ci/outputs.env] }\n",
        )
      }${
        circleJob(
          "mogplex-follow",
          `${ATTACH}${circleRun(`${FOLLOW} --out reports --state mogplex-ci/run.json`)}` +
            "      - store_test_results: { path: reports/junit.xml }\n      - store_artifacts: { path: reports }\n",
        )
      }${circleJob("mogplex-cancel", ATTACH + circleRun(`${TOOL} runs cancel ${RUN_ID}`))}workflows:
  mogplex:
    jobs:
      - mogplex-start: { context: mogplex }
      - mogplex-follow: { context: mogplex, requires: [mogplex-start] }
      - mogplex-cancel:
          context: mogplex
          requires: [{ mogplex-follow: canceled }]
`,
  },
  ...SCRIPT_RECIPES,
}));

/** The job of a system, under two lines that say what it is. */
export function jobFile({ file, needs, repo, render }: Recipe, name: string | undefined): string {
  const sign = /^Jenkinsfile$|\.kts$/.test(file) ? "//" : "#";
  const given = name === undefined ? repo : name;
  const variable = given === undefined ? ", variable MOGPLEX_REPO_ID (owner/name)" : "";
  return `${sign} Written by mogplex-ci init. On Mondays, or by hand, an agent does the task in ${TASK_FILE}.
${sign} Needs: ${needs}${variable}.
${render(given === undefined ? "" : ` --repo ${given}`)}`;
}
