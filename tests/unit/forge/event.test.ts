/**
 * Shapes: GitLab, "Webhook events", https://docs.gitlab.com/user/project/integrations/webhook_events/#comment-events; GitHub, "Webhook events
 * and payloads", https://docs.github.com/en/webhooks/webhook-events-and-payloads#issue_comment
 */
import { expect, test } from "bun:test";
import { GITHUB } from "../../../lib/forge/github.ts";
import { GITLAB } from "../../../lib/forge/gitlab.ts";

const gitlabEvent = (text: string, project: number) =>
  GITLAB.job?.event((name) => name === "CI_PROJECT_ID" ? String(project) : undefined, text, () => Promise.reject());
const githubEvent = (event: string, text: string, repository: number) =>
  GITHUB.job?.event(
    (name) => name === "GITHUB_EVENT_NAME" ? event : undefined,
    text,
    () => Promise.resolve(repository),
  );

const ask = (kind: "issue" | "pull", number: number, id?: number) => ({
  kind: "ask" as const,
  news: {
    thread: { kind, number },
    comment: id === undefined ? null : { kind: "comment" as const, id },
    text: null,
  },
});

/** A comment on a merge request, as GitLab's webhook sends it. */
const COMMENT = {
  object_kind: "note",
  event_type: "note",
  user: { id: 1, username: "root" },
  project_id: 5,
  project: { id: 5, path_with_namespace: "gitlabhq/gitlab-test", default_branch: "master" },
  object_attributes: { id: 1244, note: "@mogplex $MOGPLEX_API_KEY", noteable_type: "MergeRequest", author_id: 1 },
  merge_request: { id: 7, iid: 1, source_branch: "markdown", target_branch: "master", title: "Tempora" },
};

test("GITLAB.job.event() reads numbers of comments, issues and merge requests", async () => {
  const { merge_request: _, ...comment } = COMMENT;
  const events = [
    [COMMENT, ask("pull", 1, 1244)],
    [{ ...comment, issue: { id: 92, iid: 17 } }, ask("issue", 17, 1244)],
    [{ object_kind: "issue", project: { id: 5 }, object_attributes: { id: 301, iid: 23 } }, ask("issue", 23)],
    [{ object_kind: "merge_request", project: { id: 5 }, object_attributes: { id: 99, iid: 1 } }, ask("pull", 1)],
    // The servers overwrite these three.
    [{ ...COMMENT, ref: "main", id: "5", variables: {} }, ask("pull", 1, 1244)],
  ] as const;
  for (const [body, event] of events) expect(await gitlabEvent(JSON.stringify(body), 5)).toEqual(event);
});

test("GITLAB.job.event() has nothing to do with another project, a comment elsewhere, or another event", async () => {
  const { merge_request: _, ...comment } = COMMENT;
  for (
    const body of [
      { ...COMMENT, project: { id: 6 } },
      { ...comment, commit: { id: "cfe32cf" } },
      { object_kind: "push", project: { id: 5 } },
    ]
  ) {
    expect(await gitlabEvent(JSON.stringify(body), 5)).toMatchObject({ kind: "nothing" });
  }
});

test("GITLAB.job.event() counts a payload that is cut, expanded or forged as empty", async () => {
  for (
    const text of [
      "",
      "[]",
      "null",
      '{"object_kind":"note","object_attributes":{"note":"text }',
      JSON.stringify({ ...COMMENT, project: { id: "5" }, project_id: "5" }),
      JSON.stringify({ ...COMMENT, project: { id: -5 }, project_id: 5.5 }),
      JSON.stringify({ ...COMMENT, object_attributes: { id: "1244 || 1" } }),
      '{"__proto__":{"project":{"id":5},"object_kind":"note"}}',
    ]
  ) {
    expect(await gitlabEvent(text, 5)).toEqual({ kind: "unreadable" });
  }
});

/** A comment on an issue, as GitHub's webhook sends it. */
const CREATED = {
  action: "created",
  issue: { id: 444, number: 1, title: "Spelling error", user: { login: "Codertocat" } },
  comment: { id: 492700400, body: "@mogplex ${{ secrets.X }}", author_association: "OWNER" },
  repository: { id: 186853002, full_name: "Codertocat/Hello-World" },
  sender: { login: "Codertocat" },
};
const text = JSON.stringify(CREATED);

test("GITHUB.job.event() reads numbers of comments and labels", async () => {
  const written = "@mogplex ${{ secrets.X }}";
  const asks = (kind: "issue" | "pull", number: number) => {
    const { news } = ask(kind, number, 492700400);
    return { kind: "ask" as const, news: { ...news, written } };
  };
  expect(await githubEvent("issue_comment", text, 186853002)).toEqual(asks("issue", 1));
  const onPull = { ...CREATED, issue: { number: 2, pull_request: { url: "…" } } };
  expect(await githubEvent("issue_comment", JSON.stringify(onPull), 186853002)).toEqual(asks("pull", 2));
  // Source: Gitea, modules/structs/hook.go, `IssueCommentPayload`.
  const onGitea = { ...CREATED, is_pull: true, issue: { number: 3, pull_request: null } };
  expect(await githubEvent("issue_comment", JSON.stringify(onGitea), 186853002)).toEqual(asks("pull", 3));
  // What an edit says is not what was written.
  const edited = JSON.stringify({ ...CREATED, action: "edited" });
  expect(await githubEvent("issue_comment", edited, 186853002)).toEqual(ask("issue", 1, 492700400));
  expect(await githubEvent("issues", text, 186853002)).toEqual(ask("issue", 1));
  const labelled = { action: "labeled", number: 4, pull_request: { number: 4 }, repository: { id: 186853002 } };
  expect(await githubEvent("pull_request_target", JSON.stringify(labelled), 186853002)).toEqual(ask("pull", 4));
});

test("GITHUB.job.event() has nothing to do with another repository or event, and looks for news on a schedule", async () => {
  expect(await githubEvent("issue_comment", text, 5)).toMatchObject({ kind: "nothing" });
  expect(await githubEvent("pull_request_review_comment", text, 186853002)).toMatchObject({ kind: "nothing" });
  expect(await githubEvent("schedule", "{}", 186853002)).toEqual({ kind: "unreadable" });
  expect(await githubEvent("issue_comment", "{", 186853002)).toEqual({ kind: "unreadable" });
});
