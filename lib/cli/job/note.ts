/**
 * The note of a job on its merge request or pull request: decides once more about its token, and writes it. A failure never changes the
 * verdict of the job.
 *
 * @module
 */
import { isFileVariable, type ReadEnv } from "../../ci/platform.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { gitlabNotes, mergeRequestOf, TOKEN_NEEDS } from "../../report/gitlab_note.ts";
import { type MarkdownOptions, renderMarkdown } from "../../report/markdown.ts";
import { noteMarker, writeNote } from "../../report/note.ts";
import { withPageLink } from "../../report/page_link.ts";
import { pagePath, type ReportTarget } from "../../report/write.ts";
import { cleanResult } from "../../run/clean.ts";
import type { AnyResult } from "../../run/result.ts";
import { checkTokenVariable } from "../../service/connection.ts";
import { markdownCode } from "../../text/escape.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { NOTE } from "../options.ts";
import type { Context, NotePlanner, PlannedNote } from "../verb.ts";

// Source: GitLab, "Pipelines", names of jobs: 255 characters.
const MAX_JOB_NAME = 255;

/** What to do: nothing, print why there is no note, or write one. */
export type NotePlan =
  | { kind: "none" }
  | { kind: "print"; message: string }
  | ({ kind: "write" } & PlannedNote);

/**
 * What to do in this job.
 *
 * @throws {UsageError} when a flag, an input or a variable of ours is not possible.
 */
export function planNote(context: Context): NotePlan {
  const { notes } = context;
  if (!notes?.wanted(context)) return { kind: "none" };
  try {
    const plan = notes.plan(context);
    if (plan === undefined) return { kind: "none" };
    const { place, token, tokenPlace } = plan;
    const attempted = `write a ${place.noun} on ${place.where}`;
    // `redact` knows the token of Mogplex.
    if (context.writer.redact.token(token) !== token) {
      const why = `${tokenPlace} holds the token of Mogplex, which is not sent to ${place.system}`;
      throw new UsageError({ attempted, why });
    }
    // A header can hold no other characters.
    if (/^[\x21-\x7e]+$/.test(token) && !token.startsWith("$")) return { kind: "write", ...plan };
    throw new UsageError({ attempted, why: `the value of ${tokenPlace} cannot be a token` });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // A wrong variable of the CI system's own is not the caller's fault.
    return { kind: "print", message: error.message };
  }
}

/** Renders a summary; see the options of `renderMarkdown`. */
type RenderSummary = (mayLink: (url: string) => boolean, links: MarkdownOptions["links"]) => string;

async function write(context: Context, plan: PlannedNote, render: RenderSummary): Promise<void> {
  const { writer, writer: { redact }, clock, fetch } = context;
  const { place } = plan;
  const whole = render(plan.mayLink, plan.links);
  const summary = place.shorten?.(whole) ?? whole;
  const name = markdownCode(cutText(redact(plainText(plan.label)), MAX_JOB_NAME));
  const text = redact.token(name === "" ? summary : `${summary}\nJob: ${name}\n`);
  const marker = noteMarker(...plan.job);
  const { id, updated } = await writeNote(place, marker, text, { ...plan, clock, fetch });
  writer.note(`summary ${updated ? "updated" : "written"} in ${place.noun} ${id} of ${place.where}`);
}

/** Carries the plan out; a failure is one line on stderr. */
export async function writeTextNote(context: Context, plan: NotePlan, render: RenderSummary): Promise<void> {
  if (plan.kind === "none") return;
  if (plan.kind === "print") return context.writer.note(plan.message);
  try {
    await write(context, plan, render);
  } catch (error) {
    context.writer.note(error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`);
  }
}

/** {@linkcode writeTextNote} for the result of a job. @param targets Its reports: the note links the page. */
async function writeJobNote(
  context: Context,
  plan: NotePlan,
  result: AnyResult,
  targets: readonly ReportTarget[] = [],
  compared?: string,
): Promise<void> {
  // A job that only starts a run leaves the note to the one that follows it.
  if (result.outcome === "started") return;
  const { io, platform, writer: { redact } } = context;
  const { page } = withPageLink(platform.links(io.env), pagePath(targets));
  await writeTextNote(
    context,
    plan,
    (mayLink, links) => {
      const clean = cleanResult(result, redact, redact.token);
      return renderMarkdown(clean, { mayLink, links: { ...links, page }, redact, compared });
    },
  );
}

/**
 * Decides on the note of a job before the job starts.
 *
 * @returns Writes the note on a result, when there is one to write.
 * @throws {UsageError} See {@linkcode planNote}.
 */
export function prepareNote(
  context: Context,
  targets: readonly ReportTarget[],
): (result: AnyResult, compared?: string) => Promise<void> {
  const plan = planNote(context);
  return (result, compared) => writeJobNote(context, plan, result, targets, compared);
}

// The note on the merge request of a GitLab pipeline: decides whether there is one, and with which token.

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
