/**
 * What the event of a forge is about. Only numbers are taken from it, and the words that say of what kind it is: everything else is asked of the
 * forge. Its texts are written by others, and on their way a CI system may have put the values of secret variables into them. Only on GitHub, Gitea
 * and Forgejo the text of a new comment is kept: to be compared with what the forge shows, and for a stop.
 *
 * @module
 */
import type { News } from "../forge/threads.ts";
import { isObject, parseJson } from "../lookup.ts";

/** `nothing`: it is about something else, and there is no run. `unreadable`: it says nothing, so the forge is asked for what is new. */
export type AskEvent =
  | { kind: "ask"; news: News }
  | { kind: "nothing"; reason: string }
  | { kind: "unreadable" };

const UNREADABLE: AskEvent = { kind: "unreadable" };
const nothing = (reason: string): AskEvent => ({ kind: "nothing", reason });

function field(value: unknown, ...names: string[]): unknown {
  return names.reduce<unknown>(
    (each, name) => isObject(each) && Object.hasOwn(each, name) ? each[name] : undefined,
    value,
  );
}

/** A number of the payload: a whole one from 1 on. */
function numberOf(value: unknown, ...names: string[]): number | undefined {
  const found = field(value, ...names);
  return typeof found === "number" && Number.isSafeInteger(found) && found > 0 ? found : undefined;
}

/**
 * The event of a webhook of GitLab. Source: GitLab, "Webhook events", comment, issue and merge request events,
 * https://docs.gitlab.com/user/project/integrations/webhook_events/
 *
 * @param text Content of `TRIGGER_PAYLOAD`: in it `ref`, `id` and `variables` may be others than the webhook sent, and texts may be cut.
 * @param project Id of the project of the pipeline.
 */
export function gitlabEvent(text: string, project: number): AskEvent {
  const body = parseJson(text);
  if (!isObject(body)) return UNREADABLE;
  const from = numberOf(body, "project", "id") ?? numberOf(body, "project_id");
  if (from === undefined) return UNREADABLE;
  if (from !== project) return nothing("the event is of another project");
  const kind = field(body, "object_kind");
  if (kind === "note") {
    const id = numberOf(body, "object_attributes", "id");
    const [pull, issue] = [numberOf(body, "merge_request", "iid"), numberOf(body, "issue", "iid")];
    const number = pull ?? issue;
    if (number === undefined) return nothing("the comment is neither on an issue nor on a merge request");
    if (id === undefined) return UNREADABLE;
    const thread = { kind: pull === undefined ? "issue" as const : "pull" as const, number };
    return { kind: "ask", news: { thread, comment: { kind: "comment", id }, text: null } };
  }
  if (kind !== "issue" && kind !== "merge_request") return nothing("the event is neither of a comment nor of an issue");
  const number = numberOf(body, "object_attributes", "iid");
  if (number === undefined) return UNREADABLE;
  const thread = { kind: kind === "issue" ? "issue" as const : "pull" as const, number };
  return { kind: "ask", news: { thread, comment: null, text: null } };
}

/** The number of the pull request that a workflow's event is about; undefined when it is about none. @param text Content of the event's file. */
export function pullRequestIn(text: string): number | undefined {
  return numberOf(parseJson(text), "pull_request", "number");
}

/**
 * The event of a workflow of GitHub, Gitea or Forgejo. Source: GitHub, "Webhook events and payloads", `issue_comment` and `issues`,
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads
 *
 * @param name `GITHUB_EVENT_NAME`.
 * @param text Content of the file `GITHUB_EVENT_PATH`.
 * @param repository Id of the repository, as the forge says.
 */
export function githubEvent(name: string, text: string, repository: number): AskEvent {
  if (name === "schedule" || name === "workflow_dispatch") return UNREADABLE;
  if (!["issue_comment", "issues", "pull_request_target"].includes(name)) {
    return nothing("the event is neither of a comment nor of a label");
  }
  const body = parseJson(text);
  if (!isObject(body)) return UNREADABLE;
  const from = numberOf(body, "repository", "id");
  if (from === undefined) return UNREADABLE;
  if (from !== repository) return nothing("the event is of another repository");
  const holder = name === "pull_request_target" ? "pull_request" : "issue";
  const number = numberOf(body, holder, "number");
  if (number === undefined) return UNREADABLE;
  // Gitea says `is_pull` beside it.
  const isPull = holder === "pull_request" || isObject(field(body, "issue", "pull_request")) ||
    field(body, "is_pull") === true;
  const thread = { kind: isPull ? "pull" as const : "issue" as const, number };
  if (name !== "issue_comment") return { kind: "ask", news: { thread, comment: null, text: null } };
  const id = numberOf(body, "comment", "id");
  if (id === undefined) return UNREADABLE;
  const written = field(body, "action") === "created" ? field(body, "comment", "body") : undefined;
  const news = { thread, comment: { kind: "comment" as const, id }, text: null };
  return { kind: "ask", news: typeof written === "string" ? { ...news, written } : news };
}
