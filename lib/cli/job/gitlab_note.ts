/**
 * The note on the merge request of a GitLab pipeline: decides whether there is one, and with which token.
 *
 * @module
 */
import { checkTokenVariable } from "../../api/connection/token.ts";
import { UsageError } from "../../errors.ts";
import { gitlabNotes, type MergeRequest, mergeRequestOf, TOKEN_NEEDS } from "../../note/gitlab.ts";
import { isFileVariable } from "../../platforms/file_variable.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { NOTE } from "../options/table.ts";
import type { VerbContext } from "../verb.ts";
import type { NotePlan } from "./note_plan.ts";
import type { NotePlanner } from "./open.ts";

const DEFAULT_TOKEN_VARIABLE = "GITLAB_TOKEN";

/** Name of the variable that holds GitLab's token. @throws {UsageError} when it is not a name. */
function noteTokenVariable(env: ReadEnv): string {
  const name = env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || DEFAULT_TOKEN_VARIABLE;
  return checkTokenVariable(name, "write a note", "MOGPLEX_NOTE_TOKEN_VARIABLE");
}

/** Hosts of this GitLab: a link to an issue or a merge request there would add a mention to it. */
function ownHosts(env: ReadEnv, { api }: MergeRequest): string[] {
  return [api, env("CI_SERVER_URL") ?? ""].filter((url) => URL.canParse(url)).map((url) => new URL(url).hostname);
}

function planOf({ io: { env }, platform }: VerbContext): NotePlan {
  const mergeRequest = mergeRequestOf(env);
  if (mergeRequest === undefined) return { kind: "none" };
  const place = gitlabNotes(mergeRequest);
  const tokenVariable = noteTokenVariable(env);
  const token = env(tokenVariable)?.trim() ?? "";
  const cannot = `Cannot write a note on ${place.where}:`;
  if (token === "") {
    const message =
      `${cannot} variable ${tokenVariable} is not set; put a project access token of GitLab there, with ` +
      `${TOKEN_NEEDS} (protected variables are absent on unprotected refs and in pipelines of forks), or set MOGPLEX_NOTE=off`;
    return { kind: "print", message };
  }
  if (isFileVariable(tokenVariable, token)) {
    return {
      kind: "print",
      message: `${cannot} variable ${tokenVariable} is of type File; change its type to Variable`,
    };
  }
  const { job, node } = platform.identity(env) ?? { job: null, node: "" };
  const hosts = ownHosts(env, mergeRequest);
  return {
    kind: "write",
    place,
    token,
    tokenSource: `variable ${tokenVariable}`,
    tokenVariable,
    job: [job ?? "", node],
    label: job ?? "",
    styles: [{ mayLink: (url) => !hosts.includes(new URL(url).hostname) }],
  };
}

function plan(context: VerbContext): NotePlan {
  const { io: { env }, platform } = context;
  const wanted = context.option(NOTE) ?? "auto";
  if (wanted === "off" || platform.name !== "gitlab") return { kind: "none" };
  noteTokenVariable(env);
  try {
    return planOf(context);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // A wrong variable of GitLab's own is not the caller's fault.
    return { kind: "print", message: error.message };
  }
}

/** Notes on merge requests, with the token in the variable that `MOGPLEX_NOTE_TOKEN_VARIABLE` names. */
export const GITLAB_NOTES: NotePlanner = {
  secrets: (env) => [env(env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || DEFAULT_TOKEN_VARIABLE) ?? ""],
  plan,
};
