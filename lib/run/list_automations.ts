import { detected } from "../ci/detect.ts";
import { ApiError, MogplexError } from "../errors.ts";
import type { Automation } from "../model.ts";
import { failureOf } from "../service/retry.ts";
import type { Keys } from "../service/validate.ts";
import { formatCount } from "../text/duration.ts";
import { checkTimeout, type ConnectOptions, openSession, type Session, verbKeys, type VerbOptions } from "./session.ts";

/** Options for {@linkcode MogplexAutomations.list}. */
export interface ListAutomationsOptions extends VerbOptions {
  /** Maximum time for one page, in milliseconds, including retries: more than 0, at most 30 days. @default {60_000} */
  timeoutMs?: number | undefined;
  /** Number of automations per request: 1 to 100. @default {100} */
  pageSize?: number | undefined;
  /**
   * Called if the list ends early. `page` is the number of the first missing page (at least 2), and `count` is the number of automations before it.
   * `error` is the error of the last attempt to read the page, or explains why the page was not requested. `onNotice` is called as well. If this
   * function throws, the list throws the same error.
   */
  onIncomplete?: ((where: { page: number; count: number; error: MogplexError }) => void) | undefined;
}

export function listAutomationsKeys(): Keys<ListAutomationsOptions> {
  return { ...verbKeys(), timeoutMs: "number", pageSize: "number", onIncomplete: "function" };
}

/** Source: API reference, "List automations". */
export const MAX_AUTOMATIONS = 100;
const PAGE_TIMEOUT_MS = 60_000;
/** On some revisions, pages after the first always fail. Source: contract, section 12. */
const LATER_PAGE_MS = 5_000;

/** A service that always returns a cursor would otherwise make the list endless. */
const MAX_PAGES = 1_000;

type Page = Awaited<ReturnType<Session["client"]["listAutomations"]>>;

interface Reading {
  session: Session;
  pageSize: number;
  timeoutMs: number;
}

async function readPage({ session, pageSize, timeoutMs }: Reading, cursor: string | undefined): Promise<Page> {
  const { client, clock, signal } = session;
  const query = { limit: pageSize, ...(cursor !== undefined && { cursor }) };
  const read = (limitMs: number) => client.listAutomations(query, { deadline: clock.now() + limitMs, signal });
  if (cursor === undefined || timeoutMs <= LATER_PAGE_MS) return await read(timeoutMs);
  try {
    return await read(LATER_PAGE_MS);
  } catch (error) {
    // Wait only if the service names a delay. Revisions on which later pages always fail do not name a delay.
    if (error instanceof ApiError && error.retryAfterMs !== null) return await read(timeoutMs);
    throw error;
  }
}

/** If the token is refused, the error is thrown, because every other request would fail as well. */
function endsList(error: unknown): error is MogplexError {
  return error instanceof MogplexError && error.exit !== "unauthorized" && error.exit !== "forbidden";
}

function missingPage(page: number, error: MogplexError): string {
  const detail = failureOf(error, { worked: true })?.detail ?? "it refused its own cursor";
  return `the service failed on page ${page} (${detail}); some revisions cannot return a second page`;
}

function stopAfter(page: number, repeated: boolean): string | undefined {
  if (repeated) return `the service returned the same cursor again on page ${page}`;
  return page === MAX_PAGES ? `it has more than ${MAX_PAGES} pages` : undefined;
}

/** @returns A generator that returns whether there are more automations than it yielded. */
export async function* automationsOf(
  session: Session,
  options: Omit<ListAutomationsOptions, keyof VerbOptions> & { limit?: number | undefined } = {},
): AsyncGenerator<Automation, boolean, void> {
  const { timeoutMs = PAGE_TIMEOUT_MS, pageSize = MAX_AUTOMATIONS, limit = Infinity, onIncomplete } = options;
  checkTimeout(timeoutMs);
  const reading = { session, pageSize, timeoutMs };
  const seen = new Set<string>();
  let cursor: string | undefined;
  let count = 0;
  const endEarly = (page: number, why: string, error: MogplexError): true => {
    session.notify({ kind: "text", message: `the list ends after ${formatCount(count, "automation")} because ${why}` });
    onIncomplete?.({ page, count, error });
    return true;
  };
  for (let page = 1;; page++) {
    let read: Page;
    try {
      read = await readPage(reading, cursor);
    } catch (error) {
      session.signal?.throwIfAborted();
      if (page === 1 || !endsList(error)) throw error;
      return endEarly(page, missingPage(page, error), error);
    }
    cursor = read.nextCursor ?? undefined;
    for (const automation of read.automations) {
      if (count >= limit) return true;
      count++;
      yield automation;
    }
    if (cursor === undefined) return false;
    if (count >= limit) return true;
    const why = stopAfter(page, seen.has(cursor));
    if (why !== undefined) {
      return endEarly(page + 1, why, new MogplexError({ attempted: "list automations", why }, "unavailable"));
    }
    seen.add(cursor);
  }
}

/** Lists all automations, newest first. */
export function listAutomations(
  options: ListAutomationsOptions & ConnectOptions,
): AsyncGenerator<Automation, void, void> {
  return withoutEnd(automationsOf(openSession(options, detected(options)), options));
}

async function* withoutEnd(items: AsyncGenerator<Automation, boolean, void>): AsyncGenerator<Automation, void, void> {
  yield* items;
}
