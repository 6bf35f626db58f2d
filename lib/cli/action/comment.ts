/**
 * The comment on the pull request: decides whether there is one, with which token, and where.
 *
 * @module
 */
import type { Platform, ReadEnv } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import { ForgeClient } from "../../forge/forge.ts";
import { restOf } from "../../forge/github.ts";
import { GITHUB_TOKEN_NEEDS, githubApiOf, githubNotes, repositoryOf } from "../../forge/github_notes.ts";
import { checkForgeToken } from "../../forge/open.ts";
import { sha256Hex } from "../../sha256.ts";
import { forgeNote, ofWorkflow } from "../job/workflow_note.ts";
import type { NotePlanner } from "../verb.ts";
import { inputText, isOn } from "./inputs.ts";

// The node of a matrix. GitHub's environment does not show it; an input of the action does, by its default.

/** The node as JSON without blanks; an empty string when the job has no matrix, undefined when it is not known. */
function matrixNode(env: ReadEnv): string | undefined {
  const text = inputText(env, "matrix");
  if (text === undefined) return undefined;
  try {
    const node = JSON.stringify(JSON.parse(text));
    return ["null", "{}", '""'].includes(node) ? "" : node;
  } catch {
    return text.trim();
  }
}

/** The CI system, with the node in the identity of the job: as a hash, since a node can be of any length. */
export function withMatrixNode(platform: Platform, env: ReadEnv): Platform {
  const text = matrixNode(env);
  if (text === undefined) return platform;
  const node = text === "" ? "" : sha256Hex(text).slice(0, 40);
  function identity(read: ReadEnv) {
    const job = platform.identity(read);
    return job === null ? null : { ...job, node };
  }
  return { ...platform, hidesNode: false, identity };
}

/**
 * Which addresses may be links. A link to an issue or a pull request leaves a mark there, no matter who wrote the address. Pull requests of
 * the workflow's own repository may be links, as the agent's is one of them.
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

/** The number of the pull request; undefined when there is none. @throws {UsageError} when the input is not a number. */
function numberOf(env: ReadEnv): string | undefined {
  const text = inputText(env, "pull-request")?.trim();
  if (text === undefined || /^[1-9]\d{0,14}$/.test(text)) return text;
  throw new UsageError({
    attempted: "use input pull-request",
    why: "it must be the number of a pull request",
    value: JSON.stringify(text),
  });
}

/** Notes of the action's jobs: comments on the pull request, if the input `comment` wants them. */
export const ACTION_NOTES: NotePlanner = {
  secrets: (env) => [inputText(env, "github-token")?.trim() ?? ""],
  wanted({ io: { env } }) {
    if (!isOn(env, "comment", false)) return false;
    numberOf(env);
    return true;
  },
  plan(context) {
    const { io: { env }, platform, clock, fetch, writer: { redact } } = context;
    const attempted = "write a comment";
    const number = numberOf(env);
    if (number === undefined) {
      const why = "the event of this workflow has no pull request, and input pull-request names none";
      throw new UsageError({ attempted, why });
    }
    const matrix = matrixNode(env) || "";
    // Elsewhere the job's own token belongs to no user, so it could not find its comment again: a user's token writes it.
    if (platform.name !== "github") return forgeNote(context, Number(number), matrix);
    const repository = repositoryOf(env);
    const api = githubApiOf(env);
    const token = checkForgeToken(inputText(env, "github-token"), {
      attempted: `${attempted} on pull request #${number}`,
      system: "GitHub",
      place: "input github-token",
      advice: `leave it to its default, and give the job ${GITHUB_TOKEN_NEEDS}`,
      isMogplex: (text) => redact.token(text) !== text,
    });
    const client = new ForgeClient({ clock, fetch }, api, "GitHub", token);
    return {
      place: githubNotes(client, { repository, rest: restOf(api) }, { kind: "pull", number: Number(number) }),
      mayLink: mayLink(env, repository),
      ...ofWorkflow(context, matrix),
    };
  },
};
