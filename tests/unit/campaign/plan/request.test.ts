import { expect, test } from "bun:test";
import fc from "fast-check";
import { hashOfItem, requestOf } from "../../../../lib/campaign/plan/make_lock.ts";
import { lockItem, lockOf } from "../journal/sample.ts";

const task = lockOf(1).tasks[0];
if (task === undefined) throw new Error("no task");

test("requestOf() freezes branch and root, fills in the task, and gives a later start another branch", () => {
  const item = lockItem(1, { root: "packages/api", baseBranch: "develop" });
  const lock = lockOf([item]);
  const first = requestOf(lock, item, 1);
  expect(first).toEqual({
    repoId: item.repositoryId,
    prompt: "Replace moment\n\nReplace moment with Temporal\n\tin r1",
    harness: "codex",
    baseBranch: "develop",
    rootDirectory: "packages/api",
    createBranch: true,
    workingBranch: "codemod/replace-moment",
    mode: "AUTO",
  });
  expect([2, 3].map((start) => requestOf(lock, item, start))).toEqual(
    [2, 3].map((start) => ({ ...first, workingBranch: `codemod/replace-moment-${start}` })),
  );
});

test("requestOf() leaves out what the service chooses, and never an explicit root", () => {
  const item = lockItem(1);
  const plain = { ...task, title: null, branch: null, agent: { harness: "claude-code", mode: null } } as typeof task;
  const request = requestOf(lockOf([item], { tasks: [plain] }), item, 4);
  expect(Object.keys(request).sort()).toEqual([
    "baseBranch",
    "createBranch",
    "harness",
    "prompt",
    "repoId",
    "rootDirectory",
  ]);
  expect(request.rootDirectory).toBeNull();
});

test("requestOf() gives the same request for the same lock in every process", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 99 }), fc.string({ maxLength: 50 }), (start, ticket) => {
    const item = lockItem(1, { variables: { ticket } });
    const [one, other] = [lockOf([item]), structuredClone(lockOf([item]))];
    expect(JSON.stringify(requestOf(one, item, start))).toBe(JSON.stringify(requestOf(other, item, start)));
  }));
});

test("hashOfItem() changes with text, variables, agent and branch, and not with repository id or start", async () => {
  const frame = lockOf(1);
  const item = lockItem(1);
  const hash = await hashOfItem(frame, task, item);
  const others = await Promise.all([
    hashOfItem(frame, { ...task, prompt: "Another" }, item),
    hashOfItem(frame, { ...task, title: "Another" }, item),
    hashOfItem(frame, { ...task, agent: { harness: "claude-code", mode: "AUTO" } }, item),
    hashOfItem(frame, { ...task, agent: { harness: "codex", mode: null } }, item),
    hashOfItem(frame, { ...task, branch: "other" }, item),
    hashOfItem(frame, { ...task, branch: null }, item),
    hashOfItem(frame, task, lockItem(2)),
  ]);
  expect(new Set([hash, ...others]).size).toBe(8);
  expect(await hashOfItem(frame, task, { ...item, repositoryId: "x" } as typeof item)).toBe(hash);
});
