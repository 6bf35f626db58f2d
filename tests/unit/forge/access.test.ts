import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { isSamePlace } from "../../../lib/forge/address.ts";
import {
  ALL_FORGES,
  FORGE_NAMES_TEXT,
  FORGE_TOKENS_TEXT,
  parsePullRequest,
  PUBLIC_HOSTS,
} from "../../../lib/forge/all.ts";
import { FILE_FORGES } from "../../../lib/forge/file_forges.ts";
import { GITHUB } from "../../../lib/forge/github.ts";
import { openForge, openJobNote, resolveForgeAccess } from "../../../lib/forge/open.ts";
import { SECRET_VARIABLES } from "../../../lib/variables.ts";
import { aRequest, gitlabForge, UNAPPROVED } from "./gitlab_forge.ts";
import { forgeWorld, GITEA_TOKEN, GITHUB_TOKEN, GITLAB_TOKEN } from "./world.ts";

const access = (env: Record<string, string>, hosts: string[] = []) =>
  resolveForgeAccess(ALL_FORGES, (name) => new Map(Object.entries(env)).get(name), hosts);

test("parsePullRequest() reads the addresses of all forges", () => {
  expect(parsePullRequest("https://GitHub.com/acme/web/pull/7/")).toEqual({
    forge: "github",
    origin: "https://github.com",
    host: "github.com",
    repository: "acme/web",
    number: 7,
    url: "https://github.com/acme/web/pull/7",
  });
  expect(parsePullRequest("https://git.example.com:8443/a/b/c.d/-/merge_requests/12")).toMatchObject({
    forge: "gitlab",
    host: "git.example.com:8443",
    repository: "a/b/c.d",
    number: 12,
  });
  expect(parsePullRequest("https://gitlab.com/a/b/merge_requests/12")?.url).toBe(
    "https://gitlab.com/a/b/-/merge_requests/12",
  );
  expect(parsePullRequest("http://127.0.0.1:8080/a/b/pull/1")?.forge).toBe("github");
  expect(parsePullRequest("https://codeberg.org/acme/web/pulls/7")).toEqual({
    forge: "gitea",
    origin: "https://codeberg.org",
    host: "codeberg.org",
    repository: "acme/web",
    number: 7,
    url: "https://codeberg.org/acme/web/pulls/7",
  });
});

test.each([
  "http://github.com/acme/web/pull/7",
  "https://token@github.com/acme/web/pull/7",
  "https://github.com/acme/web/pull/0",
  "https://github.com/acme/web/pull/1234567890",
  "https://github.com/acme/web/pull/7/files",
  "https://github.com/acme/web/issues/7",
  "https://github.com/acme/web%2f..%2fx/pull/7",
  "https://github.com/acme/we b/pull/7",
  "https://github.com/acme/web/pull/7?x=1",
  "https://gitlab.com/web/-/merge_requests/7",
  "https://codeberg.org/acme/web/pulls",
  "https://codeberg.org/acme/web/pulls/7/files",
  "ftp://github.com/acme/web/pull/7",
  "acme/web#7",
  "",
])("parsePullRequest() does not read %j", (text) => {
  expect(parsePullRequest(text)).toBeUndefined();
});

test("isSamePlace() compares forge, host and number, and not the repository", () => {
  const [a, b, c] = ["/acme/web/pull/7", "/acme/site/pull/7", "/acme/web/pull/8"].map((path) =>
    parsePullRequest(`https://github.com${path}`)
  );
  if (a === undefined) throw new Error("no address");
  expect([isSamePlace(a, b), isSamePlace(a, c), isSamePlace(a, undefined)]).toEqual([true, false, false]);
});

test("resolveForgeAccess() gives each public forge its own token, and no token to any other host", () => {
  const both = access({ GITHUB_TOKEN, GITLAB_TOKEN });
  expect(both?.tokenFor({ forge: "github", host: "github.com" })?.token).toBe(GITHUB_TOKEN);
  expect(both?.tokenFor({ forge: "gitlab", host: "gitlab.com" })?.token).toBe(GITLAB_TOKEN);
  // A hostile address that looks like one of the other forge.
  expect(both?.tokenFor({ forge: "github", host: "gitlab.com" })).toBeUndefined();
  expect(both?.tokenFor({ forge: "github", host: "evil.example" })).toBeUndefined();
  expect([both?.only, access({ GITHUB_TOKEN })?.only]).toEqual([undefined, { forge: "github", host: "github.com" }]);
});

test("resolveForgeAccess() gives a named host the token that is named, or the only one", () => {
  const host = "git.example.com";
  const place = { forge: "gitlab", host } as const;
  expect(access({ GITLAB_TOKEN }, [host])?.tokenFor(place)?.token).toBe(GITLAB_TOKEN);
  expect(access({ GITHUB_TOKEN, OWN: "x" }, [`${host}=OWN`])?.tokenFor(place)).toEqual({
    token: "x",
    place: "variable OWN",
  });
  expect(
    access({ OWN: "x", GITHUB_TOKEN }, ["github.com=OWN"])?.tokenFor({ forge: "github", host: "github.com" })?.token,
  )
    .toBe("x");
  expect(() => access({ GITHUB_TOKEN, GITLAB_TOKEN }, [host])).toThrow("git.example.com=GITHUB_TOKEN");
});

test("resolveForgeAccess() gives the server of the job GITEA_TOKEN, and without such a job no host", () => {
  const server = { GITHUB_SERVER_URL: "https://git.example.com:8443/", GITEA_TOKEN };
  const place = { forge: "gitea", host: "git.example.com:8443" } as const;
  for (const mark of ["GITEA_ACTIONS", "FORGEJO_ACTIONS"]) {
    const own = access({ ...server, [mark]: "true" });
    expect(own?.tokenFor(place)?.token).toBe(GITEA_TOKEN);
    expect(own?.tokenFor({ ...place, host: "codeberg.org" })).toBeUndefined();
    expect(own?.only).toEqual(place);
  }
  // On GitHub the variable names another server.
  expect(access({ ...server, GITHUB_ACTIONS: "true" })).toBeUndefined();
  expect(access({ GITEA_TOKEN, GITEA_ACTIONS: "true", GITHUB_SERVER_URL: "git.example.com" })).toBeUndefined();
  expect(access({ GITEA_TOKEN }, ["codeberg.org"])?.tokenFor({ forge: "gitea", host: "codeberg.org" })?.token).toBe(
    GITEA_TOKEN,
  );
});

test("resolveForgeAccess() gives the variable of a forge to the own server of a job there, and not to the public one", () => {
  const token = "x";
  for (
    const [forge, name, publicHost, job] of [
      ["github", "GITHUB_TOKEN", "github.com", { GITHUB_SERVER_URL: "https://git.example.com" }],
      ["gitlab", "GITLAB_TOKEN", "gitlab.com", { CI_SERVER_URL: "https://git.example.com/" }],
    ] as const
  ) {
    const own = access({ ...job, [name]: token });
    expect(own?.tokenFor({ forge, host: "git.example.com" })?.token).toBe(token);
    expect(own?.tokenFor({ forge, host: publicHost })).toBeUndefined();
    expect(own?.only).toEqual({ forge, host: "git.example.com" });
    const named = access({ ...job, [name]: token }, [publicHost]);
    expect(named?.tokenFor({ forge, host: publicHost })?.token).toBe(token);
  }
  // The variable of another forge is for the public one.
  const both = access({ CI_SERVER_URL: "https://git.example.com", GITHUB_TOKEN });
  expect(both?.tokenFor({ forge: "github", host: "github.com" })?.token).toBe(GITHUB_TOKEN);
});

test("resolveForgeAccess() gives GITHUB_TOKEN of a job of Gitea, whose own token has that name, to no host", () => {
  const job = { GITEA_ACTIONS: "true", GITHUB_SERVER_URL: "https://git.example.com", GITHUB_TOKEN };
  expect(access(job)).toBeUndefined();
  const place = { forge: "github", host: "github.com" } as const;
  expect(access({ ...job, GITEA_TOKEN })?.tokenFor(place)).toBeUndefined();
  expect(access(job, ["github.com=GITHUB_TOKEN"])?.tokenFor(place)?.token).toBe(GITHUB_TOKEN);
});

const LOOKALIKES: readonly string[] = [
  ...["github.com.evil.example", "github.com.", "github.com:8443", "www.github.com", "github.co", "xn--gthub-n4a.com"],
  ...["g\u0131thub.com", "github.com\\.evil.example", "evil.example#@github.com", "github.com%2eevil.example"],
  ...["github.com@evil.example", "evil.example\\@github.com", "[::ffff:8c52:7904]"],
];

test.each([...LOOKALIKES])("resolveForgeAccess() has no token for an address at %j", (host) => {
  const tokens = access({ GITHUB_TOKEN, GITLAB_TOKEN });
  const address = parsePullRequest(`https://${host}/acme/web/pull/7`);
  expect(address === undefined ? undefined : tokens?.tokenFor(address)).toBeUndefined();
});

test.each(["GITHUB.COM", "github.com:443", "\uff47ithub.com", "git\u00adhub.com", "github\u3002com"])(
  "resolveForgeAccess() takes %j for the host that a request would go to",
  (host) => {
    const address = parsePullRequest(`https://${host}/acme/web/pull/7`);
    expect(address).toMatchObject({ host: "github.com", url: "https://github.com/acme/web/pull/7" });
  },
);

test("resolveForgeAccess() takes no value that cannot be a token, and not the token of the service", () => {
  for (const value of ["", "$GITHUB_TOKEN", "a b", "a\nb"]) expect(access({ GITHUB_TOKEN: value })).toBeUndefined();
  expect(access({ GITHUB_TOKEN: "mog_1", MOGPLEX_API_KEY: "mog_1" })).toBeUndefined();
});

test.each<[string, string]>([
  ["https://git.example.com", "the value is not a host"],
  ["git.example.com/path", "the value is not a host"],
  ["", "the value is not a host"],
  [`git.example.com=${GITLAB_TOKEN}`, "not the name of a variable"],
  ["git.example.com=UNSET", "there is no token in UNSET"],
])("resolveForgeAccess() refuses the host %j", (host, why) => {
  expect(() => access({ GITLAB_TOKEN }, [host])).toThrow(why);
  expect(() => access({ GITLAB_TOKEN }, [host])).not.toThrow(GITLAB_TOKEN);
});

test("Forges sends nothing to a host without a token, and says which addresses it left out", async () => {
  const { forges, strays, github, gitlab } = forgeWorld();
  const urls = [
    "https://evil.example/acme/web/pull/7",
    "https://gitlab.com/acme/web/pull/7",
    "https://github.com.evil.example/acme/web/pull/7",
    "not an address",
  ];
  const { unasked } = await forges.read(urls);
  const hosts = ["evil.example", "gitlab.com", "github.com.evil.example", ""];
  expect([...unasked]).toEqual(urls.map((url, index) => [url, hosts[index] as string]));
  expect([strays, github.received, gitlab.received].flat()).toEqual([]);
});

test("ALL_FORGES names each forge for people, and the variable of each is masked", () => {
  expect(FORGE_NAMES_TEXT).toBe("GitHub, GitLab, Gitea or Forgejo");
  expect(FORGE_TOKENS_TEXT).toBe("GITHUB_TOKEN or GITLAB_TOKEN, or for Gitea GITEA_TOKEN and --forge-host HOST");
  expect(PUBLIC_HOSTS).toEqual(["github.com", "gitlab.com"]);
  expect(ALL_FORGES.filter(({ variable }) => !SECRET_VARIABLES.includes(variable))).toEqual([]);
});

test("FILE_FORGES has every forge of ALL_FORGES, in their order", () => {
  expect(FILE_FORGES.map(({ name }) => name)).toEqual(ALL_FORGES.map(({ name }) => name));
});

test("openForge() names the systems whose jobs it knows when there is no job, or one of another system", () => {
  const options = { forges: ALL_FORGES, env: () => undefined, world: { clock: virtualClock() } };
  const rest = { isMogplex: () => false, readFile: () => "" };
  for (
    const [ciSystem, why] of [["none", "this is not a CI job"], [
      "jenkins",
      "jenkins jobs do not run on a supported forge",
    ]]
  ) {
    expect(() => openForge({ ...options, ...rest, ciSystem: ciSystem ?? "" }, "respond")).toThrow(why);
    expect(() => openForge({ ...options, ...rest, ciSystem: ciSystem ?? "" }, "respond"))
      .toThrow("run the command in a job on GitHub, GitLab, Gitea or Forgejo");
  }
});

test("openForge() and openJobNote() say which part a forge lacks", () => {
  const { threads: _, notes: __, ...bare } = GITHUB;
  const env = new Map(Object.entries({
    ...{ GITHUB_TOKEN, GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "acme/web" },
  }));
  const options = { forges: [bare], env: (name: string) => env.get(name), world: { clock: virtualClock() } };
  const job = { ...options, ciSystem: "github", isMogplex: () => false, readFile: () => "" };
  expect(() => openForge(job, "respond")).toThrow(
    "Cannot access the forge: mentions and follow-ups are not supported on GitHub",
  );
  expect(() => openJobNote(job, { number: 7 })).toThrow("Cannot write a note: notes are not supported on GitHub");
});

test("openForge() and openJobNote() let a note on GitLab link merge requests of its project, and nothing else on that host", () => {
  const env = new Map(Object.entries({
    ...{
      GITLAB_TOKEN,
      CI_SERVER_URL: "https://gitlab.example.com",
      CI_PROJECT_URL: "https://gitlab.example.com/acme/web",
    },
    ...{ CI_PROJECT_PATH: "acme/web", CI_PROJECT_ID: "3", CI_API_V4_URL: "https://gitlab.example.com/api/v4" },
    ...{ CI_SERVER_HOST: "gitlab.example.com" },
  }));
  const options = { forges: ALL_FORGES, env: (name: string) => env.get(name), world: { clock: virtualClock() } };
  const job = { ...options, ciSystem: "gitlab", isMogplex: () => false, readFile: () => "" };
  const addresses = [
    "https://gitlab.example.com/acme/web/-/merge_requests/7",
    "https://gitlab.example.com/acme/other/-/merge_requests/7",
    "https://gitlab.example.com/acme/web/-/settings",
    "https://github.com/acme/web/pull/7",
  ];
  for (const opened of [openForge(job, "respond"), openJobNote(job, { number: 8 })]) {
    expect(addresses.map((address) => opened?.mayLink(address))).toEqual([true, false, false, true]);
  }
});

test.each<[name: string, env: Record<string, string>, url: string | null, text: string | null]>([
  ["no merge request", {}, null, "!7: **Needs a review:** the newest commit is not approved."],
  ["another one", {}, "8", "!8: **Ready to merge:** the newest commit is approved, and its checks are green."],
  ["one that is not there", {}, "9", null],
  ["one of the fork that runs the job", { CI_PROJECT_ID: "4" }, "8", null],
])(
  "openJobNote() reads a merge request of the note's own project when the run has %s",
  async (_name, env, iid, text) => {
    const origin = "https://gitlab.example.com";
    const project = { CI_PROJECT_URL: `${origin}/acme/web`, CI_PROJECT_ID: "3", CI_MERGE_REQUEST_PROJECT_ID: "3" };
    const server = { CI_SERVER_URL: origin, CI_API_V4_URL: `${origin}/api/v4`, CI_SERVER_HOST: "gitlab.example.com" };
    const all = new Map(Object.entries({ ...project, ...server, GITLAB_TOKEN, CI_MERGE_REQUEST_IID: "7", ...env }));
    const gitlab = gitlabForge("gitlab.example.com");
    // GitLab answers to the id and to the path of a project.
    for (const project of ["3", "acme/web"]) {
      for (const [number, rest] of [["7", UNAPPROVED], ["8", {}]] as const) {
        const web_url = `${origin}/acme/web/-/merge_requests/${number}`;
        gitlab.requests.set(`${project}!${number}`, aRequest({ web_url }, rest));
      }
    }
    const world = { clock: virtualClock(), fetch: gitlab.fetch as never };
    const options = { forges: ALL_FORGES, env: (name: string) => all.get(name), world, ciSystem: "gitlab" };
    const note = openJobNote({ ...options, isMogplex: () => false, readFile: () => "" }, {});
    expect(await note?.needs(iid === null ? null : `${origin}/acme/web/-/merge_requests/${iid}`)).toBe(text);
  },
);
