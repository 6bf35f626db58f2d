/**
 * Starts as many items as the quotas allow now.
 *
 * @module
 */
import type { Sandbox } from "../../model.ts";
import { nextStarts } from "../pace/next_starts.ts";
import type { Pace } from "../pace/pace.ts";
import { gateDue } from "./gates.ts";
import { lookAtRun } from "./look.ts";
import { paceInput } from "./pace_input.ts";
import { proveUser } from "./collect.ts";
import { startItem } from "./start_item.ts";
import { serviceNow, type Work } from "./work.ts";

/** Statuses of a sandbox that counts against the limit. Source: contract 3.2 and section 12. */
const ACTIVE: readonly string[] = ["creating", "installing", "running"];
/** Refusals in a row because of the service after which a wave starts nothing more. */
const MAX_TROUBLE = 2;

/** How many sandboxes of the user are active. @throws what the client throws. */
async function readSandboxes({ session, pace }: Work): Promise<number> {
  const rows: Sandbox[] = await pace.request((call) => session.client.listSandboxes({ limit: 200 }, call));
  return rows.filter(({ status }) => ACTIVE.includes(status)).length;
}

/** What limits further starts, after {@linkcode startSome}. */
export type Rest = Omit<Pace, "starts">;

/**
 * Closes a gate that is due, and starts as many items as quotas, sandboxes and windows allow.
 *
 * @returns A generator of the names of items that have changed; it returns what further starts wait for.
 * @throws {UsageError} when the token belongs to another user: nothing is started then.
 * @throws {UnauthorizedError | ForbiddenError} when the token may not start runs.
 * @throws what the client throws for reads; what the journal throws.
 */
export async function* startSome(work: Work): AsyncGenerator<string, Rest, void> {
  const { session, store } = work;
  let sandboxes: number | null = null;
  let trouble = 0;
  for (;;) {
    const gate = gateDue(work.lock, store.memory);
    if (gate !== undefined) await store.record(gate);
    let { starts, ...rest } = nextStarts(paceInput(work, sandboxes));
    if (starts === 0) return rest;
    if (sandboxes === null) {
      await proveUser(work);
      sandboxes = await readSandboxes(work);
      ({ starts, ...rest } = nextStarts(paceInput(work, sandboxes)));
      if (starts === 0) return rest;
    }
    const item = store.memory.nextItem(work.lock);
    if (item === undefined) return { because: "nothing", nextMs: null };
    const outcome = await startItem(work, item);
    yield item.id;
    if (outcome.kind === "refused") {
      trouble = outcome.as === "service" ? trouble + 1 : 0;
      if (trouble >= MAX_TROUBLE) return { because: "refused", nextMs: serviceNow(session) + TROUBLE_MS };
      continue;
    }
    trouble = 0;
    sandboxes++;
    if (outcome.open !== null && await lookAtRun(work, item, outcome.open)) yield item.id;
  }
}

/** Pause of starts after the service failed several in a row, in milliseconds. */
const TROUBLE_MS = 60_000;
