import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { ForgeClient } from "../../../lib/forge/client.ts";
import { GITLAB } from "../../../lib/forge/gitlab.ts";
import { GITLAB_NOTES } from "../../../lib/forge/gitlab/notes.ts";
import { noteMarker, writeNote } from "../../../lib/forge/note.ts";
import { thrown } from "../service/answers.ts";
import { BOT, GITLAB_TOKEN, type GitlabServer, gitlabServer, type ServedToken } from "../report/gitlab_server.ts";
import type { Fault } from "../report/served.ts";

const MARKER = await noteMarker("agent", "");
const NOTES = "/projects/42/merge_requests/7/notes";
const SEARCH = `GET ${NOTES}?sort=asc&order_by=created_at&activity_filter=only_comments&per_page=100`;
const FIRST = `${SEARCH}&page=1`;

interface Written {
  error: string | undefined;
  slept: number[];
  now: number;
}

/** Writes a note, with the jitter always half. */
async function write(server: GitlabServer, text = "# Fine\n", token = GITLAB_TOKEN): Promise<Written> {
  const clock = virtualClock();
  const world = { clock, fetch: server.fetch, random: () => 0.5 };
  const place = { token, place: "variable GITLAB_TOKEN" };
  const client = new ForgeClient(world, GITLAB, server.api, place);
  const notes = GITLAB_NOTES.open(client, "42", { kind: "pull", number: 7 });
  const error = await writeNote(notes, MARKER, () => text, { clock }).then(
    () => undefined,
    (thrown: Error) => thrown.message,
  );
  return { error, slept: clock.slept, now: clock.now() };
}

function fault(server: GitlabServer, match: RegExp, ...faults: Fault[]): GitlabServer {
  server.faults.push(...faults.map((each) => ({ match, fault: each })));
  return server;
}

const page = (status: number, headers: Record<string, string> = {}) =>
  new Response("<html>Not what you think</html>", { status, headers: { "content-type": "text/html", ...headers } });

test("writeNote() makes a note when there is none, and updates it in place from then on", async () => {
  const server = gitlabServer("42", "7");
  server.add("Looks good to me");
  expect(await write(server, "one")).toMatchObject({ error: undefined, slept: [] });
  expect(await write(server, "two")).toMatchObject({ error: undefined, slept: [] });
  expect(server.notes.map(({ body }) => body)).toEqual(["Looks good to me", `${MARKER}\n\ntwo`]);
  expect(server.requests).toEqual([
    FIRST,
    `POST ${NOTES}`,
    FIRST,
    "GET /user",
    `PUT ${NOTES}/1001`,
  ]);
});

for (const linkOnly of [false, true]) {
  test(`writeNote() finds its note on page 3 by ${linkOnly ? "Link" : "x-next-page"}, and asks its own host only`, async () => {
    const server = gitlabServer("42", "7");
    server.linkOnly = linkOnly;
    for (let index = 0; index < 250; index++) server.add(`Comment ${index}`);
    const { id } = server.add(MARKER, { author: { id: BOT } });
    for (let index = 0; index < 250; index++) server.add(`Comment ${index}`);
    expect((await write(server)).error).toBeUndefined();
    expect(server.requests).toEqual(
      [FIRST, `${SEARCH}&page=2`, `${SEARCH}&page=3`, "GET /user", `PUT ${NOTES}/${id}`],
    );
  });
}

test("writeNote() takes nothing for its note but one of its own that begins with the marker: the oldest", async () => {
  const server = gitlabServer("42", "7");
  const own = { author: { id: BOT } };
  server.add(`Look: ${MARKER}`, own);
  server.add(`\n${MARKER}`, own);
  server.add(`${await noteMarker("agent", "2")}\n\nx`, own);
  server.add(MARKER, { ...own, system: true });
  server.add(`${MARKER} forged`);
  const first = server.add(MARKER, own);
  server.add(MARKER, own);
  const before = structuredClone(server.notes);
  expect((await write(server)).error).toBeUndefined();
  const changed = server.notes.filter((note, index) => note.body !== before[index]?.body);
  expect(changed).toEqual([first]);
});

test("writeNote() goes by the marker alone when the token may not ask who it is", async () => {
  const server = fault(
    gitlabServer("42", "7"),
    /\/user$/,
    Response.json({ message: "403 Forbidden" }, { status: 403 }),
  );
  server.add(MARKER, { author: { id: BOT } });
  expect((await write(server)).error).toBeUndefined();
  expect(server.notes.length).toBe(1);
});

test("writeNote() gives up on a merge request with more notes than GitLab permits", async () => {
  const server = gitlabServer("42", "7");
  for (let index = 0; index < 5_001; index++) server.add("x");
  expect((await write(server)).error).toBe(
    "Cannot look for an earlier note on merge request !7: merge request !7 has too many comments",
  );
  expect(server.requests.length).toBe(50);
});

test("writeNote() looks again before it posts again when the fate of a post is not known", async () => {
  for (const lost of ["reset after", "reset"] as const) {
    const server = fault(gitlabServer("42", "7"), /^POST/, lost);
    expect(await write(server)).toMatchObject({ error: undefined, slept: [1_000] });
    expect(server.notes.length).toBe(1);
    const rest = lost === "reset" ? [`POST ${NOTES}`] : ["GET /user", `PUT ${NOTES}/1000`];
    expect(server.requests).toEqual([FIRST, `POST ${NOTES}`, FIRST, ...rest]);
  }
});

test("writeNote() looks again after a post that was answered by 5xx, 408 or something that is no note", async () => {
  for (const answer of [page(500), page(502), page(503), page(408), page(200), page(201)]) {
    const server = fault(gitlabServer("42", "7"), /^POST/, answer);
    expect(await write(server)).toMatchObject({ error: undefined, slept: [1_000] });
    expect(server.requests).toEqual([FIRST, `POST ${NOTES}`, FIRST, `POST ${NOTES}`]);
  }
});

test("writeNote() posts three times at most, and tells why the last one failed", async () => {
  const server = fault(gitlabServer("42", "7"), /^POST/, ...Array(9).fill(0).map(() => page(500)));
  expect(await write(server)).toMatchObject({
    error: `Cannot create the note on merge request !7: GitLab has a problem (HTTP 500, content type "text/html")`,
    slept: [1_000, 2_000],
  });
  expect(server.requests.filter((request) => request.startsWith("POST")).length).toBe(3);
});

test("writeNote() obeys Retry-After when the wait fits, and repeats a post that was refused for the limit", async () => {
  const server = fault(gitlabServer("42", "7"), /^POST/, page(429, { "retry-after": "4" }));
  expect(await write(server)).toMatchObject({ error: undefined, slept: [4_000] });
  const late = fault(gitlabServer("42", "7"), /^POST/, page(429, { "retry-after": "60" }));
  expect(await write(late)).toMatchObject({
    error:
      "Cannot create the note on merge request !7: the rate limit of GitLab lasts longer than this program can wait " +
      `(HTTP 429, content type "text/html")`,
    slept: [],
  });
});

test("writeNote() repeats reading and updating after 5xx and losses", async () => {
  const server = fault(gitlabServer("42", "7"), /^GET.*notes$/, page(502), "reset");
  fault(server, /^PUT/, page(500), "reset after");
  server.add(MARKER, { author: { id: BOT } });
  expect(await write(server)).toMatchObject({ error: undefined, slept: [750, 1500, 750, 1500] });
});

test("writeNote() takes fifteen seconds at most, whatever GitLab does", async () => {
  for (const match of [/./, /^POST/]) {
    const server = fault(gitlabServer("42", "7"), match, ...Array(20).fill("hang" as const));
    const { error, now } = await write(server);
    expect(error).toBe("Cannot write the note on merge request !7: GitLab took longer than 15 seconds");
    expect(now).toBe(15_000);
  }
});

const REFUSALS: readonly [why: string, token: Partial<ServedToken> | undefined, words: string][] = [
  [
    "an unknown token",
    undefined,
    "GitLab refuses the token in variable GITLAB_TOKEN, which is unknown, expired or revoked (HTTP 401); store a new token there",
  ],
  [
    "a token that may only read",
    { scopes: ["read_api"] },
    `lacks a permission: it needs the "api" scope and at least the Reporter role`,
  ],
  ["a token without any right", { scopes: [] }, `lacks a permission: it needs the "api" scope`],
  ["a guest", { role: 10 }, "GitLab does not show the merge request to the token in variable GITLAB_TOKEN"],
];

for (const [why, fields, words] of REFUSALS) {
  test(`writeNote() says what is missing, after one try, with ${why}`, async () => {
    const server = gitlabServer("42", "7");
    const token = server.tokens.get(GITLAB_TOKEN) as ServedToken;
    server.tokens.clear();
    if (fields !== undefined) server.tokens.set(GITLAB_TOKEN, { ...token, ...fields });
    const { error, slept } = await write(server);
    expect(error).toStartWith("Cannot ");
    expect(error).toContain(words);
    expect(error).not.toContain(GITLAB_TOKEN);
    expect(slept).toEqual([]);
    expect(server.notes).toEqual([]);
  });
}

test("writeNote() follows no redirect, and takes a page for no answer", async () => {
  const moved = fault(gitlabServer("42", "7"), /./, page(302, { location: "https://evil.example/api/v4" }));
  expect((await write(moved)).error).toBe(
    "Cannot look for an earlier note on merge request !7: the response is a redirect, and following it would lose the token: " +
      `has the host moved, or does it require a login? (HTTP 302, content type "text/html")`,
  );
  expect(moved.requests.length).toBe(1);
  const proxy = fault(gitlabServer("42", "7"), /./, ...Array(20).fill(0).map(() => page(200)));
  expect((await write(proxy)).error).toBe(
    "Cannot look for an earlier note on merge request !7: the response is not from GitLab's API " +
      `(HTTP 200, content type "text/html")`,
  );
});

test("writeNote() sends the token in one header and nothing else of it", async () => {
  const server = gitlabServer("42", "7");
  await write(server);
  for (const received of server.received) {
    expect(received.split(GITLAB_TOKEN).length).toBe(2);
    expect(received).toContain(`private-token: ${GITLAB_TOKEN}\n`);
    expect(received).not.toContain("authorization");
    // A runtime repeats no request on a connection that was never used before.
    expect(received).toContain("connection: close\n");
  }
});

test("noteMarker() differs by job and by node, and no name ends its comment", async () => {
  const names = ["agent", "agent: [a, b]", "--> <img src=x> <!--", "-->\n/close", "\0", "é".repeat(400), "", "a b"];
  const markers = await Promise.all(
    [...names.map((name) => [name, ""] as const), ["a", " b"] as const, ["agent", `["1","2"]`] as const].map((
      [job, node],
    ) => noteMarker(job, node)),
  );
  expect(new Set(markers).size).toBe(markers.length);
  for (const marker of markers) expect(marker).toMatch(/^<!-- mogplex:[0-9a-f]{40} -->$/);
});

const PIPELINE = {
  CI_API_V4_URL: "https://git.example:8443/lab/api/v4/",
  CI_PROJECT_ID: "9",
  CI_MERGE_REQUEST_IID: "7",
};
const readingOf = (env: Record<string, string>) => (name: string) => ({ ...PIPELINE, ...env })[name];
const apiOf = (env: Record<string, string>) => GITLAB.job?.api(readingOf(env));
const pullOf = (env: Record<string, string>) => GITLAB.job?.pull(readingOf(env), () => "");

test("GITLAB takes any host and path, and the project that the merge request is in", () => {
  expect(pullOf({})).toEqual({ repository: "9", number: 7 });
  expect(pullOf({ CI_MERGE_REQUEST_PROJECT_ID: "42" })).toEqual({ repository: "42", number: 7 });
  expect(pullOf({ CI_MERGE_REQUEST_IID: "" })).toBeUndefined();
  expect(apiOf({})).toBe("https://git.example:8443/lab/api/v4");
  expect(apiOf({ CI_API_V4_URL: "http://10.0.0.1/api/v4" })).toBe("http://10.0.0.1/api/v4");
});

test("GITLAB refuses what would lead elsewhere", async () => {
  const pulls: Record<string, string>[] = [
    { CI_MERGE_REQUEST_IID: "7/notes" },
    { CI_MERGE_REQUEST_IID: "-1" },
    { CI_MERGE_REQUEST_PROJECT_ID: "../users" },
    { CI_PROJECT_ID: "" },
  ];
  const hosts = ["", "gitlab.example", "ftp://gitlab.example/api", "https://u:p@gitlab.example/api/v4"];
  const apis = [...hosts, "https://a.example/?x=", "https://a.example/#b"].map((CI_API_V4_URL) => ({ CI_API_V4_URL }));
  for (const env of [...pulls, ...apis]) {
    const read = "CI_API_V4_URL" in env ? () => apiOf(env) : () => pullOf(env);
    const error = await thrown(Promise.resolve().then(() => String(read())));
    expect([env, error.message.startsWith("Cannot find the ")]).toEqual([env, true]);
  }
});
