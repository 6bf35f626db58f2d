/**
 * The note of a workflow's job on its pull request, at the forge that `respond` and follow-ups have: for the command on GitHub, Gitea and Forgejo,
 * and for the action on Gitea and Forgejo.
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import type { PlannedNote } from "../../report/job_note.ts";
import { pullRequestIn } from "../../respond/event.ts";
import { NOTE } from "../options.ts";
import type { Context, NotePlanner } from "../verb.ts";
import { GITLAB_NOTES } from "./note.ts";
import { eventText, isGitea } from "./open_forge.ts";

/** The workflow: its file, or where the runner does not say that, its name. Its branches are the same workflow. */
function workflowOf(env: ReadEnv): string {
  return env("GITHUB_WORKFLOW_REF")?.replace(/@[^]*$/, "") || (env("GITHUB_WORKFLOW") ?? "");
}

/** What tells apart the notes of a workflow's jobs, and how they name the job. @param matrix The node, for people. */
export function ofWorkflow(
  { io: { env }, platform }: Pick<Context, "io" | "platform">,
  matrix = "",
): Pick<PlannedNote, "job" | "label" | "links"> {
  const { job, node } = platform.identity(env) ?? { job: null, node: "" };
  const names = [env("GITHUB_WORKFLOW") ?? "", job ?? ""].filter((name) => name !== "").join(" / ");
  return {
    job: [JSON.stringify([workflowOf(env), job]), node],
    label: matrix === "" ? names : `${names} ${matrix}`,
    links: { pipeline: platform.links(env).pipeline },
  };
}

/** The note on a pull request of the forge that the job stands on. @throws {UsageError} when there is no token for it. */
export function forgeNote(context: Context, number: number, matrix = ""): PlannedNote | undefined {
  if (context.openForge === undefined) return undefined;
  const forge = context.openForge(context);
  const place = forge.notes({ kind: "pull", number });
  return { place, mayLink: (url) => forge.mayLink(url), ...ofWorkflow(context, matrix) };
}

/** Whether a workflow's job is to have a note: only if a flag or variable asks for it, since the forge's token may be there for something else. */
export function wantsWorkflowNote({ option, platform: { name } }: Context): boolean {
  return (name === "github" || isGitea(name)) && option(NOTE) === "auto";
}

/** Notes of the command's jobs: on GitLab's merge request, or the pull request of a workflow. */
export const COMMAND_NOTES: NotePlanner = {
  secrets: (env) => GITLAB_NOTES.secrets(env),
  wanted: (context) => GITLAB_NOTES.wanted(context) || wantsWorkflowNote(context),
  plan(context) {
    if (context.platform.name === "gitlab") return GITLAB_NOTES.plan(context);
    const number = pullRequestIn(eventText(context));
    if (number !== undefined) return forgeNote(context, number);
    if (context.io.env("GITHUB_EVENT_NAME")?.startsWith("pull_request") !== true) return undefined;
    throw new UsageError({
      attempted: "write a comment",
      why: "the file that GITHUB_EVENT_PATH names cannot be read, or has no pull request",
    });
  },
};
