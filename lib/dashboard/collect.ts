/**
 * Reads the lists of the service for a dashboard: at most 30 requests, retries included, one after the other.
 *
 * @module
 */
import type { CallOptions, MogplexClient } from "../api/client.ts";
import type { Clock } from "../clock.ts";
import { ForbiddenError, MogplexError, NotFoundError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { Automation, AutomationRun, Repo, Sandbox } from "../model.ts";
import { formatCount } from "../result/duration.ts";
import { instantMs } from "../result/times.ts";
import {
  type AutomationEntry,
  type AutomationRuns,
  type DashboardData,
  isRead,
  type ListName,
  type ListState,
} from "./data.ts";

/** Most requests of one dashboard: half of what a token has in a minute. */
export const MAX_REQUESTS = 30;

/** How long all of it may take, in milliseconds: the service names 60 s when a token is busy. */
const ALL_MS = 120_000;
/** Most attempts of one request. */
const MAX_ATTEMPTS = 3;
// Source: API reference, "List repositories", "List automations", "List automation runs".
const MAX_LISTED = 200;
const MAX_AUTOMATIONS = 100;
const MAX_RUNS = 50;
const SHOWN_STATUSES = 20;
/** Automations in series whose runs cannot be read, after which the others are not asked for. */
const MAX_FAILURES = 3;
const DAY_MS = 86_400_000;

/** What {@linkcode collect} works with. */
export interface CollectOptions {
  /** The service. */
  client: MogplexClient;
  /** Time. */
  clock: Clock;
  /** Ends it. @default {undefined} */
  signal?: AbortSignal | undefined;
  /** Whether the token may be one that can start something. It is not looked at then. @default {false} */
  allowWriteToken?: boolean | undefined;
}

/** What the service said. */
export type Collected = Pick<
  DashboardData,
  "at" | "origin" | "requests" | "exitCode" | "lists" | "repositories" | "sandboxes" | "automations"
>;

/** Requests that are left, and what went wrong so far. */
class Reader {
  readonly #options: CollectOptions;
  readonly #before: number;
  readonly #deadline: number;
  /** The first error. */
  first: MogplexError | undefined;
  /** The error after which nothing else is asked: the token is refused, or may send nothing for now. */
  ending: MogplexError | undefined;

  constructor(options: CollectOptions) {
    this.#options = options;
    this.#before = options.client.requests;
    this.#deadline = options.clock.now() + ALL_MS;
  }

  get sent(): number {
    return this.#options.client.requests - this.#before;
  }

  get left(): number {
    return MAX_REQUESTS - this.sent;
  }

  /** Limits of the next call. @param attempts Most attempts. */
  call(attempts = MAX_ATTEMPTS): CallOptions {
    return {
      deadline: this.#deadline,
      signal: this.#options.signal,
      maxAttempts: Math.min(attempts, this.left),
    };
  }

  /** What a call returns; the error of the service or the network when it fails. */
  async read<T>(ask: () => Promise<T>): Promise<T | MogplexError> {
    try {
      return await ask();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!(error instanceof MogplexError) || error.exit === "internal") throw error;
      // Somebody removed it meanwhile.
      if (error instanceof NotFoundError) return error;
      this.first ??= error;
      if (error.exit === "unauthorized" || error.exit === "rateLimited") this.ending = error;
      return error;
    }
  }
}

const COMPLETE: ListState = { state: "complete", why: null };

/** The state of a list that the service cuts off without a word. */
function listed(count: number, noun: string, hasMore = count >= MAX_LISTED): ListState {
  if (!hasMore) return COMPLETE;
  const most = noun === "automations" ? MAX_AUTOMATIONS : MAX_LISTED;
  const why = noun === "automations"
    ? `These are the newest ${count}: a dashboard reads one page of them, at most ${most}`
    : `The service lists at most ${most} ${noun}, and exactly that many came: there may be more`;
  return { state: "cut", why };
}

/**
 * Refuses a token that could start something: this is found out by a request without effect.
 *
 * @throws {UsageError} when it could. @throws what the request throws.
 */
async function refuseWriters({ client }: CollectOptions, reader: Reader): Promise<void> {
  try {
    await client.checkStartAccess(reader.call());
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error;
    if (error.code !== "AUTOMATION_REQUIRED") return;
  }
  throw new UsageError({
    attempted: "make a dashboard",
    why: "the token may start runs or automations, and a dashboard only reads",
    advice: "give it a token with the scope read alone (Settings > Mogplex Keys), or --allow-write-token",
  });
}

/** What is known of the last runs of an automation. */
function runsOf(runs: readonly AutomationRun[], nowMs: number): AutomationRuns {
  const failures = runs.filter(({ status }) => status === "failed");
  const age = ({ created_at }: AutomationRun) => nowMs - (instantMs(created_at) ?? -Infinity);
  const [last] = runs;
  return {
    read: runs.length,
    more: runs.length >= MAX_RUNS,
    failed: failures.length,
    failedLastDay: failures.filter((run) => age(run) <= DAY_MS).length,
    open: runs.filter(({ status }) => status === "pending" || status === "running").length,
    last: last === undefined ? null : {
      id: last.id,
      status: last.status,
      createdAt: last.created_at,
      durationMs: last.duration_ms,
      error: last.error ?? last.last_start_error,
    },
    statuses: runs.slice(0, SHOWN_STATUSES).map(({ status }) => status),
  };
}

/** Automations that can have new runs first, then those that were changed last. */
function byInterest(automations: readonly Automation[]): Automation[] {
  const rank = ({ status, publishedVersionId }: Automation) =>
    status === "active" && publishedVersionId !== null ? 0 : 1;
  return [...automations].sort((a, b) =>
    rank(a) - rank(b) || (instantMs(b.updatedAt) ?? 0) - (instantMs(a.updatedAt) ?? 0)
  );
}

/** Reads the runs of as many automations as there are requests for. */
async function readRuns(
  { client, clock }: CollectOptions,
  reader: Reader,
  automations: readonly Automation[],
): Promise<{ runs: Map<string, AutomationRuns>; gone: Set<string>; state: ListState }> {
  const runs = new Map<string, AutomationRuns>();
  const gone = new Set<string>();
  let last: MogplexError | undefined;
  let failures = 0;
  for (const { id } of byInterest(automations)) {
    if (reader.left === 0 || reader.ending !== undefined || failures === MAX_FAILURES) break;
    const found = await reader.read(() => client.listAutomationRuns(id, { limit: MAX_RUNS }, reader.call(2)));
    if (found instanceof NotFoundError) gone.add(id);
    else if (found instanceof MogplexError) [last, failures] = [found, failures + 1];
    else {
      runs.set(id, runsOf(found, clock.wallTime()));
      failures = 0;
    }
  }
  const missing = automations.length - runs.size - gone.size;
  if (missing === 0) return { runs, gone, state: COMPLETE };
  const of = `${missing} of ${formatCount(automations.length, "automation")}`;
  if (last === undefined) {
    const why = `The runs of ${of} were not read, since a dashboard sends at most ${MAX_REQUESTS} requests`;
    return { runs, gone, state: { state: "cut", why } };
  }
  const why = `The runs of ${of} were not read: ${last.message}`;
  return { runs, gone, state: { state: runs.size === 0 ? "failed" : "partial", why } };
}

function automationEntry(automation: Automation, runs: ReadonlyMap<string, AutomationRuns>): AutomationEntry {
  const { id, name, status, publishedVersionId, updatedAt } = automation;
  return { id, name, status, published: publishedVersionId !== null, updatedAt, runs: runs.get(id) ?? null };
}

function sandboxEntry(sandbox: Sandbox, names: ReadonlyMap<string, string>) {
  const { id, repo_id, status, working_branch, base_branch, created_at, last_active_at, error } = sandbox;
  return {
    id,
    repository: names.get(repo_id) ?? null,
    status,
    branch: working_branch ?? base_branch,
    createdAt: created_at,
    lastActiveAt: last_active_at,
    error,
  };
}

const repositoryEntry = ({ id, full_name, default_branch }: Repo) => ({
  id,
  name: full_name,
  defaultBranch: default_branch,
});

/**
 * Reads the lists. What cannot be read is said in `lists`, and the exit code is that of the first error.
 *
 * @throws {UsageError} when the token could start something, unless that is allowed.
 * @throws {MogplexError} the first error when no list could be read.
 * @throws `signal.reason` if `signal` aborts.
 */
export async function collect(options: CollectOptions): Promise<Collected> {
  const { client, clock, allowWriteToken = false } = options;
  const reader = new Reader(options);
  if (!allowWriteToken) await refuseWriters(options, reader);
  const at = new Date(clock.wallTime()).toISOString();
  const lists = {} as Record<ListName, ListState>;

  /** Reads one list, unless an error before has ended everything. */
  async function list<T>(name: ListName, ask: () => Promise<{ found: T[]; state: ListState }>): Promise<T[]> {
    if (reader.ending !== undefined) {
      lists[name] = { state: "skipped", why: `It was not asked for after an error: ${reader.ending.message}` };
      return [];
    }
    const answer = await reader.read(ask);
    lists[name] = answer instanceof MogplexError ? { state: "failed", why: answer.message } : answer.state;
    return answer instanceof MogplexError ? [] : answer.found;
  }

  const query = { limit: MAX_LISTED };
  const repos = await list("repositories", async () => {
    const found = await client.listRepos(query, reader.call());
    return { found, state: listed(found.length, "repositories") };
  });
  const sandboxes = await list("sandboxes", async () => {
    const found = await client.listSandboxes(query, reader.call());
    return { found, state: listed(found.length, "sandboxes") };
  });
  const all = await list("automations", async () => {
    const page = await client.listAutomations({ limit: MAX_AUTOMATIONS }, reader.call());
    const state = listed(page.automations.length, "automations", Boolean(page.nextCursor));
    return { found: page.automations, state };
  });
  const { runs, gone, state } = await readRuns(options, reader, all);
  lists.automationRuns = isRead(lists.automations) ? state : { state: "skipped", why: "The automations were not read" };
  const automations = all.filter(({ id }) => !gone.has(id));
  const isNothing = ![lists.repositories, lists.sandboxes, lists.automations].some(isRead);
  if (isNothing && reader.first !== undefined) throw reader.first;
  const names = new Map(repos.map(({ id, full_name }) => [id, full_name]));
  return {
    at,
    origin: client.origin,
    requests: reader.sent,
    exitCode: reader.first === undefined ? EXIT.success : EXIT[reader.first.exit],
    lists,
    repositories: repos.map(repositoryEntry),
    sandboxes: sandboxes.map((each) => sandboxEntry(each, names)),
    automations: automations.map((each) => automationEntry(each, runs)),
  };
}
