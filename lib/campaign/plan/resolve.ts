/**
 * Resolves the entries of a campaign file to repositories with base branch and root directory, by the service's lists.
 *
 * @module
 */
import { isUuid, normaliseRoot } from "../../api/contract/rules.ts";
import { rowOf, rowsText } from "../../api/repository.ts";
import { branchNameProblem } from "../../api/validate.ts";
import { nearest } from "../../nearest.ts";
import type { CampaignFile, Place, RepositoryEntry } from "../file/campaign_file.ts";
import { matchesGlob } from "../file/glob.ts";
import { normalBranch } from "../file/rules.ts";
import { isVisible, MAX_BRANCH, MAX_REASON, oneLine } from "../journal/checks.ts";
import type { LockItem } from "../journal/lock.ts";
import { itemId } from "../journal/lock_file.ts";
import { type ListedRepo, type Listing, MAX_FULL_NAME } from "./listing.ts";

/** An item before it has a task. */
export interface ResolvedItem
  extends Pick<LockItem, "id" | "repository" | "repositoryId" | "baseBranch" | "root" | "variables" | "excluded"> {
  /** Whether the file gives it neither a base branch nor a root directory. */
  isDefault: boolean;
  /** Ids of all rows of the service that have its name: the repository, and the sub-projects in it. */
  rows: readonly string[];
}

/** An entry that cannot become an item. */
export interface EntryProblem {
  /** Where the entry is. */
  place: Place;
  /** The repository or query, as written. */
  value: string;
  /** What is wrong with it, as a clause. */
  why: string;
  /** What to do; undefined when nothing is known to help. */
  advice: string | undefined;
}

/** What {@linkcode resolveEntries} found. */
export interface Resolved {
  /** Items in the order of the file; those of `skipInvalid` are excluded as `invalid`. */
  items: ResolvedItem[];
  /** Entries that cannot become items. */
  problems: EntryProblem[];
}

/** An entry that names a repository. */
type Named = Extract<RepositoryEntry, { kind: "repository" }>;

/** Branch that the service starts from when a repository has no default branch. Source: contract 3.4. */
const FALLBACK_BRANCH = "main";

/** A full name. Source: GitHub and GitLab permit no other characters in the names of owners, groups and repositories. */
const NAME = /^[\w.-]+(?:\/[\w.-]+)+$/;
/** Most characters of a root directory. */
const MAX_ROOT = 1024;
/** Most characters of a name in a message. */
const MAX_SHOWN = 300;

/** Whether any of the globs fits the name. */
function fitsAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matchesGlob(glob, name));
}

function ownerOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/") + 1).toLowerCase();
}

/** Rows of the service by name, in lower case: one for a repository, and one for each sub-project in it. */
function byFullName(repos: readonly ListedRepo[]): Map<string, ListedRepo[]> {
  const rows = new Map<string, ListedRepo[]>();
  for (const repo of repos) {
    const name = repo.full_name.toLowerCase();
    rows.set(name, [...rows.get(name) ?? [], repo]);
  }
  return rows;
}

/** Rows by name and by id. */
type Found = Map<string, readonly ListedRepo[]>;

/** Reads everything that the entries name, with as few requests as possible: names of one owner together, by common prefixes. */
async function readNamed(entries: readonly Named[], listing: Listing): Promise<Found> {
  const found: Found = new Map();
  const byOwner = new Map<string, Set<string>>();
  for (const { repo } of entries) {
    if (isUuid(repo)) continue;
    const names = byOwner.get(ownerOf(repo)) ?? new Set();
    byOwner.set(ownerOf(repo), names.add(repo.toLowerCase()));
  }
  for (const [owner, names] of byOwner) {
    const repos = await listing.read(owner, [...names]);
    for (const [name, rows] of byFullName(repos)) found.set(name, rows);
    for (const repo of repos) found.set(repo.id.toLowerCase(), [repo]);
  }
  for (const { repo } of entries) {
    const id = repo.toLowerCase();
    if (!isUuid(repo) || found.has(id)) continue;
    const listed = await listing.byId(id);
    if (listed !== undefined) found.set(id, [listed]);
  }
  return found;
}

/** Collects items and problems, and finds items that are named twice. */
class Collector {
  readonly items: ResolvedItem[] = [];
  readonly problems: EntryProblem[] = [];
  readonly #skipInvalid: boolean;
  /** Places of the items that an entry names, by repository id, branch and root. */
  readonly #named = new Map<string, Place>();
  /** Ids of all repositories that an entry names or a query found. */
  readonly #repositories = new Set<string>();
  readonly #ids = new Set<string>();

  constructor(skipInvalid: boolean) {
    this.#skipInvalid = skipInvalid;
  }

  /** Whether an item of this repository exists. */
  has(repositoryId: string): boolean {
    return this.#repositories.has(repositoryId.toLowerCase());
  }

  add(item: Omit<ResolvedItem, "id" | "excluded">, place: Place): void {
    const id = itemId(item.repository, item.baseBranch, item.root);
    // Forges do not tell upper from lower case in the names of repositories.
    const name = itemId(item.repository.toLowerCase(), item.baseBranch, item.root);
    const identity = JSON.stringify([item.repositoryId, item.baseBranch, item.root]);
    const first = this.#named.get(identity) ?? this.#named.get(name);
    if (first !== undefined || this.#ids.has(id)) {
      const where = first === undefined ? "" : ` in ${first.file}:${first.line}`;
      const advice = "remove one of them";
      this.problems.push({ place, value: item.repository, why: `it is the same item as another one${where}`, advice });
      return;
    }
    this.#named.set(identity, place).set(name, place);
    this.#ids.add(id);
    this.#repositories.add(item.repositoryId);
    this.items.push({ ...item, id, excluded: null });
  }

  refuse({ place: at, value: name, why, advice }: EntryProblem, item?: Pick<ResolvedItem, "repositoryId">): void {
    // Names and branches come from the service, and may be anything.
    const value = oneLine(name, MAX_SHOWN);
    const reason = oneLine(why, MAX_REASON);
    if (!this.#skipInvalid) {
      this.problems.push({ place: at, value, why: reason, advice });
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

/**
 * Whether a repository can have this name, and the service would accept its own branch and root; a clause about what is wrong, else
 * undefined.
 */
function settingsProblem(name: string, baseBranch: string, root: string | null): string | undefined {
  if (name.length > MAX_FULL_NAME || !NAME.test(name) || /(?:^|\/)(?:-|\.\.?(?:\/|$))|\.\./.test(name)) {
    return "the service gives it a name that no repository can have";
  }
  if (baseBranch.length > MAX_BRANCH) return `its base branch has more than ${MAX_BRANCH} characters`;
  if (root !== null && (root.length > MAX_ROOT || !isVisible(root))) {
    return `its root directory has more than ${MAX_ROOT} characters, or some that are not visible`;
  }
  const branch = branchNameProblem(baseBranch);
  if (branch !== undefined) return `its base branch ${JSON.stringify(baseBranch)} is not accepted: ${branch}`;
  const normal = root === null ? { ok: true as const } : normaliseRoot(root);
  return normal.ok ? undefined : `its root directory ${JSON.stringify(root)} is not accepted: ${normal.problem}`;
}

function addListed(
  into: Collector,
  repo: ListedRepo,
  entry: Pick<Named, "baseBranch" | "root" | "variables" | "place">,
  value: string,
  rows: readonly ListedRepo[],
): void {
  const repositoryId = repo.id.toLowerCase();
  const baseBranch = entry.baseBranch ?? normalBranch(repo.default_branch ?? FALLBACK_BRANCH);
  const own = repo.root_directory === null ? { ok: true as const, root: null } : normaliseRoot(repo.root_directory);
  const root = entry.root === undefined ? own.ok ? own.root : repo.root_directory : entry.root;
  const why = settingsProblem(repo.full_name, baseBranch, root);
  if (why === undefined) {
    const isDefault = entry.baseBranch === undefined && entry.root === undefined;
    const { variables, place } = entry;
    const ids = rows.map(({ id }) => id.toLowerCase());
    into.add({ repository: repo.full_name, repositoryId, baseBranch, root, variables, isDefault, rows: ids }, place);
  } else {
    const advice = "give base-branch and root in the file, or rename it";
    into.refuse({ place: entry.place, value, why, advice }, { repositoryId });
  }
}

/** Adds the repository of a name; refuses the name when nothing says which of its rows is meant. */
function addRow(
  into: Collector,
  rows: readonly ListedRepo[],
  entry: Pick<Named, "baseBranch" | "root" | "variables" | "place">,
  value: string,
): void {
  const repo = rowOf(rows, entry.root);
  if (repo !== undefined) return addListed(into, repo, entry, value, rows);
  const advice = `give the id of one, with root: ${rowsText(rows)}`;
  into.refuse({
    place: entry.place,
    value,
    why: "several have this name, and none of them is the one to take",
    advice,
  });
}

function addNamed(into: Collector, entry: Named, found: Found): void {
  const { repo: value, baseBranch, root, place, variables } = entry;
  const rows = found.get(value.toLowerCase());
  if (rows !== undefined) return addRow(into, rows, entry, value);
  if (!isUuid(value)) {
    const near = nearest(value.toLowerCase(), [...found.keys()].filter((name) => !isUuid(name)).slice(0, NEAR_NAMES));
    const advice = near === undefined
      ? "check the name, and that the token's user can see it; give the id of a hidden one, with base-branch and root"
      : `did you mean ${JSON.stringify(found.get(near)?.[0]?.full_name)}?`;
    return into.refuse({ place, value, why: "the service lists no repository of this name", advice });
  }
  if (baseBranch === undefined || root === undefined) {
    const advice = "give base-branch and root if it is hidden: without them nothing says where to start";
    return into.refuse({ place, value, why: "the service lists no repository with this id", advice });
  }
  const repositoryId = value.toLowerCase();
  const why = settingsProblem(`hidden/${repositoryId}`, baseBranch, root);
  if (why !== undefined) return into.refuse({ place, value, why, advice: "correct it in the file" }, { repositoryId });
  const item = { repository: repositoryId, repositoryId, baseBranch, root, variables, isDefault: false };
  into.add({ ...item, rows: [repositoryId] }, place);
}

/** Most names that a mistyped one is compared with. */
const NEAR_NAMES = 5_000;

/**
 * Resolves the entries of a file.
 *
 * A query leaves out the repositories that an entry names, or an earlier query found: a named entry may give them another branch. Of a
 * repository with sub-projects it takes the row of the whole.
 *
 * @param skipInvalid Whether entries that cannot become items are kept as `invalid` items, in place of problems.
 * @throws {UsageError} when a list cannot be read in full.
 * @throws what the client throws.
 */
export async function resolveEntries(
  { repositories, exclude }: Pick<CampaignFile, "repositories" | "exclude">,
  listing: Listing,
  skipInvalid: boolean,
): Promise<Resolved> {
  const named = repositories.filter((entry) => entry.kind === "repository");
  const found = await readNamed(named, listing);
  const into = new Collector(skipInvalid);
  const namedIds = new Set(
    named.flatMap(({ repo }) =>
      found.get(repo.toLowerCase())?.map(({ id }) => id.toLowerCase()) ?? [repo.toLowerCase()]
    ),
  );
  for (const entry of repositories) {
    if (entry.kind === "repository") {
      const name = found.get(entry.repo.toLowerCase())?.[0]?.full_name ?? entry.repo;
      if (!fitsAny(exclude, name)) addNamed(into, entry, found);
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
