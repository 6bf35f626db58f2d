/**
 * The comment on the pull request: decides whether there is one, with which token, and where.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { GITHUB_TOKEN_NEEDS, githubComments, pullRequestOf } from "../../note/github.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import type { NotePlan, NoteStyle } from "../job/note_plan.ts";
import type { NotePlanner } from "../job/open.ts";
import type { VerbContext } from "../verb.ts";
import { inputText, isOn } from "./inputs.ts";
import { matrixNode } from "./matrix.ts";

/** The workflow: its file, or where the runner does not say that, its name. A branch of it is no other workflow. */
function workflowOf(env: ReadEnv): string {
  return env("GITHUB_WORKFLOW_REF")?.replace(/@[^]*$/, "") || (env("GITHUB_WORKFLOW") ?? "");
}

/**
 * Which addresses may be links. A link to an issue or a pull request leaves a mark there, whoever wrote the address. Pull requests of the
 * workflow's own repository are left, as the agent's is one of them.
 */
function mayLink(env: ReadEnv, repository: string): (url: string) => boolean {
  const server = env("GITHUB_SERVER_URL") ?? "";
  const own = `${server.replace(/\/+$/, "")}/${repository}/pull/`.toLowerCase();
  const hosts = ["github.com", "www.github.com", ...(URL.canParse(server) ? [new URL(server).hostname] : [])];
  return (url) => {
    const isOwn = url.toLowerCase().startsWith(own) && /^\d+$/.test(url.slice(own.length));
    return isOwn || !hosts.includes(new URL(url).hostname);
  };
}

/** From the fullest to the shortest. The last one always fits: see the test with the longest texts. */
function stylesOf({ io: { env }, platform }: VerbContext, repository: string): NoteStyle[] {
  const { pipeline } = platform.links(env);
  const base: NoteStyle = { mayLink: mayLink(env, repository), links: { pipeline } };
  const sizes = [{ maxText: 20_000 }, { maxText: 2_000, maxRows: 10 }, { maxText: 500, maxRows: 0 }];
  return sizes.map((size) => ({ ...base, ...size }));
}

function print(message: string): NotePlan {
  return { kind: "print", message };
}

/** The number of the pull request. @throws {UsageError} when the input is none. */
function numberOf(env: ReadEnv): string | undefined {
  const text = inputText(env, "pull-request")?.trim();
  if (text === undefined || /^[1-9]\d{0,17}$/.test(text)) return text;
  throw new UsageError({
    attempted: "use input pull-request",
    why: "it must be the number of a pull request",
    value: JSON.stringify(text),
  });
}

function planOf(context: VerbContext, number: string): NotePlan {
  const { io: { env }, platform } = context;
  const pullRequest = pullRequestOf(env, number);
  const place = githubComments(pullRequest);
  const token = inputText(env, "github-token")?.trim();
  if (token === undefined) {
    const advice = `leave it to its default, and give the job ${GITHUB_TOKEN_NEEDS}`;
    return print(`Cannot write ${place.note}: input github-token is empty; ${advice}`);
  }
  const { job, node } = platform.identity(env) ?? { job: null, node: "" };
  const workflow = workflowOf(env);
  const matrix = matrixNode(env) || "";
  const names = [env("GITHUB_WORKFLOW") ?? "", job ?? ""].filter((name) => name !== "").join(" / ");
  return {
    kind: "write",
    place,
    token,
    tokenSource: "input github-token",
    job: [JSON.stringify([workflow, job]), node],
    label: matrix === "" ? names : `${names} ${matrix}`,
    styles: stylesOf(context, pullRequest.repository),
  };
}

function plan(context: VerbContext): NotePlan {
  const { io: { env }, platform } = context;
  if (!isOn(env, "comment", false)) return { kind: "none" };
  const number = numberOf(env);
  if (platform.name !== "github") return print("Cannot write a comment: this is not GitHub");
  if (number === undefined) {
    return print("no comment: the event of this workflow has no pull request, and input pull-request names none");
  }
  try {
    return planOf(context, number);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // A wrong variable of the runner is not the caller's fault.
    return print(error.message);
  }
}

/** Comments on pull requests, if the input `comment` wants them. */
export const GITHUB_COMMENTS: NotePlanner = {
  secrets: (env) => [inputText(env, "github-token")?.trim() ?? ""],
  plan,
};
