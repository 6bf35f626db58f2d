import { UsageError } from "../errors.ts";
import type { Repo } from "../model.ts";
import { nearest } from "../nearest.ts";
import type { ServiceClient } from "./methods.ts";
import { isUuid, normalizeRoot } from "./contract.ts";
import type { CallOptions } from "./retry.ts";
import { checkText, checkUuid, REPOS_LIST, SET_REPO } from "./validate.ts";

/** A repository, identified by either `repo` or `repoId`. */
export type RepositoryChoice =
  | {
    /** Full name (`owner/name`), address of its page, clone URL, or id. */
    repo: string;
    repoId?: undefined;
  }
  | {
    /** UUID of the repository. */
    repoId: string;
    repo?: undefined;
  };

export interface GivenRepository {
  repo?: string | undefined;
  repoId?: string | undefined;
}

/** GitHub and GitLab permit no other characters in the names of owners, groups and repositories. */
const NAME = /^[\w.-]+(?:\/[\w.-]+)+$/;
/** Source: API reference, "List repositories". */
const PAGE = 200;
const MAX_NEAR = 3;

export function repoName(text: string): string {
  return text.trim().replace(/^.*(?:\/\/|@)[^/:]+(?::\d+\/|[/:])/, "").replace(/\.git$/, "").replace(/^\/+|\/+$/g, "");
}

export function checkRepository({ repo, repoId }: GivenRepository, attempted: string): string {
  if (repo !== undefined && repoId !== undefined) {
    const why = "'repo' and 'repoId' both name a repository";
    throw new UsageError({ attempted, why, advice: "use only one of them" });
  }
  if (repo === undefined) {
    if (repoId !== undefined) return checkUuid(repoId, "repository id");
    throw new UsageError({ attempted, why: "the repository is missing", advice: "give its name or id" });
  }
  const text = checkText(repo, "repository").trim();
  if (isUuid(text)) return text.toLowerCase();
  const name = repoName(text);
  if (NAME.test(name)) return name;
  throw new UsageError({
    attempted: "use repository",
    why: "it must be owner/name or an id (UUID)",
    value: JSON.stringify(text.slice(0, 80)),
    advice: `${REPOS_LIST} shows names and ids`,
  });
}

export function givenName(repo: unknown): string | undefined {
  const name = typeof repo === "string" ? repoName(repo) : "";
  return NAME.test(name) ? name : undefined;
}

export function originOf(repo: unknown): string | undefined {
  return typeof repo === "string" && /^https?:\/\//.test(repo) && URL.canParse(repo) ? new URL(repo).origin : undefined;
}

/** Only ASCII letters are converted, because some other letters have an ASCII letter as their lowercase form: the Kelvin sign becomes `k`. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

const lower = ({ full_name }: Repo) => foldName(full_name);

function normalRoot(root: string | null): string | null {
  const normal = root === null ? { ok: true as const, root } : normalizeRoot(root);
  return normal.ok ? normal.root : root;
}

/** The service has one row for the repository and one row for each sub-project in it, all with the same name and in no fixed order. */
export function rowOf<R extends Pick<Repo, "root_directory">>(
  rows: readonly R[],
  root?: string | null,
): R | undefined {
  if (rows.length === 1) return rows[0];
  const withRoot = (wanted: string | null) => rows.filter((row) => normalRoot(row.root_directory) === wanted);
  const folder = normalRoot(root ?? null);
  const sameFolder = withRoot(folder);
  const fitting = sameFolder.length > 0 ? sameFolder : withRoot(null);
  return fitting.length === 1 ? fitting[0] : undefined;
}

export function rowsText(rows: readonly Pick<Repo, "id" | "root_directory">[]): string {
  const texts = rows.map(({ id, root_directory }) =>
    `${id} (${root_directory === null ? "no root" : `root ${JSON.stringify(root_directory.slice(0, 80))}`})`
  );
  return texts.toSorted().join(" or ");
}

export async function namesNear(client: ServiceClient, name: string, call: CallOptions): Promise<string[]> {
  const foldedName = foldName(name);
  const slash = foldedName.lastIndexOf("/") + 1;
  try {
    for (const q of [foldedName.slice(0, slash), foldedName.slice(slash)]) {
      const names = (await client.listRepos({ q, limit: PAGE }, call)).map(({ full_name }) => full_name)
        .filter((each) => NAME.test(each));
      const best = nearest(foldedName, names.map(foldName));
      const first = names.find((each) => foldName(each) === best);
      const same = names.filter((each) => foldName(each).endsWith(`/${foldedName.slice(slash)}`));
      const near = [...first === undefined ? [] : [first], ...same.filter((each) => each !== first)];
      if (near.length > 0) return near.slice(0, MAX_NEAR);
    }
  } catch {
    // The error message is complete without suggestions.
  }
  return [];
}

export async function resolveRepository(
  client: ServiceClient,
  repository: string,
  call?: CallOptions,
): Promise<string> {
  return (await findRepository(client, repository, call)).id;
}

/** An id is returned without a request. A name costs one request, and up to two more if it is not found. */
export async function findRepository(
  client: ServiceClient,
  repository: string,
  call: CallOptions = {},
  root?: string | null,
): Promise<{ id: string; defaultBranch: string | null }> {
  if (isUuid(repository)) return { id: repository, defaultBranch: null };
  const foldedName = foldName(repository);
  // The service treats the underscore as a wildcard. The search may find more names, but never fewer.
  const page = await client.listRepos({ q: foldedName, limit: PAGE }, call);
  const rows = page.filter((repo) => lower(repo) === foldedName && isUuid(repo.id));
  const last = page.at(-1);
  // Rows with the same name are listed together. If the last row has a different name, the answer contains all rows with the wanted name.
  const isCut = page.length >= PAGE && last !== undefined && lower(last) === foldedName;
  const match = isCut ? undefined : rowOf(rows, root);
  if (match !== undefined) return { id: match.id.toLowerCase(), defaultBranch: match.default_branch };
  const refused = (why: string, advice: string) =>
    new UsageError({ attempted: "find repository", why, value: JSON.stringify(repository), advice });
  if (rows.length > 1 && !isCut) {
    throw refused("several repositories have this name", `use one of these ids: ${rowsText(rows)}`);
  }
  if (page.length >= PAGE) {
    throw refused(`the service lists only ${PAGE} of the repositories whose names contain this text`, "use its id");
  }
  const near = await namesNear(client, foldedName, call);
  const advice = near.length > 0
    ? `did you mean ${near.map((name) => JSON.stringify(name)).join(" or ")}? If so, ${SET_REPO}`
    : `${SET_REPO}; ${REPOS_LIST} shows the names that the token can access; a hidden repository can be found only by its id`;
  throw new UsageError({
    attempted: `find repository ${JSON.stringify(repository)}`,
    why: "the token cannot access a repository with this name",
    advice,
  });
}
