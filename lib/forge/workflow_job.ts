import type { ReadEnv } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import { isObject, parseJson } from "../lookup.ts";
import type { ForgeJob } from "./forge.ts";
import { field, nothing, numberOf, UNREADABLE } from "./payload.ts";
import type { AskEvent } from "./threads.ts";

const SERVER = "GITHUB_SERVER_URL";

/** Gitea and Forgejo also set variables with GitHub's names. */
export function isGiteaJob(env: ReadEnv): boolean {
  // Do not look up the name of the CI system, because this would add the table of all systems to the components.
  return Boolean(env("FORGEJO_ACTIONS") || env("GITEA_ACTIONS"));
}

export function serverHost(env: ReadEnv): string | undefined {
  const server = env(SERVER) ?? "";
  return URL.canParse(server) ? new URL(server).host : undefined;
}

export function serverOf(env: ReadEnv): string {
  const text = env(SERVER) ?? "";
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text).origin;
  throw new UsageError({
    attempted: "find the server",
    why: `${SERVER} must be an http(s) URL`,
    value: JSON.stringify(text),
  });
}

export function repositoryOf(env: ReadEnv): string {
  const repository = env("GITHUB_REPOSITORY") ?? "";
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository) || /(?:^|\/)\.{1,2}(?:\/|$)/.test(repository)) {
    const value = JSON.stringify(repository);
    throw new UsageError({
      attempted: "find the repository",
      why: "GITHUB_REPOSITORY must have the form OWNER/NAME",
      value,
    });
  }
  return repository;
}

function pullRequestIn(text: string): number | undefined {
  return numberOf(parseJson(text), "pull_request", "number");
}

/** Source: GitHub, "Webhook events and payloads", `issue_comment` and `issues`, https://docs.github.com/en/webhooks/webhook-events-and-payloads */
function workflowEvent(name: string, text: string, repository: number): AskEvent {
  if (name === "schedule" || name === "workflow_dispatch") return UNREADABLE;
  if (!["issue_comment", "issues", "pull_request_target"].includes(name)) {
    return nothing("the event is not about a comment or a label");
  }
  const body = parseJson(text);
  if (!isObject(body)) return UNREADABLE;
  const from = numberOf(body, "repository", "id");
  if (from === undefined) return UNREADABLE;
  if (from !== repository) return nothing("the event belongs to another repository");
  const holder = name === "pull_request_target" ? "pull_request" : "issue";
  const number = numberOf(body, holder, "number");
  if (number === undefined) return UNREADABLE;
  // Gitea also sends `is_pull`.
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

/**
 * The file of the workflow, or the name of the workflow if the runner does not provide the file. A file on another branch belongs to the same
 * workflow.
 */
function workflowOf(env: ReadEnv): string {
  return env("GITHUB_WORKFLOW_REF")?.replace(/@[^]*$/, "") || (env("GITHUB_WORKFLOW") ?? "");
}

export const WORKFLOW_JOB: Pick<
  ForgeJob,
  "payload" | "event" | "pull" | "notes" | "variables" | "missesPullLabels" | "passesUnset"
> = {
  passesUnset: true,
  // A label on a pull request needs the event `pull_request_target`, which would run with secrets. Users must add this event themselves.
  missesPullLabels: true,
  payload: (env) => ({ path: env("GITHUB_EVENT_PATH") ?? "" }),
  event: async (env, text, repositoryId) => workflowEvent(env("GITHUB_EVENT_NAME") ?? "", text, await repositoryId()),
  pull(env, payload) {
    const number = pullRequestIn(payload());
    if (number !== undefined) return { repository: repositoryOf(env), number };
    if (env("GITHUB_EVENT_NAME")?.startsWith("pull_request") !== true) return undefined;
    throw new UsageError({
      attempted: "find the pull request",
      why: "the file in GITHUB_EVENT_PATH cannot be read, or has no pull request",
    });
  },
  notes: {
    byDefault: false,
    naming(env, { job, node }, matrix) {
      const names = [env("GITHUB_WORKFLOW") ?? "", job ?? ""].filter((name) => name !== "").join(" / ");
      return {
        job: [JSON.stringify([workflowOf(env), job]), node],
        label: matrix === "" ? names : `${names} ${matrix}`,
        namesPipeline: true,
      };
    },
  },
  variables: ["GITHUB_API_URL", "GITHUB_WORKFLOW", "GITHUB_WORKFLOW_REF"],
};
