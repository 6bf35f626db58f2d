/** Jobs with the action, on a machine of the tests. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Machine, onMachine } from "../examples/systems/machine.ts";
import { newRun, WITH_ACTION } from "../examples/systems/github_recipes.ts";
import { type JobEnd, type JobOptions, runGithubJob } from "../examples/systems/models/github_steps.ts";
import { filesBelow, type Service } from "../processes/world/service.ts";

/** Name of the step with the action. */
export const AGENT = "Run the agent";

/** Inputs of a step that needs nothing else: a secret, a variable of the repository, and a task. */
const BASE = {
  token: "${{ secrets.MOGPLEX_API_KEY }}",
  repo: "${{ vars.MOGPLEX_REPO_ID }}",
};

/** A workflow whose job checks out the action and runs it. */
export function workflow(inputs: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}): string {
  const checkout = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683";
  return stringify({
    name: "Agent",
    on: "workflow_dispatch",
    permissions: {},
    jobs: {
      agent: {
        "runs-on": "ubuntu-24.04",
        steps: [
          { name: "Check out", uses: checkout, with: { "persist-credentials": false } },
          { name: AGENT, id: "agent", uses: "./action", env, with: { ...BASE, ...inputs } },
        ],
        outputs: Object.fromEntries(
          ["run_id", "status", "outcome", "branch", "pull_request_url", "replayed", "exit_code"]
            .map((name) => [name, `\${{ steps.agent.outputs.${name} }}`]),
        ),
      },
    },
  });
}

/** A separate workflow run, with a copy of the action in the repository. */
export function workflowRun(more: Partial<JobOptions> = {}): JobOptions {
  return { ...newRun(), files: WITH_ACTION, ...more };
}

/** Runs the job of a workflow with the action. */
export function runAction(
  machine: Machine,
  inputs: Readonly<Record<string, string>>,
  more: Partial<JobOptions> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<JobEnd> {
  return runGithubJob(workflow(inputs, env), machine, workflowRun(more));
}

/** Does something on a machine, then looks for the token in every file that was left there: GitHub's, ours, the checkout's. */
export async function onCleanMachine(service: Service, body: (machine: Machine) => Promise<void>): Promise<void> {
  await onMachine(service, async (machine) => {
    await body(machine);
    const folder = join(machine.directory(), "..");
    const texts = Object.entries(filesBelow(folder));
    if (texts.length < 3) throw new Error(`There is nothing to check in ${readdirSync(folder)}`);
    for (const [path, text] of texts) {
      if (text.includes(machine.token)) throw new Error(`The token is in ${path}`);
    }
  });
}
