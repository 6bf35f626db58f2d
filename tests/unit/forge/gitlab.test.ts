import { expect, test } from "bun:test";
import { HEAD, html, json } from "./github_forge.ts";
import { approval, aRequest, gitlabForge, KIM, type Request, UNAPPROVED, writers } from "./gitlab_forge.ts";
import { forgeWorld, GITLAB_TOKEN } from "./world.ts";

const PROJECT = "acme/tools/web";
const URL_7 = `https://gitlab.com/${PROJECT}/-/merge_requests/7`;

async function readOne(request: Request | number) {
  const world = forgeWorld();
  world.gitlab.requests.set(`${PROJECT}!7`, request);
  const { facts, refused, failed } = await world.forges.read([URL_7]);
  return { ...world, facts: facts.get(URL_7), refused: refused.get(URL_7), failed: failed.get(URL_7) };
}

test("Forges reads what GitLab says of a merge request in the same words", async () => {
  const { facts, gitlab } = await readOne(aRequest({ assignees: [{ id: 9, username: "lee" }] }));
  expect(facts).toEqual({
    url: URL_7,
    repositoryId: "3",
    state: "open",
    draft: false,
    checks: "green",
    review: "approved",
    conflict: false,
    owner: "lee",
    branch: "mogplex/replace-moment",
    isForeign: false,
    isGuarded: null,
    commit: HEAD,
    isBehind: false,
    files: 2,
    additions: null,
    deletions: null,
    hasQueue: false,
    createdAt: "2026-03-01T10:00:00.000Z",
    updatedAt: "2026-03-01T11:00:00.000Z",
    mergedAt: null,
    closedAt: null,
    problem: null,
  });
  expect(gitlab.received.map(({ path }) => path)).toEqual([
    "/projects/acme%2Ftools%2Fweb/merge_requests/7",
    "/projects/acme%2Ftools%2Fweb/merge_requests/7/approvals",
    "/projects/acme%2Ftools%2Fweb/merge_requests/7/notes?sort=desc&order_by=created_at&per_page=100&page=1",
    "/projects/acme%2Ftools%2Fweb/merge_requests/7/versions",
    "/api/graphql",
  ]);
  expect(gitlab.received.every(({ token }) => token === GITLAB_TOKEN)).toBe(true);
});

const REVIEWERS = { reviewers: [KIM] };
const reviewer = (state: string) => ({ reviewers: [{ user: KIM, state }] });
const approvedBy = (...approved_by: Record<string, unknown>[]) => ({
  approvals: { approvals_required: 0, approvals_left: 0, approved_by },
});
const UNDATED = approvedBy({ user: KIM });
const note = (more: Record<string, unknown> = {}) => ({
  notes: [{
    body: "approved this merge request",
    author: KIM,
    system: true,
    created_at: "2026-03-01T10:30:00Z",
    ...more,
  }],
});
const pipeline = (status: string, ...statuses: Record<string, unknown>[]) =>
  aRequest({ head_pipeline: { id: 1, status, source: "merge_request_event" } }, { statuses });
const row = (name: string, status: string, more: Record<string, unknown> = {}) => ({
  name,
  status,
  pipeline_id: 1,
  ...more,
});

test.each<[string, Request, Record<string, unknown>]>([
  ["merged", aRequest({ state: "merged", merged_at: "2026-03-02T09:00:00Z" }), {
    state: "merged",
    review: null,
    problem: null,
    mergedAt: "2026-03-02T09:00:00Z",
    closedAt: null,
  }],
  ["closed", aRequest({ state: "closed", closed_at: "2026-03-02T09:00:00Z" }), {
    state: "closed",
    problem: null,
    closedAt: "2026-03-02T09:00:00Z",
  }],
  ["locked", aRequest({ state: "locked" }), { state: "open" }],
  ["of a fork", aRequest({ source_project_id: 9 }), { isForeign: true }],
  ["with more files than it shows", aRequest({ changes_count: "1000+" }), { files: 1_000 }],
  ["without a number of files", aRequest({ changes_count: null }), { files: null }],
  ["that is behind", aRequest({ detailed_merge_status: "need_rebase" }), { isBehind: true }],
  [
    "of a protected branch",
    aRequest({ has_conflicts: true }, { branch: { protected: true, default: false } }),
    { isGuarded: true },
  ],
  ["of the default branch", aRequest({ has_conflicts: true }, { branch: { protected: false, default: true } }), {
    isGuarded: true,
  }],
  ["of a branch of its own", aRequest({ has_conflicts: true }, { branch: { protected: false } }), { isGuarded: false }],
  ["whose branch is not shown", aRequest({ has_conflicts: true }), { isGuarded: null, conflict: true }],
  ["a failed pipeline", aRequest({ head_pipeline: { id: 1, status: "failed" } }), { checks: "red" }],
  ["a cancelled pipeline", aRequest({ head_pipeline: { id: 1, status: "canceled" } }), { checks: "red" }],
  ["a pipeline that waits", aRequest({ head_pipeline: { id: 1, status: "waiting_for_resource" } }), {
    checks: "pending",
  }],
  ["no pipeline", aRequest({ head_pipeline: null }), { checks: "none", problem: null }],
  ["a pipeline that is hidden", aRequest({ head_pipeline: undefined }), {
    checks: null,
    problem: "GitLab does not show the pipeline to this token",
  }],
  ["a merged one whose pipeline is hidden", aRequest({ state: "merged", head_pipeline: undefined }), {
    checks: null,
    problem: null,
  }],
  ["a pipeline and approvals that are hidden", aRequest({ head_pipeline: undefined }, { approvals: json(403, {}) }), {
    problem: "GitLab does not show the pipeline and the review to this token",
  }],
  ["conflicts", aRequest({ has_conflicts: true, detailed_merge_status: "conflict" }), { conflict: true }],
  ["no look at conflicts yet", aRequest({ merge_status: "unchecked", detailed_merge_status: "unchecked" }), {
    conflict: null,
  }],
  ["changes that are asked for", aRequest({ ...REVIEWERS, detailed_merge_status: "requested_changes" }, UNAPPROVED), {
    review: "changes-requested",
  }],
  [
    "the same, behind a red pipeline",
    aRequest({ ...REVIEWERS, detailed_merge_status: "ci_must_pass" }, {
      ...UNAPPROVED,
      ...reviewer("requested_changes"),
    }),
    { review: "changes-requested", owner: "kim" },
  ],
  ["a reviewer", aRequest(REVIEWERS, { ...UNAPPROVED, ...reviewer("unreviewed") }), { review: "requested" }],
  ["nobody", aRequest({}, UNAPPROVED), { review: "not-requested" }],
  [
    "one approval of two",
    aRequest({}, { approvals: { approvals_left: 1, approved_by: [approval()] } }),
    {
      review: "requested",
    },
  ],
  ["approvals that are hidden", aRequest({}, { approvals: json(403, {}) }), {
    review: null,
    problem: "GitLab does not show the review to this token",
  }],
  [
    "a reviewer's approval where the list is hidden",
    aRequest(REVIEWERS, { approvals: json(404, {}), ...reviewer("approved") }),
    {
      review: null,
    },
  ],
  ["an approval on GitLab Free, which has no rules", aRequest({}, { approvals: { approved_by: [approval()] } }), {
    review: "approved",
  }],
  [
    "fewer approvals than the rules require",
    aRequest({}, {
      approvals: { approvals_required: 2, approvals_left: 0, approved_by: [approval()] },
    }),
    { review: "requested" },
  ],
  [
    "an approval that is older than the newest push",
    aRequest(
      {},
      approvedBy(approval({
        approved_at: "2026-03-01T10:10:00.000Z",
      })),
    ),
    { review: "requested" },
  ],
  [
    "an approval in the second of the newest push",
    aRequest(
      {},
      approvedBy(approval({
        approved_at: "2026-03-01T10:20:00.999Z",
      })),
    ),
    { review: "requested" },
  ],
  ["an approval before a push that it has not looked at yet", aRequest({ sha: "f".repeat(40) }), { review: null }],
  ["an approval whose versions are hidden", aRequest({}, { versions: json(403, {}) }), {
    review: null,
    problem: "GitLab does not show the review to this token",
  }],
  ["an approval of a version before 18, whose note has the time", aRequest({}, { ...UNDATED, ...note() }), {
    review: "approved",
  }],
  ["the same, before the newest push", aRequest({}, { ...UNDATED, ...note({ created_at: "2026-03-01T10:19:00Z" }) }), {
    review: "requested",
  }],
  ["an approval with a note that somebody else has written", aRequest({}, { ...UNDATED, ...note({ system: false }) }), {
    review: null,
  }],
  ["an approval by its author", aRequest({ author: KIM }), { review: "requested" }],
  ["an approval by somebody who wrote a commit of it", aRequest({}, { writers: writers(KIM) }), {
    review: "requested",
  }],
  ["an approval where it is hidden who wrote it", aRequest({}, { writers: json(403, {}) }), { review: null }],
  ["reviewers that are hidden", aRequest(REVIEWERS, { reviewers: json(403, {}) }), { review: null }],
  ["a gate that waits beside green jobs", pipeline("running", row("mogplex/gate", "pending"), row("unit", "success")), {
    checks: "green",
  }],
  [
    "a gate that is red, before jobs that were skipped",
    pipeline("failed", row("mogplex/gate", "failed"), row("unit", "skipped")),
    {
      checks: "pending",
    },
  ],
  ["a gate that is red alone", pipeline("failed", row("mogplex/gate", "failed")), { checks: "none" }],
  ["a gate and a job that are red", pipeline("failed", row("mogplex/gate", "failed"), row("unit", "failed")), {
    checks: "red",
  }],
  [
    "a gate that is red beside a job that may fail",
    pipeline("failed", row("mogplex/gate", "failed"), row("audit", "failed", { allow_failure: true })),
    { checks: "green" },
  ],
  ["a red pipeline whose statuses are hidden", aRequest({ head_pipeline: { id: 1, status: "failed" } }), {
    checks: "red",
  }],
  [
    "a status of ours in a pipeline of another program",
    aRequest({ head_pipeline: { id: 1, status: "success", source: "external" } }, {
      statuses: [row("mogplex", "success")],
    }),
    { checks: "none" },
  ],
  ...([["passed", "pending"], ["failed", "red"], ["pending", "pending"]] as const).map((
    [status, checks],
  ): [string, Request, Record<string, unknown>] => [
    `an external check that has ${status} and must pass`,
    aRequest({ detailed_merge_status: "status_checks_must_pass" }, {
      status_checks: [{ status: "passed" }, { status }],
    }),
    { checks },
  ]),
  ["external checks that are hidden", aRequest({ detailed_merge_status: "status_checks_must_pass" }), {
    checks: "pending",
  }],
  [
    "the approval of a project's bot",
    aRequest({}, approvedBy(approval({ user: { id: 8, username: "project_7_bot_0a1b" } }))),
    { review: "not-requested" },
  ],
  [
    "a bot that was asked",
    aRequest({ reviewers: [{ id: 8, username: "GitLabDuo" }] }, {
      ...UNAPPROVED,
      reviewers: [{ user: { id: 8, username: "GitLabDuo" }, state: "unreviewed" }],
    }),
    { review: "not-requested", owner: null },
  ],
  ["a draft of an older GitLab", aRequest({ draft: undefined, work_in_progress: true }), { draft: true }],
])("Forges reads %s of GitLab", async (_name, request, expected) => {
  expect((await readOne(request)).facts).toMatchObject(expected);
});

test("Forges asks for nothing more of a merge request that is decided", async () => {
  expect((await readOne(aRequest({ state: "merged" }))).gitlab.received).toHaveLength(1);
});

test("Forges tells a merge request that it may not see, and goes on with the next", async () => {
  const { forges, gitlab } = forgeWorld();
  const urls = [1, 2, 3, 4].map((iid) => `https://gitlab.com/${PROJECT}/-/merge_requests/${iid}`);
  gitlab.requests.set(`${PROJECT}!1`, 403);
  gitlab.requests.set(`${PROJECT}!3`, aRequest());
  gitlab.requests.set(`${PROJECT}!4`, { fields: { state: 7 } });
  const { facts, refused } = await forges.read(urls);
  expect([...facts.keys()]).toEqual([urls[2] as string]);
  expect([...refused.values()]).toEqual([
    "this token has no read access",
    "not found on GitLab: it was deleted, or this token cannot see it",
    "the response does not have the format that GitLab documents",
  ]);
});

test("Forges keeps what it knows of merge requests whose approvals cannot be read, says so, and asks for no more of them", async () => {
  const { forges, gitlab, clock } = forgeWorld();
  const urls = [1, 2, 3].map((iid) => `https://gitlab.com/${PROJECT}/-/merge_requests/${iid}`);
  gitlab.requests.set(`${PROJECT}!1`, aRequest({}, { approvals: json(500, {}) }));
  gitlab.requests.set(`${PROJECT}!2`, aRequest({ head_pipeline: undefined }, { approvals: json(500, {}) }));
  gitlab.requests.set(`${PROJECT}!3`, aRequest({ state: "merged" }));
  const { facts, failed } = await forges.read(urls);
  expect([...facts.values()].map(({ state, checks, review, problem }) => ({ state, checks, review, problem }))).toEqual(
    [
      { state: "open", checks: "green", review: null, problem: "GitLab could not show the approvals (HTTP 500)" },
      {
        ...{ state: "open", checks: null, review: null },
        problem: "GitLab does not show the pipeline to this token; GitLab could not show the approvals (HTTP 500)",
      },
      { state: "merged", checks: "green", review: null, problem: null },
    ],
  );
  expect(failed.size).toBe(0);
  expect(gitlab.received.some(({ path }) => path.endsWith("/merge_requests/2/approvals"))).toBe(false);
  await clock.sleep(5 * 60_000);
  gitlab.requests.set(`${PROJECT}!2`, aRequest());
  expect((await forges.read(urls.slice(1, 2))).facts.get(urls[1] ?? "")).toMatchObject({
    review: "approved",
    problem: null,
  });
});

test("Forges reads nothing more of GitLab when it refuses the token at the approvals", async () => {
  const { forges, gitlab } = forgeWorld();
  gitlab.requests.set(`${PROJECT}!7`, aRequest({}, { approvals: json(401, {}) }));
  const { facts, failed } = await forges.read([URL_7]);
  expect([facts.size, failed.get(URL_7)]).toEqual([0, expect.stringContaining("refuses the token")]);
});

test("Forges follows a project that was moved, once and within the API", async () => {
  const { forges, gitlab } = forgeWorld();
  gitlab.requests.set("acme/site!7", aRequest());
  gitlab.moved.set(PROJECT, "acme/site");
  expect((await forges.read([URL_7])).facts.get(URL_7)?.url).toBe("https://gitlab.com/acme/site/-/merge_requests/7");
  for (
    const location of ["https://evil.example/api/v4/projects/1", "https://gitlab.com/users/sign_in", "//evil.example"]
  ) {
    gitlab.faults.push(new Response("", { status: 302, headers: { location } }));
    expect((await forges.read([URL_7])).failed.get(URL_7)).toContain(
      "a redirect, and following it would lose the token",
    );
  }
});

test("Forges follows a project that was moved on a GitLab whose proxy ends HTTPS, and sends the token to no other host", async () => {
  const { forges, gitlab, strays } = forgeWorld();
  gitlab.requests.set("acme/site!7", aRequest());
  // Source: GitLab, lib/api/helpers.rb, `redirect!`: the address that Rack has seen, with the id in the place of the path.
  const location = "http://gitlab.com:8080/api/v4/projects/acme%2Fsite/merge_requests/7";
  gitlab.faults.push(new Response("", { status: 301, headers: { location } }));
  expect((await forges.read([URL_7])).facts.get(URL_7)?.url).toBe("https://gitlab.com/acme/site/-/merge_requests/7");
  expect(gitlab.received.every(({ url }) => url.startsWith("https://gitlab.com/api/v4/"))).toBe(true);
  expect(strays).toEqual([]);
});

test("Forges takes a proxy's 403 page for no refusal of GitLab", async () => {
  const { forges, gitlab } = forgeWorld();
  gitlab.requests.set(`${PROJECT}!7`, aRequest());
  gitlab.faults.push(...Array.from({ length: 50 }, () => html(403)));
  const { refused, failed } = await forges.read([URL_7]);
  expect([refused.size, failed.get(URL_7)]).toEqual([0, expect.stringContaining("list the host in NO_PROXY")]);
});

test("Forges finds a self-managed GitLab that was named", async () => {
  const gitlab = gitlabForge("git.example.com:8443");
  gitlab.requests.set("acme/web!7", aRequest());
  const { forges } = forgeWorld({ gitlab, hosts: ["git.example.com:8443"], env: { GITLAB_TOKEN } });
  const url = "https://git.example.com:8443/acme/web/-/merge_requests/7";
  expect((await forges.read([url])).facts.size).toBe(1);
  expect(gitlab.received[0]?.url).toStartWith("https://git.example.com:8443/api/v4/projects/");
});

test("Forges waits for GitLab as long as it asks, and tells pages in place of JSON", async () => {
  const { forges, gitlab, clock } = forgeWorld();
  gitlab.requests.set(`${PROJECT}!7`, aRequest());
  gitlab.faults.push(new Response("Retry later", { status: 429, headers: { "retry-after": "17" } }));
  const before = clock.now();
  expect((await forges.read([URL_7])).facts.size).toBe(1);
  expect(clock.now() - before).toBe(17_000);
  gitlab.faults.push(...Array.from({ length: 50 }, () => html()));
  expect((await forges.read([URL_7])).failed.get(URL_7)).toContain("not from GitLab's API");
});

test("Forges gives a forge that answers slowly ten minutes", async () => {
  const { forges, gitlab, clock } = forgeWorld();
  const answer = gitlab.fetch;
  gitlab.fetch = async (url, init) => {
    await clock.sleep(19_000);
    return await answer(url, init);
  };
  const urls = Array.from({ length: 100 }, (_, index) => URL_7.replace(/7$/, `${index + 1}`));
  const before = clock.now();
  const { failed, refused } = await forges.read(urls);
  expect(failed.get(urls[99] ?? "")).toBe("gitlab.com took longer than 10 minutes");
  expect([failed.size + refused.size, clock.now() - before]).toEqual([100, 608_000]);
});

test("Forges.find finds the merge request of a branch", async () => {
  const { forges, gitlab } = forgeWorld();
  gitlab.requests.set(`${PROJECT}!7`, aRequest());
  const place = { forge: "gitlab", host: "gitlab.com", repository: PROJECT, since: 0 } as const;
  expect(await forges.find({ ...place, branch: "mogplex/replace-moment" })).toBe(URL_7);
  expect(await forges.find({ ...place, branch: "a&b=c" })).toBeNull();
  expect(await forges.find({ ...place, branch: "mogplex/replace-moment", since: Date.parse("2026-03-02") })).toBeNull();
  gitlab.requests.set(`${PROJECT}!7`, aRequest({ source_project_id: 4 }));
  expect(await forges.find({ ...place, branch: "mogplex/replace-moment" })).toBeNull();
});
