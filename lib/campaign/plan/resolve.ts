import type { Clock } from "../../clock.ts";
import { MogplexError, RateLimitedError, UsageError } from "../../errors.ts";
import { groupBy } from "../../lookup.ts";
import type { Repo } from "../../model.ts";
import { nearest } from "../../nearest.ts";
import type { NoticeFacts } from "../../notice.ts";
import type { ServiceClient } from "../../service/client.ts";
import { isUuid, normalizeRoot, REQUEST_LIMIT, REQUEST_WINDOW_MS } from "../../service/contract.ts";
import { foldName, rowOf, rowsText } from "../../service/repository.ts";
import type { Pacer } from "../../service/pacer.ts";
import { type CallOptions, laterFailure } from "../../service/retry.ts";
import { branchNameProblem, normalBranch } from "../../service/validate.ts";
import { formatDuration } from "../../text/duration.ts";
import type { CampaignFile, Place, RepositoryEntry } from "../file/campaign_file.ts";
import { inObjectWords } from "../file/object.ts";
import { matchesGlob } from "../file/rules.ts";
import { itemId, type LockItem } from "../journal/lock.ts";
import { isVisible, oneLine } from "../journal/fields.ts";
import { MAX_BRANCH, MAX_REASON } from "../journal/record.ts";
import { recentRequests, REQUEST_BUDGET } from "../pace/poll_plan.ts";

const REQUEST_MS = 60_000;
const TOLD_MS = 2_000;

interface RequestPaceOptions {
  client: Pick<ServiceClient, "requests">;
  clock: Clock;
  signal?: AbortSignal | undefined;
  limitMs?: number | undefined;
  notify?: ((notice: NoticeFacts) => void) | undefined;
}

/** Sends at most {@linkcode REQUEST_BUDGET} requests a minute, because other jobs may use the same token. */
export class RequestPace {
  readonly #options: RequestPaceOptions;
  /** Maximum total wait after 429 responses. */
  patienceMs = 0;
  pacer: Pacer | undefined;
  /** The last 429 response. It applies to every request with the token, so nothing is sent before `until`. */
  #refused: { error: RateLimitedError; until: number } | undefined;
  /** Whether the last request failed despite its retries because the service was unavailable. If so, the next request is not retried. */
  #isDown = false;
  readonly #sentAt: number[];
  #counted: number;
  #earlierUntil: number;

  constructor(options: RequestPaceOptions, sentAt: number[] = []) {
    this.#options = options;
    this.#sentAt = sentAt;
    this.#earlierUntil = sentAt.at(-1) ?? -Infinity;
    this.#counted = options.client.requests;
  }

  /** Calls overlap, so a call cannot know which requests are its own. */
  count(): void {
    const { client: { requests }, clock } = this.#options;
    this.#sentAt.push(...Array.from({ length: requests - this.#counted }, () => clock.now()));
    this.#counted = requests;
  }

  get lastMinute(): readonly number[] {
    this.count();
    this.#sentAt.splice(0, Infinity, ...recentRequests(this.#sentAt, this.#options.clock));
    return this.#sentAt;
  }

  get waitMs(): number {
    if (this.lastMinute.length < REQUEST_BUDGET) return 0;
    return Math.max(0, (this.#sentAt.at(-REQUEST_BUDGET) ?? 0) + REQUEST_WINDOW_MS - this.#options.clock.now());
  }

  async #wait(): Promise<void> {
    const { clock, signal } = this.#options;
    const waitMs = this.waitMs;
    if (waitMs <= 0) return;
    if (waitMs >= TOLD_MS && (this.#sentAt.at(-REQUEST_BUDGET) ?? 0) <= this.#earlierUntil) {
      this.#earlierUntil = -Infinity;
      this.#tell(`most of them are used up, so the next one is sent in ${formatDuration(waitMs)}`);
    }
    await clock.sleep(waitMs, { signal });
  }

  #tell(what: string): void {
    const message = `the service allows ${REQUEST_LIMIT} requests a minute per token; ${what}`;
    this.#options.notify?.({ kind: "text", message });
  }

  async request<T>(send: (call: CallOptions) => Promise<T>): Promise<T> {
    const { clock, signal } = this.#options;
    for (let count = 1;; count++) {
      try {
        return await this.#once(send);
      } catch (error) {
        const failure = this.pacer && laterFailure(error);
        if (failure !== undefined) {
          if (await this.pacer?.waitAfter("list repositories", failure, count)) continue;
          throw error;
        }
        const restMs = (this.#refused?.until ?? 0) - clock.now();
        if (!(error instanceof RateLimitedError) || restMs <= 0 || restMs > this.patienceMs) throw error;
        this.patienceMs -= restMs;
        this.#tell(`more were sent, so it refuses requests for ${formatDuration(restMs)}`);
        await clock.sleep(restMs, { signal });
      }
    }
  }

  async #once<T>(send: (call: CallOptions) => Promise<T>): Promise<T> {
    const { clock, signal, limitMs = REQUEST_MS } = this.#options;
    signal?.throwIfAborted();
    if (this.#refused !== undefined && clock.now() < this.#refused.until) throw this.#refused.error;
    await this.#wait();
    try {
      const deadline = clock.now() + Math.min(limitMs, this.pacer?.leftMs ?? Infinity);
      const value = await send({ signal, deadline, ...(this.#isDown && { maxAttempts: 1 }) });
      this.#isDown = false;
      return value;
    } catch (error) {
      this.#isDown = error instanceof MogplexError && error.exit === "unavailable";
      if (error instanceof RateLimitedError) {
        this.#refused = { error, until: clock.now() + (error.retryAfterMs ?? REQUEST_WINDOW_MS) };
      }
      throw error;
    } finally {
      this.count();
    }
  }
}

// Reads complete lists of repositories. The service returns at most 200 names and has no cursor, so a prefix with exactly 200 names is split into the
// prefixes that are one character longer.

/** Maximum number of names in a response. Source: contract 3.1. */
const PAGE = 200;
/** All characters that GitHub and GitLab allow in the names of owners and repositories, in lowercase. */
const ALPHABET: readonly string[] = [..."-._/0123456789abcdefghijklmnopqrstuvwxyz"];
/** GitHub allows 39 characters for the owner and 100 for the repository. Group names on other forges can be longer. */
const MAX_FULL_NAME = 255;
/** Limit for one list. A list of 10,000 names takes about 200 requests. */
const MAX_REQUESTS = 1_000;
const NARROW = 2 / 3;

function lower(repo: Repo): string {
  return foldName(repo.full_name);
}

/** In `q`, `%` and `_` are wildcards, and a backslash escapes them. Source: contract 3.1, PostgreSQL's ILIKE. */
function escaped(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}

const isDigit = (char: string) => char >= "0" && char <= "9";
const isLetter = (char: string) => char >= "a" && char <= "z";

/**
 * Returns the characters that can follow the prefix in names that the page does not contain. The service sorts by name. In every collation of its
 * database, digits come before letters, and letters are in alphabetical order. The order of punctuation and capital letters varies.
 */
function unseen(chars: readonly string[], prefix: string, last: string): readonly string[] {
  if (!last.startsWith(prefix)) return chars;
  const next = last[prefix.length] ?? "";
  if (isDigit(next)) return chars.filter((char) => !isDigit(char) || char >= next);
  if (!/[A-Za-z]/.test(next)) return chars;
  return chars.filter((char) => !isDigit(char) && (!isLetter(next) || !isLetter(char) || char >= next));
}

/**
 * Whether the name sorts before `last` in every collation. This is certain only if both have a digit or a lowercase letter at the first difference. A
 * capital letter in `last` proves nothing, because some collations sort all capital letters first.
 */
function sortsBefore(name: string, last: string): boolean {
  let same = 0;
  while (same < name.length && name[same] === last[same]) same++;
  const [a = "", b = ""] = [name[same], last[same]];
  return (isDigit(a) || isLetter(a)) && (isDigit(b) || isLetter(b)) && a < b;
}

function namesIn(byId: ReadonlyMap<string, Repo>): ReadonlySet<string> {
  return new Set([...byId.values()].map(lower));
}

export class Listing {
  readonly #client: ServiceClient;
  readonly #pace: RequestPace;
  #obeys: boolean | undefined;
  #requests = 0;

  constructor(client: ServiceClient, pace: RequestPace) {
    this.#client = client;
    this.#pace = pace;
  }

  async byId(id: string): Promise<Repo | undefined> {
    const rows = await this.#pace.request((call) => this.#client.listRepos({ id, limit: 1 }, call));
    return rows[0];
  }

  async read(prefix: string, wanted?: readonly string[]): Promise<Repo[]> {
    const reposById = new Map<string, Repo>();
    const names = wanted?.filter((name) => name.startsWith(prefix.toLowerCase()));
    if (names?.length === 0) return [];
    this.#requests = 0;
    const shortest = prefix.toLowerCase();
    await this.#readInto(reposById, names === undefined ? shortest : common(names, shortest), {
      chars: ALPHABET,
      wanted: names,
    });
    return [...reposById.values()];
  }

  async #readInto(
    byId: Map<string, Repo>,
    prefix: string,
    { chars, wanted }: { chars: readonly string[]; wanted: readonly string[] | undefined },
  ): Promise<void> {
    if (prefix.length > MAX_FULL_NAME) throw this.#cannotSplit(prefix);
    const page = await this.#ask(await this.#queryFor(prefix, byId), PAGE, prefix);
    const matching = page.filter((repo) => lower(repo).startsWith(prefix));
    for (const repo of matching) byId.set(repo.id, repo);
    if (page.length < PAGE) return;
    const last = page.at(-1);
    if (last !== undefined && lower(last) === prefix) throw this.#cannotSplit(prefix);
    const isPure = matching.length === page.length;
    const longer = wanted?.filter((name) => name.length > prefix.length);
    // Among the names that begin with the prefix, the name that equals the prefix comes first. However, names that only contain the prefix may fill
    // the page.
    const mayBeName = wanted === undefined ? /\/[^/]+$/.test(prefix) : wanted.includes(prefix);
    if (mayBeName && !isPure && !namesIn(byId).has(prefix) && !sortsBefore(prefix, page.at(-1)?.full_name ?? "")) {
      throw this.#cannotSplit(prefix);
    }
    const next = longer === undefined ? await this.#occurring(prefix, matching, chars) : chars;
    for (const char of isPure ? unseen(next, prefix, matching.at(-1)?.full_name ?? "") : next) {
      const longest = prefix + char;
      const names = longer?.filter((name) => name.startsWith(longest));
      if (names?.length === 0) continue;
      await this.#readInto(byId, names === undefined ? longest : common(names, longest), {
        chars: next,
        wanted: names,
      });
    }
  }

  async #occurring(prefix: string, page: readonly Repo[], chars: readonly string[]): Promise<readonly string[]> {
    const rests = page.map((repo) => lower(repo).slice(prefix.length));
    const seen = new Set(rests.flatMap((rest) => [...rest]));
    if (seen.size === 0 || seen.size > chars.length * NARROW) return chars;
    const occurs = async (char: string) => (await this.#ask(`${escaped(prefix)}%${char}`, 1, prefix)).length > 0;
    // If the service does not treat `%` as a wildcard, this query finds nothing, although the name exists.
    const proof = [...rests.find((rest) => /^..*[a-z0-9]/.test(rest)) ?? ""].slice(1).find((char) =>
      /[a-z0-9]/.test(char)
    );
    if (/[\\%_]/.test(prefix) || proof === undefined || !await occurs(proof)) return chars;
    const occurring: string[] = [];
    for (const char of chars) {
      // The underscore cannot be tested because it is itself a wildcard.
      if (seen.has(char) || char === "_" || await occurs(char)) occurring.push(char);
    }
    return occurring;
  }

  async #queryFor(prefix: string, byId: ReadonlyMap<string, Repo>): Promise<string> {
    if (!/[\\%_]/.test(prefix)) return prefix;
    const sample = [...byId.values()].find((repo) => /^[a-z]/.test(lower(repo)));
    if (this.#obeys === undefined && sample !== undefined) {
      // If the service treats a backslash as an escape character, it ignores a backslash before a letter. Otherwise, the query finds nothing.
      const rows = await this.#ask(`\\${escaped(sample.full_name)}`, PAGE, prefix);
      this.#obeys = rows.some((repo) => repo.id === sample.id);
    }
    // An unescaped wildcard may find more names than needed, but never fewer.
    return this.#obeys === true ? escaped(prefix) : prefix;
  }

  #ask(query: string, limit: number, prefix: string): Promise<Repo[]> {
    if (++this.#requests > MAX_REQUESTS) throw this.#cannotSplit(prefix);
    return this.#pace.request((call) => this.#client.listRepos({ q: query, limit }, call));
  }

  #cannotSplit(prefix: string): UsageError {
    return new UsageError({
      attempted: `read the repositories whose names begin with ${JSON.stringify(prefix)}`,
      why:
        `the service returns at most ${PAGE} names and has no second page, and longer prefixes do not shorten the list`,
      advice: "list the repositories one by one, by name or id",
    });
  }
}

function common(names: readonly string[], shortest: string): string {
  const [first = shortest] = names;
  let length = first.length;
  for (const name of names) {
    let same = shortest.length;
    while (same < length && name[same] === first[same]) same++;
    length = Math.min(length, same);
  }
  return first.slice(0, Math.max(length, shortest.length));
}

export interface ResolvedItem
  extends Pick<LockItem, "id" | "repository" | "repositoryId" | "baseBranch" | "root" | "variables" | "excluded"> {
  /** Whether the campaign file specifies neither a base branch nor a root directory for the item. */
  isDefault: boolean;
  rows: readonly string[];
}

export interface EntryProblem {
  place: Place;
  value: string;
  why: string;
  advice: string | undefined;
}

interface Resolved {
  items: ResolvedItem[];
  problems: EntryProblem[];
}

type Named = Extract<RepositoryEntry, { kind: "repository" }>;

/** The service uses this branch if a repository has no default branch. Source: contract 3.4. */
const FALLBACK_BRANCH = "main";

const NAME = /^[\w.-]+(?:\/[\w.-]+)+$/;
const MAX_ROOT = 1024;
const MAX_SHOWN = 300;

function fitsAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matchesGlob(glob, name));
}

function ownerOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/") + 1).toLowerCase();
}

function byFullName(repos: readonly Repo[]): Map<string, Repo[]> {
  return groupBy(repos, lower);
}

type Lists = Pick<Listing, "read" | "byId">;

type ReposByName = Map<string, readonly Repo[]>;

async function readNamed(entries: readonly Named[], listing: Lists): Promise<ReposByName> {
  const reposByName: ReposByName = new Map();
  const byOwner = new Map<string, Set<string>>();
  for (const { repo } of entries) {
    if (isUuid(repo)) continue;
    const names = byOwner.get(ownerOf(repo)) ?? new Set();
    byOwner.set(ownerOf(repo), names.add(repo.toLowerCase()));
  }
  for (const [owner, names] of byOwner) {
    const repos = await listing.read(owner, [...names]);
    for (const [name, rows] of byFullName(repos)) reposByName.set(name, rows);
    for (const repo of repos) reposByName.set(repo.id.toLowerCase(), [repo]);
  }
  for (const { repo } of entries) {
    const id = repo.toLowerCase();
    if (!isUuid(repo) || reposByName.has(id)) continue;
    const listed = await listing.byId(id);
    if (listed !== undefined) reposByName.set(id, [listed]);
  }
  return reposByName;
}

class Collector {
  readonly items: ResolvedItem[] = [];
  readonly problems: EntryProblem[] = [];
  readonly #skipInvalid: boolean;
  readonly #named = new Map<string, Place>();
  readonly #repositories = new Set<string>();
  readonly #ids = new Set<string>();

  constructor(skipInvalid: boolean) {
    this.#skipInvalid = skipInvalid;
  }

  has(repositoryId: string): boolean {
    return this.#repositories.has(repositoryId.toLowerCase());
  }

  add(item: Omit<ResolvedItem, "id" | "excluded">, place: Place): void {
    const id = itemId(item.repository, item.baseBranch, item.root);
    // Forges ignore case in the names of repositories.
    const name = itemId(item.repository.toLowerCase(), item.baseBranch, item.root);
    const identity = JSON.stringify([item.repositoryId, item.baseBranch, item.root]);
    const first = this.#named.get(identity) ?? this.#named.get(name);
    if (first !== undefined || this.#ids.has(id)) {
      const where = first === undefined ? "" : ` in ${"key" in first ? first.key : `${first.file}:${first.line}`}`;
      const advice = "remove one of them";
      this.problems.push({ place, value: item.repository, why: `it duplicates another item${where}`, advice });
      return;
    }
    this.#named.set(identity, place).set(name, place);
    this.#ids.add(id);
    this.#repositories.add(item.repositoryId);
    this.items.push({ ...item, id, excluded: null });
  }

  refuse({ place: at, value: name, why, advice }: EntryProblem, item?: Pick<ResolvedItem, "repositoryId">): void {
    // Untrusted text: names and branches come from the service.
    const value = oneLine(name, MAX_SHOWN);
    const reason = oneLine(why, MAX_REASON);
    if (!this.#skipInvalid) {
      const words = "key" in at && advice !== undefined ? inObjectWords(advice) : advice;
      this.problems.push({ place: at, value, why: reason, advice: words });
      return;
    }
    const id = itemId(value, "", null);
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    const excluded = { as: "invalid", reason } as const;
    const repositoryId = item?.repositoryId ?? (isUuid(value) ? value.toLowerCase() : "");
    const place = { baseBranch: "", root: null, isDefault: false, rows: [] };
    this.items.push({ id, repository: value, repositoryId, ...place, variables: {}, excluded });
  }
}

function settingsProblem(name: string, baseBranch: string, root: string | null): string | undefined {
  if (name.length > MAX_FULL_NAME || !NAME.test(name) || /(?:^|\/)(?:-|\.\.?(?:\/|$))|\.\./.test(name)) {
    return "the service returned a name that no repository can have";
  }
  if (baseBranch.length > MAX_BRANCH) return `its base branch has more than ${MAX_BRANCH} characters`;
  if (root !== null && (root.length > MAX_ROOT || !isVisible(root))) {
    return `its root directory has more than ${MAX_ROOT} characters, or contains invisible characters`;
  }
  const branch = branchNameProblem(baseBranch);
  if (branch !== undefined) return `its base branch ${JSON.stringify(baseBranch)} is not accepted: ${branch}`;
  const normal = root === null ? { ok: true as const } : normalizeRoot(root);
  return normal.ok ? undefined : `its root directory ${JSON.stringify(root)} is not accepted: ${normal.problem}`;
}

function addListed(
  into: Collector,
  repo: Repo,
  entry: Pick<Named, "baseBranch" | "root" | "variables" | "place">,
  value: string,
  rows: readonly Repo[],
): void {
  const repositoryId = repo.id.toLowerCase();
  const baseBranch = entry.baseBranch ?? normalBranch(repo.default_branch ?? FALLBACK_BRANCH);
  const ownRoot = repo.root_directory === null ? { ok: true as const, root: null } : normalizeRoot(repo.root_directory);
  const root = entry.root === undefined ? ownRoot.ok ? ownRoot.root : repo.root_directory : entry.root;
  const why = settingsProblem(repo.full_name, baseBranch, root);
  if (why === undefined) {
    const isDefault = entry.baseBranch === undefined && entry.root === undefined;
    const { variables, place } = entry;
    const ids = rows.map(({ id }) => id.toLowerCase());
    into.add({ repository: repo.full_name, repositoryId, baseBranch, root, variables, isDefault, rows: ids }, place);
  } else {
    const advice = "set base-branch and root in the file, or rename the repository";
    into.refuse({ place: entry.place, value, why, advice }, { repositoryId });
  }
}

function addRow(
  into: Collector,
  rows: readonly Repo[],
  entry: Pick<Named, "baseBranch" | "root" | "variables" | "place">,
  value: string,
): void {
  const repo = rowOf(rows, entry.root);
  if (repo !== undefined) return addListed(into, repo, entry, value, rows);
  const advice = `use one of these ids: ${rowsText(rows)}`;
  into.refuse({
    place: entry.place,
    value,
    why: "several repositories have this name",
    advice,
  });
}

function addNamed(into: Collector, entry: Named, byName: ReposByName): void {
  const { repo: value, baseBranch, root, place, variables } = entry;
  const rows = byName.get(value.toLowerCase());
  if (rows !== undefined) return addRow(into, rows, entry, value);
  if (!isUuid(value)) {
    const near = nearest(value.toLowerCase(), [...byName.keys()].filter((name) => !isUuid(name)).slice(0, NEAR_NAMES));
    const advice = near === undefined
      ? "check the name, and that the token's user can see it; for a hidden repository, give its id with base-branch and root"
      : `did you mean ${JSON.stringify(byName.get(near)?.[0]?.full_name)}?`;
    return into.refuse({ place, value, why: "the service lists no repository with this name", advice });
  }
  if (baseBranch === undefined || root === undefined) {
    const advice = "if it is hidden, set base-branch and root in the file";
    return into.refuse({ place, value, why: "the service lists no repository with this id", advice });
  }
  const repositoryId = value.toLowerCase();
  const why = settingsProblem(`hidden/${repositoryId}`, baseBranch, root);
  if (why !== undefined) return into.refuse({ place, value, why, advice: "correct it in the file" }, { repositoryId });
  const item = { repository: repositoryId, repositoryId, baseBranch, root, variables, isDefault: false };
  into.add({ ...item, rows: [repositoryId] }, place);
}

const NEAR_NAMES = 5_000;

/**
 * A query skips repositories that an entry names or an earlier query found, because a named entry may give them another branch. For a repository with
 * sub-projects, a query uses the row of the whole repository.
 */
export async function resolveEntries(
  { repositories, exclude }: Pick<CampaignFile, "repositories" | "exclude">,
  listing: Lists,
  skipInvalid: boolean,
): Promise<Resolved> {
  const named = repositories.filter((entry) => entry.kind === "repository");
  const reposByName = await readNamed(named, listing);
  const into = new Collector(skipInvalid);
  const namedIds = new Set(
    named.flatMap(({ repo }) =>
      reposByName.get(repo.toLowerCase())?.map(({ id }) => id.toLowerCase()) ?? [repo.toLowerCase()]
    ),
  );
  for (const entry of repositories) {
    if (entry.kind === "repository") {
      const name = reposByName.get(entry.repo.toLowerCase())?.[0]?.full_name ?? entry.repo;
      if (!fitsAny(exclude, name)) addNamed(into, entry, reposByName);
      continue;
    }
    const { query, place } = entry;
    const rowsByName = [...byFullName(await listing.read(query))].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
    for (const [, rows] of rowsByName) {
      const name = rows[0]?.full_name ?? "";
      if (rows.some(({ id }) => namedIds.has(id.toLowerCase()) || into.has(id))) continue;
      if (fitsAny(exclude, name) || fitsAny(entry.exclude, name)) continue;
      addRow(into, rows, { baseBranch: undefined, root: undefined, variables: {}, place }, name);
    }
    if (rowsByName.length === 0) {
      const advice = "check the query, and that the token's user can see the repositories";
      into.problems.push({ place, value: query, why: "no repository's name begins with it", advice });
    }
  }
  return { items: into.items, problems: into.problems };
}
