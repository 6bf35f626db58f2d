import { FIXES } from "../../lib/run/fix.ts";
import { HARNESSES, MODES } from "../../lib/service/contract.ts";
import { ACTION_INPUTS, type InputName } from "../../lib/cli/action/inputs.ts";
import { ON_INTERRUPT, ON_TIMEOUT } from "../../lib/run/interrupts.ts";
import { KEY_SCOPES } from "../../lib/run/key.ts";
import type { OutputName } from "../../lib/report/write.ts";
import { VERSION } from "../../lib/version.ts";

/** These texts must not contain an expression, because the runner would evaluate it. */
export interface InputText {
  description: string;
  empty?: string;
  /** Value if the workflow sets none. GitHub evaluates expressions in this value. @default {""} */
  default?: string;
  options?: readonly string[];
}

const SERVER = "the repository's setting in Mogplex";
const SWITCH = ["true", "false"];

export const INPUT_TEXTS: Readonly<Record<InputName, InputText>> = {
  "token": {
    description: "Mogplex access token, from a secret.",
    empty: "the variable MOGPLEX_API_KEY",
  },
  "repo": { description: "Repository: owner/name, or its id in Mogplex.", empty: "the variable MOGPLEX_REPO_ID" },
  "prompt": {
    description:
      "Task for the agent, unless you use prompt-file. It is passed on unchanged, and never goes through a shell.",
  },
  "prompt-file": { description: "Path of a file in the workspace that contains the task. Needs a checkout." },
  "run-id": {
    description: "Id of an existing run to follow, such as the output run_id of another step or job.",
  },
  "respond": {
    description: "Whether the step answers mentions and labels instead of starting a run. " +
      "See docs/ask.md.",
    default: "false",
    options: SWITCH,
  },
  "name": { description: "With respond: name of the agent in mentions, without @.", empty: "mogplex" },
  "label": {
    description: "With respond: label that turns the title and description of an issue or a pull request into a task.",
    empty: "mogplex",
  },
  "allow-users": {
    description: "With respond: users who can start an agent, separated by commas. If the variable " +
      "MOGPLEX_RESPOND_ALLOW_USERS is also set, only users in both lists can ask.",
    empty: "everyone who can push to the repository",
  },
  "limit": {
    description:
      "With respond: maximum number of runs in 24 hours for the repository, such as 20/day. If the variable " +
      "MOGPLEX_RESPOND_LIMIT is also set, the lower limit applies.",
    empty: "20/day",
  },
  "template": {
    description: "With respond: file with a template for the prompt, which must contain {{task}}.",
    empty: "the task, then the thread as a quote",
  },
  "commit-status": {
    description: "With respond: whether a successful run sets the commit status mogplex.",
    empty: "true on GitHub, otherwise false",
    options: SWITCH,
  },
  "automation": {
    description: "Id of an automation to trigger and follow. Needs repo.",
  },
  "automation-input": {
    description:
      "Input of the automation: one line NAME=VALUE for each value, or NAME:=JSON for a value that is not text.",
  },
  "harness": { description: "Agent to use.", empty: SERVER, options: HARNESSES },
  "mode": { description: "What the agent may do without asking.", empty: SERVER, options: MODES },
  "base-branch": { description: "Branch to start from.", empty: SERVER },
  "branch": {
    description: "Branch to work on.",
    empty: "a generated name if create-branch is true, otherwise the base branch",
  },
  "create-branch": { description: "Whether to create the working branch.", empty: "true", options: SWITCH },
  "root": { description: "Directory in the repository where the agent works.", empty: SERVER },
  "after": {
    description:
      "Pull request whose branch the agent works on: its number, its address, or the result.json of an earlier run. The step reads the pull request with github-token.",
  },
  "fix": {
    description:
      "With after, what to fix instead of carrying out a task: failed checks, the requests of a review, or a conflict.",
    empty: "carry out the task",
    options: FIXES,
  },
  "result": {
    description:
      "Path of a JSON file that the agent must commit, such as .mogplex/result-{id}.json. The file's values become outputs. Needs schema, and github-token with contents: read. See docs/results.md.",
  },
  "schema": {
    description: "With result: path of the file's JSON Schema in the workspace, as JSON or YAML. Needs a checkout.",
  },
  "result-retries": {
    description: "With result: how many times the agent is asked again for the file.",
    empty: "0",
    options: ["0", "1", "2"],
  },
  "follow": {
    description: "Whether the step follows the run to its end. false: the step ends when the run has started.",
    default: "true",
    options: SWITCH,
  },
  "timeout": {
    description:
      "How long to wait for the run, such as 45m, 1h30m, or seconds. Keep it at least 5 minutes below the job's timeout-minutes.",
    empty: "30m",
  },
  "on-timeout": {
    description: "What to do with the run at the timeout. detach: let it continue. cancel: cancel it.",
    empty: "detach",
    options: ON_TIMEOUT,
  },
  "on-interrupt": {
    description: "What to do with the run when the job is cancelled. auto: cancel the run if this job or an earlier " +
      "attempt of this job started it.",
    empty: "auto",
    options: ON_INTERRUPT,
  },
  "key-scope": {
    description:
      "When a new run is started. pipeline: once per workflow run, so that a re-run attaches to its run. job: at each " +
      "re-run. day: once a day. random: always.",
    empty: "pipeline",
    options: KEY_SCOPES,
  },
  "key-part": {
    description: "Any text that makes the key unique, if one job starts several runs.",
  },
  "idempotency-key": {
    description: "Idempotency key, used unchanged.",
    empty: "a key made from the job (see key-scope)",
  },
  "token-share": { description: "Number of jobs that use the token at the same time.", empty: "1" },
  "log": {
    description: "How events appear in the log: one short line each, in full, or as JSON lines.",
    empty: "compact",
    options: ["compact", "full", "json"],
  },
  "report": { description: "Reports to write, separated by commas, such as json,junit.", empty: "all of them" },
  "out": { description: "Directory for the reports in the workspace.", empty: "mogplex-ci" },
  "history": {
    description:
      "File to which the step adds its run for a dashboard, such as mogplex-ci/runs.ndjson. See docs/dashboards.md.",
  },
  "show-task": {
    description: "Whether the log, the reports and the comment show the task. Use false for a confidential task.",
    empty: "true",
    options: SWITCH,
  },
  "comment": {
    description:
      "Whether the step keeps one comment on the pull request up to date with the status and the result of the run. The job " +
      "needs the permission pull-requests: write.",
    default: "false",
    options: SWITCH,
  },
  "pull-request": {
    description: "Number of the pull request for the comment.",
    default: "${{ github.event.pull_request.number }}",
  },
  "github-token": {
    description: "GitHub token for comment, respond, after and result.",
    default: "${{ github.token }}",
  },
  "job-status": {
    description: "For the post step: status of the job. Keep the default.",
    default: "${{ job.status }}",
  },
  "matrix": {
    description: "Values of the matrix job, which gets its own key and comment. Keep the default.",
    default: "${{ toJSON(matrix) }}",
  },
};

export const OUTPUT_TEXTS: Readonly<Record<OutputName | "exit_code", string>> = {
  run_id: "Id of the run, set as soon as it is known.",
  status: "Status of the run, as the service reports it.",
  outcome: "Outcome of the run, as in result.json: success, failed, cancelled and others.",
  branch: "Pushed branch. Empty if no branch was pushed, or if it is unknown.",
  pull_request_url: "Address of the pull request. Empty if no pull request was opened, or if it is unknown.",
  replayed: "true if the job attached to an existing run.",
  result_path:
    "Path of the file with the checked value, if result is set. Top-level scalars in the schema also become outputs, as result_NAME.",
  exit_code: "Exit code of the step.",
};

/** JSON is valid YAML. */
const quoted = (text: string) => JSON.stringify(text);

/** GitHub has no key for allowed values, so the description lists them. */
function described({ description, options, empty }: InputText): string {
  const choices = options === undefined ? [] : [`One of ${options.join(", ")}.`];
  return [description, ...choices, ...(empty === undefined ? [] : [`Default: ${empty}.`])].join(" ");
}

export function renderActionYaml(): string {
  const names = Object.keys(ACTION_INPUTS) as InputName[];
  const inputs = names.flatMap((name) => {
    const text = INPUT_TEXTS[name];
    return [
      `  ${name}:`,
      `    description: ${quoted(described(text))}`,
      "    required: false",
      `    default: ${quoted(text.default ?? "")}`,
    ];
  });
  const outputs = Object.entries(OUTPUT_TEXTS).flatMap(([name, text]) => [
    `  ${name}:`,
    `    description: ${quoted(text)}`,
  ]);
  return [
    `# Mogplex CI ${VERSION}, action. Generated by "npm run release" from tools/build/action_yaml.ts: do not edit.`,
    "# MIT license. Notices for main.mjs: LICENSES.txt. What it is for: README.md.",
    "name: Mogplex CI",
    "description: Runs a hosted Mogplex coding agent, shows its log, and exits with its verdict",
    "author: Mogplex CI",
    "branding:",
    "  icon: git-pull-request",
    "  color: purple",
    "inputs:",
    ...inputs,
    "outputs:",
    ...outputs,
    "runs:",
    "  using: node24",
    "  main: main.mjs",
    "  post: post.mjs",
    "  post-if: always()",
    "",
  ].join("\n");
}
