/**
 * The text forms of the drop-in verbs, word for word as the `mogplex` command documents them.
 *
 * Source: CLI, "Headless runs". The lines are not yet safe to print: each goes through `Writer.untrusted`.
 *
 * @module
 */
import type { Repo, Run, RunEvent, Sandbox, StartResult } from "../../model.ts";

/** Where sandboxes can be stopped. Source: CLI, "Automation": `sandboxes stop` points at the web UI. */
export const SANDBOX_PAGE = "https://mogplex.com/sandboxes";

function branchText({ branch }: Run): string {
  return `${branch.working} (base ${branch.base}${branch.createBranch ? ", created" : ""})`;
}

/** What `run` prints. */
export function startLines(run: StartResult): string[] {
  return [
    `${run.replayed ? "matched existing" : "started"} run ${run.runId} (${run.status})`,
    `repo    ${run.repoId}`,
    `harness ${run.harness}`,
    `branch  ${branchText(run)}`,
    `tail events: mogplex runs events ${run.runId} --follow`,
  ];
}

/** What `runs get` prints. */
export function runLines(run: Run): string[] {
  return [
    `run     ${run.runId}`,
    `status  ${run.status}`,
    `harness ${run.harness}`,
    `repo    ${run.repoId}`,
    `branch  ${branchText(run)}`,
    `sandbox ${run.sandboxId ?? "-"}`,
    `events  ${run.eventsUrl}`,
    `cancel  ${run.cancelUrl}`,
    `created ${run.createdAt}`,
    `updated ${run.updatedAt}`,
  ];
}

/** What `runs events` prints for an event: columns two blanks apart. */
export function eventLine(event: RunEvent): string {
  const tool = event.toolName === null ? "" : `tool=${event.toolName}  `;
  return `${event.createdAt}  ${event.type}  ${tool}${event.message ?? ""}`.trimEnd();
}

/** Cells of `repos list`. */
export function repoCells(repo: Repo): string[] {
  return [repo.id, repo.full_name, repo.default_branch ?? "-"];
}

/** Cells of `sandboxes list`. */
export function sandboxCells(sandbox: Sandbox): string[] {
  return [sandbox.id, sandbox.status, sandbox.working_branch ?? "-", sandbox.preview_url ?? "-", sandbox.created_at];
}
