import type { Clock } from "../clock.ts";
import { ForbiddenError, MogplexError, NotFoundError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { DirectoryEntry, ListDirectory } from "../files/disk.ts";
import type { Automation, AutomationRun, Repo, Sandbox } from "../model.ts";
import type { ForgeReading } from "../forge/batch.ts";
import { readFacts } from "../run/events.ts";
import { endOfRun, type EventFacts, instantMs, noFacts } from "../run/result.ts";
import type { CallOptions, ServiceClient } from "../service/client.ts";
import { formatCount } from "../text/duration.ts";
import { jsonText } from "../text/escape.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import { renderDashboardPage } from "./dashboard_page.ts";
import {
  type AutomationEntry,
  type AutomationRuns,
  type DashboardData,
  isRead,
  type ListName,
  type ListState,
} from "./data.ts";
import { renderDashboardMetrics } from "./metrics.ts";
import { pullRequestsOf } from "./pull_requests.ts";
import { countedRuns, lastDaysOf, repositoriesOf, type RunAnswer, weeksOf } from "./runs.ts";
import { silentJobsOf } from "./silence.ts";
import type { Stored } from "./stored.ts";

/** Half of the requests that a token can send in a minute. */
const MAX_REQUESTS = 30;

/** Time limit for all requests together. When a token's limit is reached, the service asks clients to wait 60 seconds. */
const ALL_MS = 120_000;
const MAX_ATTEMPTS = 3;
// Source: API reference, "List repositories", "List automations", "List automation runs".
const MAX_LISTED = 200;
const MAX_AUTOMATIONS = 100;
const MAX_RUNS = 50;
const SHOWN_STATUSES = 20;
const MAX_FAILURES = 3;
const DAY_MS = 86_400_000;
const FIRST_OPEN = 10;

export interface CollectOptions {
  client: ServiceClient;
  clock: Clock;
  openRuns?: readonly string[] | undefined;
  allowWriteToken?: boolean | undefined;
}

type Collected = Pick<
  DashboardData,
  "at" | "origin" | "requests" | "exitCode" | "lists" | "repositories" | "sandboxes" | "automations"
>;

export async function collect(
  options: CollectOptions,
): Promise<Collected & { answers: Map<string, RunAnswer | null> }> {
  const { client, openRuns = [], allowWriteToken = false } = options;
  const reader = new Reader(options);
  if (!allowWriteToken) await refuseWriters(options, reader);
  const lists = {} as Record<ListName, ListState>;

  async function list<T>(name: ListName, ask: () => Promise<{ found: T[]; state: ListState }>): Promise<T[]> {
    if (reader.ending !== undefined) {
      lists[name] = {
        state: "skipped",
        why: `It was not read because an earlier request failed: ${reader.ending.message}`,
      };
      return [];
    }
    const answer = await reader.read(ask);
    lists[name] = answer instanceof MogplexError ? { state: "failed", why: answer.message } : answer.state;
    return answer instanceof MogplexError ? [] : answer.found;
  }

  const query = { limit: MAX_LISTED };
  const repos = await list("repositories", async () => {
    const rows = await client.listRepos(query, reader.call());
    return { found: rows, state: listed(rows.length, "repositories") };
  });
  const at = new Date(serviceNow(options)).toISOString();
  const sandboxes = await list("sandboxes", async () => {
    const rows = await client.listSandboxes(query, reader.call());
    return { found: rows, state: listed(rows.length, "sandboxes") };
  });
  const all = await list("automations", async () => {
    const page = await client.listAutomations({ limit: MAX_AUTOMATIONS }, reader.call());
    const state = listed(page.automations.length, "automations", Boolean(page.nextCursor));
    return { found: page.automations, state };
  });
  const open = new OpenRuns(client, reader, openRuns);
  await open.read(FIRST_OPEN);
  const { runs, gone, state } = await readRuns(options, reader, all);
  await open.read(openRuns.length);
  lists.openRuns = open.state();
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
    answers: open.answers,
  };
}

/** A smaller difference between the clocks is not corrected, because the service's time is known only to the second and responses take time. */
const LEAST_SKEW_MS = 60_000;

function serviceNow({ client, clock }: CollectOptions): number {
  const skewMs = client.clockSkewMs ?? 0;
  return clock.wallTime() - (Math.abs(skewMs) < LEAST_SKEW_MS ? 0 : skewMs);
}

class OpenRuns {
  readonly #client: ServiceClient;
  readonly #reader: Reader;
  readonly #ids: readonly string[];
  #asked = 0;
  #failures = 0;
  #last: MogplexError | undefined;
  readonly answers = new Map<string, RunAnswer | null>();

  constructor(client: ServiceClient, reader: Reader, ids: readonly string[]) {
    this.#client = client;
    this.#reader = reader;
    this.#ids = ids;
  }

  async read(count: number): Promise<void> {
    const reader = this.#reader;
    for (const id of this.#ids.slice(this.#asked, count)) {
      if (reader.left === 0 || reader.ending !== undefined || this.#failures === MAX_FAILURES) return;
      this.#asked++;
      const run = await reader.read(() => this.#client.getRun(id, reader.call(2)));
      if (run instanceof NotFoundError) {
        this.answers.set(id, null);
        continue;
      }
      if (run instanceof MogplexError) {
        this.#last = run;
        this.#failures++;
        continue;
      }
      this.#failures = 0;
      const { pullRequest: { url: pullRequest }, firstEnd } = ["success", "failed"].includes(run.status)
        ? await this.#factsOf(id)
        : noFacts();
      this.answers.set(id, { run, end: endOfRun(run.status, { firstEnd }), pullRequest });
    }
  }

  async #factsOf(id: string): Promise<EventFacts> {
    const reader = this.#reader;
    if (reader.left === 0 || reader.ending !== undefined) return noFacts();
    const answer = await reader.read(() => readFacts(this.#client, id, reader.call(1)));
    return answer instanceof MogplexError ? noFacts() : answer;
  }

  state(): ListState {
    const total = this.#ids.length;
    const goneCount = [...this.answers.values()].filter((answer) => answer === null).length;
    const answered = this.answers.size - goneCount;
    const missing = total - answered;
    if (missing === 0) return COMPLETE;
    const runs = formatCount(total, "unfinished run");
    const of = `${missing} of ${runs}`;
    const { ending } = this.#reader;
    if (this.#asked === 0 && ending !== undefined) {
      return { state: "skipped", why: `They were not read because an earlier request failed: ${ending.message}` };
    }
    const error = this.#last ?? ending;
    if (error !== undefined) {
      return {
        state: answered === 0 ? "failed" : "partial",
        why: `${of} could not be read: ${error.message}`,
      };
    }
    const unasked = total - this.#asked;
    const each = total === 1 ? "the unfinished run" : `${total === 2 ? "either" : "any"} of the ${runs}`;
    const gone = goneCount === 0 ? [] : [
      `This token cannot see ${goneCount === total ? each : `${goneCount} of the ${runs}`}: ${
        goneCount === 1 ? "it was deleted, or it belongs" : "they were deleted, or they belong"
      } to another user`,
    ];
    const cut = unasked === 0 ? [] : [
      `${unasked} of ${runs} were not read because a dashboard sends at most ${MAX_REQUESTS} requests`,
    ];
    return { state: "cut", why: [...gone, ...cut].join("; ") };
  }
}

class Reader {
  readonly #client: ServiceClient;
  readonly #before: number;
  readonly #deadline: number;
  first: MogplexError | undefined;
  /** Stops further requests: the token was refused or has reached its limit. */
  ending: MogplexError | undefined;

  constructor({ client, clock }: CollectOptions) {
    this.#client = client;
    this.#before = client.requests;
    this.#deadline = clock.now() + ALL_MS;
  }

  get sent(): number {
    return this.#client.requests - this.#before;
  }

  get left(): number {
    return MAX_REQUESTS - this.sent;
  }

  call(attempts = MAX_ATTEMPTS): CallOptions {
    return {
      deadline: this.#deadline,
      maxAttempts: Math.min(attempts, this.left),
    };
  }

  async read<T>(ask: () => Promise<T>): Promise<T | MogplexError> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof MogplexError) || error.exit === "internal") throw error;
      // Not a failure: the object was deleted in the meantime, or the token cannot see it.
      if (error instanceof NotFoundError) return error;
      this.first ??= error;
      if (error.exit === "unauthorized" || error.exit === "rateLimited") this.ending = error;
      return error;
    }
  }
}

const COMPLETE: ListState = { state: "complete", why: null };

function listed(count: number, noun: string, hasMore = count >= MAX_LISTED): ListState {
  if (!hasMore) return COMPLETE;
  const most = noun === "automations" ? MAX_AUTOMATIONS : MAX_LISTED;
  const why = noun === "automations"
    ? `Only the newest ${count} were read because a dashboard reads at most ${most}`
    : `The service lists at most ${most} ${noun} and returned ${most}, so there may be more`;
  return { state: "cut", why };
}

/** A request without effect shows whether the token can start something. */
async function refuseWriters({ client }: CollectOptions, reader: Reader): Promise<void> {
  try {
    await client.checkStartAccess(reader.call());
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error;
    if (error.code !== "AUTOMATION_REQUIRED") return;
  }
  throw new UsageError({
    attempted: "make a dashboard",
    why: "the token can start runs or automations, but a dashboard only reads",
    advice: "use a read-only token (scope read; Settings > Mogplex Keys), or add --allow-write-token",
  });
}

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

/** Automations that can have new runs come first, because the number of requests is limited. */
function byInterest(automations: readonly Automation[]): Automation[] {
  const rank = ({ status, publishedVersionId }: Automation) =>
    status === "active" && publishedVersionId !== null ? 0 : 1;
  return [...automations].sort((a, b) =>
    rank(a) - rank(b) || (instantMs(b.updatedAt) ?? 0) - (instantMs(a.updatedAt) ?? 0)
  );
}

async function readRuns(
  options: CollectOptions,
  reader: Reader,
  automations: readonly Automation[],
): Promise<{ runs: Map<string, AutomationRuns>; gone: Set<string>; state: ListState }> {
  const { client } = options;
  const runs = new Map<string, AutomationRuns>();
  const gone = new Set<string>();
  let last: MogplexError | undefined;
  let failures = 0;
  for (const { id } of byInterest(automations)) {
    if (reader.left === 0 || reader.ending !== undefined || failures === MAX_FAILURES) break;
    const answer = await reader.read(() => client.listAutomationRuns(id, { limit: MAX_RUNS }, reader.call(2)));
    if (answer instanceof NotFoundError) gone.add(id);
    else if (answer instanceof MogplexError) [last, failures] = [answer, failures + 1];
    else {
      runs.set(id, runsOf(answer, serviceNow(options)));
      failures = 0;
    }
  }
  const missing = automations.length - runs.size - gone.size;
  if (missing === 0) return { runs, gone, state: COMPLETE };
  const of = `${missing} of ${formatCount(automations.length, "automation")}`;
  if (last === undefined) {
    const why = `The runs of ${of} were not read because a dashboard sends at most ${MAX_REQUESTS} requests`;
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

export function assemble(
  collected: Collected,
  { runs, campaigns, covers, fileProblems, pulls }: Omit<Stored, "openItems">,
  reading: ForgeReading | null,
): DashboardData {
  const nowMs = instantMs(collected.at) ?? 0;
  const counted = countedRuns(runs);
  const silentJobs = silentJobsOf(counted, nowMs);
  return {
    schema: 1,
    ...collected,
    runs,
    days: lastDaysOf(counted, nowMs),
    weeks: weeksOf(counted, nowMs, covers.since),
    silentJobs,
    repositoryFigures: repositoriesOf(counted, silentJobs, nowMs),
    pullRequests: pullRequestsOf(pulls, reading, nowMs, covers.from),
    campaigns,
    covers,
    fileProblems,
  };
}

/**
 * The files are written in this order. The page comes last, so that its links never lead to missing files.
 *
 * @param data Data after {@linkcode cleanDashboard}.
 */
export function renderDashboard(data: DashboardData): { name: string; text: string }[] {
  return [
    { name: "data.json", text: `${jsonText(data, 2)}\n` },
    { name: "metrics.prom", text: renderDashboardMetrics(data) },
    { name: "index.html", text: renderDashboardPage(data) },
  ];
}

// Files by patterns: `*` and `?` within a name, and `**` for any number of folders.

/** Maximum number of directory entries read for all patterns. Without this limit, a pattern such as `/**` would read the whole disk. */
export const MAX_ENTRIES = 20_000;

const SPECIAL = /[*?]/;

/** These folders are large and contain no reports. */
const PASSED_OVER: readonly string[] = ["node_modules"];

interface GlobCut {
  pattern: string;
  /** The folder that was being read when the limit was reached. Untrusted text. */
  folder: string;
}

/**
 * A match can come from another user's job. Therefore, after the first `*` or `?` of a pattern, no symbolic link is followed and only regular files
 * match.
 */
export function filesOf(
  patterns: readonly string[],
  list: ListDirectory,
): { found: Map<string, string[]>; cut: GlobCut | null } {
  let budget = MAX_ENTRIES;
  let looked = "";
  let cut: GlobCut | null = null;
  const entriesOf = (folder: string) => {
    if (cut !== null) return [];
    const entries = list(folder === "" ? "." : folder) ?? [];
    if (entries.length > budget) cut = { pattern: looked, folder };
    budget -= entries.length;
    return cut === null ? entries : [];
  };
  const join = (folder: string, name: string) =>
    folder === "" || folder === "/" ? `${folder}${name}` : `${folder}/${name}`;

  const has = (folder: string, wanted: string, kind: DirectoryEntry["kind"]) =>
    entriesOf(folder).some((each) => each.name === wanted && each.kind === kind);

  /** @param isFound Whether the folder matched a part of the pattern. Otherwise, the user named the folder. */
  function walk(folder: string, parts: readonly string[], isFound = false): string[] {
    const [part = "", ...rest] = parts;
    const isLast = rest.length === 0;
    if (part === "**") {
      const below = entriesOf(folder).filter(({ name, kind }) =>
        kind === "folder" && !name.startsWith(".") && !PASSED_OVER.includes(name)
      );
      return [
        ...walk(folder, isLast ? ["*"] : rest, true),
        ...below.flatMap(({ name }) => walk(join(folder, name), parts, true)),
      ];
    }
    if (!SPECIAL.test(part)) {
      if (isLast) return has(folder, part, "file") ? [join(folder, part)] : [];
      return isFound && !has(folder, part, "folder") ? [] : walk(join(folder, part), rest, isFound);
    }
    const matches = matcher(part);
    const wanted = isLast ? "file" : "folder";
    return entriesOf(folder).filter(({ name, kind }) => matches.test(name) && kind === wanted)
      .flatMap(({ name }) => isLast ? [join(folder, name)] : walk(join(folder, name), rest, true));
  }

  const matches = new Map<string, string[]>();
  for (const pattern of patterns) {
    looked = pattern;
    const isAbsolute = pattern.startsWith("/");
    const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
    const paths = SPECIAL.test(pattern) ? walk(isAbsolute ? "/" : "", parts) : [pattern];
    matches.set(pattern, [...new Set(paths)].sort());
  }
  return { found: matches, cut };
}

/** A name with a leading dot matches only a pattern with a leading dot, as in shells. */
function matcher(part: string): RegExp {
  const source = part.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, "[^/]*").replace(/\?/g, "[^/]");
  return new RegExp(`^${part.startsWith(".") ? "" : "(?!\\.)"}${source}$`, "u");
}

/** In UTF-16 units. */
const MAX_TEXT = 2_000;
/** In UTF-16 units. Normalizing takes time, and most of a hostile text can be invisible. */
const MAX_READ = 20_000;

/** Fields that programs look up. Only the token is masked in them. */
const LOOKED_UP: readonly string[] = [
  "id",
  "runId",
  "status",
  "state",
  "outcome",
  "kind",
  "at",
  "schema",
  "taskKey",
  "page",
  "last",
];

/**
 * Makes the data safe for files: every text is normalized, redacted and truncated.
 *
 * @param redact `token` removes only the token.
 */
export function cleanDashboard(
  data: DashboardData,
  redact: { (text: string): string; token(text: string): string },
): DashboardData {
  function clean(value: unknown, key = ""): unknown {
    if (typeof value === "string") {
      const mask = LOOKED_UP.includes(key) ? redact.token : redact;
      return cutText(mask(plainText(value.slice(0, MAX_READ))), MAX_TEXT);
    }
    if (Array.isArray(value)) return value.map((item) => clean(item, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, clean(item, name)]));
  }
  return clean(data) as DashboardData;
}
