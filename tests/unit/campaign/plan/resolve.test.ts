import { expect, test } from "bun:test";
import type { RepositoryEntry } from "../../../../lib/campaign/file/campaign_file.ts";
import { resolveEntries } from "../../../../lib/campaign/plan/resolve.ts";
import type { Repo } from "../../../../lib/model.ts";

const place = { file: "campaign.yml", line: 7, column: 5 };
const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const repo = (number: number, full_name: string, more: Partial<Repo> = {}): Repo => ({
  id: id(number),
  full_name,
  installation_id: 1,
  default_branch: "main",
  root_directory: null,
  ...more,
});
const named = (
  name: string,
  more: Partial<Extract<RepositoryEntry, { kind: "repository" }>> = {},
): RepositoryEntry => ({
  kind: "repository",
  repo: name,
  baseBranch: undefined,
  root: undefined,
  variables: {},
  place,
  ...more,
});
const query = (text: string, exclude: string[] = []): RepositoryEntry => ({
  kind: "query",
  query: text,
  exclude,
  place,
});

type Listing = Parameters<typeof resolveEntries>[1];

function listingOf(...repos: Repo[]): Listing {
  return {
    read: (prefix) =>
      Promise.resolve(repos.filter((each) => each.full_name.toLowerCase().startsWith(prefix.toLowerCase()))),
    byId: (wanted) => Promise.resolve(repos.find((each) => each.id === wanted)),
  };
}

const ids = (resolved: { items: { id: string }[] }) => resolved.items.map((item) => item.id);
const resolve = (repositories: RepositoryEntry[], listing: Listing, { exclude = [] as string[], skip = false } = {}) =>
  resolveEntries({ repositories, exclude }, listing, skip);

test("resolveEntries() keeps the order of the file, and sorts what a query finds", async () => {
  const listing = listingOf(repo(1, "acme/web"), repo(2, "acme/Api"), repo(3, "acme/zoo"));
  const resolved = await resolve([named("acme/zoo"), query("acme/")], listing);
  expect(ids(resolved)).toEqual(["acme/zoo@main", "acme/Api@main", "acme/web@main"]);
  expect(resolved.problems).toEqual([]);
});

test("resolveEntries() takes branch and root from the entry, else from the repository", async () => {
  const listing = listingOf(
    repo(1, "acme/web", { default_branch: "trunk", root_directory: "/apps//web/" }),
    repo(2, "acme/api", { default_branch: null }),
  );
  const resolved = await resolve([
    named("ACME/web"),
    named("acme/web", { baseBranch: "develop", root: null }),
    named(id(2)),
  ], listing);
  expect(ids(resolved)).toEqual(["acme/web@trunk:apps/web", "acme/web@develop", "acme/api@main"]);
});

test("resolveEntries() leaves out what globs exclude, in queries and in named entries", async () => {
  const listing = listingOf(repo(1, "acme/web"), repo(2, "acme/legacy-web"), repo(3, "acme/archive-1"));
  const entries = [named("acme/archive-1"), query("acme/", ["ACME/legacy-*"])];
  expect(ids(await resolve(entries, listing, { exclude: ["acme/archive-?"] }))).toEqual(["acme/web@main"]);
});

test("resolveEntries() tells every entry that cannot become an item, with its place and what to do", async () => {
  const listing = listingOf(repo(1, "acme/web"), repo(2, "acme/odd", { default_branch: "dependabot/@types/node" }));
  const { items, problems } = await resolve(
    [named("acme/wep"), named(id(9)), named("acme/odd"), named("acme/web"), named(id(1)), query("other/")],
    listing,
  );
  expect(items.map((item) => item.id)).toEqual(["acme/web@main"]);
  expect(problems.map(({ value, why, advice }) => [value, why, advice])).toEqual([
    ["acme/wep", "the service lists no repository with this name", 'did you mean "acme/web"?'],
    [
      id(9),
      "the service lists no repository with this id",
      "if it is hidden, set base-branch and root in the file",
    ],
    [
      "acme/odd",
      'its base branch "dependabot/@types/node" is not accepted: the character "@" is not allowed',
      "set base-branch and root in the file, or rename the repository",
    ],
    ["acme/web", "it duplicates another item in campaign.yml:7", "remove one of them"],
    [
      "other/",
      "no repository's name begins with it",
      "check the query, and that the token's user can see the repositories",
    ],
  ]);
});

test("resolveEntries() keeps wrong entries as invalid items with skipInvalid", async () => {
  const { items, problems } = await resolve([named("acme/none"), named("acme/web")], listingOf(repo(1, "acme/web")), {
    skip: true,
  });
  expect(problems).toEqual([]);
  expect(items.map(({ id, excluded }) => [id, excluded?.as])).toEqual([["acme/none@", "invalid"], [
    "acme/web@main",
    undefined,
  ]]);
});

const SPACES = [
  repo(2, "acme/web", { root_directory: "packages/ui" }),
  repo(1, "acme/web"),
  repo(3, "acme/web", { root_directory: "docs" }),
];

for (const [order, rows] of Object.entries({ listed: SPACES, reversed: SPACES.toReversed() })) {
  test(`resolveEntries() takes the row without root of a repository with sub-projects, or the row with the given root: ${order}`, async () => {
    const resolved = async (entry: RepositoryEntry) => {
      const { items, problems } = await resolve([entry], listingOf(...rows));
      expect(problems).toEqual([]);
      return items.map(({ id, repositoryId }) => [id, repositoryId]);
    };
    expect(await resolved(named("acme/web"))).toEqual([["acme/web@main", id(1)]]);
    expect(await resolved(named("acme/web", { root: null }))).toEqual([["acme/web@main", id(1)]]);
    expect(await resolved(named("acme/web", { root: "packages/ui" }))).toEqual([["acme/web@main:packages/ui", id(2)]]);
    expect(await resolved(named("acme/web", { root: "src" }))).toEqual([["acme/web@main:src", id(1)]]);
    expect(await resolved(named(id(2)))).toEqual([["acme/web@main:packages/ui", id(2)]]);
    expect(await resolved(query("acme/"))).toEqual([["acme/web@main", id(1)]]);
  });

  test(`resolveEntries() refuses an ambiguous name, with ids and roots: ${order}`, async () => {
    for (const entry of [named("acme/web"), query("acme/")]) {
      const { items, problems } = await resolve(
        [entry],
        listingOf(...rows.filter((row) => row.root_directory !== null)),
      );
      expect([items, problems.map(({ why, advice }) => [why, advice])]).toEqual([[], [[
        "several repositories have this name",
        `use one of these ids: ${id(2)} (root "packages/ui") or ${id(3)} (root "docs")`,
      ]]]);
    }
  });
}

test("resolveEntries() takes a repository with sub-projects once, whatever names it", async () => {
  const listing = listingOf(...SPACES, repo(4, "acme/api"));
  const { items } = await resolve([named(id(3)), query("acme/w"), query("acme/")], listing);
  expect(items.map((item) => item.id)).toEqual(["acme/web@main:docs", "acme/api@main"]);
});

test("resolveEntries() accepts the id of a hidden repository with branch and root", async () => {
  const entry = named(id(5).toUpperCase(), { baseBranch: "main", root: "packages/api" });
  expect(ids(await resolve([entry], listingOf()))).toEqual([`${id(5)}@main:packages/api`]);
});

test("resolveEntries() refuses the item that a name and an id both name, and keeps two roots of one repository apart", async () => {
  const listing = listingOf(repo(1, "acme/web"));
  const two = await resolve([named("acme/web", { root: "a" }), named("acme/web", { root: "b" })], listing);
  expect(ids(two)).toEqual(["acme/web@main:a", "acme/web@main:b"]);
  const twice = await resolve([named("acme/web"), named(id(1))], listing);
  expect(twice.problems.map(({ why }) => why)).toEqual(["it duplicates another item in campaign.yml:7"]);
});
