import { expect, test } from "bun:test";
import fc from "fast-check";
import { Listing, RequestPace } from "../../../../lib/campaign/plan/resolve.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { UsageError } from "../../../../lib/errors.ts";
import type { Repo } from "../../../../lib/model.ts";
import { propertyRuns } from "../../../property_runs.ts";

type Compare = (a: string, b: string) => number;

/** Orders of full names that databases use: by bytes, by the rules of a language, and with punctuation ignored at first. */
const COLLATIONS: readonly Compare[] = [
  (a, b) => a < b ? -1 : a > b ? 1 : 0,
  (a, b) => a.localeCompare(b, "en") || (a < b ? -1 : 1),
  (a, b) => a.localeCompare(b, "en", { ignorePunctuation: true }) || (a < b ? -1 : 1),
];

/** `ILIKE '%part%'` of PostgreSQL. */
function like(part: string, obeysBackslash: boolean): RegExp {
  const source = part.replace(/\\(.)|[\s\S]/gu, (char, literal?: string) => {
    if (literal !== undefined && obeysBackslash) return literal.replace(/[^A-Za-z0-9]/, "\\$&");
    return [...char].map((each) => each === "%" ? ".*" : each === "_" ? "." : each.replace(/[^A-Za-z0-9]/, "\\$&"))
      .join("");
  });
  return new RegExp(source, "is");
}

/** A service that lists repositories as the contract says: at most 200, in order, without a cursor. */
function service(names: readonly string[], compare = COLLATIONS[0] as Compare, obeysBackslash = true) {
  const repos = [...names].sort(compare).map((full_name): Repo => ({
    id: `id of ${full_name}`,
    full_name,
    installation_id: 1,
    default_branch: "main",
    root_directory: null,
  }));
  const client = {
    requests: 0,
    listRepos({ q = "", id, limit = 100 }: { q?: string; id?: string; limit?: number } = {}) {
      client.requests++;
      const pattern = like(q, obeysBackslash);
      const rows = repos.filter((repo) => id === undefined ? pattern.test(repo.full_name) : repo.id === id);
      return Promise.resolve(rows.slice(0, limit));
    },
  };
  const clock = virtualClock();
  const pace = new RequestPace({ client, clock, limitMs: 60_000 });
  return { client, clock, listing: new Listing(client as never, pace) };
}

const namesOf = (repos: readonly Repo[]) => repos.map((repo) => repo.full_name).sort();
const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `acme/project-${String(index + 1).padStart(5, "0")}`);

test("Listing.read() finds every repository with the prefix, whatever the collation of the service", async () => {
  const part = fc.string({ unit: fc.constantFrom(..."ab-._09zZ"), minLength: 1, maxLength: 5 });
  const names = fc.uniqueArray(
    fc.tuple(fc.constantFrom("acme", "big-acme", "Acme2"), part).map((two) => two.join("/")),
    {
      minLength: 0,
      maxLength: 900,
      selector: (name) => name.toLowerCase(),
      size: "max",
    },
  );
  await fc.assert(
    fc.asyncProperty(names, fc.constantFrom(...COLLATIONS), fc.boolean(), async (all, compare, obeys) => {
      const { listing } = service(all, compare, obeys);
      const expected = all.filter((name) => name.toLowerCase().startsWith("acme/")).sort();
      try {
        expect(namesOf(await listing.read("acme/"))).toEqual(expected);
      } catch (error) {
        // Never a shorter list. A service without an escape cannot always be read.
        if (!(error instanceof UsageError)) throw error;
      }
    }),
    // Without shrinking, which takes minutes with so many names.
    { numRuns: propertyRuns(60), endOnFailure: true },
  );
});

test("Listing.read() reads 10 000 repositories of one owner in at most 250 requests", async () => {
  for (const compare of COLLATIONS) {
    const { client, listing } = service(numbered(10_000), compare);
    expect(await listing.read("acme/")).toHaveLength(10_000);
    expect(client.requests).toBeLessThanOrEqual(250);
  }
});

test("Listing.read() asks only for prefixes of the wanted names when there are some", async () => {
  const all = numbered(10_000);
  const { client, listing } = service([...all, ...all.map((name) => name.replace("project", "other"))]);
  expect((await listing.read("acme/", all)).length).toBeGreaterThanOrEqual(10_000);
  expect(client.requests).toBeLessThanOrEqual(250);
  const few = service(all);
  expect(namesOf(await few.listing.read("acme/", [all[0] ?? "", all[9_999] ?? ""]))).toContain("acme/project-10000");
  expect(few.client.requests).toBeLessThanOrEqual(5);
});

test("Listing.read() takes a page of 199 as the whole list, and splits one of 200", async () => {
  for (const count of [199, 200, 201]) {
    const { client, listing } = service(numbered(count));
    expect(await listing.read("ACME/")).toHaveLength(count);
    expect(client.requests === 1).toBe(count === 199);
  }
});

test("Listing.read() throws when the names that only contain the prefix hide those that begin with it", async () => {
  const others = Array.from({ length: 300 }, (_, index) => `aaa/acme/web-${index}`);
  const { listing } = service([...others, "acme/web"]);
  await expect(listing.read("acme/", ["acme/web"])).rejects.toThrow("list the repositories one by one");
});

test("Listing.read() throws when a name may be hidden although all longer ones are shown", async () => {
  const others = Array.from({ length: 300 }, (_, index) => `B/acme/web-${index}`);
  const { listing } = service([...others, "ACME/abc", "acme/web"]);
  await expect(listing.read("acme/")).rejects.toThrow("list the repositories one by one");
});

test("Listing.read() reads past names that only contain the prefix when they sort behind those that begin with it", async () => {
  const others = Array.from({ length: 300 }, (_, index) => `big/acme/web-${index}`);
  const { listing } = service([...others, "acme/web"]);
  expect(namesOf(await listing.read("acme/"))).toEqual(["acme/web"]);
});

test("Listing.read() spaces out its requests", async () => {
  const { client, clock, listing } = service(numbered(10_000));
  const started = clock.now();
  await listing.read("acme/");
  expect(clock.now() - started).toBeGreaterThanOrEqual((Math.ceil(client.requests / 48) - 1) * 60_000);
});

test("Listing.byId() finds a repository by its id, and nothing for another one", async () => {
  const { listing } = service(["acme/web"]);
  expect((await listing.byId("id of acme/web"))?.full_name).toBe("acme/web");
  expect(await listing.byId("another")).toBeUndefined();
});
