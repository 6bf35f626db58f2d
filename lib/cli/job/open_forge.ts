/**
 * The forge that a job stands on, for `respond` and for follow-ups: where its threads are read, where their notes are written, and with which
 * token.
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import {
  FORGE_VARIABLES,
  ForgeClient,
  type ForgeToken,
  jobHost,
  parsePullRequest,
  type PullRequestAddress,
  resolveForgeAccess,
  tokenHost,
} from "../../forge/forge.ts";
import { giteaApi } from "../../forge/gitea.ts";
import { GITEA_TOKEN_NEEDS, giteaNotes, GiteaThreads } from "../../forge/gitea_threads.ts";
import { apiOf } from "../../forge/api_of.ts";
import { githubApi, restOf } from "../../forge/github.ts";
import { githubApiOf, githubNotes, repositoryOf, serverOf } from "../../forge/github_notes.ts";
import { GithubThreads } from "../../forge/github_threads.ts";
import { gitlabApi } from "../../forge/gitlab.ts";
import { GitlabThreads } from "../../forge/gitlab_threads.ts";
import { remembered, type Threads } from "../../forge/threads.ts";
import { gitlabNotes, tokenVariableOf } from "../../forge/gitlab_notes.ts";
import { checkForgeToken } from "../../forge/open.ts";
import { githubEvent, gitlabEvent } from "../../respond/event.ts";
import type { OpenForge } from "../../respond/job.ts";
import type { Context } from "../verb.ts";

const ATTEMPTED = "ask the forge";

/** Largest file of an event, in bytes. Source: GitHub, "Webhook events and payloads": 25 MB at most. */
const MAX_EVENT = 2 ** 25;

/** The token of the job's forge. @throws {UsageError} naming the place where it is missing. */
function tokenIn(
  context: Context,
  text: string | undefined,
  { system, place, variable, needs }: { system: string; place: string; variable?: string; needs: string },
): ForgeToken {
  return checkForgeToken(text, {
    ...{ attempted: ATTEMPTED, system, place, variable, advice: `put a token there, with ${needs}` },
    // The connection masks the token of Mogplex from now on.
    isMogplex: (token) => context.connection().token === token,
  });
}

function textOf({ io }: Context, path: string): string {
  try {
    return io.readFile(path, MAX_EVENT, "follow", "replace") ?? "";
  } catch {
    // What cannot be read counts as empty: the forge is asked then.
    return "";
  }
}

function numberIn(env: ReadEnv, name: string): number {
  const text = env(name) ?? "";
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new UsageError({ attempted: ATTEMPTED, why: `${name} must be a number`, value: JSON.stringify(text) });
}

const GITLAB_NEEDS = 'the scope "api" and the role Developer';

/** The project of a GitLab pipeline. */
export function openGitlab(context: Context): OpenForge {
  const { io: { env }, clock, fetch } = context;
  const variable = tokenVariableOf(env);
  const place = `variable ${variable}`;
  const token = tokenIn(context, env(variable), { system: "GitLab", place, variable, needs: GITLAB_NEEDS });
  const api = apiOf(env, "GitLab", "CI_API_V4_URL");
  const project = numberIn(env, "CI_PROJECT_ID");
  const client = new ForgeClient({ clock, fetch }, api, "GitLab", token, "PRIVATE-TOKEN");
  const page = env("CI_PROJECT_URL") ?? "";
  const host = new URL(api).hostname;
  const threads = new GitlabThreads(client, { origin: new URL(api).origin, project: String(project) });
  return {
    threads,
    token: token.token,
    tokenPlace: place,
    repositoryId: idOf(threads),
    // deno-lint-ignore require-await
    async event() {
      const payload = env("TRIGGER_PAYLOAD") ?? "";
      return gitlabEvent(payload.startsWith("/") ? textOf(context, payload) : payload, project);
    },
    notes: (thread) => gitlabNotes(client, String(project), thread),
    mayLink: (url) => isBelow(url, `${page}/-/merge_requests/`) || new URL(url).hostname !== host,
  };
}

/** Whether an address is that of a pull request of the project itself: its number, and nothing else behind it. */
function isBelow(url: string, base: string): boolean {
  return base.startsWith("http") && url.toLowerCase().startsWith(base.toLowerCase()) &&
    /^[1-9]\d{0,8}$/.test(url.slice(base.length));
}

/** The repository of a GitHub workflow. @param given The token of the input; undefined to take the variable `GITHUB_TOKEN`. */
export function openGithub(context: Context, given?: { token: string; place: string }): OpenForge {
  const { io: { env }, clock, fetch } = context;
  const place = given?.place ?? "variable GITHUB_TOKEN";
  const needs = "the permissions contents: read, checks: read, issues: write and pull-requests: write";
  const token = tokenIn(context, given?.token ?? env("GITHUB_TOKEN"), { system: "GitHub", place, needs });
  const origin = serverOf(env);
  const base = githubApiOf(env);
  const repository = repositoryOf(env);
  const client = new ForgeClient({ clock, fetch }, base, "GitHub", token);
  const threads = new GithubThreads(client, { origin, repository, rest: restOf(base) });
  const repositoryId = idOf(threads);
  return {
    threads,
    token: token.token,
    tokenPlace: place,
    repositoryId,
    event: () => workflowEvent(context, repositoryId),
    notes: (thread) => githubNotes(client, { repository, rest: restOf(base) }, thread),
    mayLink: (url) =>
      isBelow(url, `${origin}/${repository}/pull/`) || new URL(url).hostname !== new URL(origin).hostname,
  };
}

/** The repository of a workflow of Gitea or Forgejo. Its own token may not ask who may push, so another one is needed. */
export function openGitea(context: Context): OpenForge {
  const { io: { env }, clock, fetch } = context;
  const variable = FORGE_VARIABLES.gitea;
  const place = `variable ${variable}`;
  const token = tokenIn(context, env(variable), { system: "Gitea", place, variable, needs: GITEA_TOKEN_NEEDS });
  const origin = serverOf(env);
  const api = giteaApiOf(env);
  const repository = repositoryOf(env);
  const client = new ForgeClient({ clock, fetch }, api, "Gitea", token);
  const threads = new GiteaThreads(client, { origin, repository });
  const repositoryId = idOf(threads);
  return {
    threads,
    token: token.token,
    tokenPlace: place,
    repositoryId,
    event: () => workflowEvent(context, repositoryId),
    notes: (thread) => giteaNotes(client, repository, thread),
    mayLink: (url) =>
      isBelow(url, `${origin}/${repository}/pulls/`) || new URL(url).hostname !== new URL(origin).hostname,
  };
}

const idOf = (threads: Threads) => remembered(async () => (await threads.repository()).id);

/** What started a workflow. */
async function workflowEvent(context: Context, repositoryId: OpenForge["repositoryId"]) {
  return githubEvent(context.io.env("GITHUB_EVENT_NAME") ?? "", eventText(context), await repositoryId());
}

/** The event of a workflow, as its file has it; empty when that cannot be read. */
export function eventText(context: Context): string {
  return textOf(context, context.io.env("GITHUB_EVENT_PATH") ?? "");
}

/** Whether a CI system is that of Gitea, which Forgejo has as well. */
export function isGitea(name: string): boolean {
  return name === "gitea" || name === "forgejo";
}

/** The forge of whatever CI system the job stands on. */
export function openAnyForge(context: Context): OpenForge {
  const { platform: { name } } = context;
  if (name === "gitlab") return openGitlab(context);
  if (name === "github") return openGithub(context);
  if (isGitea(name)) return openGitea(context);
  throw new UsageError({
    attempted: ATTEMPTED,
    why: name === "none" ? "this is no job of a CI system" : `jobs of ${name} stand on no forge that is known`,
    advice: "start it in a pipeline of GitLab, or in a workflow of GitHub, Gitea or Forgejo",
  });
}

/** What a job may have to touch at its forge, beside what every run needs: for `permissions`. Nothing is checked here. */
export function forgeNeeds(
  { io: { env }, platform: { name } }: Pick<Context, "io" | "platform">,
  after?: string,
): { net: string[]; env: string[]; read: string[] } {
  const hostsOf = (...urls: (string | undefined)[]) =>
    urls.flatMap((url) => url !== undefined && URL.canParse(url) ? [new URL(url).host] : []);
  const address = after === undefined ? undefined : parsePullRequest(after);
  const tokenVariable = env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() ?? "";
  if (address !== undefined) return { net: hostsOf(apiAt(address)), env: [tokenVariable], read: [] };
  const server = env("GITHUB_SERVER_URL") ?? "";
  const github = name === "github" && URL.canParse(server) ? githubApi(server, new URL(server).host) : undefined;
  const payload = env("TRIGGER_PAYLOAD");
  return {
    net: name === "gitlab" ? hostsOf(env("CI_API_V4_URL")) : hostsOf(github, env("GITHUB_API_URL")),
    // Other variables that it reads are those of the CI system.
    env: [
      "CI_PROJECT_URL",
      "GITHUB_API_URL",
      "GITHUB_WORKFLOW",
      "GITHUB_WORKFLOW_REF",
      tokenVariable,
    ],
    read: after === undefined
      ? [payload?.startsWith("/") ? payload : "", env("GITHUB_EVENT_PATH") ?? ""].filter((path) => path !== "")
      : [after],
  };
}

/** Base of the API of a forge. */
function apiAt({ forge, origin, host }: Pick<PullRequestAddress, "forge" | "origin" | "host">): string {
  return forge === "github" ? githubApi(origin, host) : forge === "gitea" ? giteaApi(origin) : gitlabApi(origin);
}

/** Whether the job stands on the forge of a pull request. */
function standsOn({ io: { env }, platform: { name } }: Context, { forge, host }: PullRequestAddress): boolean {
  return (isGitea(name) ? "gitea" : name) === forge && jobHost(env, forge) === host;
}

/** The token of the job's own forge, by input or variable; an error that says why it cannot be used. */
function ownToken(context: Context): { token: string; place: string } | UsageError | undefined {
  try {
    const own = context.openForge?.(context);
    return own === undefined ? undefined : { token: own.token, place: own.tokenPlace };
  } catch (error) {
    // The token may be all that is needed of the job: an address names the project, too.
    if (!(error instanceof UsageError)) throw error;
    return error;
  }
}

/** The repository of a pull request, for a job that need not stand there. @throws {UsageError} when there is no token for its host. */
export function openAddress(context: Context, address: PullRequestAddress): Threads {
  const { io: { env }, clock, fetch } = context;
  const { forge, origin, host, repository } = address;
  const own = standsOn(context, address) ? ownToken(context) : undefined;
  const token = own === undefined || own instanceof UsageError
    ? resolveForgeAccess(env)?.tokenFor({ forge, host })
    : own;
  if (token === undefined) {
    if (own !== undefined) throw own;
    const variable = FORGE_VARIABLES[forge];
    // For any other host a variable does not say that it may be sent there.
    const isForHost = tokenHost(env, forge) === host;
    throw new UsageError({
      attempted: ATTEMPTED,
      why: isForHost && env(variable)?.trim()
        ? `variable ${variable} does not hold a token of ${host}`
        : `there is no token for ${host}`,
      advice: isForHost
        ? `set ${variable}, or start the command in a job of that forge`
        : "start the command in a job of that server",
    });
  }
  const base = apiAt({ forge, origin, host });
  if (forge === "gitlab") {
    const client = new ForgeClient({ clock, fetch }, base, "GitLab", token, "PRIVATE-TOKEN");
    return new GitlabThreads(client, { origin, project: repository });
  }
  if (forge === "gitea") {
    const client = new ForgeClient({ clock, fetch }, base, "Gitea", token);
    return new GiteaThreads(client, { origin, repository });
  }
  const client = new ForgeClient({ clock, fetch }, base, "GitHub", token);
  return new GithubThreads(client, { origin, repository, rest: restOf(base) });
}

/** Base of the API that the runner names. @throws {UsageError} when it cannot come from Gitea. */
function giteaApiOf(env: ReadEnv): string {
  return apiOf(env, "Gitea", "GITHUB_API_URL");
}
