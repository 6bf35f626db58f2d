/**
 * The note on the merge request of a GitLab pipeline: decides whether there is one, with which token, and what it says. A failure never
 * changes the verdict of the job.
 *
 * @module
 */
import { checkTokenVariable } from "../../api/connection/token.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { markdownCode } from "../../text/escape/markdown.ts";
import { type MergeRequest, mergeRequestOf, TOKEN_NEEDS } from "../../note/gitlab_api.ts";
import { noteMarker, writeNote } from "../../note/merge_request_note.ts";
import { isFileVariable } from "../../platforms/file_variable.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { cleanResult } from "../../result/clean.ts";
import { withPageLink } from "../../pages/page_link.ts";
import { renderMarkdown } from "../../report/markdown.ts";
import { pagePath, type ReportTarget } from "../../report/targets.ts";
import type { AnyResult } from "../../result/any_result.ts";
import { NOTE } from "../options/table.ts";
import type { VerbContext } from "../verb.ts";

const DEFAULT_TOKEN_VARIABLE = "GITLAB_TOKEN";

// Source: GitLab, "Pipelines", names of jobs: 255 characters.
const MAX_JOB_NAME = 255;

/** What to do: nothing, print why there is no note, or write one. */
export type NotePlan =
  | { kind: "none" }
  | { kind: "print"; message: string }
  | { kind: "write"; place: MergeRequest; token: string; tokenVariable: string };

/** Name of the variable that holds GitLab's token. @throws {UsageError} when it is not a name. */
function noteTokenVariable(env: ReadEnv): string {
  const name = env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || DEFAULT_TOKEN_VARIABLE;
  return checkTokenVariable(name, "write a note", "MOGPLEX_NOTE_TOKEN_VARIABLE");
}

/** Values to mask: GitLab's token. */
export function noteSecrets(env: ReadEnv): string[] {
  return [env(env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || DEFAULT_TOKEN_VARIABLE) ?? ""];
}

function planOf(env: ReadEnv): NotePlan {
  const place = mergeRequestOf(env);
  if (place === undefined) return { kind: "none" };
  const tokenVariable = noteTokenVariable(env);
  const token = env(tokenVariable)?.trim() ?? "";
  const cannot = `Cannot write a note on merge request !${place.iid}:`;
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
  // A header can hold no other characters.
  if (/^[\x21-\x7e]+$/.test(token) && !token.startsWith("$")) return { kind: "write", place, token, tokenVariable };
  return { kind: "print", message: `${cannot} the value of variable ${tokenVariable} cannot be a token` };
}

/**
 * What to do in this job.
 *
 * @throws {UsageError} when a flag or a variable of ours is not possible.
 */
export function planNote(context: VerbContext): NotePlan {
  const { io: { env }, platform } = context;
  const wanted = context.option(NOTE) ?? "auto";
  if (wanted === "off" || platform.name !== "gitlab") return { kind: "none" };
  noteTokenVariable(env);
  try {
    const plan = planOf(env);
    // `redact` knows the token of Mogplex, which must not be sent to GitLab.
    if (plan.kind !== "write" || context.writer.redact.token(plan.token) === plan.token) return plan;
    const message =
      `Cannot write a note on merge request !${plan.place.iid}: variable ${plan.tokenVariable} holds the token ` +
      "of Mogplex, which is not sent to GitLab";
    return { kind: "print", message };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // A wrong variable of GitLab's own is not the caller's fault.
    return { kind: "print", message: error.message };
  }
}

/** Hosts of this GitLab: a link to an issue or a merge request there would add a mention to it. */
function ownHosts(env: ReadEnv, place: MergeRequest): string[] {
  return [place.api, env("CI_SERVER_URL") ?? ""].filter((url) => URL.canParse(url)).map((url) => new URL(url).hostname);
}

/** Renders a summary. `mayLink` says whether an address may be a link. */
export type RenderSummary = (mayLink: (url: string) => boolean) => string;

async function write(
  context: VerbContext,
  plan: NotePlan & { kind: "write" },
  render: RenderSummary,
): Promise<void> {
  const { io: { env }, writer: { redact }, clock, fetch, platform } = context;
  const { job, node } = platform.identity(env) ?? { job: null, node: "" };
  const hosts = ownHosts(env, plan.place);
  const summary = render((url) => !hosts.includes(new URL(url).hostname));
  const name = markdownCode(cutText(redact(plainText(job ?? "")), MAX_JOB_NAME));
  const text = redact.token(name === "" ? summary : `${summary}\nJob: ${name}\n`);
  const marker = await noteMarker(job ?? "", node);
  const { id, updated } = await writeNote(plan.place, marker, text, { ...plan, clock, fetch });
  context.writer.note(`summary ${updated ? "updated" : "written"} in note ${id} of merge request !${plan.place.iid}`);
}

/** Carries the plan out; a failure is one line on stderr. */
export async function writeTextNote(context: VerbContext, plan: NotePlan, render: RenderSummary): Promise<void> {
  if (plan.kind === "none") return;
  if (plan.kind === "print") return context.writer.note(plan.message);
  try {
    await write(context, plan, render);
  } catch (error) {
    context.writer.note(error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`);
  }
}

/** {@linkcode writeTextNote} for the result of a job. @param targets Its reports: the note links the page. */
export async function writeJobNote(
  context: VerbContext,
  plan: NotePlan,
  result: AnyResult,
  targets: readonly ReportTarget[] = [],
): Promise<void> {
  // A job that only starts a run leaves the note to the one that follows it.
  if (result.outcome === "started") return;
  const { io, platform, writer: { redact } } = context;
  const { page } = withPageLink(platform.links(io.env), pagePath(targets));
  await writeTextNote(
    context,
    plan,
    (mayLink) => renderMarkdown(cleanResult(result, redact, redact.token), { mayLink, links: { page } }),
  );
}

/**
 * Decides on the note of a job before the job starts.
 *
 * @returns Writes the note on a result, when there is one to write.
 * @throws {UsageError} See {@linkcode planNote}.
 */
export function prepareNote(
  context: VerbContext,
  targets: readonly ReportTarget[],
): (result: AnyResult) => Promise<void> {
  const plan = planNote(context);
  return (result) => writeJobNote(context, plan, result, targets);
}
