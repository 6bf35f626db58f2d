/**
 * Starts as many items as the quotas allow now.
 *
 * @module
 */
import { isTerminal } from "../../api/contract/rules.ts";
import type { Sandbox } from "../../model.ts";
import { isoTime } from "../../result/times.ts";
import { isSpent, type ItemMemory } from "../journal/memory.ts";
import { nextStarts } from "../pace/next_starts.ts";
import type { Pace, PaceInput } from "../pace/pace.ts";
import { gateDue, paceInput, startableItems } from "../progress.ts";
import { lookAtRun, proveUser } from "./look.ts";
import { startItem } from "./start_item.ts";
import { serviceNow, type Work } from "./work.ts";

/** Statuses of a sandbox that counts against the limit. Source: contract 3.2 and section 12. */
const ACTIVE: readonly string[] = ["creating", "installing", "running"];
/** Refusals in a row because of the service after which nothing more is started for a while. */
const MAX_TROUBLE = 2;
/** That while, in milliseconds. */
const TROUBLE_MS = 60_000;

/**
 * How long an item waits after a start that failed because of the service, by the number of its failures in a row, in milliseconds. The fifth
 * one makes it fail for good: no outage of less than an hour and a half does that.
 */
export const AFTER_FAILURE_MS: readonly number[] = [5, 15, 30, 60].map((minutes) => minutes * 60_000);

/** How long nothing is started after the journal could not be shared, in milliseconds. */
const UNSHARED_MS = 60_000;

/** What further starts wait for. */
export type Rest = Omit<Pace, "starts">;

/** What a step of a campaign has done: an item has changed, or a gate was closed. */
export type Step =
  | { type: "changed"; item: string }
  | { type: "gate"; gate: "canary" | "threshold"; reason: string };

/** When an item may be started again, in milliseconds since 1970 by the service; -Infinity for at once. */
function readyMs({ state, starts, serviceFailures }: ItemMemory, nowMs: number): number {
  const last = starts.at(-1);
  if (state !== "service" || last === undefined) return -Infinity;
  const waitMs = AFTER_FAILURE_MS[Math.min(Math.max(serviceFailures, 1), AFTER_FAILURE_MS.length) - 1] ?? 0;
  // A time ahead of now comes from a clock that was set.
  return Math.min(Date.parse(last.sentAt), nowMs) + waitMs;
}

/** Items that may be started now, in their order; when there is none, `nextMs` says when there may be one. */
function readyItems({ session, store }: Work): { items: ItemMemory[]; nextMs: number | null } {
  const nowMs = serviceNow(session);
  const all = startableItems(store.memory).map((item) => ({ item, at: readyMs(item, nowMs) }));
  const items = all.filter(({ at }) => at <= nowMs).map(({ item }) => item);
  return { items, nextMs: items.length > 0 || all.length === 0 ? null : Math.min(...all.map(({ at }) => at)) };
}

/** Own runs that have no sandbox yet: the service counts their boots, and lists nothing. */
function bootingRuns({ store, booting }: Work): number {
  return store.openRuns().filter(({ start: { runId, status } }) =>
    runId !== null && !isTerminal(status ?? "") && (booting.has(runId) || status === null)
  ).length;
}

/** Items whose run has ended, and whose sandbox is among active ones. Nothing stops a sandbox when its run ends. */
function lingeringItems({ store: { memory } }: Work, active: readonly Sandbox[]): string[] {
  const places = new Set(active.map(({ repo_id, working_branch }) => `${repo_id} ${working_branch}`));
  if (places.size === 0) return [];
  return [...memory.items.values()].filter(({ item: { repositoryId }, starts, branch }) => {
    const last = starts.at(-1);
    if (last === undefined || last.runId === null || !isSpent(last)) return false;
    return [last.branch, last.answered, branch].some((name) => name !== null && places.has(`${repositoryId} ${name}`));
  }).map(({ item }) => item.id);
}

/**
 * How many sandboxes of the user are active, with those that own runs boot. Records which of them are of ended runs, when that has changed.
 *
 * @throws what the client and the journal throw.
 */
async function readSandboxes(work: Work): Promise<number> {
  const { session, pace, store } = work;
  const rows = await pace.request((call) => session.client.listSandboxes({ limit: 200 }, call));
  const active = rows.filter(({ status }) => ACTIVE.includes(status));
  const used = active.length + bootingRuns(work);
  const lingering = lingeringItems(work, active);
  const { lingering: before } = store.memory;
  if (lingering.length !== before.size || lingering.some((id) => !before.has(id))) {
    await store.record({ type: "sandboxes", used, lingering, seenAt: isoTime(serviceNow(session)) });
  }
  return used;
}

/** Records that sandboxes of others are in the way, so that a reader of the journal sees why nothing is started. */
async function noteOthers({ store }: Work, { because }: Rest, { sandboxes, running }: PaceInput): Promise<void> {
  if (because !== "sandboxes" || sandboxes === null || sandboxes <= running) return;
  if (store.memory.sandboxes !== sandboxes) await store.record({ type: "sandboxes", used: sandboxes });
}

/**
 * Closes a gate that is due, and starts as many items as quotas, sandboxes and windows allow.
 *
 * @returns A generator of what it has done; its value is what further starts wait for.
 * @throws {UsageError} when the token belongs to another user: nothing is started then.
 * @throws {UnauthorizedError | ForbiddenError} when the token may not start runs.
 * @throws what the client throws for reads; what the journal throws.
 */
export async function* startSome(work: Work): AsyncGenerator<Step, Rest, void> {
  const { session, store } = work;
  let sandboxes: number | null = null;
  let trouble = 0;
  for (;;) {
    for (let gate = gateDue(store.memory); gate !== undefined; gate = gateDue(store.memory)) {
      await store.record(gate);
      yield { type: "gate", gate: gate.gate, reason: gate.reason };
    }
    let { items, nextMs } = readyItems(work);
    const running = store.openRuns().length;
    const nowMs = serviceNow(session);
    const { failed } = work.pulls ?? {};
    const input = paceInput(store.memory, { nowMs, sandboxes, running, waiting: items.length, failed });
    let { starts, ...rest } = nextStarts(input);
    if (starts === 0 && rest.because === "pull-requests" && items.some(({ followUp }) => followUp !== null)) {
      // They bring no further pull request.
      items = items.filter(({ followUp }) => followUp !== null);
      ({ starts, ...rest } = nextStarts({ ...input, waiting: items.length, pullRequests: null }));
    }
    if (starts === 0) {
      await noteOthers(work, rest, input);
      return rest.because === "nothing" && nextMs !== null ? { because: "refused", nextMs } : rest;
    }
    // A start that no other machine can learn of is not sent.
    if (store.unshared !== undefined) await store.share();
    if (store.unshared !== undefined) return { because: "home", nextMs: serviceNow(session) + UNSHARED_MS };
    if (sandboxes === null) {
      await proveUser(work);
      sandboxes = work.seen.sandboxes = await readSandboxes(work);
      continue;
    }
    const [item] = items;
    if (item === undefined) return { because: "nothing", nextMs: null };
    const outcome = await startItem(work, item);
    yield { type: "changed", item: item.item.id };
    if (outcome.kind === "refused") {
      trouble = outcome.as === "service" ? trouble + 1 : 0;
      if (trouble >= MAX_TROUBLE) return { because: "refused", nextMs: serviceNow(session) + TROUBLE_MS };
      continue;
    }
    trouble = 0;
    work.seen.sandboxes = ++sandboxes;
    // Its key found a run that has ended: the next start of the item may have to follow at once.
    if (outcome.found && await lookAtRun(work, { item, start: outcome.start })) {
      yield { type: "changed", item: item.item.id };
    }
  }
}
