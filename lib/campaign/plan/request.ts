/**
 * The request of a start, from the lock alone: two processes with the same lock send the same bytes.
 *
 * @module
 */
import type { StartRequest } from "../../model.ts";
import { renderTask } from "../file/task.ts";
import { requestHash } from "../journal/fence.ts";
import type { Lock, LockItem, LockTask } from "../journal/lock.ts";

type Frame = Pick<Lock, "campaign" | "round">;

function taskOf({ campaign, round }: Frame, task: LockTask, item: Pick<LockItem, "repository" | "root" | "variables">) {
  return renderTask(task, { campaign, round, repository: item.repository, root: item.root, variables: item.variables });
}

/** The hash of an item's request: see `fence.ts`. */
export function hashOfItem(
  frame: Frame,
  task: LockTask,
  item: Pick<LockItem, "repository" | "root" | "variables">,
): Promise<string> {
  const { prompt, branch } = taskOf(frame, task, item);
  return requestHash({ prompt, agent: task.agent, branch });
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
  const task = lock.tasks[item.task];
  if (task === undefined) throw new Error(`Cannot find task ${item.task} of item ${item.id}`);
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
