import { EXIT } from "../../exit_codes.ts";
import type {
  Automation,
  AutomationDetail,
  AutomationRunSummary,
  Repo,
  Run,
  RunEvent,
  Sandbox,
  StartResult,
} from "../../model.ts";
import type { TriggeredRun } from "../../run/automation_request.ts";
import { MAX_LISTED } from "../../run/follow_automation.ts";
import { AUTOMATION_EXIT, endOfAutomationRun } from "../../run/result.ts";
import { factsText, printRows } from "./terminal.ts";
import type { Writer } from "./writer.ts";

/** Maximum number of repositories or sandboxes that one request returns. Source: API reference, "List repositories", "List sandboxes". */
export const MOST_LISTED = 200;

/** The service does not report that it stopped at the limit. */
export function noteFull(writer: Writer, what: string, items: readonly unknown[], limit: number): void {
  if (items.length < limit) return;
  const advice = limit < MOST_LISTED
    ? "use a higher --limit"
    : `the service lists at most ${MOST_LISTED}; use a narrower filter`;
  writer.note(`only the first ${limit} ${what} are shown, and there may be more; ${advice}`);
}

/** @param cells The columns of an item, which may contain untrusted text. */
export function printList<T>(writer: Writer, json: boolean, items: readonly T[], cells: (item: T) => string[]): void {
  if (json) {
    for (const item of items) writer.json(item);
    return;
  }
  printRows(writer, items.map(cells));
}

// The text formats of the drop-in verbs, exactly as documented for the `mogplex` command. Source: CLI, "Headless runs". The lines contain untrusted
// text.

/** The page on which users can stop sandboxes. Source: CLI, "Automation": `sandboxes stop` points to the web UI. */
export const SANDBOX_PAGE = "https://mogplex.com/sandboxes";

function branchText({ branch }: Run): string {
  return `${branch.working} (base ${branch.base}${branch.createBranch ? ", created" : ""})`;
}

/** @param program The command as the user called it. After `init`, the user has no other command. */
export function startLines(run: StartResult, program: string): string[] {
  return [
    `${run.replayed ? "matched existing" : "started"} run ${run.runId} (${run.status})`,
    `repo    ${run.repoId}`,
    `harness ${run.harness}`,
    `branch  ${branchText(run)}`,
    `tail events: ${program} runs events ${run.runId} --follow`,
  ];
}

export function runLines(run: Run, repository: string = run.repoId): string[] {
  return [
    `run     ${run.runId}`,
    `status  ${run.status}`,
    `harness ${run.harness}`,
    `repo    ${repository}`,
    `branch  ${branchText(run)}`,
    `sandbox ${run.sandboxId ?? "-"}`,
    `events  ${run.eventsUrl}`,
    `cancel  ${run.cancelUrl}`,
    `created ${run.createdAt}`,
    `updated ${run.updatedAt}`,
  ];
}

export function eventLine(event: RunEvent): string {
  const tool = event.toolName === null ? "" : `tool=${event.toolName}  `;
  return `${event.createdAt}  ${event.type}  ${tool}${event.message ?? ""}`.trimEnd();
}

export function repoCells(repo: Repo): string[] {
  return [repo.id, repo.full_name, repo.default_branch ?? "-"];
}

export function sandboxCells(sandbox: Sandbox): string[] {
  return [sandbox.id, sandbox.status, sandbox.working_branch ?? "-", sandbox.preview_url ?? "-", sandbox.created_at];
}

// The lines contain untrusted text.

/** An automation for the list and for `--json`. It contains only known fields, because fields that the service adds later can contain anything. */
export function shownAutomation(automation: Automation): Automation {
  const { id, name, description, status, publishedVersionId, installationId, createdAt, updatedAt } = automation;
  return { id, name, description, status, publishedVersionId, installationId, createdAt, updatedAt };
}

export function shownDetail(automation: AutomationDetail, runSummary: AutomationRunSummary | null): AutomationDetail {
  const { publishedVersion } = automation;
  const version = publishedVersion && { id: publishedVersion.id, versionNumber: publishedVersion.versionNumber };
  return { ...shownAutomation(automation), publishedVersion: version, runSummary };
}

/** The name comes last, because it can have any length. */
export function automationCells({ id, status, publishedVersionId, name }: Automation): string[] {
  return [id, status, publishedVersionId === null ? "never published" : "published", name];
}

function versionText({ publishedVersion, publishedVersionId }: AutomationDetail): string {
  if (publishedVersionId === null) return "never published: it cannot be triggered";
  const number = publishedVersion?.versionNumber ?? null;
  return number === null ? publishedVersionId : `${number} (${publishedVersionId})`;
}

function summaryText(summary: AutomationRunSummary | null): string | null {
  if (summary === null) return null;
  const { runningCount, pendingCount, failed24h, lastRunId, lastRunStatus } = summary;
  if (lastRunId === null) return "none";
  const counts = `${runningCount} running, ${pendingCount} waiting, ${failed24h} failed in 24 hours`;
  return `${counts} (of the newest ${MAX_LISTED} runs), last ${lastRunId} (${lastRunStatus})`;
}

export function automationText(automation: AutomationDetail): string {
  const { id, name, description, status, installationId, createdAt, updatedAt, runSummary } = automation;
  return factsText([
    ["automation", id],
    ["name", name],
    ["description", description],
    ["status", status === "active" ? status : `${status}: it cannot be triggered`],
    ["version", versionText(automation)],
    ["installation", installationId === null ? null : String(installationId)],
    ["runs", summaryText(runSummary)],
    ["created", createdAt],
    ["updated", updatedAt],
  ]);
}

export function shownTrigger({ automationId, runId, status, replayed, reason, idempotencyKey }: TriggeredRun) {
  return { automationId, runId, status, replayed, reason, idempotencyKey };
}

export function triggerLines(
  { automationId, runId, status, replayed, reason, idempotencyKey }: TriggeredRun,
): string[] {
  const waits = status === "pending"
    ? `, waiting for a slot${reason === null ? "" : ` (${reason})`}; nothing is running yet`
    : "";
  const what = replayed ? "already triggered" : status === "pending" ? "queued" : "triggered";
  return [
    `${what} automation ${automationId}: run ${runId} (${status})${waits}`,
    ...(replayed ? ["the key was already used: nothing was started"] : []),
    `key ${idempotencyKey}`,
  ];
}

/**
 * The exit code of a trigger without `--follow`, and the message if the code is not 0. A run that is running or has succeeded gives 0. A run that
 * waits or has an unknown status gives 124, as after a timeout: the run exists, so a second trigger would be wrong. A suppressed trigger gives 75, as
 * after a 429: there is no run, so the job can be repeated later.
 */
export function triggerEnd({ runId, status, idempotencyKey }: TriggeredRun): { code: number; problem: string | null } {
  const end = endOfAutomationRun(status);
  if (status === "running" || end === "success") return { code: EXIT.success, problem: null };
  const run = `automation run "${runId}"`;
  if (end !== undefined) {
    const problem = `The key belongs to ${run}, which ended with status ${
      JSON.stringify(status)
    }; use another key to start a new run`;
    return { code: EXIT[AUTOMATION_EXIT[end]], problem };
  }
  const problem =
    `Cannot confirm that ${run} is running: its status is ${
      JSON.stringify(status)
    }; do not trigger the automation again: to find the run, ` +
    `repeat the command with --follow --idempotency-key ${JSON.stringify(idempotencyKey)}`;
  return { code: EXIT.deadline, problem };
}
