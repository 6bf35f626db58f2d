/**
 * Joins two locks of one campaign. The result does not depend on which of the two is ours.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Lock, LockItem, LockTask } from "./lock.ts";

/** Tells of two journals, or two locks, that cannot both be true. */
export function contradiction(why: string): UsageError {
  return new UsageError({
    attempted: "join the two journals",
    why,
    advice:
      "go on with one of the two: nothing was written, and runs that the other has started are found by their keys",
  });
}

function textOf(value: unknown): string {
  return JSON.stringify(value);
}

/** The place of an item: its repository, branch and root. Two items of one lock never share it. */
function placeOf({ repositoryId, baseBranch, root }: LockItem): string {
  return textOf([repositoryId.toLowerCase(), baseBranch, root]);
}

function isInvalid({ excluded }: LockItem): boolean {
  return excluded?.as === "invalid";
}

/** The later plan of two; which of them is ours makes no difference. */
function laterFirst(one: Lock, two: Lock): [Lock, Lock] {
  const [a, b] = [one, two].map((lock) => [Date.parse(lock.plannedAt), textOf(lock)] as const) as [
    readonly [number, string],
    readonly [number, string],
  ];
  return a[0] > b[0] || a[0] === b[0] && a[1] >= b[1] ? [one, two] : [two, one];
}

/**
 * The lock with the items of both. What is said once for the whole campaign, such as its limits, is that of the later plan.
 *
 * @param whole The lock of the journal that has all records of the other one; undefined when neither has. Its items win then.
 * @throws {UsageError} when an item of one is another task or another repository in the other, or the service is another one.
 */
export function joinLocks(one: Lock, two: Lock, whole?: Lock): Lock {
  if (one.origin !== two.origin) {
    throw contradiction(`one is of the service ${textOf(one.origin)}, and the other of ${textOf(two.origin)}`);
  }
  const [first, second] = whole === undefined ? laterFirst(one, two) : [whole, whole === one ? two : one];
  const tasks: LockTask[] = [...first.tasks];
  const others = new Map(second.items.map((item) => [item.id, item]));

  /** An item of the second lock, with the number that its task has in the joined one. */
  function moved(item: LockItem): LockItem {
    const task = second.tasks[item.task];
    if (task === undefined) return item;
    let index = tasks.findIndex((each) => textOf(each) === textOf(task));
    if (index < 0) index = tasks.push(task) - 1;
    return { ...item, task: index };
  }

  const items = first.items.map((item) => {
    const other = others.get(item.id);
    if (other === undefined || isInvalid(other)) return item;
    if (isInvalid(item)) return moved(other);
    if (placeOf(item) !== placeOf(other)) {
      throw contradiction(`item ${textOf(item.id)} is another repository in the other`);
    }
    if (item.requestHash !== other.requestHash && whole === undefined) {
      throw contradiction(`item ${textOf(item.id)} has another task in the other`);
    }
    return item;
  });
  const known = new Set(items.map(({ id }) => id));
  const places = new Map(items.filter((item) => !isInvalid(item)).map((item) => [placeOf(item), item.id]));
  for (const item of second.items) {
    if (known.has(item.id)) continue;
    const double = isInvalid(item) ? undefined : places.get(placeOf(item));
    if (double !== undefined) {
      throw contradiction(`items ${textOf(double)} and ${textOf(item.id)} are the same repository under two names`);
    }
    items.push(moved(item));
  }
  return { ...first, tasks, items };
}
