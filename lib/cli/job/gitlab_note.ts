/**
 * The note on the merge request of a GitLab pipeline: decides whether there is one, and with which token.
 *
 * @module
 */
import { checkTokenVariable } from "../../api/connection/token.ts";
import { UsageError } from "../../errors.ts";
import { gitlabNotes, mergeRequestOf, TOKEN_NEEDS } from "../../note/gitlab.ts";
import { isFileVariable } from "../../platforms/file_variable.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { NOTE } from "../options/table.ts";
import type { NotePlanner } from "../verb.ts";

/** Name of the variable that holds GitLab's token. */
function tokenVariableOf(env: ReadEnv): string {
  return env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || "GITLAB_TOKEN";
}

/** Hosts of this GitLab: a link to an issue or a merge request there would add a mention to it. */
function ownHosts(env: ReadEnv, api: string): string[] {
  return [api, env("CI_SERVER_URL") ?? ""].filter((url) => URL.canParse(url)).map((url) => new URL(url).hostname);
}

/** Notes on merge requests, with the token in the variable that `MOGPLEX_NOTE_TOKEN_VARIABLE` names. */
export const GITLAB_NOTES: NotePlanner = {
  secrets: (env) => [env(tokenVariableOf(env)) ?? ""],
  wanted(context) {
    const { io: { env }, platform } = context;
    const wanted = context.option(NOTE) ?? "auto";
    if (wanted === "off" || platform.name !== "gitlab") return false;
    checkTokenVariable(tokenVariableOf(env), "write a note", "MOGPLEX_NOTE_TOKEN_VARIABLE");
    return true;
  },
  plan({ io: { env }, platform }) {
    const mergeRequest = mergeRequestOf(env);
    if (mergeRequest === undefined) return undefined;
    const place = gitlabNotes(mergeRequest);
    const tokenVariable = tokenVariableOf(env);
    const token = env(tokenVariable)?.trim() ?? "";
    const tokenPlace = `variable ${tokenVariable}`;
    const attempted = `write a note on ${place.where}`;
    if (token === "") {
      const advice =
        `put a project access token of GitLab there, with ${TOKEN_NEEDS} (protected variables are absent on ` +
        "unprotected refs and in pipelines of forks), or set MOGPLEX_NOTE=off";
      throw new UsageError({ attempted, why: `${tokenPlace} is not set`, advice });
    }
    if (isFileVariable(tokenVariable, token)) {
      throw new UsageError({ attempted, why: `${tokenPlace} is of type File`, advice: "change its type to Variable" });
    }
    const { job, node } = platform.identity(env) ?? { job: null, node: "" };
    const hosts = ownHosts(env, place.api);
    return {
      place,
      token,
      tokenPlace,
      tokenVariable,
      job: [job ?? "", node],
      label: job ?? "",
      mayLink: (url) => !hosts.includes(new URL(url).hostname),
    };
  },
};
