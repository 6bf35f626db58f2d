/**
 * The built-in scenarios, as the text of their files. `--print-scenario NAME` prints one.
 *
 * @module
 */

import { lookup } from "../../lookup.ts";

// A healthy run until the agent works. Source: API reference, "Ordered flow, with what is visible when".
const UNTIL_AGENT = `
  - { after: 8, sandbox: up }
  - after: 1
    event: { type: started, message: "Harness run started: \${harness}", payload: { harness_id: "\${harness}", ai_billing_source: platform } }
  - after: 2
    event:
      message: "Synchronized \${branch}"
      payload: { stage: git_sync, base_branch: "\${base}", working_branch: "\${branch}", created_branch: true }
  - after: 1
    command: cmd_agent
    event:
      type: status_changed
      message: Harness run streaming
      payload: { from: pending, to: streaming, runtime_command_id: cmd_agent }`;

const FINISHED = `
  - after: 1
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }
  - { after: 0.2, call: success }
  - { after: 1, status: success }`;

function delivered(changed: boolean): string {
  const message = changed ? "Pull request ready" : "No code changes to deliver";
  const url = changed ? '"${pull}"' : "null";
  return `
  - after: 20
    event:
      message: ${message}
      payload:
        stage: git_delivery
        changed: ${changed}
        pull_request_url: ${url}
        base_branch: "\${base}"
        working_branch: "\${branch}"
        auto_committed_files: []`;
}

const DELIVERY_ERROR = "The agent finished, but GitHub delivery failed: remote rejected (protected branch)";

// Source: API reference, "What `error` contains".
const RATE_LIMITED = "OpenAI rate-limited this run. Wait a moment, then try again.";

/** Texts of the scenarios by name. A set of several scenarios is one of them. */
export const SCENARIO_TEXTS: Readonly<Record<string, string>> = {
  "success": `
description: The agent changes something and opens a pull request; runs of automations succeed
steps:${UNTIL_AGENT}${delivered(true)}${FINISHED}
automation:
  steps:
    - { after: 25, status: success }`,
  "no-changes": `
description: The agent succeeds without changing anything
steps:${UNTIL_AGENT}${delivered(false)}${FINISHED}`,
  "agent-failure": `
description: The agent exits with 1; runs of automations fail
steps:${UNTIL_AGENT}
  - after: 15
    event: { type: failed, message: Harness run failed, payload: { exit_code: 1, failure_code: command_failed } }
  - { after: 0.2, call: failed, error: Agent run exited with code 1. }
  - { after: 1, status: failed, error: Agent run exited with code 1. }
automation:
  steps:
    - { after: 15, status: failed, error: Agent run exited with code 1. }`,
  "boot-failure": `
description: The sandbox does not boot
steps:
  - { after: 12, fail: Too many active sandboxes }`,
  "delivery-failure": `
description: The agent succeeds and the push is refused; two failed events
steps:${UNTIL_AGENT}
  - after: 20
    event: { type: failed, message: Harness stream failed, payload: { error: "${DELIVERY_ERROR}" } }
  - { after: 0.2, call: failed, error: "${DELIVERY_ERROR}" }
  - { after: 1, fail: "${DELIVERY_ERROR}" }`,
  "rate-limited": `
description: The provider of the model refuses the agent, which had too many requests
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: failed, message: Harness run failed, payload: { exit_code: 1, failure_code: rate_limited } }
  - { after: 0.2, call: failed, error: "${RATE_LIMITED}" }
  - { after: 1, status: failed, error: "${RATE_LIMITED}" }`,
  "duplicate-failed": `
description: The agent fails, and three events report its end
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: failed, message: Harness run failed, payload: { exit_code: 2, failure_code: command_failed } }
  - after: 0.1
    event: { type: failed, message: Harness stream failed, payload: { error: stream closed } }
  - { after: 0.2, call: failed, error: Agent run exited with code 2. }
  - { after: 1, fail: Agent run exited with code 2. }`,
  "stuck-streaming": `
description: The worker dies while the agent works; the run stays streaming for ever
steps:${UNTIL_AGENT}`,
  "stuck-pending": `
description: No worker takes the run; it stays pending for ever
steps: []`,
  "cancelled-during-boot": `
description: A person cancels the run while its sandbox boots, and it stays cancelled
steps:
  - { after: 5, cancel: true }`,
  "cancelled-during-boot-revived": `
description: A person cancels the run while its sandbox boots; the worker revives it and fails it
steps:
  - { after: 5, cancel: true }
  - { after: 10, sandbox: up }`,
  "queue-failure": `
description: The queue refuses the run; the start is a 500 and its retry shows a failed run
refuseQueue: Trigger.dev runtime is not configured`,
  "many-events": `
description: More events than one read shows
steps:${UNTIL_AGENT}
  - after: 1
    repeat: 260
    every: 0.25
    event: { message: "step \${n} of 260\\n", payload: { kind: assistant_delta } }${delivered(true)}${FINISHED}`,
  "agent-progress": `
description: The agent reports progress and the use of tools, and opens a pull request (later revisions)
steps:${UNTIL_AGENT}
  - after: 3
    event: { message: "I look at the tests.\\n", payload: { kind: assistant_delta } }
  - after: 2
    event: { type: tool_started, toolName: bash, message: bash started, payload: { kind: tool, toolCallId: call_1, state: running, input: { command: npm test } } }
  - after: 4
    event: { type: tool_finished, toolName: bash, message: bash finished, payload: { kind: tool, toolCallId: call_1, state: completed, output: 12 passed } }
  - after: 2
    event: { message: "All tests pass.\\n", payload: { kind: assistant_delta } }${delivered(true)}${FINISHED}`,
  "awaiting-input": `
description: The agent stops at a checkpoint for a person (later revisions)
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }
  - { after: 0.2, call: success }
  - { after: 1, status: awaiting_input }`,
  "awaiting-input-resumed": `
description: The agent stops at a checkpoint, and a person answers a minute later; the list of events starts anew (later revisions)
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }
  - { after: 0.2, call: success }
  - { after: 1, status: awaiting_input }
  - { after: 60, resume: true }
  - after: 1
    event: { type: started, message: "Harness run started: \${harness}", payload: { harness_id: "\${harness}", ai_billing_source: platform } }
${delivered(true)}${FINISHED}`,
  "automation-slot": `
description: A run of an automation waits half a minute for a slot, then succeeds
automation:
  slotAfter: 30
  steps:
    - { after: 20, status: success }`,
  "automation-suppressed": `
description: The service accepts triggers of automations and starts nothing, as too many runs are active
automation: { suppress: REPO_PENDING_LIMIT }`,
  "automation-resumed": `
description: A run of an automation waits for a person, who answers a minute later; then it succeeds
automation:
  steps:
    - { after: 10, wait: true }
    - { after: 60, resume: true }
    - { after: 10, status: success }`,
  "automation-cancelled": `
description: A person cancels a run of an automation in the app
automation:
  steps:
    - { after: 10, status: cancelled }`,
  "automation-stuck": `
description: A run of an automation stays running for ever
automation: { steps: [] }`,
  "stuck-finished": `
description: The agent finishes, then the worker dies; the run stays streaming for ever
steps:${UNTIL_AGENT}
  - after: 20
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }`,
  "campaign": `
description: Most runs of a campaign succeed; in every hundred repositories a few end otherwise, by the end of their names
scenarios:
  - { match: { repo: ["*13", "*63"] }, play: agent-failure }
  - { match: { repo: ["*27", "*77"] }, play: delivery-failure }
  - { match: { repo: "*41" }, play: rate-limited }
  - { match: { repo: ["*05", "*55"] }, play: no-changes }
  - { match: { repo: "*50" }, play: success, duration: 100m }
  - { match: { repo: "*99", with: extraRunFields }, play: awaiting-input }
  - { play: success }`,
};

/** Names of the built-in scenarios. */
export const SCENARIO_NAMES: readonly string[] = Object.keys(SCENARIO_TEXTS);

/** Names of the built-in scenarios that another one can `play`: all but the sets. */
export const PLAYABLE_NAMES: readonly string[] = SCENARIO_NAMES.filter((name) =>
  !lookup(SCENARIO_TEXTS, name)?.includes("\nscenarios:")
);
