import type { ReadEnv } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import { isObject, parseJson } from "../../lookup.ts";
import { checkTokenVariable } from "../../service/connection.ts";
import { apiOf } from "../api_of.ts";
import type { FileForge } from "../forge.ts";
import { field, nothing, numberOf, UNREADABLE } from "../payload.ts";
import type { AskEvent } from "../threads.ts";
import { GITLAB_ADDRESS } from "./address.ts";
import { gitlabFiles } from "./files.ts";
import { GITLAB_TOKEN_NEEDS } from "./notes.ts";

const HOST = "gitlab.com";
const VARIABLE = "GITLAB_TOKEN";
const API = "CI_API_V4_URL";
/** Setting that contains the name of the variable with the token of a job. */
const NAMING = "MOGPLEX_NOTE_TOKEN_VARIABLE";

/** Source: GitLab, "Roles and permissions": merge requests, their comments, the logs of jobs, and files. */
const READ = 'the "read_api" scope and the Reporter role';

export const GITLAB_BASE: FileForge = {
  name: GITLAB_ADDRESS.name,
  system: "GitLab",
  // Source: GitLab, "REST API authentication".
  tokenHeader: "PRIVATE-TOKEN",
  publicHost: HOST,
  variable: VARIABLE,
  tokenHost: (env) => serverHost(env) ?? HOST,
  address: GITLAB_ADDRESS,
  // Source: GitLab, "REST API", "Make a REST API call".
  api: (origin) => `${origin}/api/v4`,
  files: { needs: READ, open: gitlabFiles },
  job: {
    ciSystems: ["gitlab"],
    // Source: GitLab, "Predefined CI/CD variables".
    user: { name: "GITLAB_USER_LOGIN", id: "GITLAB_USER_ID" },
    // Source: GitLab, "Project access tokens", "Group access tokens", "Service accounts". GitLab's own bots have other names.
    botNames: /^(?:project|group)_\d+_bot|^service_account_/,
    host: serverHost,
    tokenVariable: (env) => checkTokenVariable(namedVariable(env), "write a note", NAMING),
    secretVariable: namedVariable,
    // With this token, the API returns 404 to requests for files.
    git: { username: "gitlab-ci-token", variable: "CI_JOB_TOKEN" },
    needs: {
      respond: 'the "api" scope and the Developer role',
      note: GITLAB_TOKEN_NEEDS,
      followUp: READ,
      gate: 'the "read_api" scope and the Developer role',
      status: 'the "api" scope and the Developer role',
    },
    noteAdvice:
      `store a GitLab project access token there, with ${GITLAB_TOKEN_NEEDS} (protected variables are absent on ` +
      "unprotected refs and in pipelines of forks), or set MOGPLEX_NOTE=off",
    api: jobApi,
    place: (env) => ({ origin: new URL(jobApi(env)).origin, repository: numberIn(env, "CI_PROJECT_ID") }),
    pullsAt: (env) => `${env("CI_PROJECT_URL") ?? ""}/-/merge_requests/`,
    linkHosts: (env) => {
      const servers = [jobApi(env), env("CI_SERVER_URL") ?? ""];
      return servers.filter((url) => URL.canParse(url)).map((url) => new URL(url).hostname);
    },
    payload(env) {
      const payload = env("TRIGGER_PAYLOAD") ?? "";
      return payload.startsWith("/") ? { path: payload } : { text: payload };
    },
    // deno-lint-ignore require-await
    async event(env, text) {
      return gitlabEvent(text, Number(numberIn(env, "CI_PROJECT_ID")));
    },
    pull(env) {
      if ((env("CI_MERGE_REQUEST_IID") ?? "") === "") return undefined;
      const attempted = "find the merge request";
      const number = Number(numberIn(env, "CI_MERGE_REQUEST_IID", attempted));
      // In a pipeline of a fork, `CI_PROJECT_ID` is the id of the fork, but the merge request belongs to the target project. Source: GitLab,
      // "Predefined CI/CD variables", for merge request pipelines.
      const project = env("CI_MERGE_REQUEST_PROJECT_ID") ? "CI_MERGE_REQUEST_PROJECT_ID" : "CI_PROJECT_ID";
      return { repository: numberIn(env, project, attempted), number };
    },
    notes: {
      byDefault: true,
      naming: (_env, { job, node }) => ({ job: [job ?? "", node], label: job ?? "", namesPipeline: false }),
    },
    variables: ["CI_PROJECT_URL"],
  },
};

function jobApi(env: ReadEnv): string {
  return apiOf(env, "GitLab", API);
}

function namedVariable(env: ReadEnv): string {
  return env(NAMING)?.trim() || VARIABLE;
}

function serverHost(env: ReadEnv): string | undefined {
  const server = env("CI_SERVER_URL") ?? "";
  return URL.canParse(server) ? new URL(server).host : undefined;
}

function numberIn(env: ReadEnv, name: string, attempted = "find the project"): string {
  const text = env(name) ?? "";
  if (/^[1-9]\d{0,14}$/.test(text)) return text;
  throw new UsageError({ attempted, why: `${name} must be a number`, value: JSON.stringify(text) });
}

/**
 * Source: GitLab, "Webhook events", comment, issue and merge request events, https://docs.gitlab.com/user/project/integrations/webhook_events/
 * @param text Content of `TRIGGER_PAYLOAD`. Its `ref`, `id` and `variables` may differ from the values that the webhook sent, and texts may be
 * shortened.
 */
function gitlabEvent(text: string, project: number): AskEvent {
  const body = parseJson(text);
  if (!isObject(body)) return UNREADABLE;
  const from = numberOf(body, "project", "id") ?? numberOf(body, "project_id");
  if (from === undefined) return UNREADABLE;
  if (from !== project) return nothing("the event belongs to another project");
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
  if (kind !== "issue" && kind !== "merge_request") return nothing("the event is not about a comment or an issue");
  const number = numberOf(body, "object_attributes", "iid");
  if (number === undefined) return UNREADABLE;
  const thread = { kind: kind === "issue" ? "issue" as const : "pull" as const, number };
  return { kind: "ask", news: { thread, comment: null, text: null } };
}
