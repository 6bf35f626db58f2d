/**
 * The request of a start, from the lock alone: two processes with the same lock send the same bytes.
 *
 * @module
 */
import type { StartRequest } from "../../model.ts";
import { renderTask, variablesOf } from "../file/task.ts";
import { renderTemplate } from "../file/templates.ts";
import { requestHash } from "../journal/fence.ts";
import type { Lock, LockItem, LockTask } from "../journal/lock.ts";
import type { FollowUp } from "../journal/record.ts";

type Frame = Pick<Lock, "campaign" | "round">;

function taskOf({ campaign, round }: Frame, task: LockTask, item: Pick<LockItem, "repository" | "root" | "variables">) {
  return renderTask(task, { campaign, round, repository: item.repository, root: item.root, variables: item.variables });
}

/** The hash of an item's request: see `fence.ts`. */
export function hashOfItem(
  frame: Frame,
  task: LockTask,
  item: Pick<LockItem, "repository" | "root" | "variables">,
): string {
  const { prompt, branch } = taskOf(frame, task, item);
  return requestHash({ prompt, agent: task.agent, branch });
}

/** The hash of an item's request with one of the tasks of the lock. */
export function taskHash(lock: Lock, item: LockItem, task: number): string {
  return hashOfItem(lock, taskAt(lock, item, task), item);
}

/** What a follow-up is asked to do. For red checks the campaign file may say it in words of its own. */
const FOLLOW_UP_PROMPTS: Readonly<Record<FollowUp, (item: LockItem) => string>> = {
  checks: () =>
    "The checks of the pull request of this branch are red. Find out why, correct the cause, and change nothing else.",
  conflict: ({ baseBranch }) =>
    `The pull request of this branch conflicts with its base branch ${baseBranch}. Merge ${baseBranch} into this branch, and ` +
    "resolve the conflicts so that what both branches are for stays. Change nothing else.",
  review: () =>
    "A review of the pull request of this branch asks for changes. Read the review, make these changes, and change nothing else.",
};

function followUpPrompt({ campaign, round, tasks, onFailedChecks }: Lock, item: LockItem, followUp: FollowUp): string {
  if (followUp !== "checks" || onFailedChecks === null) return FOLLOW_UP_PROMPTS[followUp](item);
  const { repository, root, variables } = item;
  const values = variablesOf(tasks[item.task]?.variables ?? {}, { campaign, round, repository, root, variables });
  return renderTemplate(onFailedChecks.prompt, values).trim();
}

function taskAt({ tasks }: Lock, { id }: LockItem, index: number): LockTask {
  const task = tasks[index];
  if (task === undefined) throw new Error(`Cannot find task ${index} of item ${id}`);
  return task;
}

/** The hash of the request of a follow-up: as that of an item, with the branch that it works on in place of the pattern. */
export function followUpHash(lock: Lock, item: LockItem, followUp: FollowUp, branch: string): string {
  const prompt = followUpPrompt(lock, item, followUp);
  return requestHash({ prompt, agent: taskAt(lock, item, item.task).agent, branch });
}

/**
 * The request of a follow-up: it works on the branch of the pull request, and makes none.
 *
 * @param branch The real branch, as the delivery event named it.
 * @throws {Error} when the lock has no task for the item.
 */
export function followUpRequestOf(lock: Lock, item: LockItem, followUp: FollowUp, branch: string): StartRequest {
  const { harness, mode } = taskAt(lock, item, item.task).agent;
  return {
    repoId: item.repositoryId,
    prompt: followUpPrompt(lock, item, followUp),
    harness: harness as StartRequest["harness"],
    baseBranch: item.baseBranch,
    rootDirectory: item.root,
    createBranch: false,
    workingBranch: branch,
    ...(mode !== null && { mode: mode as StartRequest["mode"] }),
  };
}

/** The branch of a start: a run that is started again gets another one. */
function branchOf(branch: string | null, start: number): string | undefined {
  if (branch === null) return undefined;
  return start === 1 ? branch : `${branch}-${start}`;
}

/**
 * The request of an item.
 *
 * @param start Number of the start, from 1.
 * @throws {Error} when the lock has no task for the item.
 */
export function requestOf(lock: Lock, item: LockItem, start: number): StartRequest {
  const task = taskAt(lock, item, item.task);
  const { prompt, branch } = taskOf(lock, task, item);
  const { harness, mode } = task.agent;
  return {
    repoId: item.repositoryId,
    prompt,
    harness: harness as StartRequest["harness"],
    // Both are part of the hash by which the service compares requests: a changed default would turn a repetition into a conflict.
    baseBranch: item.baseBranch,
    rootDirectory: item.root,
    createBranch: true,
    ...(branch !== null && { workingBranch: branchOf(branch, start) }),
    ...(mode !== null && { mode: mode as StartRequest["mode"] }),
  };
}
