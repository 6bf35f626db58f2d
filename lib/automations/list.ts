/**
 * All automations, page by page.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { Automation } from "../model.ts";
import { checkTimeout, type ConnectOptions, openSession, type Session } from "../job/session.ts";

/** Options of {@linkcode listAutomations}. */
export interface ListAutomationsOptions extends ConnectOptions {
  /** Limit of each request in milliseconds, retries included: more than 0, at most 30 days. @default {60_000} */
  timeoutMs?: number | undefined;
  /** Automations that one request asks for: 1 to 100. @default {100} */
  pageSize?: number | undefined;
}

/** Most automations that one request gives. Source: API reference, "List automations". */
export const MAX_AUTOMATIONS = 100;
const PAGE_TIMEOUT_MS = 60_000;

/** {@linkcode listAutomations} on a session. */
export async function* automationsOf(
  session: Session,
  { timeoutMs = PAGE_TIMEOUT_MS, pageSize = MAX_AUTOMATIONS }: ListAutomationsOptions = {},
): AsyncGenerator<Automation, void, void> {
  const { client, clock, signal } = session;
  checkTimeout(timeoutMs);
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const query = { limit: pageSize, ...(cursor !== undefined && { cursor }) };
    const page = await client.listAutomations(query, { deadline: clock.now() + timeoutMs, signal });
    yield* page.automations;
    cursor = page.nextCursor ?? undefined;
    // A repeated cursor would loop for ever.
    if (cursor !== undefined && seen.has(cursor)) {
      const why = "the service gave the same cursor twice";
      throw new MogplexError({ attempted: "list automations", why }, "unavailable");
    }
    if (cursor !== undefined) seen.add(cursor);
  } while (cursor !== undefined);
}

/**
 * Lists all automations, newest first, a page at a time. Leaving the loop early asks for no further page.
 *
 * @param options See {@linkcode ListAutomationsOptions}.
 * @throws {UnauthorizedError | ForbiddenError | RateLimitedError | UnavailableError | NetworkError}
 * @throws {UsageError} when an option is out of range.
 * @throws `signal.reason` if `signal` aborts.
 * @example Find an automation by its name
 * ```ts
 * import { listAutomations } from "@mogplex/ci";
 *
 * async function idOf(name: string): Promise<string | undefined> {
 *   for await (const automation of listAutomations()) if (automation.name === name) return automation.id;
 * }
 * console.log(typeof idOf);
 * ```
 */
export function listAutomations(options: ListAutomationsOptions = {}): AsyncGenerator<Automation, void, void> {
  return automationsOf(openSession(options), options);
}
