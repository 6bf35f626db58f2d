/**
 * What we send to change pull requests, by the published descriptions of the APIs of GitHub and GitLab. `api_descriptions.json` has the operations that
 * we use; `npm run lab -- forge-api` compares those of GitHub with the published file. GitLab's merge trains and branches are in its pages alone.
 */
import { Ajv2019 } from "ajv/dist/2019.js";
import { expect, test } from "bun:test";
import type { PullRequestWriter } from "../../../lib/forge/writer.ts";
import type { Description } from "./api_description.ts";
import DESCRIPTIONS from "./api_descriptions.json" with { type: "json" };
import { COMMIT, ORDER, type Prepared, type URLS, writesWorld } from "./writes_world.ts";

const ajv = new Ajv2019({ strict: false, allErrors: true });

/** The operation of a request: fixed parts go before parameters. */
function operationOf({ operations }: Description, request: string) {
  const [method = "", url = ""] = request.split(" ");
  const [path = ""] = url.split("?");
  const matches = Object.keys(operations).filter((name) => {
    const [ofMethod, template = ""] = name.split(" ");
    const form = template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{ref\}/g, ".+").replace(/\{\w+\}/g, "[^/]+");
    return ofMethod === method && new RegExp(`^${form}$`).test(path);
  });
  const [best] = matches.sort((a, b) => a.split("{").length - b.split("{").length);
  return best === undefined ? undefined : operations[best];
}

/** What is wrong with requests by a description. GraphQL is not part of it. */
function problemsOf(description: Description, sent: readonly unknown[][], outside: RegExp): string[] {
  return sent.flatMap(([request, body]) => {
    const name = String(request).replace("/api/v3", "");
    if (name.includes("graphql") || outside.test(name)) return [];
    const operation = operationOf(description, name);
    if (operation === undefined) return [`${name}: it is not described`];
    const query = [...new URLSearchParams(name.split("?")[1] ?? "").keys()].filter((key) =>
      !operation.query.includes(key)
    );
    const problems = query.map((key) => `${name}: there is no parameter ${key}`);
    if (body === undefined) return problems;
    if (operation.body === null) return [...problems, `${name}: it has no body`];
    const validate = ajv.compile({ ...operation.body as object, unevaluatedProperties: false });
    if (validate(body)) return problems;
    return [
      ...problems,
      ...(validate.errors ?? []).map(({ instancePath, message }) => `${name}: ${instancePath} ${message}`),
    ];
  });
}

type Act = [answers: Prepared[], act: (writer: PullRequestWriter) => Promise<unknown>];

const GITHUB_PULL: Prepared = [200, { state: "open", merged: false }];
const GITHUB_ACTS: readonly Act[] = [
  ...(["merge", "squash", "rebase"] as const).flatMap((method): Act[] => [
    [
      [[202, { status: "pending", details: { message: "", uuid: "1" } }]],
      (writer) => writer.merge({ ...ORDER, method }),
    ],
    [[[404, {}], [200, { merged: true, sha: COMMIT }]], (writer) => writer.merge({ ...ORDER, method })],
  ]),
  [[[200, { status: "enqueued", details: { message: "" } }]], (writer) => writer.merge({ ...ORDER, hasQueue: true })],
  [[[200, { status: "enqueued", details: { message: "" } }]], (writer) => writer.progress("1")],
  [[[200, { state: "closed", merged: true }]], (writer) => writer.progress(null)],
  [[[202, {}]], (writer) => writer.update(COMMIT)],
  [[[201, {}]], (writer) => writer.requestReview({ users: ["ann"], teams: ["acme/web"] })],
  [[GITHUB_PULL], (writer) => writer.marks()],
  [[[200, []]], (writer) => writer.addLabels(["agent"])],
  [[[200, []], [201, {}]], (writer) => writer.comment("<!-- mogplex:1 -->", "Bye.")],
  [[[200, {}]], (writer) => writer.close()],
  [[[200, { object: { sha: COMMIT } }], [204]], (writer) => writer.deleteBranch("mogplex/a", COMMIT)],
];

const REQUEST: Prepared = [200, { state: "opened", sha: COMMIT }];
const GITLAB_ACTS: readonly Act[] = [
  ...(["merge", "squash", "rebase"] as const).map((method): Act => [
    [[200, { merge_trains_enabled: false }], [200, { state: "merged" }]],
    (writer) => writer.merge({ ...ORDER, method }),
  ]),
  [[[200, { merge_trains_enabled: true }], [200, { version: "19.1.0" }], REQUEST], (writer) => writer.merge(ORDER)],
  [[REQUEST, [404, {}]], (writer) => writer.progress(null)],
  [[[201, { status: "success" }]], (writer) => writer.leaveQueue()],
  [[REQUEST, [202, {}], REQUEST], (writer) => writer.update(COMMIT)],
  [
    [[200, [{ id: 5, username: "ann" }]], REQUEST, [200, { state: "opened", reviewers: [{ id: 5, username: "ann" }] }]],
    (writer) => writer.requestReview({ users: ["ann"], teams: [] }),
  ],
  [[REQUEST], (writer) => writer.addLabels(["agent", "docs"])],
  [[REQUEST], (writer) => writer.close()],
];

async function sentBy(at: keyof typeof URLS, acts: readonly Act[]): Promise<unknown[][]> {
  const all: unknown[][] = [];
  for (const [answers, act] of acts) {
    const { writer, sent } = writesWorld(at, answers);
    await act(writer);
    expect(sent.length).toBe(answers.length);
    all.push(...sent);
  }
  return all;
}

test("PullRequestWriter sends GitHub what the description of its REST API has", async () => {
  const description = DESCRIPTIONS.github as unknown as Description;
  const sent = await sentBy("github", GITHUB_ACTS);
  expect(problemsOf(description, sent, /^$/)).toEqual([]);
  const used = new Set(sent.map(([request]) => operationOf(description, String(request))));
  expect(Object.entries(description.operations).filter(([, operation]) => !used.has(operation)).map(([name]) => name))
    // Only a comment that is there already needs it.
    .toEqual(["GET /user"]);
});

test("PullRequestWriter sends GitLab what the description of its REST API has", async () => {
  const description = DESCRIPTIONS.gitlab as unknown as Description;
  const sent = await sentBy("gitlab", GITLAB_ACTS);
  expect(
    problemsOf(
      description,
      sent,
      /^GET \/api\/v4\/(?:projects\/[^/]+|projects\/[^/]+\/merge_trains\/\S+|version|users\?\S+)$/,
    ),
  ).toEqual([]);
});

test.each<["github" | "gitlab", string, number[]]>([
  ["github", "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge-async", [200, 202, 400, 404, 409, 422]],
  ["github", "GET /repos/{owner}/{repo}/pulls/{pull_number}/merge-async/{uuid}", [200, 404]],
  ["github", "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", [200, 405, 409, 422]],
  ["github", "PUT /repos/{owner}/{repo}/pulls/{pull_number}/update-branch", [202, 422]],
  ["github", "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", [201, 422]],
  ["github", "DELETE /repos/{owner}/{repo}/git/refs/{ref}", [204, 422]],
  ["gitlab", "PUT /api/v4/projects/{id}/merge_requests/{merge_request_iid}/merge", [200, 400, 401, 405, 409, 422]],
  ["gitlab", "POST /api/v4/projects/{id}/merge_requests/{merge_request_iid}/cancel_merge_when_pipeline_succeeds", [
    201,
    405,
    406,
  ]],
  ["gitlab", "PUT /api/v4/projects/{id}/merge_requests/{merge_request_iid}/rebase", [202, 403, 409]],
])("PullRequestWriter understands statuses that %s describes for %s", (at, name, statuses) => {
  const { operations } = DESCRIPTIONS[at] as unknown as Description;
  expect(statuses.filter((status) => !operations[name]?.statuses.includes(String(status)))).toEqual([]);
});

test("the comparison with a description sees a wrong field, type, value, parameter and path", () => {
  const description = DESCRIPTIONS.github as unknown as Description;
  const merge = "PUT /repos/acme/web/pulls/7/merge-async";
  expect(problemsOf(description, [
    [merge, { sha: COMMIT, force: true }],
    [merge, { sha: 1 }],
    [merge, { merge_action: "admin" }],
    ["GET /repos/acme/web/pulls/7?x=1"],
    ["PUT /repos/acme/web/pulls/7/merge-now", {}],
    ["GET /user", {}],
  ], /^$/)).toEqual([
    `${merge}:  must NOT have unevaluated properties`,
    `${merge}: /sha must be string`,
    `${merge}: /merge_action must be equal to one of the allowed values`,
    "GET /repos/acme/web/pulls/7?x=1: there is no parameter x",
    "PUT /repos/acme/web/pulls/7/merge-now: it is not described",
    "GET /user: it has no body",
  ]);
});
