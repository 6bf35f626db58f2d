import { RETRY_WHEN } from "../../ci/gitlab_retry.ts";
import { NODE_IMAGE, NODE_VERSION } from "../../ci/node_image.ts";
import { EXIT } from "../../exit_codes.ts";
import type { CheckSchedule } from "../../respond/checks.ts";
import { MENTION_WORD } from "../settings.ts";

const FOLDER = "ci";
export const PROGRAM_FILE = `${FOLDER}/mogplex.mjs`;
export const CHECKSUM_FILE = `${PROGRAM_FILE}.sha256`;
/** The first lines of the program refer to this file by name. */
export const LICENSES_FILE = `${PROGRAM_FILE}.licenses.txt`;
/** GitLab only reads this file in the root directory. */
export const ATTRIBUTES_FILE = ".gitattributes";
export const ATTRIBUTES = `${PROGRAM_FILE} linguist-generated gitlab-generated\n`;
export const TASK_FILE = `${FOLDER}/mogplex-task.md`;

/** The task must be harmless, because users may run it unchanged. */
export const TASK = "Update minor and patch versions of all dependencies and run the tests. Keep what passes.\n";

const VERIFY = `(cd ${FOLDER} && sha256sum -c mogplex.mjs.sha256)`;
/** Must be a plain YAML scalar that is also valid inside single and triple quotes. */
const CHECK =
  `${VERIFY} || { echo "ci/mogplex.mjs has changed; see git log ci, or replace it with npm --prefix ../mogplex-ci run init -- --update --force"; exit ${EXIT.internal}; }`;
/** Some systems keep the workspace, so reports of an earlier build could be mistaken for reports of this build. */
const EMPTY = "rm -rf mogplex-ci";
export const TOOL = `node ${PROGRAM_FILE}`;
/**
 * Cancels a run that a job left behind. The command verifies the program again, because it also runs after a failed check. A modified program would
 * receive the token.
 */
const CLEAN = `${VERIFY} && ${TOOL} cleanup`;
/**
 * {@linkcode CLEAN} for a step that also runs after a failed checkout. Without the condition, the step would also fail, and its error would be the
 * last error in the log.
 */
const cleanIfPresent = (flags = "") => `if test -f ${PROGRAM_FILE}; then ${CLEAN}${flags}; fi`;
/** Mondays at 06:17 UTC. */
const CRON = "17 6 * * 1";

/** In UTC, at minutes when few other schedules start. */
const POLL_CRON = { hourly: "23 * * * *", daily: "23 5 * * *" } as const;

const KEYS_PAGE = "Settings > Mogplex Keys";
const MAKE_TOKEN = `Create a token in the Mogplex app (${KEYS_PAGE}) with the read and write scopes.`;
const LABEL = `the label ${MENTION_WORD}, if you created it`;

export const TOKEN = `the token of this repository in the Mogplex app: ${KEYS_PAGE}`;

const LOST = [
  "If a start gets no response, it is retried only until its job ends.",
  "If a job is killed, its note stays unfinished until somebody mentions the agent in the same thread, at least 5 minutes after the run has ended.",
];

export interface Recipe {
  title: string;
  /** Path at which the system looks for the file. Empty if no job is written. */
  file: string;
  /** Path of the file if the system's own file already exists. `undefined` if the system reads any number of files. */
  beside?: string;
  /** The instruction before the name of the file, if the system's own file already exists. For GitLab, the text depends on the pipeline. */
  add?: string;
  marks?: readonly string[];
  hosts?: RegExp;
  needs: string;
  /** Whether the file schedules the job. Otherwise, the user creates the schedule. */
  weekly?: boolean;
  /** Shell expression for the repository if its name is unknown. `undefined` if the job needs the variable MOGPLEX_REPO_ID. */
  repo?: string;
  /**
   * @param repo The flag for the repository, after a space. Empty if a variable names the repository.
   * @param stage The line with the stage of the job, for GitLab.
   */
  render(repo: string, stage: string): string;
  /** How to prepare what `needs` lists, before the commit. A step can have several lines. Indented lines are for copying. */
  steps: readonly string[];
  /** What to do after the commit. Before the job exists, these steps would start other jobs or do nothing. */
  laterSteps?: readonly string[];
  /** Things that the user created outside the repository. `init` cannot remove them. */
  remains: readonly string[];
  /** The job for `init --respond`. `undefined` if comments cannot start jobs of the system. */
  respond?(
    schedule: CheckSchedule,
    mention: string,
  ): Pick<Recipe, "file" | "beside" | "needs" | "render" | "steps" | "laterSteps" | "remains" | "trial"> & {
    readonly lost: readonly string[];
  };
  trial?: string;
  does?: string;
}

const run = (repo: string, verb = "--follow") => `${TOOL} run ${verb}${repo} --prompt-file ${TASK_FILE}`;

const KEEPS_HISTORY = " --history mogplex-ci/runs.ndjson";

// A list, because the bundler treats a template line that begins with "import" as an import of this file.
const KOTLIN = ["*", "buildSteps.script", "triggers.schedule", "triggers.ScheduleTrigger"]
  .map((name) => `import jetbrains.buildServer.configs.kotlin.${name}\n`).join("");

const SCRIPT_RECIPES: Readonly<Record<string, Recipe>> = {
  jenkins: {
    title: "Jenkins",
    file: "Jenkinsfile",
    beside: "ci/mogplex.Jenkinsfile",
    add: "Create a Pipeline job with the script path ",
    needs:
      "a secret text credential mogplex-api-key, Node 20.11 or later (or Bun) on the agent, the plugins Pipeline, Git, Credentials Binding and JUnit",
    steps: [
      MAKE_TOKEN,
      "Store it as a credential of the kind Secret text with the ID mogplex-api-key: Manage Jenkins > Credentials.",
      "Install Node 20.11 or later on the agent. For Bun, see docs/other-runners.md.",
    ],
    remains: ["the credential mogplex-api-key: Manage Jenkins > Credentials"],
    weekly: true,
    render: (repo) =>
      `pipeline {
  agent { label 'linux' }
  triggers { cron('H 6 * * 1') }
  options {
    timeout(time: 100, unit: 'MINUTES') // up to three attempts
    disableConcurrentBuilds()
  }
  environment { MOGPLEX_API_KEY = credentials('mogplex-api-key') }
  stages {
    stage('Mogplex') {
      steps {
        sh '${EMPTY}; ${CHECK}'
        // ${EXIT.unavailable}: the service is down; ${EXIT.rateLimited}: no starts are left. If an attempt has started a run, the next attempt attaches to it.
        // When the build is aborted, the command cancels the run; the trap keeps the shell alive until then.
        sh '''
          set +e
          trap 'stopped=yes' TERM
          for pause in 60 300 0; do
            ${run(repo)}
            code=$?
            case "$code" in
              ${EXIT.unavailable} | ${EXIT.rateLimited}) sleep "$pause" ;;
              *) break ;;
            esac
            test -z "$stopped" || break
          done
          exit "$code"
        '''
      }
      post {
        always {
          // If the build is aborted during a pause, the last run might still be active. Without --always, cleanup would not cancel it.
          withEnv(["MOGPLEX_JOB_STATUS=\${currentBuild.currentResult}"]) {
            sh 'if test "$MOGPLEX_JOB_STATUS" = ABORTED; then set -- --always; fi; ${cleanIfPresent(' "$@"')}'
          }
          junit allowEmptyResults: true, testResults: 'mogplex-ci/junit.xml'
          archiveArtifacts allowEmptyArchive: true, artifacts: 'mogplex-ci/**', excludes: 'mogplex-ci/run.json'
        }
      }
    }
  }
}
`,
  },
  teamcity: {
    title: "TeamCity",
    file: ".teamcity/settings.kts",
    beside: "ci/mogplex.teamcity.kts",
    add: "Copy the object Mogplex into .teamcity/settings.kts, with buildType(Mogplex) in the project, from ",
    marks: [".teamcity"],
    needs: "parameter mogplex.api.key (type password) of the project, Node 20.11 or later on the agent",
    steps: [
      MAKE_TOKEN,
      "Store it as the parameter mogplex.api.key of the type Password: project settings > Parameters.",
      "Install Node 20.11 or later on the agent.",
    ],
    remains: ["the parameter mogplex.api.key: project settings > Parameters"],
    weekly: true,
    render: (repo) =>
      `${KOTLIN}
version = "2025.03"

project {
    buildType(Mogplex)
}

object Mogplex : BuildType({
    name = "Mogplex"
    maxRunningBuilds = 1
    artifactRules = """
        +:mogplex-ci => mogplex-ci
        -:mogplex-ci/run.json
    """.trimIndent()
    vcs { root(DslContext.settingsRoot) }
    params { param("env.MOGPLEX_API_KEY", "%mogplex.api.key%") }
    steps {
        script { scriptContent = """${EMPTY}; ${CHECK}""" }
        script { scriptContent = """exec ${run(repo)} --on-timeout cancel""" }
        script {
            executionMode = BuildStep.ExecutionMode.ALWAYS
            scriptContent = """${cleanIfPresent(" --always")}"""
        }
    }
    triggers {
        schedule {
            schedulingPolicy = weekly {
                dayOfWeek = ScheduleTrigger.DAY.Monday
                hour = 6
            }
            triggerBuild = always()
        }
    }
    failureConditions { executionTimeoutMin = 40 }
})
`,
  },
};

/** GitLab condition that is true unless a schedule for a job of `init` started the pipeline. */
export const OTHER_PIPELINES = "$MOGPLEX_SCHEDULE == null";
const notOfRespond = (schedule: CheckSchedule) =>
  `$CI_PIPELINE_SOURCE != "trigger"${schedule === "none" ? "" : ` && ${OTHER_PIPELINES}`}`;

/**
 * How to keep other jobs out of the GitLab pipelines for a job of `init`. Rules in the other jobs would not always work. A rule in a job without
 * rules would add the job to the pipelines of merge requests. A job with `only` or `except` cannot have rules.
 * @param condition Selects the pipelines that run the other jobs.
 */
export const keepOthersOut = (condition: string) =>
  `move all other jobs to a file, such as ci/pipeline.yml, and include it in .gitlab-ci.yml with a rule:

  include:
    - local: ci/pipeline.yml
      rules:
        - if: ${condition}

Other includes that have jobs need the same rule. Keep stages, default and variables in .gitlab-ci.yml.`;

const RUN_ID = `"$(sed -n 's/^MOGPLEX_RUN_ID=//p' mogplex-ci/outputs.env)"`;
const FOLLOW = `${VERIFY} && ${TOOL} follow ${RUN_ID} --on-timeout cancel`;
const CANCEL = `${VERIFY} && ${TOOL} runs cancel ${RUN_ID}`;

const SECRET = '"${{ secrets.MOGPLEX_API_KEY }}"';
/** By default, the local runner `act` cannot store artifacts. */
const KEEP = `      - name: Keep the reports
        if: always() && !env.ACT
        uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        with: { name: "mogplex-ci-\${{ github.run_attempt }}", path: "mogplex-ci\\n!mogplex-ci/run.json" }
`;

/**
 * A job only sees the repository variables in its `env`, and a variable that is not set is empty. An empty limit means the default limit. An empty
 * list of names must be rejected, so the added comma distinguishes an empty list from a variable that is not set.
 */
const RESPOND_VARIABLES =
  `      MOGPLEX_RESPOND_ALLOW_USERS: "\${{ toJSON(vars.MOGPLEX_RESPOND_ALLOW_USERS) != 'null' && format('{0},', vars.MOGPLEX_RESPOND_ALLOW_USERS) || '' }}" # set the variable to kim,lee to let only these users ask\n` +
  '      MOGPLEX_RESPOND_LIMIT: "${{ vars.MOGPLEX_RESPOND_LIMIT }}" # set the variable to 0/day to stop new runs\n';

const nameSetting = (mention: string) => `MOGPLEX_RESPOND_NAME: "${mention}"`;

export function withoutMention(text: string): string {
  const [setting = "", name] = /(?:^ +|, )MOGPLEX_RESPOND_NAME: "([\w-]+)"\n?/m.exec(text) ?? [];
  return name === undefined ? text : text.replace(setting, "").replaceAll(`@${name}`, `@${MENTION_WORD}`);
}

const variablesOfRespond = (page: string) =>
  `the variables MOGPLEX_RESPOND_ALLOW_USERS and MOGPLEX_RESPOND_LIMIT, if you set them: ${page}`;

const READERS =
  "Anyone who can push can read the secret. To prevent this, move it into an environment that is limited to the default branch, and add `environment: NAME` to the job: docs/ask.md.";

/** Advice for GitLab projects that also use trigger tokens for other pipelines. Source: GitLab, "CI/CD job rules", values of `CI_PIPELINE_SOURCE`. */
const TRIGGERS =
  "If you also start other pipelines of this project with trigger tokens, those pipelines no longer run their jobs. Start them through the pipelines API with an access token instead: docs/ask.md.";

export const REPO_PLACES = "in two places, for doctor and for respond";

/** A step for forges other than GitHub. The service has only repositories in which its GitHub app is installed. */
const FIND_REPOSITORY =
  `Check that \`${TOOL} repos list\` shows your repository, with the token in the variable MOGPLEX_API_KEY. Mogplex connects repositories through GitHub, and delivers branches and pull requests there. If the list shows it under a different name, put that name after --repo in the job (${REPO_PLACES}).`;

export const COMMIT = "Commit these files, and merge them into the default branch.";

const MAKE_LABEL = "If labels should start agents, create the label mogplex.";

const TURN_ON_ACTIONS = "Turn on Actions in the settings of the repository.";

/** @param flags Begins with a space. */
const cleanStep = (flags = "") =>
  `      - name: Cancel the agent if the job was cancelled
        if: always()
        run: ${CLEAN}${flags}
        env: { MOGPLEX_API_KEY: ${SECRET}, MOGPLEX_JOB_STATUS: "\${{ job.status }}" }
`;

/** Printed if the remote does not show the address of the server. */
export const EXAMPLE_SERVER = "https://gitlab.example.com";

function forge(title: string, folder: string, where: string, keep: string, hosts: RegExp): Recipe {
  const isGithub = folder === ".github";
  const page = isGithub ? "Settings > Secrets and variables > Actions" : "Settings > Actions > Secrets";
  const storeSecret = (name: string) =>
    isGithub
      ? `Store it as the secret ${name}: \`gh secret set ${name}\`, or ${page}.`
      : `Store it as the secret ${name}: ${page}.`;
  const secret = (name: string) => `the secret ${name}: ${page}`;
  return {
    title,
    file: `${folder}/workflows/mogplex.yml`,
    marks: [folder],
    hosts,
    needs: "secret MOGPLEX_API_KEY",
    steps: [...isGithub ? [] : [TURN_ON_ACTIONS], MAKE_TOKEN, storeSecret("MOGPLEX_API_KEY")],
    remains: [secret("MOGPLEX_API_KEY")],
    weekly: true,
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
      - name: Check out
        uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with: { persist-credentials: false }
      - name: Check the program
        run: ${CHECK}
      - name: Run the agent
        id: agent
        run: exec ${run(repo)}${KEEPS_HISTORY}
        env: { MOGPLEX_API_KEY: ${SECRET} }
${cleanStep(KEEPS_HISTORY)}${keep}`,
    respond: (schedule, mention) => ({
      file: `${folder}/workflows/mogplex-respond.yml`,
      needs: isGithub
        ? "secret MOGPLEX_API_KEY"
        : "secrets MOGPLEX_API_KEY and RESPOND_TOKEN (token of a bot user, scopes read:user, write:issue, read:repository)",
      steps: isGithub ? [MAKE_TOKEN, storeSecret("MOGPLEX_API_KEY"), READERS] : [
        MAKE_TOKEN,
        FIND_REPOSITORY,
        storeSecret("MOGPLEX_API_KEY"),
        TURN_ON_ACTIONS,
        "Create a user for the bot. If the repository is private, give the user read access. Create a token for this user with the read:user, write:issue and read:repository scopes.",
        storeSecret("RESPOND_TOKEN"),
        "Put the names of the users who can ask in the variable MOGPLEX_RESPOND_ALLOW_USERS (recommended): Settings > Actions > Variables. Alternatively, make the bot an administrator of the repository: then everyone with push access can ask, but can also become an administrator (docs/ask.md).",
      ],
      laterSteps: [MAKE_LABEL],
      remains: [
        secret("MOGPLEX_API_KEY"),
        ...isGithub
          ? ["the environment of that secret, if you created one: Settings > Environments"]
          : [secret("RESPOND_TOKEN"), "the bot's user and its token"],
        variablesOfRespond(
          isGithub ? "Settings > Secrets and variables > Actions > Variables" : "Settings > Actions > Variables",
        ),
        LABEL,
      ],
      trial: 'Then start the workflow "Mogplex answers" by hand. It checks the setup, then looks for mentions.',
      lost: [
        "A mention in a comment on a line of code starts nothing.",
        "A label on a pull request starts nothing.",
        ...LOST,
      ],
      render(repo) {
        const env = `env: { MOGPLEX_API_KEY: ${SECRET}, ${
          isGithub ? 'GITHUB_TOKEN: "${{ github.token }}"' : 'GITEA_TOKEN: "${{ secrets.RESPOND_TOKEN }}"'
        } }`;
        return `name: Mogplex answers
# Anyone can write a comment, so the command does not take a task from the event, and the default branch is checked out.
on: # zizmor: ignore[dangerous-triggers]
  issue_comment: { types: [created] }
  issues: { types: [labeled] }
${schedule === "none" ? "" : `  schedule: [{ cron: "${POLL_CRON[schedule]}" }]\n`}  workflow_dispatch:
permissions: { contents: read${isGithub ? ", checks: read, issues: write, pull-requests: write, statuses: write" : ""} }
jobs:
  respond:
    if: >-
      github.event_name != 'issue_comment' ||
      contains(github.event.comment.body, '@${mention}') && !startsWith(github.event.comment.body, '<!-- mogplex')
    ${where}
    timeout-minutes: 40
    env:
${mention === MENTION_WORD ? "" : `      ${nameSetting(mention)}\n`}${RESPOND_VARIABLES}    steps:
      - name: Check out
        uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with: { ref: "\${{ github.event.repository.default_branch }}", persist-credentials: false }
      - name: Check the program
        run: ${CHECK}
      - name: Check the setup
        if: github.event_name == 'workflow_dispatch'
        run: ${TOOL} doctor --for respond${repo}
        ${env}
      - name: Answer mentions
        run: exec ${TOOL} respond --schedule ${schedule}${repo}
        ${env}
${cleanStep()}${keep}`;
      },
    }),
  };
}

const inContainer = (label: string) => `runs-on: ${label}\n    container: { image: "${NODE_IMAGE}" }`;

const circleJob = (name: string, steps: string) =>
  `  ${name}:
    docker: [{ image: "cimg/node:${NODE_VERSION}" }]
    steps:
      - checkout
${steps}`;
const circleRun = (command: string) => `      - run: |\n          ${command}\n`;
const ATTACH = "      - attach_workspace: { at: . }\n";

const VARIABLE = "the variable MOGPLEX_API_KEY: Settings > CI/CD > Variables";
const GITLAB_NEEDS = `  needs: [] # start at once, even if another job of the pipeline fails
  inherit: { default: [tags] } # does not inherit before_script
`;
/** @param flags Begins with a space. */
const gitlabAfter = (flags = "") =>
  `  after_script:
    - ${CLEAN}${flags}
  retry: { max: 2, when: [${RETRY_WHEN.join(", ")}], exit_codes: [${EXIT.unavailable}, ${EXIT.rateLimited}] }
`;
const GITLAB_ARTIFACTS = `  artifacts:
    when: always
    access: developer
    paths: [mogplex-ci/]
    exclude: [mogplex-ci/run.json]
`;

/**
 * Source: GitLab, "Restrict pipeline variables", https://docs.gitlab.com/ci/variables/, and `lib/api/ci/pipeline_schedules.rb`, which checks the role
 * when the variable is saved.
 */
const ALLOW_VARIABLES =
  'If GitLab rejects the variable, an Owner must allow your role under Settings > CI/CD > Variables > "Minimum role to use pipeline variables".';

/** `init` leaves this sentence out if no other jobs start on the schedule. */
export const STARTS_OTHERS =
  " It also starts all other jobs that run on schedules, such as deployments, unless you have kept them out: docs/gitlab.md.";

export const RECIPES: ReadonlyMap<string, Recipe> = new Map(Object.entries<Recipe>({
  gitlab: {
    title: "GitLab CI/CD",
    file: ".gitlab-ci.yml",
    beside: "ci/mogplex.gitlab-ci.yml",
    hosts: /gitlab/,
    needs: "CI/CD variable MOGPLEX_API_KEY (masked and protected), a pipeline schedule with MOGPLEX_SCHEDULE=run",
    steps: [
      MAKE_TOKEN,
      "Store it as the variable MOGPLEX_API_KEY, masked and protected: Settings > CI/CD > Variables.",
    ],
    laterSteps: [
      `Create a schedule with the variable MOGPLEX_SCHEDULE=run: Build > Pipeline schedules.${STARTS_OTHERS} ${ALLOW_VARIABLES}`,
    ],
    remains: ["the schedule with the variable MOGPLEX_SCHEDULE=run: Build > Pipeline schedules", VARIABLE],
    repo: '"$CI_PROJECT_PATH"',
    render: (repo, stage) =>
      `mogplex:
${stage}${GITLAB_NEEDS}  image: ${NODE_IMAGE}
  timeout: 50 minutes
  rules: # without them every push would start an agent, and agents push
    - if: $CI_PIPELINE_SOURCE == "schedule" && $MOGPLEX_SCHEDULE == "run" # set in the schedule, so that other schedules start no agent
    - if: $CI_PIPELINE_SOURCE == "web" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: manual # a button, so that "New pipeline" starts no agent by itself
      allow_failure: true
  variables: { RUNNER_SCRIPT_TIMEOUT: 40m, RUNNER_AFTER_SCRIPT_TIMEOUT: 2m }
  script:
    - ${CHECK}
    - ${run(repo)}${KEEPS_HISTORY} 2>&1 || exit $?
${gitlabAfter(KEEPS_HISTORY)}  resource_group: mogplex
${GITLAB_ARTIFACTS}    reports:
      dotenv: mogplex-ci/outputs.env
      junit: mogplex-ci/junit.xml
      annotations: mogplex-ci/annotations.json
      metrics: mogplex-ci/metrics.txt
`,
    respond: (schedule, mention) => ({
      file: ".gitlab-ci.yml",
      beside: "ci/mogplex-respond.gitlab-ci.yml",
      needs:
        `CI/CD variables MOGPLEX_API_KEY and GITLAB_TOKEN (masked and protected), a trigger token, a webhook for comments and issues${
          schedule === "none" ? "" : ", a schedule with MOGPLEX_SCHEDULE=respond"
        }`,
      steps: [
        MAKE_TOKEN,
        FIND_REPOSITORY,
        "Create a token for the bot with the Developer role and the api scope: Settings > Access tokens.",
        "Store the tokens as the variables MOGPLEX_API_KEY and GITLAB_TOKEN, masked and protected: Settings > CI/CD > Variables.",
        `Keep all other jobs out of these pipelines: ${keepOthersOut(notOfRespond(schedule))}\n${TRIGGERS}`,
      ],
      laterSteps: [
        "After the merge, create a trigger token: Settings > CI/CD > Pipeline trigger tokens. A Maintainer who can push or merge to the default branch must create it, not the bot. Before the merge, every comment would start the project's other jobs.",
        `Create a webhook for Comments and Issues events, with the token in its URL masked: Settings > Webhooks. The URL is:

  ${EXAMPLE_SERVER}/api/v4/projects/ID/ref/main/trigger/pipeline?token=TRIGGER_TOKEN

In a private project, also choose Confidential comments and Confidential issues events, unless ${
          schedule === "none" ? "nobody mentions the agent there" : "confidential issues can wait for the schedule"
        }. In other projects, confidential issues start no agent.`,
        ...schedule === "none" ? [] : [
          `Create ${
            schedule === "hourly" ? "an hourly" : "a daily"
          } schedule with the variable MOGPLEX_SCHEDULE=respond: Build > Pipeline schedules. ${ALLOW_VARIABLES}`,
        ],
        'Do not let anyone pass variables to pipelines: Settings > CI/CD > Variables, "No one allowed". Otherwise anyone with the trigger token can run code in the job. This setting also blocks all other triggers, API calls and manual pipelines that pass variables.' +
        (schedule === "none" ? "" : " A schedule that you have already created keeps its variable."),
        MAKE_LABEL,
        "Check the setup: run a new pipeline on the default branch (Build > Pipelines > New pipeline), and start its job mogplex-respond. The pipeline also runs your other jobs, including deployments, unless their rules exclude the source web.",
      ],
      // Without the job, each comment would start the project's other jobs, so users must remove the webhook before they merge.
      remains: [
        ...schedule === "none"
          ? []
          : ["the schedule with the variable MOGPLEX_SCHEDULE=respond: Build > Pipeline schedules"],
        "the webhook for comments and issues, before you merge this: Settings > Webhooks",
        "the trigger token: Settings > CI/CD > Pipeline trigger tokens",
        "the bot's token: Settings > Access tokens (on GitLab.com Free: a personal access token of the bot's user)",
        "the variable GITLAB_TOKEN: Settings > CI/CD > Variables",
        'the setting "No one allowed" for pipeline variables: Settings > CI/CD > Variables',
        variablesOfRespond("Settings > CI/CD > Variables"),
        VARIABLE,
        LABEL,
      ],
      trial: "docs/ask.md explains these steps.",
      lost: ["A mention that the webhook missed starts nothing.", ...LOST],
      render: (repo, stage) =>
        `mogplex-respond:
${stage}${GITLAB_NEEDS}  image: ${NODE_IMAGE}
  timeout: 50 minutes
  rules: # other jobs need rules that keep them out of these pipelines
    - if: $CI_PIPELINE_SOURCE == "trigger"
${
          schedule === "none"
            ? ""
            : '    - if: $CI_PIPELINE_SOURCE == "schedule" && $MOGPLEX_SCHEDULE == "respond"\n'
        }    - if: $CI_PIPELINE_SOURCE == "web" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: manual # checks the setup
      allow_failure: true
  variables: { RUNNER_SCRIPT_TIMEOUT: 40m, RUNNER_AFTER_SCRIPT_TIMEOUT: 2m${
          mention === MENTION_WORD ? "" : `, ${nameSetting(mention)}`
        } }
  script:
    - ${CHECK}
    - if [ "$CI_PIPELINE_SOURCE" = web ]; then ${TOOL} doctor --for respond${repo} 2>&1 || exit $?; fi
    - ${TOOL} respond --schedule ${schedule}${repo} 2>&1 || exit $?
${gitlabAfter()}${GITLAB_ARTIFACTS}`,
    }),
  },
  github: forge("GitHub Actions", ".github", "runs-on: ubuntu-24.04", KEEP, /github/),
  forgejo: forge("Forgejo Actions", ".forgejo", inContainer("docker"), "", /codeberg|forgejo/),
  gitea: forge("Gitea Actions", ".gitea", inContainer("ubuntu-latest"), "", /gitea/),
  woodpecker: {
    title: "Woodpecker",
    file: ".woodpecker/mogplex.yaml",
    marks: [".woodpecker", ".woodpecker.yml", ".woodpecker.yaml"],
    needs: "secret mogplex_api_key, a cron job mogplex",
    steps: [
      MAKE_TOKEN,
      "Store it as the secret mogplex_api_key: repository settings > Secrets.",
    ],
    laterSteps: [
      "Create a cron job named mogplex: repository settings > Crons.",
    ],
    remains: [
      "the secret mogplex_api_key: repository settings > Secrets",
      "the cron job mogplex: repository settings > Crons",
    ],
    render: (repo) =>
      `when:
  - { event: cron, cron: mogplex }
  - event: manual
steps:
  - name: mogplex
    image: ${NODE_IMAGE}
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
    title: "Azure Pipelines",
    file: "azure-pipelines.yml",
    beside: "ci/mogplex.azure-pipelines.yml",
    add: "Create a pipeline from ",
    hosts: /dev\.azure|visualstudio/,
    needs: "secret variable MOGPLEX_API_KEY of the pipeline",
    steps: [
      MAKE_TOKEN,
      "Store it as the secret variable MOGPLEX_API_KEY: edit the pipeline > Variables.",
    ],
    remains: ["the pipeline and its secret variable MOGPLEX_API_KEY: Pipelines"],
    weekly: true,
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
      - bash: ${cleanIfPresent()}
        condition: always()
        env: { MOGPLEX_API_KEY: "$(MOGPLEX_API_KEY)" }
`,
  },
  bitbucket: {
    title: "Bitbucket Pipelines",
    file: "bitbucket-pipelines.yml",
    beside: "ci/mogplex.bitbucket-pipelines.yml",
    add: "Copy the pipeline below `custom:` into bitbucket-pipelines.yml from ",
    hosts: /bitbucket/,
    needs: "secured repository variable MOGPLEX_API_KEY, a schedule",
    steps: [
      MAKE_TOKEN,
      "Store it as the secured variable MOGPLEX_API_KEY: Repository settings > Repository variables.",
    ],
    laterSteps: [
      "Create a schedule: Pipelines > Schedules.",
    ],
    remains: [
      "the variable MOGPLEX_API_KEY: Repository settings > Repository variables",
      "the schedule: Pipelines > Schedules",
    ],
    render: (repo) =>
      `image: ${NODE_IMAGE}
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
          name: Cancel the agent if it is still running
          script:
            - ${CANCEL}
`,
  },
  buildkite: {
    title: "Buildkite",
    file: ".buildkite/mogplex.yml",
    marks: [".buildkite"],
    needs: "secret MOGPLEX_API_KEY, and a pipeline that runs: buildkite-agent pipeline upload .buildkite/mogplex.yml",
    steps: [
      MAKE_TOKEN,
      "Store it as the secret MOGPLEX_API_KEY: cluster > Secrets.",
    ],
    laterSteps: [
      "Create a pipeline with the step `buildkite-agent pipeline upload .buildkite/mogplex.yml`.",
    ],
    remains: ["the secret MOGPLEX_API_KEY: cluster > Secrets", "the pipeline"],
    render: (repo) =>
      `steps:
  - label: Mogplex
    key: mogplex
    secrets: [MOGPLEX_API_KEY]
    command:
      - ${EMPTY}
      - ${CHECK}
      - ${run(repo)}
    timeout_in_minutes: 40
    retry: { automatic: [{ exit_status: ${EXIT.unavailable}, limit: 2 }] }
    artifact_paths: [mogplex-ci/result.json, mogplex-ci/junit.xml, mogplex-ci/summary.md]
`,
  },
  circleci: {
    title: "CircleCI",
    file: ".circleci/config.yml",
    beside: "ci/mogplex.circleci.yml",
    add: "Copy the jobs and the workflow into .circleci/config.yml from ",
    marks: [".circleci"],
    needs: "context mogplex with MOGPLEX_API_KEY, a schedule trigger",
    steps: [
      MAKE_TOKEN,
      "Create the context mogplex with the variable MOGPLEX_API_KEY: Organization settings > Contexts.",
    ],
    laterSteps: [
      "Create a schedule trigger: Project settings > Triggers.",
    ],
    remains: [
      "the context mogplex: Organization settings > Contexts",
      "the schedule trigger: Project settings > Triggers",
    ],
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
      }${circleJob("mogplex-cancel", ATTACH + circleRun(CANCEL))}workflows:
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

/** Removes what depends on the repository's name, so that the jobs of two repositories can be compared. */
export function withoutRepo(job: string): string {
  return job.replace(/^(?:#|\/\/) Needs: .*$/m, "").replace(/ --repo (?:"[^"\n]*"|\S+)/g, "");
}

export function jobFile(recipe: Recipe, name: string | undefined, stage: string): string {
  const { file, repo, weekly = false, does, render } = recipe;
  const sign = /^Jenkinsfile$|\.kts$/.test(file) ? "//" : "#";
  const repoName = name === undefined ? repo : name;
  const when = weekly
    ? "Every Monday, and when you start the job by hand,"
    : "On the schedule that you create, and when you start the job by hand,";
  return `${sign} Written by mogplex-ci init. ${does ?? `${when} an agent carries out the task in ${TASK_FILE}`}.
${sign} Needs: ${needsOf(recipe, name)}.
${render(repoName === undefined ? "" : ` --repo ${repoName}`, stage)}`;
}

export function respondRecipe(
  { respond, beside: _, ...recipe }: Recipe,
  schedule: CheckSchedule = "hourly",
  mention: string = MENTION_WORD,
): Recipe & { readonly lost: readonly string[] } | undefined {
  if (respond === undefined) return undefined;
  const does = `A mention in a comment (@${mention} <task>) starts an agent`;
  const { lost, ...job } = respond(schedule, mention);
  return { ...recipe, does, ...job, lost: schedule === "none" ? lost : [] };
}

export const TERMINAL = "terminal";
export const NO_SYSTEM: Recipe = {
  title: "the program without a job",
  file: "",
  needs:
    "the variable MOGPLEX_API_KEY. You also need MOGPLEX_REPO_ID (owner/name), unless you use a terminal in a clone from github.com",
  repo: "",
  steps: [
    `${MAKE_TOKEN} For a dashboard, create a read-only token (scope \`read\`).`,
    "Set the variable in your shell: `export MOGPLEX_API_KEY=…`",
  ],
  laterSteps: [
    `If you want to publish a dashboard, check the setup with \`${TOOL} doctor --for dashboard\` instead, and stop here.`,
    `Start an agent: \`${TOOL} run --follow "Fix the flaky tests"\``,
  ],
  remains: [],
  render: () => "",
};

export function needsOf({ needs, repo }: Recipe, name: string | undefined): string {
  return (name ?? repo) === undefined ? `${needs}, variable MOGPLEX_REPO_ID (owner/name)` : needs;
}
