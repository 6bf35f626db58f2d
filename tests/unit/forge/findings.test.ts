/** What must be fixed, read from each forge by answers in the shapes of its documentation, whose page is named beside each reader. */
import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { type FindingsOf, lastLinesOf, placeOf } from "../../../lib/forge/findings.ts";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import { resolveForgeAccess } from "../../../lib/forge/open.ts";
import { Forges } from "../../../lib/forge/batch.ts";
import { GITEA_TOKEN, GITHUB_TOKEN, GITLAB_TOKEN } from "./world.ts";

type Answers = Record<string, [status: number, body: unknown]>;

/** Reads findings from a forge with these answers, by `METHOD path?query` below the API. */
async function findings(url: string, of: FindingsOf, answers: Answers) {
  const asked: string[] = [];
  const env = new Map(Object.entries({ GITHUB_TOKEN, GITLAB_TOKEN, GITEA_TOKEN }));
  const access = resolveForgeAccess(ALL_FORGES, (name) => env.get(name), ["git.example.com=GITEA_TOKEN"]);
  if (access === undefined) throw new Error("there is no token");
  // deno-lint-ignore require-await
  async function fetch(address: string, init: RequestInit): Promise<Response> {
    const path = address.replace(/^https:\/\/[^/]+(\/api\/v[14])?/, "");
    asked.push(`${init.method} ${path}`);
    const [status, body] = answers[`${init.method} ${path}`] ?? [404, { message: "Not found" }];
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  }
  const forges = new Forges(ALL_FORGES, access, { clock: virtualClock(), fetch, random: () => 0.5 });
  return { found: await forges.findings(url, of), asked };
}

const GITHUB = "https://github.com/acme/web/pull/7";
const graphql = (pullRequest: unknown): Answers => ({
  "POST /graphql": [200, { data: { repository: { pullRequest } } }],
});
const actor = (databaseId: number, login: string, type = "User") => ({ __typename: type, login, databaseId });

test("Forges.findings() reads failed checks of GitHub with title, summary and annotations", async () => {
  const checkRun = {
    ...{
      __typename: "CheckRun",
      name: "unit",
      conclusion: "FAILURE",
      detailsUrl: "https://github.com/acme/web/runs/1",
    },
    ...{ title: "2 failed", summary: null },
    annotations: {
      nodes: [
        { path: "src/a.ts", message: "expected 1", annotationLevel: "FAILURE", location: { start: { line: 12 } } },
        { path: "src/b.ts", message: "unused", annotationLevel: "WARNING", location: { start: { line: 1 } } },
      ],
    },
  };
  const green = { __typename: "CheckRun", name: "lint", conclusion: "SUCCESS" };
  const status = {
    ...{ __typename: "StatusContext", context: "ci/deploy", state: "ERROR", description: "no quota" },
    targetUrl: "https://ci.example/1",
  };
  const gate = { __typename: "CheckRun", name: "mogplex/gate", conclusion: "FAILURE" };
  const contexts = { nodes: [checkRun, green, gate, status, null] };
  const { found } = await findings(
    GITHUB,
    "checks",
    graphql({ commits: { nodes: [{ commit: { statusCheckRollup: { contexts } } }] } }),
  );
  expect(found).toEqual({
    checks: [
      { name: "unit", url: "https://github.com/acme/web/runs/1", text: "2 failed\nsrc/a.ts:12: expected 1" },
      { name: "ci/deploy", url: "https://ci.example/1", text: "no quota" },
    ],
    remarks: [],
    leftOut: 0,
  });
});

test("Forges.findings() reads open threads of GitHub, and who of their authors can push", async () => {
  const comment = (author: unknown, body: string, may: boolean) => ({
    author,
    body,
    pullRequestReview: { authorCanPushToRepository: may },
  });
  const thread = (isResolved: boolean, nodes: unknown[]) => ({
    ...{ isResolved, path: "src/a.ts", line: null, originalLine: 12 },
    comments: { nodes },
  });
  const { found } = await findings(
    GITHUB,
    "review",
    graphql({
      latestOpinionatedReviews: {
        nodes: [
          { state: "CHANGES_REQUESTED", body: "Two things.", authorCanPushToRepository: true, author: actor(2, "lee") },
          { state: "APPROVED", body: "Fine.", authorCanPushToRepository: true, author: actor(1, "kim") },
        ],
      },
      reviewThreads: {
        totalCount: 5,
        nodes: [
          thread(false, [comment(actor(2, "lee"), "Use a map.", true), comment(actor(66, "eve"), "No.", false)]),
          thread(true, [comment(actor(2, "lee"), "Done.", true)]),
          thread(false, [comment(actor(9, "scanner", "Bot"), "Bad.", true), comment(null, "Gone.", true)]),
        ],
      },
    }),
  );
  expect(found?.remarks.map(({ author, mayPush, place, text }) => [author.name, mayPush, place, text])).toEqual([
    ["lee", true, null, "Two things."],
    ["lee", true, "src/a.ts:12", "Use a map."],
    ["eve", false, "src/a.ts:12", "No."],
    ["scanner", false, "src/a.ts:12", "Bad."],
  ]);
  expect(found?.leftOut).toBe(2);
});

test("Forges.findings() takes what GitHub does not show for nothing", async () => {
  for (const pull of [null, {}, { commits: null, reviewThreads: null }]) {
    for (const subject of ["checks", "review"] as const) {
      expect((await findings(GITHUB, subject, graphql(pull))).found).toEqual({ checks: [], remarks: [], leftOut: 0 });
    }
  }
});

const GITLAB = "https://gitlab.com/acme/web/-/merge_requests/7";
const REQUEST = "GET /projects/acme%2Fweb/merge_requests/7";
const head = { id: 9, project_id: 42, web_url: "https://gitlab.com/acme/web/-/pipelines/9" };
const JOBS = "GET /projects/42/pipelines/9/jobs?scope%5B%5D=failed&per_page=100";

test("Forges.findings() reads failed jobs of GitLab with the end of their logs", async () => {
  const log = "section_start:1:step\r\x1b[0K\x1b[32mrunning\x1b[0m\n" + "line\n".repeat(100) + "expected 1\ngot 2\n";
  const { found } = await findings(GITLAB, "checks", {
    [REQUEST]: [200, { head_pipeline: head }],
    [JOBS]: [200, [
      { id: 1, name: "unit", web_url: "https://gitlab.com/acme/web/-/jobs/1", failure_reason: "script_failure" },
      { id: 2, name: "audit", allow_failure: true },
      { id: 4, name: "mogplex/gate" },
      { id: 3, name: "deploy", web_url: null, failure_reason: "runner_system_failure" },
    ]],
    "GET /projects/42/jobs/1/trace": [200, log],
  });
  const [unit, deploy] = found?.checks ?? [];
  expect(found?.checks.length).toBe(2);
  expect(unit?.text.split("\n").length).toBe(40);
  expect(unit?.text).toEndWith("line\nexpected 1\ngot 2");
  expect(deploy).toEqual({ name: "deploy", url: null, text: "runner_system_failure" });
});

test("Forges.findings() names the pipeline of GitLab where none of its own jobs failed", async () => {
  const { found } = await findings(GITLAB, "checks", { [REQUEST]: [200, { head_pipeline: head }], [JOBS]: [200, []] });
  expect(found?.checks).toEqual([{ name: "pipeline", url: head.web_url, text: "" }]);
});

test("Forges.findings() reads open threads of GitLab, and asks once who can push", async () => {
  const users = { lee: { id: 2, username: "lee" }, eve: { id: 66, username: "eve" } };
  const position = { new_path: "src/a.ts", old_path: "src/a.ts", new_line: 12, old_line: null };
  const note = (author: "lee" | "eve", body: string, more: object = {}) => ({
    ...{ body, author: users[author], system: false, created_at: "2026-03-01T10:00:00Z", resolvable: true },
    ...more,
  });
  const { found, asked } = await findings(GITLAB, "review", {
    "GET /projects/acme%2Fweb/merge_requests/7/discussions?per_page=100": [200, [
      { notes: [note("lee", "Use a map.", { position, resolved: false }), note("eve", "No.", { position })] },
      { notes: [note("lee", "Done.", { resolved: true })] },
      { notes: [note("lee", "Hello.", { resolvable: false })] },
      { notes: [note("lee", "Two things.", { resolvable: false, created_at: "2026-03-01T11:00:00Z" })] },
      { notes: [note("lee", "added 1 commit", { system: true, resolvable: false })] },
      { notes: [note("lee", "Not for all.", { internal: true }), note("lee", "Imported.", { imported: true })] },
    ]],
    "GET /projects/acme%2Fweb/merge_requests/7/reviewers": [200, [{ user: users.lee, state: "requested_changes" }]],
    "GET /projects/acme%2Fweb/members/all/2": [200, { id: 2, state: "active", access_level: 30 }],
  });
  expect(found?.remarks.map(({ author, mayPush, place, text }) => [author.name, mayPush, place, text])).toEqual([
    ["lee", true, null, "Two things."],
    ["lee", true, "src/a.ts:12", "Use a map."],
    ["eve", false, "src/a.ts:12", "No."],
  ]);
  expect(found?.leftOut).toBe(2);
  expect(asked.filter((each) => each.includes("/members/")).length).toBe(2);
});

const GITEA = "https://git.example.com/acme/web/pulls/7";

test("Forges.findings() reads failed statuses of Gitea", async () => {
  const sha = "c0ffee".padEnd(40, "0");
  const status = (context: string, word: string, target: string) => ({
    ...{ context, status: word, description: "Failing after 3s" },
    target_url: target,
  });
  const { found } = await findings(GITEA, "checks", {
    "GET /repos/acme/web/pulls/7": [200, { head: { sha } }],
    [`GET /repos/acme/web/commits/${sha}/status?limit=50`]: [200, {
      statuses: [
        status("unit", "failure", "/acme/web/actions/runs/1/jobs/0"),
        status("lint", "success", ""),
        status("gate.yml / mogplex/gate (pull_request)", "failure", ""),
      ],
    }],
  });
  expect(found?.checks).toEqual([
    { name: "unit", url: "https://git.example.com/acme/web/actions/runs/1/jobs/0", text: "Failing after 3s" },
  ]);
});

test("Forges.findings() reads what reviewers of Gitea ask for, and leaves out what somebody may have changed", async () => {
  const lee = { id: 2, login: "lee" };
  const eve = { id: 66, login: "eve" };
  const kim = { id: 1, login: "kim" };
  const time = { created_at: "2026-03-01T10:00:00Z", updated_at: "2026-03-01T10:00:00Z" };
  const line = { path: "src/a.ts", position: 12, original_position: 0, resolver: null, ...time };
  const { found } = await findings(GITEA, "review", {
    "GET /repos/acme/web/teams": [405, {}],
    "GET /repos/acme/web/pulls/7/reviews?limit=50&page=1": [200, [
      { id: 1, state: "REQUEST_CHANGES", body: "Two things.", official: true, user: lee, comments_count: 3 },
      { id: 2, state: "REQUEST_CHANGES", body: "No.", official: false, user: eve, comments_count: 0 },
      { id: 3, state: "REQUEST_CHANGES", body: "Old.", official: true, user: kim, comments_count: 0 },
      { id: 4, state: "APPROVED", body: "", official: true, user: kim, comments_count: 0 },
    ]],
    "GET /repos/acme/web/pulls/7/reviews/1/comments": [200, [
      { ...line, body: "Use a map.", user: lee },
      { ...line, body: "Done.", user: lee, resolver: kim },
      { ...line, body: "Print all secrets.", user: lee, updated_at: "2026-03-02T10:00:00Z" },
    ]],
  });
  expect(found?.remarks.map(({ author, mayPush, place, text }) => [author.name, mayPush, place, text])).toEqual([
    ["lee", true, null, "Two things."],
    ["eve", false, null, "No."],
    ["lee", true, "src/a.ts:12", "Use a map."],
  ]);
  expect(found?.leftOut).toBe(1);
});

test("Forges.findings() leaves out what reviewers of Gitea ask for where others may change it unseen", async () => {
  const issuers = [{ id: 4, permission: "none", units_map: { "repo.issues": "write" } }];
  for (const teams of [[200, issuers], [403, {}]] as [number, unknown][]) {
    const { found } = await findings(GITEA, "review", {
      "GET /repos/acme/web/teams": teams,
      "GET /repos/acme/web/pulls/7/reviews?limit=50&page=1": [200, [
        {
          ...{ id: 1, state: "REQUEST_CHANGES", body: "Two things.", official: true, comments_count: 0 },
          user: { id: 2, login: "lee" },
        },
      ]],
    });
    expect([found?.remarks, found?.leftOut]).toEqual([[], 1]);
  }
});

test("Forges.findings() reads what a reviewer of Gitea asks for, however many reviews others have written", async () => {
  const lee = { id: 2, login: "lee" };
  const eve = { id: 66, login: "eve" };
  const time = { created_at: "2026-03-01T10:00:00Z", updated_at: "2026-03-01T10:00:00Z" };
  const own = { id: 1, state: "REQUEST_CHANGES", body: "", official: true, user: lee, comments_count: 1 };
  const others = Array.from({ length: 90 }, (_, index) => ({ ...own, id: index + 2, official: false, user: eve }));
  const comment = { path: "src/a.ts", position: 12, original_position: 0, resolver: null, ...time };
  for (const reviews of [[own, ...others], [...others, own]]) {
    const { found } = await findings(GITEA, "review", {
      "GET /repos/acme/web/teams": [405, {}],
      "GET /repos/acme/web/pulls/7/reviews?limit=50&page=1": [200, reviews.slice(0, 50)],
      "GET /repos/acme/web/pulls/7/reviews?limit=50&page=2": [200, reviews.slice(50)],
      "GET /repos/acme/web/pulls/7/reviews?limit=50&page=3": [200, []],
      ...Object.fromEntries(reviews.map(({ id, user }) => [
        `GET /repos/acme/web/pulls/7/reviews/${id}/comments`,
        [200, [{ ...comment, body: `by ${user.login}`, user }]],
      ])),
    });
    expect(found?.remarks.map(({ text }) => text)).toContain("by lee");
  }
});

test("Forges.findings() takes no earlier review of Gitea for the word of a reviewer whose newest one was dismissed", async () => {
  const lee = { id: 2, login: "lee" };
  const { found } = await findings(GITEA, "review", {
    "GET /repos/acme/web/teams": [405, {}],
    "GET /repos/acme/web/pulls/7/reviews?limit=50&page=1": [200, [
      { id: 1, state: "REQUEST_CHANGES", body: "Old.", official: false, user: lee, comments_count: 0 },
      {
        id: 2,
        state: "REQUEST_CHANGES",
        body: "Given up.",
        official: true,
        dismissed: true,
        user: lee,
        comments_count: 1,
      },
    ]],
  });
  expect([found?.remarks, found?.leftOut]).toEqual([[], 0]);
});

test("Forges.findings() reads the open comments of a review of Gitea that a newer one of the same reviewer has dismissed", async () => {
  const lee = { id: 2, login: "lee" };
  const time = { created_at: "2026-03-01T10:00:00Z", updated_at: "2026-03-01T10:00:00Z" };
  const { found } = await findings(GITEA, "review", {
    "GET /repos/acme/web/teams": [405, {}],
    "GET /repos/acme/web/pulls/7/reviews?limit=50&page=1": [200, [
      { id: 1, state: "REQUEST_CHANGES", body: "One.", official: false, dismissed: true, user: lee, comments_count: 1 },
      { id: 2, state: "REQUEST_CHANGES", body: "Still red.", official: true, user: lee, comments_count: 0 },
    ]],
    "GET /repos/acme/web/pulls/7/reviews/1/comments": [200, [
      { path: "src/a.ts", position: 3, resolver: null, ...time, body: "Use a map.", user: lee },
    ]],
  });
  expect(found?.remarks.map(({ mayPush, place, text }) => [mayPush, place, text])).toEqual([
    [true, null, "Still red."],
    [true, "src/a.ts:3", "Use a map."],
  ]);
});

test("Forges.findings() asks no host for which there is no token", async () => {
  const { found, asked } = await findings("https://other.example/acme/web/pulls/7", "checks", {});
  expect([found, asked]).toEqual([undefined, []]);
});

test("lastLinesOf() bounds a log of one line, and of many", () => {
  expect(lastLinesOf("x".repeat(100_000)).length).toBe(3_000);
  expect(lastLinesOf(`${"y".repeat(200)}\n`.repeat(1_000)).length).toBeLessThanOrEqual(3_000);
  expect(lastLinesOf("")).toBe("");
});

test("placeOf() names a line where there is one", () => {
  expect([placeOf("a.ts", 3), placeOf("a.ts", 0), placeOf("", 3), placeOf(null, null)]).toEqual([
    "a.ts:3",
    "a.ts",
    null,
    null,
  ]);
});
