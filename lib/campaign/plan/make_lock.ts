import type { StartRequest } from "../../model.ts";
import { resultPathFor } from "../../result/result_path.ts";
import { checkResultSchema, type ResultSchema } from "../../result/result_schema.ts";
import { retryTask, withResultTask } from "../../result/task.ts";
import { fixPrompt, withQuote } from "../../run/fix.ts";
import { normalizeRoot } from "../../service/contract.ts";
import { normalBranch } from "../../service/validate.ts";
import type { CampaignFile } from "../file/campaign_file.ts";
import { fileKey } from "../file/object.ts";
import { renderTask, renderTemplate, variablesOf } from "../file/items.ts";
import { itemKey, requestHash } from "../journal/chain.ts";
import { type Lock, LOCK_SETTINGS, type LockItem, type LockTask, type UnsealedLock } from "../journal/lock.ts";
import type { CampaignMemory } from "../journal/memory.ts";
import type { FollowUp } from "../journal/record.ts";
import type { ResolvedItem } from "./resolve.ts";

interface LockInput {
  file: CampaignFile;
  fileHash: string;
  resolved: readonly ResolvedItem[];
  origin: string;
  plannedAt: string;
  before: CampaignMemory | undefined;
}

/** What a plan changes. */
export interface LockChanges {
  /** Names of items that are new. */
  added: string[];
  /** Names of items that left the list. They are skipped from now on. */
  skipped: string[];
  /** Names of items that left the list, but continue because they were started. */
  kept: string[];
  /** Further information for the reader, one sentence per entry. */
  notes: string[];
}

interface MadeLock {
  lock: UnsealedLock;
  changes: LockChanges;
  growsCanary: boolean;
}

export function makeLock(input: LockInput): MadeLock {
  const { before } = input;
  const { lock, changes } = before !== undefined && wasStarted(before) ? laterLock(input, before) : newLock(input);
  const growsCanary = before !== undefined &&
    lock.items.some(({ id, canary }) => canary && before.items.get(id)?.item.canary !== true);
  if (growsCanary && before.gates.canary.approved !== null) {
    changes.notes.push("the canary has new items, so its earlier approval no longer applies");
  }
  return { lock, changes, growsCanary };
}

function newLock(input: LockInput): Omit<MadeLock, "growsCanary"> {
  const { before } = input;
  const lock = firstLock(input);
  const idsBefore = new Set(before?.lock.items.map(({ id }) => id));
  const ids = new Set(lock.items.map(({ id }) => id));
  const named = before === undefined ? [] : namedItems(lock, before, ids);
  return {
    lock: { ...lock, items: [...lock.items, ...named] },
    changes: {
      added: lock.items.filter(({ id }) => !idsBefore.has(id)).map(({ id }) => id),
      skipped: [...idsBefore].filter((id) => !ids.has(id)),
      kept: [],
      notes: before === undefined ? [] : ["nothing has been started yet, so a new plan was made"],
    },
  };
}

export function wasStarted({ items }: CampaignMemory): boolean {
  return [...items.values()].some(({ sent }) => sent > 0);
}

/** Without these items, the journal could not be read. */
function namedItems(lock: UnsealedLock, before: CampaignMemory, ids: ReadonlySet<string>): LockItem[] {
  const items: LockItem[] = [];
  const [task] = lock.tasks;
  for (const item of before.lock.items) {
    if (ids.has(item.id) || !isNamed(before, item) || task === undefined) continue;
    const requestHash = item.requestHash === "" ? "" : hashOfItem(lock, task, item);
    items.push({ ...item, task: 0, requestHash, canary: false, excluded: item.excluded ?? LEFT });
  }
  return items;
}

function firstLock({ file, fileHash, resolved, origin, plannedAt }: LockInput): UnsealedLock {
  const task = lockTaskOf(file);
  const items = resolved.map((each) => lockItem(file, task, 0, each));
  const { name: campaign, round } = file;
  return {
    ...{ schema: 1, campaign, round, plannedAt, origin, fileHash, tasks: [task] },
    ...settingsOf(file),
    items: withCanary(items, file),
  };
}

/** After the first start, items of the earlier canary come first, then items that were started, because their results are available sooner. */
function withCanary(items: readonly LockItem[], { canary }: CampaignFile, before?: CampaignMemory): LockItem[] {
  const rank = (item: LockItem) => item.canary ? 0 : (before?.items.get(item.id)?.sent ?? 0) > 0 ? 1 : 2;
  const candidates = items
    .filter(({ id, excluded }) => excluded === null && (before?.items.get(id)?.skipped ?? null) === null)
    .sort((a, b) => rank(a) - rank(b));
  const members = new Set(candidates.slice(0, canary?.size ?? 0));
  return [true, false].flatMap((isMember) =>
    items.filter((item) => members.has(item) === isMember).map((item) => ({ ...item, canary: isMember }))
  );
}

function settingsOf(file: CampaignFile): Pick<Lock, (typeof LOCK_SETTINGS)[number]> {
  return Object.fromEntries(LOCK_SETTINGS.map((name) => [name, file[name]])) as ReturnType<typeof settingsOf>;
}

export function hasOtherTask({ tasks }: UnsealedLock, file: CampaignFile, item?: LockItem): boolean {
  const task = item === undefined ? tasks.at(-1) : tasks[item.task];
  return task !== undefined && !isSame(task, lockTaskOf(file));
}

function lockTaskOf({ title, prompt, variables, agent, branch, result }: CampaignFile): LockTask {
  return { title, prompt, variables, agent, branch, ...(result !== undefined && { result }) };
}

function lockItem(
  { name: campaign, round }: CampaignFile,
  task: LockTask,
  index: number,
  { isDefault: _, rows: _rows, ...resolved }: ResolvedItem,
): LockItem {
  const hash = resolved.excluded === null ? hashOfItem({ campaign, round }, task, resolved) : "";
  return { ...resolved, requestHash: hash, task: index, canary: false };
}

const LEFT = { as: "skipped", reason: "it was removed from the list before it was started" } as const;

function laterLock(input: LockInput, before: CampaignMemory): Omit<MadeLock, "growsCanary"> {
  const { file, fileHash, resolved } = input;
  const { lock } = before;
  const changes: LockChanges = { added: [], skipped: [], kept: [], notes: settingsNotes(file, lock) };
  const task = lock.tasks.at(-1) ?? lockTaskOf(file);
  if (hasOtherTask(lock, file)) {
    changes.notes.push(
      "the task in the file has changed, but the campaign keeps the planned task; to use the new task, give the campaign " +
        "another name or round, or start items again with `campaign retry --adopt-changes`",
    );
  }
  const ordinary = lock.items.filter(({ excluded }) => excluded?.as !== "invalid");
  const pairs = pairItems(resolved.filter(({ excluded }) => excluded === null), ordinary);
  const present = new Set(pairs.values());
  for (const [now, locked] of pairs) changes.notes.push(...notesOn(locked, now));

  const items: LockItem[] = [];
  for (const item of lock.items) {
    const { sent = 0 } = before.items.get(item.id) ?? {};
    if (present.has(item)) {
      if (item.excluded !== null) changes.added.push(item.id);
      items.push({ ...item, excluded: null });
    } else if (sent > 0) {
      changes.kept.push(item.id);
      items.push(item);
    } else if (item.excluded === null) {
      changes.skipped.push(item.id);
      items.push({ ...item, excluded: LEFT });
    } else if (item.excluded.as === "skipped" || isNamed(before, item)) items.push(item);
  }
  const ids = new Set(items.map(({ id }) => id));
  for (const now of resolved) {
    if (pairs.has(now) || ids.has(now.id)) continue;
    const index = Math.max(lock.tasks.length - 1, 0);
    items.push(lockItem(file, task, index, now));
    if (!lock.items.some(({ id }) => id === now.id)) changes.added.push(now.id);
  }
  const tasks = lock.tasks.length > 0 ? lock.tasks : [task];
  // A follow-up without a response must be repeated with the same prompt, because its key is derived from the prompt.
  const isOpen = [...before.items.values()].some(({ state, followUp }) =>
    state === "starting" && followUp === "checks"
  );
  const { onFailedChecks } = isOpen ? lock : file;
  const isSameSize = file.canary?.size === lock.canary?.size;
  const next = {
    ...{ ...lock, fileHash, tasks, ...settingsOf(file), onFailedChecks },
    items: isSameSize ? items : withCanary(items, file, before),
  };
  return { lock: next, changes };
}

/** If an entry has no branch, its item keeps the locked branch. */
function pairItems(resolved: readonly ResolvedItem[], locked: readonly LockItem[]): Map<ResolvedItem, LockItem> {
  const pairs = new Map<ResolvedItem, LockItem>();
  const byIdentity = new Map(locked.map((item) => [identityOf(item), item]));
  const free = new Set(locked);
  function pair(each: ResolvedItem, itemOf: (repositoryId: string) => LockItem | undefined): void {
    const items = [each.repositoryId, ...each.rows].map(itemOf);
    const item = items.find((item) => item !== undefined && free.delete(item));
    if (item !== undefined) pairs.set(each, item);
  }
  for (const each of resolved) pair(each, (repositoryId) => byIdentity.get(identityOf({ ...each, repositoryId })));
  const byRepository = new Map([...free].map((item) => [item.repositoryId, item]));
  for (const each of resolved) {
    if (!pairs.has(each) && each.isDefault && each.excluded === null) pair(each, (id) => byRepository.get(id));
  }
  return pairs;
}

function identityOf(
  { repositoryId, baseBranch, root }: Pick<LockItem, "repositoryId" | "baseBranch" | "root">,
): string {
  const normal = root === null ? null : normalizeRoot(root);
  return JSON.stringify([
    repositoryId.toLowerCase(),
    normalBranch(baseBranch),
    normal === null ? null : normal.ok ? normal.root : root,
  ]);
}

function isNamed({ items }: CampaignMemory, { id }: LockItem): boolean {
  const item = items.get(id);
  return item !== undefined && (item.sent > 0 || item.skipped !== null || item.retries > 0);
}

function settingsNotes(file: CampaignFile, lock: Lock): string[] {
  return LOCK_SETTINGS.filter((name) => !isSame(file[name], lock[name])).map((name) =>
    `the new \`${fileKey(name)}\` settings apply from now on`
  );
}

function notesOn(locked: LockItem, now: ResolvedItem): string[] {
  const notes = [];
  if (locked.repository !== now.repository) {
    notes.push(`${locked.repository} is now called ${now.repository}; its item keeps the old name`);
  }
  if (identityOf({ ...locked, repositoryId: "" }) !== identityOf({ ...now, repositoryId: "" })) {
    const [old, fresh] = [locked, now].map(({ baseBranch, root }) => `${baseBranch}${root === null ? "" : `:${root}`}`);
    notes.push(`${locked.repository} now defaults to ${fresh}; its item keeps ${old}`);
  }
  return notes;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function adoptTask(
  lock: Lock,
  file: CampaignFile,
  fileHash: string,
  ids: ReadonlySet<string>,
): UnsealedLock {
  const task = lockTaskOf(file);
  const taskIndex = lock.tasks.findIndex((each) => isSame(each, task));
  const tasks = taskIndex >= 0 ? lock.tasks : [...lock.tasks, task];
  const index = taskIndex >= 0 ? taskIndex : tasks.length - 1;
  const items = lock.items.map((item) =>
    ids.has(item.id) ? { ...item, task: index, requestHash: hashOfItem(lock, task, item) } : item
  );
  return { ...lock, fileHash, tasks, items };
}

// The request of a task depends only on the lock and the number of the start, so two processes with the same lock send the same bytes.

type Frame = Pick<Lock, "campaign" | "round">;

export function hashOfItem(
  frame: Frame,
  task: LockTask,
  item: Pick<LockItem, "repository" | "root" | "variables">,
): string {
  const { prompt, branch } = taskOf(frame, task, item);
  // The hash covers the path with its placeholder, because the final path is derived from the hash.
  return requestHash({ prompt: withResult(prompt, task, task.result?.path), agent: task.agent, branch });
}

function withResult(prompt: string, { result }: LockTask, path: string | undefined): string {
  return result === undefined || path === undefined ? prompt : withResultTask(prompt, path, { text: result.schema });
}

export function resultPathOf(lock: UnsealedLock, item: LockItem, key: string): string | undefined {
  const { result } = taskAt(lock, item, item.task);
  return result === undefined ? undefined : resultPathFor(result.path, key);
}

export function resultSchemaOf(lock: UnsealedLock, item: LockItem): ResultSchema | undefined {
  const { result } = taskAt(lock, item, item.task);
  return result === undefined ? undefined : checkResultSchema(JSON.parse(result.schema));
}

export function taskHash(lock: Lock, item: LockItem, task: number): string {
  return hashOfItem(lock, taskAt(lock, item, task), item);
}

function taskOf({ campaign, round }: Frame, task: LockTask, item: Pick<LockItem, "repository" | "root" | "variables">) {
  return renderTask(task, { campaign, round, repository: item.repository, root: item.root, variables: item.variables });
}

/** If the task has no title, returns the name of the campaign, because the task may be confidential. */
export function titleOf(lock: Lock, item: LockItem): string {
  const task = taskAt(lock, item, item.task);
  return task.title === null ? lock.campaign : taskOf(lock, task, item).prompt.split("\n", 1)[0] ?? lock.campaign;
}

function taskAt({ tasks }: UnsealedLock, { id }: LockItem, index: number): LockTask {
  const task = tasks[index];
  if (task === undefined) throw new Error(`Cannot find task ${index} of item ${id}`);
  return task;
}

interface ResultFollowUp {
  readonly path: string;
  readonly mistakes: readonly string[];
}

function followUpPrompt(
  { campaign, round, tasks, onFailedChecks }: Lock,
  item: LockItem,
  followUp: FollowUp,
  about?: ResultFollowUp,
): string {
  if (followUp === "result") {
    const { result } = tasks[item.task] ?? {};
    if (result === undefined) throw new Error(`Cannot ask item ${item.id} for a result: its task has none`);
    const { path, mistakes } = about ?? { path: result.path, mistakes: [] };
    return retryTask(path, mistakes, { text: result.schema });
  }
  if (followUp !== "checks" || onFailedChecks === null) return fixPrompt(followUp, item.baseBranch, "pull request");
  const { repository, root, variables } = item;
  const values = variablesOf(tasks[item.task]?.variables ?? {}, { campaign, round, repository, root, variables });
  return renderTemplate(onFailedChecks.prompt, values).trim();
}

export function followUpHash(lock: Lock, item: LockItem, followUp: FollowUp, branch: string): string {
  const prompt = followUpPrompt(lock, item, followUp);
  return requestHash({ prompt, agent: taskAt(lock, item, item.task).agent, branch });
}

export function followUpRequestOf(
  lock: Lock,
  item: LockItem,
  followUp: FollowUp,
  { branch, quote, resultPath = "" }: { branch: string; quote: string | null; resultPath?: string | undefined },
): StartRequest {
  const { harness, mode } = taskAt(lock, item, item.task).agent;
  const prompt = followUp === "result"
    ? followUpPrompt(lock, item, followUp, { path: resultPath, mistakes: quote?.split("\n") ?? [] })
    : withQuote(followUpPrompt(lock, item, followUp), quote);
  return {
    repoId: item.repositoryId,
    prompt,
    harness,
    baseBranch: item.baseBranch,
    rootDirectory: item.root,
    createBranch: false,
    workingBranch: branch,
    ...(mode !== null && { mode: mode as StartRequest["mode"] }),
  };
}

export function requestOf(lock: UnsealedLock, item: LockItem, start: number): StartRequest {
  const task = taskAt(lock, item, item.task);
  const { prompt, branch } = taskOf(lock, task, item);
  const { harness, mode } = task.agent;
  const { campaign, round } = lock;
  const { requestHash, repositoryId, baseBranch, root } = item;
  const key = itemKey({ campaign, round, requestHash, repositoryId, baseBranch, root, kind: "task", start });
  return {
    repoId: item.repositoryId,
    prompt: withResult(prompt, task, resultPathOf(lock, item, key)),
    harness,
    // The base branch and the root directory are always sent, because the service compares them when a request is repeated. If a default changed, a
    // repeated request would become a conflict.
    baseBranch: item.baseBranch,
    rootDirectory: item.root,
    createBranch: true,
    ...(branch !== null && { workingBranch: branchOf(branch, start) }),
    ...(mode !== null && { mode: mode as StartRequest["mode"] }),
  };
}

function branchOf(branch: string | null, start: number): string | undefined {
  if (branch === null) return undefined;
  return start === 1 ? branch : `${branch}-${start}`;
}
