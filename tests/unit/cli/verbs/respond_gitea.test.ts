/** `respond` in a workflow of Gitea. What the server answers is tried on a real one in the lab, and played in `tests/unit/forge`. */
import { expect, test } from "bun:test";
import type { Check } from "../../../../lib/check.ts";
import { main } from "../../../../lib/cli/main.ts";
import { textOf } from "../../architecture/imports.ts";
import { fakeIo } from "../fake_io.ts";
import type { Exchange } from "../../forge/gitea_forge.ts";
import RECORDED from "../../forge/gitea_threads_answers.json" with { type: "json" };
import { REPO, TOKEN, world } from "../world.ts";
import { expectFirstSecond, recorded, type Traffic } from "./traffic.ts";

const GITEA_TOKEN = "0123456789abcdef0123456789abcdef01234567";

type Answers = Record<string, [number, unknown]>;

const EVENT = { repository: { id: 5 }, issue: { number: 3 }, comment: { id: 7 } };

/**
 * @param answers By path and query, behind `METHOD ` unless it is GET.
 * @param requestMs How long each request takes.
 */
async function respond(
  env: Record<string, string>,
  answers: Answers = {},
  args = ["respond"],
  event: Record<string, unknown> = EVENT,
  requestMs = 0,
) {
  const { clock, emulator } = world();
  const asked: string[] = [];
  const traffic: Traffic = { clock, sent: [], requestMs };
  const io = fakeIo({
    files: { "/event.json": JSON.stringify(event) },
    env: {
      ...{ MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO, GITHUB_ACTIONS: "true", GITEA_ACTIONS: "true" },
      ...{ GITHUB_SERVER_URL: "https://git.example.com", GITHUB_API_URL: "https://git.example.com/api/v1" },
      ...{ GITHUB_REPOSITORY: "acme/web", GITHUB_EVENT_NAME: "issue_comment", GITHUB_EVENT_PATH: "/event.json" },
      ...{ GITHUB_RUN_ID: "7", GITHUB_RUN_ATTEMPT: "1", GITHUB_JOB: "respond" },
      ...env,
    },
  });
  const fetch = recorded(traffic, (url, init) => {
    if (!url.startsWith("https://git.example.com/")) return emulator.fetch(url, init);
    asked.push(new Headers(init.headers).get("authorization") ?? "");
    const { method = "GET" } = init;
    const path = url.replace("https://git.example.com/api/v1", "").replace(/since=[^&]+&/, "");
    const [status, body] = answers[method === "GET" ? path : `${method} ${path}`] ?? [404, {}];
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  const code = await main(args, io, { fetch, clock });
  return { code, asked, runs: emulator.world.store.runs.size, traffic, ...io.text };
}

const REPOSITORY = { "/repos/acme/web": [200, { id: 5, full_name: "acme/web", default_branch: "main" }] } as const;

test("respond says which token it needs on Gitea, and asks nothing without it", async () => {
  for (const [token, expected] of [["", 64], [TOKEN, 2]] as const) {
    const { code, asked, stderr } = await respond({ GITEA_TOKEN: token, GITHUB_TOKEN: GITEA_TOKEN });
    expect([code, asked]).toEqual([expected, []]);
    expect(stderr).toContain("variable GITEA_TOKEN");
  }
});

test("respond tells on Gitea who may ask for rights, with 65 and without a run, when the token's user is no administrator", async () => {
  const author = { id: 4, login: "kim" };
  const at = { created_at: "2026-03-01T10:00:00Z", updated_at: "2026-03-01T10:00:00Z" };
  const issue = {
    number: 3,
    html_url: "https://git.example.com/acme/web/issues/3",
    title: "One",
    state: "open",
    ...at,
  };
  const { code, runs, stderr, asked } = await respond({ GITEA_TOKEN }, {
    ...REPOSITORY as unknown as Record<string, [number, unknown]>,
    "/user": [200, { id: 9, login: "mogplex-bot" }],
    "/repos/acme/web/issues/comments/7": [200, {
      ...{ id: 7, body: "@mogplex do it", user: author, ...at },
      issue_url: "https://git.example.com/acme/web/issues/3",
      pull_request_url: "",
    }],
    "/repos/acme/web/issues/3": [200, { ...issue, user: author }],
    "/repos/acme/web/teams": [405, { message: "repo is not owned by an organization" }],
    "/repos/acme/web/issues/3/timeline?limit=50&page=1": [200, null],
    "/repos/acme/web/issues/3/timeline?limit=50&page=2": [200, null],
    "/repos/acme/web/collaborators/kim/permission": [403, { message: "Only admins can query all permissions" }],
  });
  expect([code, runs]).toEqual([65, 0]);
  expect(stderr).toContain("administrators of the repository");
  expect(stderr).toContain("--allow-users");
  expect(new Set(asked)).toEqual(new Set([`Bearer ${GITEA_TOKEN}`]));
});

/** An organization where one team writes code. */
const ORGANISATION: Answers = {
  ...REPOSITORY as unknown as Answers,
  "/user": [200, { id: 9, login: "mogplex-bot" }],
  "/repos/acme/web/collaborators/acme/permission": [404, {}],
  "/repos/acme/web/teams": [200, [
    { id: 1, name: "Owners", permission: "owner", units_map: { "repo.code": "owner" } },
    { id: 2, name: "coders", permission: "none", units_map: { "repo.code": "write" } },
  ]],
};

test("doctor --for respond asks on Gitea what respond needs to know: who is in the teams that may write code", async () => {
  const rights = async (team: [number, unknown]) => {
    const answers = { ...ORGANISATION, "/teams/2": team };
    const { stdout } = await respond({ GITEA_TOKEN }, answers, ["doctor", "--for", "respond", "--json"]);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; advice?: string }[] };
    return checks.find(({ name }) => name === "rights");
  };
  expect(await rights([200, { id: 2 }])).toMatchObject({
    state: "ok",
    finding: "the token can see who can push; listing the users in --allow-users is safer: docs/ask.md in the toolkit",
  });

  for (const status of [403, 404]) {
    expect(await rights([status, {}])).toMatchObject({
      state: "failed",
      finding: expect.stringContaining("who is in a team"),
      advice: expect.stringMatching(/^Use --allow-users .* an owner of the organization/),
    });
  }
});

test("doctor --for respond finds on Gitea a missing scope, names and a label, without writing anything", async () => {
  const read = async (name: string, answers: Answers, args: string[] = []) => {
    const all = { ...ORGANISATION, ...answers };
    const { stdout } = await respond({ GITEA_TOKEN }, all, ["doctor", "--for", "respond", "--json", ...args]);
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    return checks.find((each) => each.name === name);
  };
  const check = async (...how: Parameters<typeof read>) => {
    const match = await read(...how);
    return `${match?.state}: ${match?.finding}`;
  };
  // Learned from Gitea 1.24.6 (`gitea-respond` in the lab): a comment on an issue that does not exist is answered with 500, a change of a comment that
  // does not exist with 404, or with 403 if the token lacks the scope.
  const notExisting: Answers = {
    "POST /repos/acme/web/issues/0/comments": [500, { message: "" }],
    "PATCH /repos/acme/web/issues/comments/0": [404, { message: "comment does not exist [id: 0, issue_id: 0]" }],
  };
  const refusal = { message: "token does not have at least one of required scope(s), required=[write:issue]" };
  const refused = Object.fromEntries(Object.keys(notExisting).map((each) => [each, [403, refusal]])) as Answers;
  expect(await check("notes", notExisting)).toBe("ok: the token can write notes");
  expect(await check("notes", refused)).toBe("failed: the token lacks a permission that it needs to write");
  const broken: Answers = { "PATCH /repos/acme/web/issues/comments/0": [500, { message: "" }] };
  expect(await read("notes", broken)).toMatchObject({ state: "failed", advice: "Check again later", code: 69 });
  expect(await read("forge", { "/user": [403, refusal] })).toMatchObject({
    state: "failed",
    advice: "Give the token the permissions in SECURITY.md",
  });
  const labels = (...names: string[]): Answers => ({
    "/repos/acme/web/labels?limit=50&page=1": [200, names.map((name) => ({ name }))],
    "/repos/acme/web/labels?limit=50&page=2": [200, []],
  });
  expect(await check("label", labels("bug", "mogplex"))).toBe('ok: "mogplex" exists');
  expect(await check("label", labels("bug"))).toBe(
    'ok: there is no label "mogplex": create it if labels should start agents',
  );
  const ofOrganization: Answers = {
    "/orgs/acme/labels?limit=50&page=1": [200, [{ name: "mogplex" }]],
    "/orgs/acme/labels?limit=50&page=2": [200, []],
  };
  expect(await check("label", { ...labels(), ...ofOrganization })).toBe('ok: "mogplex" exists');
  const isHidden: Answers = {
    "/orgs/acme/labels?limit=50&page=1": [403, { message: "token does not have the scope" }],
  };
  expect(await check("label", { ...labels("mogplex"), ...isHidden })).toBe('ok: "mogplex" exists');
  expect(await read("label", { ...labels("bug"), ...isHidden })).toEqual({
    name: "label",
    state: "warning",
    finding: "Cannot read the labels of the organization: the token lacks the read:organization scope",
    isUnread: true,
    advice: "Create the label in the repository, or give the token that scope",
  });
  const ofUser: Answers = { "/repos/acme/web/teams": [405, { message: "repo is not owned by an organization" }] };
  expect(await read("label", { ...labels("bug"), ...isHidden, ...ofUser })).toMatchObject({
    state: "ok",
    finding: 'there is no label "mogplex": create it if labels should start agents',
  });
  const notAdmin: Answers = {
    "/repos/acme/web/collaborators/acme/permission": [403, { message: "Only admins can query all permissions" }],
  };
  expect(await read("rights", notAdmin)).toMatchObject({
    state: "failed",
    finding: expect.stringContaining("Gitea shows users' permissions only to administrators of the repository"),
    advice:
      "Use --allow-users or the variable MOGPLEX_RESPOND_ALLOW_USERS to list the users who can ask (recommended). An " +
      "administrator's token with the read:repository scope also works, but then everyone who can push can become " +
      "an administrator (see docs/ask.md in the toolkit)",
  });
  const forgejo = await respond({ GITEA_TOKEN, FORGEJO_ACTIONS: "true" }, { ...ORGANISATION, ...notAdmin }, [
    "doctor",
    "--for",
    "respond",
  ]);
  expect(forgejo.stdout).toContain("Forgejo shows users' permissions only to administrators of the repository");
  expect(forgejo.stdout).not.toContain("Gitea");
  // Gitea has no setting for the variables of a pipeline, so this is the check of the job's own.
  expect(await check("variables", {})).toBe("ok: MOGPLEX_API_KEY, MOGPLEX_REPO_ID");
  const kim: Answers = {
    "/users/kim": [200, { id: 4, login: "kim" }],
    "/repos/acme/web/collaborators/kim/permission": [403, { message: "Only admins can query all permissions" }],
  };
  expect(await check("rights", kim, ["--allow-users", "kim"])).toStartWith("ok: kim=4 can ask");
  expect(await check("rights", kim, ["--allow-users", "kimm"])).toBe(
    'warning: no user can ask, because no name in --allow-users is valid: there is no user "kimm"',
  );
});

test("doctor --for respond looks for the workflow where Gitea and Forgejo take it from, and in no other folder", async () => {
  const content = Buffer.from(textOf("examples/forgejo/respond.yml")).toString("base64");
  // Gitea, API reference, https://docs.gitea.com/api/1.24, `repoGetContents`: rows of a folder have no content.
  const folder = (name: string): Answers => {
    const path = `.${name}/workflows/a.yml`;
    const row = { type: "file", name: "a.yml", path, encoding: null, content: null };
    const at = "/repos/acme/web/contents/";
    return {
      [`${at}.${name}/workflows`]: [200, [row]],
      [`${at}${path}`]: [200, { ...row, content, encoding: "base64" }],
    };
  };
  const other = { "/repos/acme/web/contents/.gitea/workflows": [200, []] } as unknown as Answers;
  const triggerOf = async (env: Record<string, string>, answers: Answers) => {
    const args = ["doctor", "--for", "respond", "--json"];
    const { stdout } = await respond({ GITEA_TOKEN, ...env }, { ...ORGANISATION, ...answers }, args);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; finding: string }[] };
    const found = checks.find(({ name }) => name === "trigger");
    return `${found?.state}: ${found?.finding}`;
  };
  const ok = (name: string) => `ok: ".${name}/workflows/a.yml" of "main" calls respond for comments and labels`;
  const none = 'warning: no workflow on "main" calls respond for comments';
  const forgejo = { FORGEJO_ACTIONS: "true" };
  expect(await triggerOf({}, folder("gitea"))).toBe(ok("gitea"));
  expect(await triggerOf({}, folder("github"))).toBe(ok("github"));
  expect(await triggerOf({}, { ...folder("github"), ...other })).toBe(none);
  expect(await triggerOf({}, folder("forgejo"))).toBe(none);
  expect(await triggerOf(forgejo, { ...folder("forgejo"), ...other })).toBe(ok("forgejo"));
  expect(await triggerOf({}, {})).toBe(none);
});

test("respond makes its note on a pull request of Gitea in the first second, before the start is sent, where a request takes 70 ms", async () => {
  const recordings = RECORDED.recordings as { name: string; exchanges: Exchange[] }[];
  const shown = (name: string) => recordings.find((each) => each.name === name)?.exchanges ?? [];
  const answers: Answers = Object.fromEntries(
    ["a pull request", "the repository", "a branch of its own", "the right of a collaborator who may write"].flatMap(
      shown,
    )
      .map(({ asked, status, body }) => [asked.replace("GET ", ""), [status, body === "null\n" ? null : body]]),
  );
  const at = { created_at: "2026-09-01T00:00:00Z", updated_at: "2026-09-01T00:00:00Z" };
  const address = { issue_url: "", pull_request_url: "https://git.example.com/acme/web/pulls/7" };
  const comment = { id: 70, body: "@mogplex fix it", user: { id: 3, login: "kim" }, ...at, ...address };
  const note = { ...comment, id: 71, body: "", user: { id: 9, login: "mogplex-bot" } };
  const issues = "/repos/acme/web/issues";
  Object.assign(answers, {
    "/user": [200, note.user],
    [`${issues}/comments/70`]: [200, comment],
    [`${issues}/comments/70/reactions`]: [200, null],
    [`POST ${issues}/comments/70/reactions`]: [201, {}],
    [`${issues}/7/comments`]: [200, [comment]],
    [`POST ${issues}/7/comments`]: [201, note],
    [`PATCH ${issues}/comments/71`]: [200, note],
    [`${issues}/comments?limit=50&page=1`]: [200, [comment]],
    [`${issues}/comments?limit=50&page=2`]: [200, []],
    "/repos/acme/web/pulls/7/reviews?limit=50&page=1": [200, []],
    "/repos/acme/web/pulls/7/reviews?limit=50&page=2": [200, []],
    "/repos/acme/web/pulls?state=open&limit=50&page=1": [200, [answers["/repos/acme/web/pulls/7"]?.[1]]],
    "/repos/acme/web/pulls?state=open&limit=50&page=2": [200, []],
  });
  const event = { repository: { id: 1 }, issue: { number: 7, pull_request: {} }, comment: { id: 70 } };
  const { code, runs, traffic, stderr } = await respond({ GITEA_TOKEN }, answers, ["respond"], event, 70);
  expect([code, runs, stderr]).toEqual([0, 1, expect.any(String)]);
  expectFirstSecond(traffic, "/api/v1/repos/acme/web/issues/7/comments", 18);
  // A merged one is also closed.
  const changed = (path: string, change: object): Answers => ({
    [path]: [200, { ...answers[path]?.[1] as object, ...change }],
  });
  const merged = {
    ...changed(`${issues}/7`, { state: "closed" }),
    ...changed("/repos/acme/web/pulls/7", { merged: true }),
  };
  expect((await respond({ GITEA_TOKEN }, { ...answers, ...merged }, ["respond"], event)).stdout).toBe(
    "no run: the pull request is merged\n",
  );
});
