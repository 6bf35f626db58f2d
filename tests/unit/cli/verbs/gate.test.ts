/**
 * `gate` on GitHub, which has the shapes of its documentation ("Commit statuses", and those of `github_forge.ts`), on GitLab ("Commits API", "Set
 * commit pipeline status") and on Gitea, whose answers the lab has recorded.
 */
import { expect, test } from "bun:test";
import { virtualClock } from "../../../../lib/clock.ts";
import { main } from "../../../../lib/cli/main.ts";
import { type Exchange, giteaForge } from "../../forge/gitea_forge.ts";
import GITEA from "../../forge/gitea_merging_answers.json" with { type: "json" };
import { aNode, aReview, githubForge, HEAD, json, type Node, reviews } from "../../forge/github_forge.ts";
import { requesterLine } from "../../../../lib/forge/requester.ts";
import { aRequest, gitlabForge } from "../../forge/gitlab_forge.ts";
import { GITEA_TOKEN, GITHUB_TOKEN, GITLAB_TOKEN } from "../../forge/world.ts";
import { fakeIo } from "../fake_io.ts";
import { TOKEN } from "../world.ts";

interface Place {
  job: Record<string, string>;
  files?: Record<string, string>;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

async function gate(place: Place, ...args: string[]) {
  const io = fakeIo({ env: place.job, files: place.files ?? {} });
  const code = await main(["gate", ...args], io, { fetch: place.fetch as never, clock: virtualClock() });
  return { code, ...io.text };
}

const SHARERS = `/repos/acme/web/commits/${HEAD}/pulls?per_page=100`;
const STATUSES = `/repos/acme/web/commits/${HEAD}/statuses?per_page=100`;
const ACTIVITY = "/repos/acme/web/activity?ref=refs%2Fheads%2Fmogplex%2Freplace-moment&per_page=100";
const COMMENTS = "/repos/acme/web/issues/7/comments?per_page=100&page=1";
const LINE_COMMENTS = "/repos/acme/web/pulls/7/comments?per_page=100&page=1";

/** A comment of GitHub. Source: REST reference, "List issue comments". */
const aComment = (body: string) => ({
  ...{ id: 1, node_id: "IC_1", body, user: { id: 5, login: "github-actions[bot]", type: "Bot" } },
  ...{ created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z", html_url: `${URL_7}#issuecomment-1` },
});

/** A pull request of GitHub that contains the commit. */
const sharer = (number: number, more: Node = {}) => ({
  ...{ number, state: "open", html_url: `https://github.com/acme/web/pull/${number}`, head: { sha: HEAD } },
  ...more,
});

function onGithub(more: Node = {}, event: Node = { pull_request: { number: 7 } }) {
  const github = githubForge();
  const base = {
    ...{ viewerCanMergeAsAdmin: false, baseRefName: "main", baseRef: null },
    baseRepository: { defaultBranchRef: { name: "main" }, databaseId: 42 },
  };
  github.pulls.set("acme/web#7", aNode({ ...base, ...more }));
  github.rest.set("/repos/acme/web/pulls/7", {});
  github.rest.set("/repos/acme/web/rules/branches/main?per_page=100", []);
  github.rest.set(STATUSES, []);
  github.rest.set(SHARERS, [sharer(7)]);
  github.rest.set(ACTIVITY, []);
  github.rest.set(COMMENTS, []);
  github.rest.set(LINE_COMMENTS, []);
  return {
    github,
    job: {
      ...{ GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: "https://github.com", GITHUB_API_URL: "https://api.github.com" },
      ...{ GITHUB_REPOSITORY: "acme/web", GITHUB_EVENT_NAME: "pull_request_target", GITHUB_EVENT_PATH: "/event.json" },
      GITHUB_TOKEN,
    },
    files: { "/event.json": JSON.stringify(event) },
    fetch: github.fetch,
  };
}

const URL_7 = "https://github.com/acme/web/pull/7";

test("gate exits 0 when enough people have approved the newest commit, without a token of Mogplex", async () => {
  expect(await gate(onGithub(), "--approvals", "1")).toEqual({
    code: 0,
    stdout:
      `${URL_7}: approved: 1 of 1 approval of the newest commit; if somebody asked an agent for this work, specify that user with --requester\n`,
    stderr: "",
  });
});

test("gate takes names with an @, and no empty name for the one who asked", async () => {
  expect((await gate(onGithub(), "--approvals", "1", "--requester", "@kim")).stdout).toContain(
    "kim's approval does not count: kim requested the work",
  );
  expect((await gate(onGithub(), "--approvals", "1", "--not-people", "@Kim")).stdout).toContain("listed as a bot");
  expect((await gate(onGithub(), "--approvals", "1", "--requester", " ")).stdout).toContain(
    "if somebody asked an agent for this work, specify that user with --requester",
  );
});

test.each<[string, Node, string[], string]>([
  ["two are needed", {}, ["--approvals", "2"], "not approved: 1 of 2 approvals of the newest commit"],
  ["a push came after the approval", { headRefOid: "f".repeat(40) }, [], "kim approved an older commit"],
  [
    "a program alone has approved",
    reviews(aReview({ author: { __typename: "Bot", login: "copilot", databaseId: 8 } })),
    [],
    "copilot is a bot",
  ],
  ["its requester has approved", {}, ["--requester", "Kim"], "kim's approval does not count: kim requested the work"],
  ["a program that looks like a person has approved", {}, ["--not-people", "kim"], "kim is listed as a bot"],
  [
    "somebody requests changes",
    reviews(aReview({ state: "CHANGES_REQUESTED" })),
    [],
    "changes requested: kim requests changes",
  ],
  ["not all reviews are shown", reviews(null), [], "unknown: the forge does not show the reviews"],
])("gate exits 1 when %s", async (_name, more, args, text) => {
  const { code, stdout } = await gate(onGithub(more), "--approvals", "1", ...args);
  expect([code, stdout]).toEqual([1, expect.stringContaining(text)]);
});

test.each<[string, unknown, string]>([
  [
    "has the same newest commit",
    [sharer(7), sharer(8)],
    "not approved: https://github.com/acme/web/pull/8 has the same",
  ],
  ["may have it, which is not shown", 404, "unknown: the forge does not show whether other pull requests have"],
])(
  "gate stays closed while another open pull request %s, also for one that needs no approval",
  async (_, rows, text) => {
    for (const args of [[], ["--author", "ann"]]) {
      const at = onGithub();
      at.github.rest.set(SHARERS, rows);
      const { code, stdout } = await gate(at, "--approvals", "1", "--status", ...args);
      expect([code, stdout]).toEqual([1, expect.stringContaining(text)]);
      expect(at.github.written).toMatchObject([{ body: { state: "pending" } }]);
    }
  },
);

test("gate opens when other pull requests with its commit are closed, or have later commits", async () => {
  const at = onGithub();
  at.github.rest.set(SHARERS, [sharer(8, { state: "closed" }), sharer(9, { head: { sha: "f".repeat(40) } })]);
  expect((await gate(at, "--approvals", "1")).code).toBe(0);
});

test("gate does not count the user of the token", async () => {
  const at = onGithub();
  at.github.viewer = { login: "kim", databaseId: 7 };
  expect((await gate(at, "--approvals", "1")).stdout).toContain(
    "kim's approval does not count: the token belongs to kim",
  );
});

test.each<[string, number, Node, unknown]>([
  [
    "the user whom a note of respond names has approved",
    7,
    {},
    "not approved: 0 of 1 approval of the newest commit; kim's approval does not count: a comment by github-actions[bot] names kim as the requester",
  ],
  ["such a note names another user", 8, {}, "approved: 1 of 1 approval of the newest commit"],
  ["nobody has approved", 7, reviews(), "not approved: 0 of 1 approval of the newest commit"],
])("gate reads who has asked for the work in the comments: %s", async (_name, id, more, text) => {
  const at = onGithub(more);
  at.github.rest.set(COMMENTS, [aComment(`A note\n${requesterLine(id)}\n\nSucceeded`)]);
  expect((await gate(at, "--approvals", "1")).stdout).toBe(`${URL_7}: ${text}\n`);
});

test.each([403, 404])(
  "gate stays closed when the forge answers the request for the comments with %d",
  async (status) => {
    const at = onGithub();
    at.github.rest.set(COMMENTS, status);
    const { code, stdout } = await gate(at, "--approvals", "1", "--status");
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining(
        "unknown: 0 of 1 approval of the newest commit; the forge does not show whether kim asked",
      ),
    ]);
    expect(at.github.written).toMatchObject([{ body: { state: "pending" } }]);
  },
);

test("gate --author needs approvals for the pull requests of one author alone", async () => {
  expect(await gate(onGithub(reviews()), "--approvals", "1", "--author", "ann")).toMatchObject({
    code: 0,
    stdout: `${URL_7}: no approval is needed: mogplex opened the pull request\n`,
  });
  // GraphQL leaves out what REST appends to the name of an app.
  expect(await gate(onGithub(reviews()), "--approvals", "1", "--author", "mogplex[bot]")).toMatchObject({ code: 1 });
});

test("gate exits 0 for a pull request that is not open any more, and sets no status", async () => {
  const at = onGithub({ state: "MERGED" });
  expect(await gate(at, "--approvals", "1", "--status")).toMatchObject({
    code: 0,
    stdout: `${URL_7}: the pull request is merged\n`,
  });
  expect(at.github.written).toEqual([]);
});

test("gate --status sets success or pending on the newest commit, never a failure, and only what is new", async () => {
  const at = onGithub(reviews());
  const sent = (state: string, description: string) => ({
    path: `/repos/acme/web/statuses/${HEAD}`,
    body: { state, context: "mogplex/gate", description, target_url: URL_7 },
  });
  expect(await gate(at, "--approvals", "1", "--status")).toMatchObject({ code: 1 });
  const waits = "not approved: 0 of 1 approval of the newest commit";
  expect(at.github.written).toEqual([sent("pending", waits)]);
  at.github.rest.set(STATUSES, [{ context: "mogplex/gate", state: "pending", description: waits }]);
  expect(await gate(at, "--approvals", "1", "--status")).toMatchObject({ code: 1 });
  expect(at.github.written.length).toBe(1);
  at.github.pulls.set("acme/web#7", { ...at.github.pulls.get("acme/web#7"), ...reviews(aReview()) });
  // The hint about requesters is only in the log.
  const { code, stdout } = await gate(at, "--approvals", "1", "--status");
  expect([code, stdout]).toEqual([0, expect.stringContaining("specify that user with --requester")]);
  expect(at.github.written.at(-1)).toEqual(sent("success", "approved: 1 of 1 approval of the newest commit"));
  // The approval is gone.
  at.github.rest.set(STATUSES, [{ context: "mogplex/gate", state: "success", description: "" }]);
  at.github.pulls.set("acme/web#7", { ...at.github.pulls.get("acme/web#7"), ...reviews() });
  expect(await gate(at, "--approvals", "1", "--status")).toMatchObject({ code: 1 });
  expect(at.github.written.at(-1)).toEqual(sent("pending", waits));
});

test.each<[string, Place, string[], string]>([
  [
    "a job without a pull request",
    onGithub({}, {}),
    ["--approvals", "1"],
    "GITHUB_EVENT_PATH cannot be read, or has no pull request",
  ],
  [
    "a job of a push",
    { ...onGithub(), job: { ...onGithub().job, GITHUB_EVENT_NAME: "push" }, files: {} },
    ["--approvals", "1"],
    "Cannot find the pull request: this job has no pull request; give --pull-request URL",
  ],
  ["no number", onGithub(), [], "give --approvals 1"],
  ["a number that opens it", onGithub(), ["--approvals", "0"], "--approvals"],
  [
    "another address",
    onGithub(),
    ["--approvals", "1", "--pull-request", "https://github.com/acme/web"],
    "must be the address of a pull request, or its number in the job's repository",
  ],
  ["the token of Mogplex", { ...onGithub(), job: { ...onGithub().job, GITHUB_TOKEN: TOKEN, MOGPLEX_API_KEY: TOKEN } }, [
    "--approvals",
    "1",
  ], "holds the Mogplex token"],
])("gate exits 2 for %s", async (_name, place, args, text) => {
  const { code, stderr } = await gate(place, ...args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(text)]);
});

test("gate takes the number of a pull request in the repository of the job", async () => {
  const events = [{ pull_request: { number: 7 } }, {}];
  const [own, none] = await Promise.all(
    events.map((event) => gate(onGithub({}, event), "--approvals", "1", "--pull-request", "7")),
  );
  expect(own).toEqual(await gate(onGithub(), "--approvals", "1"));
  expect(none).toEqual(own as never);
  expect(await gate(onGithub(), "--approvals", "1", "--pull-request", "#8")).not.toEqual(own as never);
  expect((await gate({ ...onGithub(), job: {} }, "--approvals", "1", "--pull-request", "7")).stderr).toContain(
    "a number identifies a pull request only in a job on its forge",
  );
});

test("gate exits 64 without a token of the forge, and names the rights that it needs", async () => {
  const at = onGithub();
  const args = ["--approvals", "1"];
  expect(await gate(at, ...args, "--pull-request", "https://git.example.com/a/b/pulls/1")).toMatchObject({
    code: 64,
    stderr: expect.stringContaining("there is no token for git.example.com"),
  });
  const empty = { ...at, job: { ...at.job, GITHUB_TOKEN: "" } };
  const advice =
    "error: Cannot access the forge: variable GITHUB_TOKEN is empty; put a token there, with the permissions " +
    "contents: read, checks: read";
  for (const url of [[], ["--pull-request", URL_7]]) {
    expect(await gate(empty, ...args, ...url, "--json")).toEqual({
      code: 64,
      stdout: "",
      stderr: `${advice} and pull-requests: read\n`,
    });
    expect(await gate(empty, ...args, ...url, "--status", "--json")).toEqual({
      code: 64,
      stdout: "",
      stderr: `${advice}, pull-requests: read and statuses: write\n`,
    });
  }
});

test("gate --status exits 65 when the token may read and not write, and names the rights that it needs", async () => {
  const at = onGithub();
  const fetch = async (url: string, init: RequestInit) =>
    url.includes("/statuses/")
      ? json(403, { message: "Resource not accessible by integration" })
      : await at.fetch(url, init);
  const { code, stderr } = await gate({ ...at, fetch }, "--approvals", "1", "--status");
  expect([code, stderr.replace(/, content type [^)]*/, "")]).toEqual([
    65,
    "error: Cannot set a commit status: the token in variable GITHUB_TOKEN is not allowed to do this: it needs the " +
    "permissions contents: read, checks: read, pull-requests: read and statuses: write (HTTP 403)\n",
  ]);
});

test("gate exits 69 when the forge cannot be asked or does not show it, 64 and 65 for its token", async () => {
  const exits = async (status: number, body: unknown, headers = {}) => {
    const at = onGithub();
    return (await gate({ ...at, fetch: () => Promise.resolve(json(status, body, headers)) }, "--approvals", "1")).code;
  };
  expect([await exits(502, {}), await exits(401, {}), await exits(403, {})]).toEqual([69, 64, 65]);
  const at = onGithub();
  at.github.pulls.set("acme/web#7", null);
  expect(await gate(at, "--approvals", "1")).toMatchObject({ code: 69 });
});

test("gate shows a pull request that it cannot read on the page of the job, but not with --json", async () => {
  const at = onGithub();
  at.github.pulls.set("acme/web#7", null);
  const { stdout } = await gate(at, "--approvals", "1");
  expect(stdout).toBe(
    "::error title=The Mogplex gate could not check the approvals::exit code 69: Cannot read https://github.com/acme/web/pull/7: this token has no read access\n",
  );
  expect((await gate(at, "--approvals", "1", "--json")).stdout).toBe("");
});

test.each<[string, Node, string[], string]>([
  ["not-approved", reviews(), [], "1"],
  ["changes-requested", reviews(aReview({ state: "CHANGES_REQUESTED" })), [], "1"],
  ["unknown", { latestOpinionatedReviews: null }, [], "1"],
  ["not-needed", { state: "CLOSED", closedAt: "2026-03-01T12:00:00Z" }, [], "0"],
  ["not-needed", reviews(), ["--author", "ann"], "0"],
])("gate --json prints the state %s", async (state, more, args, code) => {
  const result = await gate(onGithub(more), "--approvals", "1", "--json", ...args);
  expect([JSON.parse(result.stdout).state, String(result.code)]).toEqual([state, code]);
});

test.each([403, 404])("gate reports that the pushes to a branch of the repository are hidden: %d", async (status) => {
  const at = onGithub();
  at.github.rest.set(ACTIVITY, status);
  expect(await gate(at, "--approvals", "1")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("of the newest commit; the forge does not show who pushed to the branch; if"),
  });
});

test("gate --json prints what it has found", async () => {
  expect(JSON.parse((await gate(onGithub(), "--approvals", "1", "--json")).stdout)).toEqual({
    pullRequest: URL_7,
    state: "approved",
    open: true,
    reason:
      "approved: 1 of 1 approval of the newest commit; if somebody asked an agent for this work, specify that user with --requester",
    statusSet: false,
  });
});

test("gate names a pull request of GitLab from a job of another project, and sets the status in its pipeline", async () => {
  const gitlab = gitlabForge();
  const head = { id: 5, project_id: 42, status: "success", source: "merge_request_event" };
  const request = aRequest({ target_branch: "main", head_pipeline: head }, { diffs: [] });
  gitlab.requests.set("acme/web!7", request);
  gitlab.others.set("/projects/acme%2Fweb", { id: 42 });
  gitlab.others.set("/projects/acme%2Fweb/members/all/7", { id: 7, state: "active", access_level: 30 });
  gitlab.others.set("/users/7", { id: 7, bot: false });
  const sharers = `/projects/acme%2Fweb/repository/commits/${HEAD}/merge_requests?per_page=100`;
  const sharer = { iid: 8, state: "opened", web_url: "https://gitlab.com/acme/web/-/merge_requests/8", sha: HEAD };
  gitlab.others.set(sharers, [{ ...sharer, state: "closed" }, { ...sharer, sha: "f".repeat(40) }]);
  gitlab.others.set("/user", { id: 99, username: "project_1_bot" });
  gitlab.others.set(`/projects/acme%2Fweb/repository/commits/${HEAD}/statuses?name=mogplex%2Fgate&per_page=100`, []);
  const written: unknown[] = [];
  const place = {
    job: {
      ...{ GITLAB_CI: "true", CI_SERVER_URL: "https://gitlab.com", CI_API_V4_URL: "https://gitlab.com/api/v4" },
      ...{ CI_PROJECT_ID: "1", GITLAB_TOKEN },
    },
    async fetch(url: string, init: RequestInit) {
      if (init.method !== "POST" || url.endsWith("/graphql")) return await gitlab.fetch(url, init);
      written.push([url, JSON.parse(String(init.body))]);
      return json(201, {});
    },
  };
  const url = "https://gitlab.com/acme/web/-/merge_requests/7";
  expect(await gate(place, "--approvals", "1", "--status", "--requester", "ann", "--pull-request", url)).toEqual({
    code: 0,
    stdout: `${url}: approved: 1 of 1 approval of the newest commit\n`,
    stderr: "",
  });
  const newest = { name: "mogplex/gate", status: "success", description: "another text" };
  gitlab.others.set(`/projects/acme%2Fweb/repository/commits/${HEAD}/statuses?name=mogplex%2Fgate&per_page=100`, [
    newest,
  ]);
  // GitLab refuses a state that a status has already.
  expect((await gate(place, "--approvals", "1", "--status", "--pull-request", url)).code).toBe(0);
  const kim = { id: 5, body: requesterLine(7), system: false, author: { id: 9, username: "mogplex" } };
  const times = { created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z" };
  gitlab.requests.set("acme/web!7", { ...request, notes: [{ ...kim, ...times }] });
  expect((await gate(place, "--approvals", "1", "--pull-request", url)).stdout).toContain(
    "a comment by mogplex names kim as the requester",
  );
  gitlab.requests.set("acme/web!7", request);
  expect(written).toEqual([[`https://gitlab.com/api/v4/projects/42/statuses/${HEAD}`, {
    ...{ state: "success", name: "mogplex/gate", pipeline_id: 5, target_url: url },
    description: "approved: 1 of 1 approval of the newest commit",
  }]]);
  gitlab.others.set(sharers, [sharer]);
  expect(await gate(place, "--approvals", "1", "--pull-request", url)).toMatchObject({
    code: 1,
    stdout: `${url}: not approved: ${sharer.web_url} has the same newest commit; close one of them\n`,
  });
});

/** A recorded pull request of Gitea, with other answers. */
function onGitea(target: Record<string, unknown> = {}, isShared = false, comments: unknown[] = []) {
  const recordings = GITEA.recordings as unknown as { name: string; url: string; exchanges: Exchange[] }[];
  const good = structuredClone(recordings.find(({ name }) => name === "with an approval"));
  if (good === undefined) throw new Error("it was not recorded");
  for (const each of good.exchanges) {
    if (/\/branches\/main$/.test(each.asked)) Object.assign(each.body as object, target);
  }
  const pull = good.exchanges.find(({ asked }) => /\/pulls\/\d+$/.test(asked))?.body as { head: { sha: string } };
  const { sha } = pull.head;
  const path = `/repos/acme/web/commits/${sha}/status?limit=50`;
  const forge = giteaForge({
    exchanges: [
      ...good.exchanges,
      { asked: `GET ${path}`, status: 200, body: { statuses: [] } },
      { asked: `POST /repos/acme/web/statuses/${sha}`, status: 201, body: {} },
      { asked: "GET /repos/acme/web/pulls/1/reviews?limit=50&page=2", status: 200, body: [] },
      { asked: `GET /repos/acme/web/issues/${good.url.split("/").at(-1)}/comments`, status: 200, body: comments },
      {
        asked: "GET /repos/acme/web/pulls?state=open&limit=50&page=1",
        status: 200,
        body: isShared ? [{ number: 9, html_url: "https://git.example.com/acme/web/pulls/9", head: { sha } }] : [],
      },
      { asked: "GET /user", status: 200, body: { id: 99, login: "mogplex-bot" } },
    ],
  });
  const [server] = good.url.split("/acme/");
  return {
    forge,
    url: good.url,
    job: {
      ...{ GITHUB_ACTIONS: "true", GITEA_ACTIONS: "true", GITHUB_SERVER_URL: server ?? "", GITEA_TOKEN },
      ...{ GITHUB_API_URL: `${server}/api/v1`, GITHUB_REPOSITORY: "acme/other", GITHUB_EVENT_NAME: "schedule" },
    },
    fetch: forge.fetch,
  };
}

test("gate --status sets the status at Gitea, where the target requires checks by their names", async () => {
  const at = onGitea({ enable_status_check: true, status_check_contexts: ["mogplex/gate", "ci/*"] });
  const { code } = await gate(at, "--approvals", "1", "--status", "--requester", "ann", "--pull-request", at.url);
  expect([code, at.forge.received.at(-1)?.body]).toEqual([0, {
    ...{ state: "success", context: "mogplex/gate", target_url: at.url },
    description: "approved: 1 of 1 approval of the newest commit",
  }]);
});

test("gate does not count the approval of a user whom a comment of Gitea names as the requester", async () => {
  const author = { id: 9, login: "mogplex", full_name: "" };
  const times = { created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z" };
  const comment = { id: 1, body: requesterLine(4), user: author, html_url: "", ...times };
  const at = onGitea({}, false, [comment]);
  const { code, stdout } = await gate(at, "--approvals", "1", "--pull-request", at.url);
  expect([code, stdout]).toEqual([1, expect.stringContaining("a comment by mogplex names lee as the requester")]);
});

test("gate stays closed at Gitea while another pull request has its commit", async () => {
  const at = onGitea({}, true);
  const { code, stdout } = await gate(at, "--approvals", "1", "--pull-request", at.url);
  expect([code, stdout]).toEqual([1, expect.stringContaining("acme/web/pulls/9 has the same newest commit")]);
});

test.each(["*", "mogplex/*", "**", "*ga?e", "{unit,mogplex/gate}"])(
  "gate --status is refused at Gitea while the target requires checks by the pattern %s",
  async (pattern) => {
    const at = onGitea({ enable_status_check: true, status_check_contexts: [pattern] });
    const { code, stderr } = await gate(at, "--approvals", "1", "--status", "--pull-request", at.url);
    expect([code, stderr]).toEqual([2, expect.stringContaining("and this status would match")]);
    expect(at.forge.received.some(({ asked }) => asked.startsWith("POST"))).toBe(false);
  },
);

/** State and finding of each check of `doctor --for gate`, and its code. */
async function doctor(place: Place, ...args: string[]) {
  const io = fakeIo({ env: place.job, files: place.files ?? {} });
  const call = ["doctor", "--for", "gate", "--json", ...args];
  const code = await main(call, io, { fetch: place.fetch as never, clock: virtualClock() });
  const { checks } = JSON.parse(io.text.stdout) as {
    checks: { name: string; state: string; finding: string; advice: string | null }[];
  };
  const words = checks.map(({ name, state, finding, advice }) => [name, { state, finding, advice }] as const);
  return { code, ...Object.fromEntries(words) } as { code: number; [name: string]: unknown };
}

/** GitHub with what `doctor` reads besides. Source: REST reference, "Get a repository", "Get a branch", "Get rules for a branch". */
function checkedOnGithub(more: Node = {}, event?: Node) {
  const place = onGithub(more, event);
  const { rest } = place.github;
  rest.set("/repos/acme/web", { id: 42, full_name: "acme/web", default_branch: "main", private: true });
  rest.set("/repos/acme/web/collaborators/github-actions%5Bbot%5D/permission", 404);
  rest.set("/repos/acme/web/branches/main", { name: "main", protected: true, commit: { sha: "a".repeat(40) } });
  rest.set("/repos/acme/web/rules/branches/main", []);
  return place;
}

test("doctor --for gate checks the forge and the job's pull request, and needs no token of Mogplex", async () => {
  const place = checkedOnGithub(reviews());
  const { code, forge, rights, status, branch, settings, token, ...checks } = await doctor(place);
  expect([code, token, checks["pull-request"]]).toEqual([0, undefined, {
    ...{ state: "ok", advice: null },
    finding: `${URL_7}: not approved: 0 of 1 approval of the newest commit`,
  }]);
  expect([forge, rights, status, branch, settings]).toEqual([
    { state: "ok", finding: "GitHub, acme/web, as github-actions[bot]", advice: null },
    { state: "ok", finding: "the token can see who can push", advice: null },
    { state: "skipped", finding: "GitHub does not show whether this token can set a status", advice: null },
    { state: "ok", finding: '"main" is protected', advice: null },
    { state: "skipped", finding: "a gate starts no run", advice: null },
  ]);
  expect(place.github.written).toEqual([]);
});

test("doctor --for gate skips the pull request when the job has none, and the forge outside a job", async () => {
  const place = checkedOnGithub({}, {});
  const none = await doctor({ ...place, job: { ...place.job, GITHUB_EVENT_NAME: "schedule" } });
  expect([none.code, none["pull-request"]]).toEqual([0, {
    ...{ state: "skipped", advice: null },
    finding: "this job has no pull request: specify one with --pull-request",
  }]);
  const outside = await doctor({ ...checkedOnGithub(), job: {} });
  expect([outside.code, outside.forge]).toEqual([0, {
    ...{ state: "skipped", advice: null },
    finding:
      "these can be checked only in a job on the forge: run doctor in a job, or specify a pull request with --pull-request",
  }]);
  const named = await doctor({ ...checkedOnGithub(), job: { GITHUB_TOKEN } }, "--pull-request", URL_7);
  expect([named.code, named["pull-request"]]).toMatchObject([0, { state: "ok" }]);
});

test("doctor --for gate exits as the gate would without a token, and when the token lacks a right", async () => {
  const { GITHUB_TOKEN: _, ...job } = checkedOnGithub().job;
  const missing = await doctor({ ...checkedOnGithub(), job });
  expect([missing.code, missing.forge, missing.rights]).toMatchObject([64, {
    state: "failed",
    finding: "Cannot access the forge: variable GITHUB_TOKEN is not set",
    advice: 'Add "GITHUB_TOKEN: ${{ github.token }}" to the env of the step, with the permissions contents: read, ' +
      "checks: read and pull-requests: read",
  }, { state: "skipped" }]);
  // An app that is not installed in the repository. Source: REST reference, "Get a repository".
  const hidden = checkedOnGithub();
  hidden.github.rest.set("/repos/acme/web", 404);
  expect(await doctor(hidden)).toMatchObject({
    code: 69,
    forge: { advice: "Check that the token, or its app, has access to the repository: docs/gate.md in the toolkit" },
  });
  const blind = checkedOnGithub();
  blind.github.rest.set("/repos/acme/web/collaborators/github-actions%5Bbot%5D/permission", 403);
  const { code, rights } = await doctor(blind);
  expect([code, rights]).toMatchObject([65, {
    state: "failed",
    advice: "Give the token the permissions in docs/gate.md in the toolkit",
  }]);
});

test("doctor --for gate warns when the forge hides what decides, and refuses a wrong --pull-request", async () => {
  const place = checkedOnGithub();
  place.github.rest.set(SHARERS, 404);
  expect(await doctor(place)).toMatchObject({ code: 0, "pull-request": { state: "warning" } });
  expect(await doctor(checkedOnGithub(), "--pull-request", "seven")).toMatchObject({
    code: 2,
    forge: { state: "failed", finding: expect.stringContaining("it must be the address of a pull request") },
  });
});
