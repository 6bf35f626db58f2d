import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { ForgeClient } from "../../../lib/forge/client.ts";
import { GITHUB } from "../../../lib/forge/github.ts";
import { GITHUB_NOTES } from "../../../lib/forge/github/notes.ts";
import { noteMarker, writeNote } from "../../../lib/forge/note.ts";
import { thrown } from "../service/answers.ts";
import {
  ACTIONS_APP,
  GITHUB_TOKEN,
  type GithubServer,
  githubServer,
  type ServedComment,
  type ServedGithubToken,
} from "../report/github_server.ts";
import type { Fault } from "../report/served.ts";

const MARKER = await noteMarker("agent", "");
const COMMENTS = "/repos/acme/web/issues/7/comments";
const SEARCH = `GET ${COMMENTS}?per_page=100`;
const FIRST = `${SEARCH}&page=1`;
const APP: ServedComment["user"] = { id: ACTIONS_APP, type: "Bot" };

/** Writes a comment, with the jitter always half. */
async function write(server: GithubServer, text = "# Fine\n", token = GITHUB_TOKEN) {
  const clock = virtualClock();
  const world = { clock, fetch: server.fetch, random: () => 0.5 };
  const client = new ForgeClient(world, GITHUB, server.api, { token, place: "input github-token" });
  const notes = GITHUB_NOTES.open(client, "acme/web", { kind: "pull", number: 7 });
  const error = await writeNote(notes, MARKER, () => text, { clock }).then(
    () => undefined,
    (thrown: Error) => thrown.message,
  );
  return { error, slept: clock.slept, now: clock.now() };
}

function fault(server: GithubServer, match: RegExp, ...faults: Fault[]): GithubServer {
  server.faults.push(...faults.map((each) => ({ match, fault: each })));
  return server;
}

const page = (status: number, headers: Record<string, string> = {}) =>
  new Response("{}", { status, headers: { "content-type": "application/json", ...headers } });

test("writeNote() on GitHub makes a comment when there is none, and updates it in place from then on", async () => {
  const server = githubServer("acme/web", "7");
  server.add("Looks good to me");
  server.add(null);
  expect(await write(server, "one")).toMatchObject({ error: undefined, slept: [] });
  expect(await write(server, "two")).toMatchObject({ error: undefined, slept: [] });
  expect(server.comments.map(({ body }) => body)).toEqual(["Looks good to me", null, `${MARKER}\n\ntwo`]);
  const one = "/repos/acme/web/issues/comments/1002";
  expect(server.requests).toEqual([FIRST, `POST ${COMMENTS}`, FIRST, "GET /user", `PATCH ${one}`]);
});

test("writeNote() on GitHub finds its comment on page 3 by Link, and asks its own host and path only", async () => {
  const server = githubServer("acme/web", "7");
  for (let index = 0; index < 250; index++) server.add(`Comment ${index}`);
  const { id } = server.add(MARKER, APP);
  for (let index = 0; index < 250; index++) server.add(`Comment ${index}`);
  expect((await write(server)).error).toBeUndefined();
  const pages = [FIRST, `${SEARCH}&page=2`, `${SEARCH}&page=3`];
  expect(server.requests).toEqual([...pages, "GET /user", `PATCH /repos/acme/web/issues/comments/${id}`]);
});

test("writeNote() on GitHub takes no comment of a person for its own, whatever it begins with", async () => {
  const server = githubServer("acme/web", "7");
  server.add(`${MARKER} forged`);
  server.add(`Look: ${MARKER}`, APP);
  server.add(`${await noteMarker("agent", "2")}\n\nx`, APP);
  const own = server.add(MARKER, APP);
  const before = structuredClone(server.comments);
  expect((await write(server)).error).toBeUndefined();
  expect(server.comments.filter((each, index) => each.body !== before[index]?.body)).toEqual([own]);
});

test("writeNote() on GitHub knows its comment by its user when the token belongs to a person", async () => {
  const server = githubServer("acme/web", "7");
  server.tokens.set("ghp_person", { user: 9, ofJob: false, pullRequests: "write" });
  server.add(MARKER, APP);
  server.add(MARKER);
  const own = server.add(MARKER, { id: 9, type: "User" });
  expect((await write(server, "# Fine\n", "ghp_person")).error).toBeUndefined();
  expect(own.body).toContain("# Fine");
});

test("writeNote() on GitHub looks again before it posts again when the fate of a post is not known", async () => {
  for (const lost of ["reset after", "reset", page(502)] as const) {
    const server = fault(githubServer("acme/web", "7"), /^POST/, lost);
    expect(await write(server)).toMatchObject({ error: undefined, slept: [1_000] });
    expect(server.comments.length).toBe(1);
  }
});

test("writeNote() on GitHub obeys a limit when the wait fits, whatever its status is", async () => {
  for (const status of [403, 429]) {
    const server = fault(githubServer("acme/web", "7"), /^POST/, page(status, { "retry-after": "4" }));
    expect(await write(server)).toMatchObject({ error: undefined, slept: [4_000] });
    const late = fault(githubServer("acme/web", "7"), /^POST/, page(status, { "retry-after": "60" }));
    const { error, slept } = await write(late);
    expect({ error, slept }).toEqual({
      error:
        "Cannot create the comment on pull request #7: the rate limit of GitHub lasts longer than this program can wait " +
        `(HTTP ${status})`,
      slept: [],
    });
  }
});

test("writeNote() on GitHub takes fifteen seconds at most, whatever GitHub does", async () => {
  const server = fault(githubServer("acme/web", "7"), /./, ...Array(20).fill("hang" as const));
  const { error, now } = await write(server);
  expect(error).toBe("Cannot write the comment on pull request #7: GitHub took longer than 15 seconds");
  expect(now).toBe(15_000);
});

const REFUSALS: readonly [why: string, token: Partial<ServedGithubToken> | undefined, words: string][] = [
  ["an unknown token", undefined, "GitHub refuses the token in input github-token, which is unknown, expired"],
  ["a token that may only read", { pullRequests: "read" }, 'it needs the permission "pull-requests: write" (in a'],
  ["a token without any right", { pullRequests: "none" }, "the pull request does not exist, or the token in"],
];

for (const [why, fields, words] of REFUSALS) {
  test(`writeNote() on GitHub says what is missing, after one try, with ${why}`, async () => {
    const server = githubServer("acme/web", "7");
    const token = server.tokens.get(GITHUB_TOKEN) as ServedGithubToken;
    server.tokens.clear();
    if (fields !== undefined) server.tokens.set(GITHUB_TOKEN, { ...token, ...fields });
    const { error, slept } = await write(server);
    expect(error).toStartWith("Cannot ");
    expect(error).toContain(words);
    expect(error).not.toContain(GITHUB_TOKEN);
    expect([slept, server.comments]).toEqual([[], []]);
  });
}

test("writeNote() on GitHub explains a locked conversation, a comment that is refused, and a redirect", async () => {
  const locked = githubServer("acme/web", "7");
  locked.locked = true;
  expect((await write(locked)).error).toContain("or the conversation is locked (HTTP 403");
  expect((await write(githubServer("acme/web", "7"), "x".repeat(70_000))).error).toContain(
    "GitHub does not accept the comment: the pull request may be locked or have too many comments (HTTP 422",
  );
  const moved = fault(githubServer("acme/web", "7"), /./, page(301, { location: "https://evil.example/" }));
  expect((await write(moved)).error).toContain(
    "the response is a redirect, and following it would lose the token: has the host moved, or does it require a login? (HTTP 301",
  );
  expect(moved.requests.length).toBe(1);
});

test("writeNote() on GitHub writes its comment where a repository is that has another name now", async () => {
  const server = githubServer("acme/web", "7");
  fault(server, /^POST/, page(301, { location: `${server.api}${COMMENTS}` }));
  expect((await write(server, "one")).error).toBeUndefined();
  fault(server, /^PATCH/, page(307, { location: "/repos/acme/web/issues/comments/1000" }));
  expect((await write(server, "two")).error).toBeUndefined();
  expect(server.comments.map(({ body }) => body)).toEqual([`${MARKER}\n\ntwo`]);
  const patch = "PATCH /repos/acme/web/issues/comments/1000";
  expect(server.requests).toEqual(
    [FIRST, `POST ${COMMENTS}`, `POST ${COMMENTS}`, FIRST, "GET /user", patch, patch],
  );
});

test("writeNote() on GitHub sends the token in one header and nothing else of it", async () => {
  const server = githubServer("acme/web", "7");
  await write(server);
  for (const received of server.received) {
    expect(received.split(GITHUB_TOKEN).length).toBe(2);
    expect(received).toContain(`authorization: Bearer ${GITHUB_TOKEN}\n`);
    expect(received).toMatch(/^user-agent: mogplex-ci\S* /m);
  }
});

const RUNNER = { GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "acme/web" };
const readingOf = (env: Record<string, string>) => (name: string) => ({ ...RUNNER, ...env })[name];
const apiOf = (env: Record<string, string>) => GITHUB.job?.api(readingOf(env));

test("GITHUB takes the API that the runner names, and otherwise that of its server", () => {
  const cases: [Record<string, string>, string][] = [
    [{ GITHUB_API_URL: "https://ghe.example:8443/api/v3/" }, "https://ghe.example:8443/api"],
    [
      { GITHUB_API_URL: "https://api.github.com", GITHUB_SERVER_URL: "https://other.example" },
      "https://api.github.com",
    ],
    [{}, "https://api.github.com"],
    [{ GITHUB_SERVER_URL: "https://acme.ghe.com" }, "https://api.acme.ghe.com"],
    [{ GITHUB_SERVER_URL: "https://ghe.example:8443/" }, "https://ghe.example:8443/api"],
  ];
  for (const [env, api] of cases) expect(apiOf(env)).toBe(api);
});

test("GITHUB refuses what would lead elsewhere", async () => {
  const apis = ["api.github.com", "ftp://a.example", "https://u:p@a.example", "https://a.example/?x="];
  const bad: Record<string, string>[] = [
    ...apis.map((GITHUB_API_URL) => ({ GITHUB_API_URL })),
    ...["", "github.com", "ftp://github.com"].map((GITHUB_SERVER_URL) => ({ GITHUB_SERVER_URL })),
    ...["", "acme", "acme/web/x", "../web", "acme/..", "acme/we b", "acme/web?x"]
      .map((GITHUB_REPOSITORY) => ({ GITHUB_REPOSITORY })),
  ];
  for (const env of bad) {
    const error = await thrown(Promise.resolve().then(() => `${apiOf(env)} ${GITHUB.job?.place(readingOf(env))}`));
    expect([env, error.message.startsWith("Cannot find the ")]).toEqual([env, true]);
  }
});
