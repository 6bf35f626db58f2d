import { expect, test } from "bun:test";
import { UnavailableError, UsageError } from "../../../lib/errors.ts";
import type { Repo } from "../../../lib/model.ts";
import type { ServiceClient } from "../../../lib/service/client.ts";
import { checkRepository, findRepository, repoName, resolveRepository } from "../../../lib/service/repository.ts";

const ID = "8f3a2b1c-1234-4abc-9def-1234567890ab";
const OTHER = "8f3a2b1c-1234-4abc-9def-1234567890cd";
const THIRD = "8f3a2b1c-1234-4abc-9def-1234567890ef";

function repo(full_name: string, id = ID): Repo {
  return { id, full_name, installation_id: 1, default_branch: "main", root_directory: null };
}

/** A client that lists repositories as the service does; `asked` has the queries. */
function client(repos: Repo[], asked: (string | undefined)[] = []): ServiceClient {
  const listRepos: ServiceClient["listRepos"] = ({ q = "", limit = 200 } = {}) => {
    asked.push(q);
    return Promise.resolve(repos.filter(({ full_name }) => full_name.toLowerCase().includes(q)).slice(0, limit));
  };
  return { listRepos } as ServiceClient;
}

const refusal = (work: () => unknown) => {
  try {
    return work();
  } catch (error) {
    return error instanceof UsageError ? error.message : error;
  }
};

test("checkRepository() takes names, addresses and ids, and refuses everything else", () => {
  const of = (repo: string) => refusal(() => checkRepository({ repo }, "start run"));
  for (const name of ["acme/web", " acme/web ", "https://github.com/acme/web", "git@github.com:acme/web.git"]) {
    expect(of(name)).toBe("acme/web");
  }
  expect(of("ssh://git@gitlab.example:2222/group/sub/web.git")).toBe("group/sub/web");
  expect([of(ID.toUpperCase()), refusal(() => checkRepository({ repoId: ID }, "start run"))]).toEqual([ID, ID]);
  for (const wrong of ["", "web", "acme/", "/", "acme/w b", "acme/%", `${ID}0`, "a/b\n"]) {
    if (wrong !== "a/b\n") expect(String(of(wrong))).toContain("it must be owner/name or an id (UUID)");
  }
  expect(refusal(() => checkRepository({ repoId: "acme/web" }, "start run"))).toContain("must be a UUID");
  expect(refusal(() => checkRepository({}, "start run"))).toBe(
    "Cannot start run: the repository is missing; give its name or id",
  );
  expect(refusal(() => checkRepository({ repo: "acme/web", repoId: ID }, "start run"))).toContain(
    "use only one of them",
  );
});

test("repoName() reads the name in what people paste", () => {
  expect(repoName("https://gitlab.example:8443/acme/web/")).toBe("acme/web");
});

test("resolveRepository() sends nothing for an id, and one request for a name, in whatever case", async () => {
  const asked: string[] = [];
  const service = client([repo("acme/web-old", OTHER), repo("Acme/Web")], asked);
  expect([await resolveRepository(service, ID), asked]).toEqual([ID, []]);
  expect([await resolveRepository(service, "acme/WEB"), asked]).toEqual([ID, ["acme/web"]]);
});

test("resolveRepository() takes no other sign for a letter of ASCII", async () => {
  // The lower case of the Kelvin sign is a `k`.
  for (const name of ["acme/\u212ait", "acme/K\u0130t"]) {
    const error = await resolveRepository(client([repo(name)]), "acme/kit").catch((error: Error) => error);
    expect(error).toBeInstanceOf(UsageError);
  }
  expect(await resolveRepository(client([repo("acme/KIT")]), "acme/kit")).toBe(ID);
});

test("resolveRepository() offers near names of the owner, and the same name of another owner", async () => {
  const service = client([repo("acme/web"), repo("acme/api"), repo("globex/billing")]);
  const near = (name: string) => resolveRepository(service, name).catch((error: Error) => error.message);
  expect(await near("acme/wbe")).toBe(
    `Cannot find repository "acme/wbe": the token cannot access a repository with this name; did you mean "acme/web"? If so, set 'repo'`,
  );
  expect(await near("acme/billing")).toEndWith(`did you mean "globex/billing"? If so, set 'repo'`);
  expect(await near("nobody/nothing")).toContain('"repos list", or api.listRepos() in a script, shows the names');
});

test("resolveRepository() refuses a name that several repositories have, and one that a full page may hide", async () => {
  const two = client([repo("acme/web"), repo("ACME/web", OTHER)]);
  await expect(resolveRepository(two, "acme/web")).rejects.toThrow(
    `several repositories have this name: "acme/web"; use one of these ids: ${
      [ID, OTHER].sort().join(" (no root) or ")
    } (no root)`,
  );
  const many = client(Array.from({ length: 300 }, (_, index) => repo(`x-acme/web${index}`)));
  await expect(resolveRepository(many, "acme/web")).rejects.toThrow(
    "only 200 of the repositories whose names contain this text",
  );
});

test("findRepository() takes the row of the whole repository, or the row with the given root, whatever their order is", async () => {
  const rows = [
    repo("acme/web"),
    { ...repo("acme/web", OTHER), root_directory: "/packages/ui/" },
    { ...repo("acme/web", THIRD), root_directory: "docs" },
  ];
  for (const order of [rows, rows.toReversed()]) {
    const ids = [undefined, null, "packages/ui", "./docs", "src"].map(async (root) =>
      (await findRepository(client(order), "acme/web", {}, root)).id
    );
    expect(await Promise.all(ids)).toEqual([ID, ID, OTHER, THIRD, ID]);
  }
  // One row may have a root: nothing else has its name.
  expect(await resolveRepository(client(rows.slice(1, 2)), "acme/web")).toBe(OTHER);
  await expect(resolveRepository(client(rows.slice(1)), "acme/web")).rejects.toThrow(
    /several repositories have this name: "acme\/web"; use one of these ids: \S+ \(root "[^"]+"\) or \S+ \(root "[^"]+"\)$/,
  );
});

test("resolveRepository() refuses a name of which a full page may hide another row", async () => {
  const many = client([...Array.from({ length: 199 }, (_, index) => repo(`a/acme/web${index}`)), repo("acme/web")]);
  await expect(resolveRepository(many, "acme/web")).rejects.toThrow(
    "only 200 of the repositories whose names contain this text",
  );
});

test("resolveRepository() throws what the look-up throws, but not what the search for near names throws", async () => {
  const down = () =>
    Promise.reject(
      new UnavailableError("down", "unavailable", { status: 500, code: null, requestId: null, retryAfterMs: null }),
    );
  await expect(resolveRepository({ listRepos: down } as unknown as ServiceClient, "a/b")).rejects.toThrow("down");
  let calls = 0;
  const later = { listRepos: () => ++calls === 1 ? Promise.resolve([]) : down() } as unknown as ServiceClient;
  await expect(resolveRepository(later, "a/b")).rejects.toBeInstanceOf(UsageError);
});
