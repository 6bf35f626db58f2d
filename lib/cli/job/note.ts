/**
 * The note on the merge request of a GitLab pipeline, as far as the command line decides on it: whether there is one, with
 * which token, and what it says. Nothing that goes wrong with it changes the verdict of the job.
 *
 * @module
 */
import { checkTokenVariable } from "../../api/connection/token.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { detectPlatform } from "../../platforms/detect.ts";
import { markdownCode } from "../../text/escape/markdown.ts";
import { type MergeRequest, mergeRequestOf, TOKEN_NEEDS } from "../../note/gitlab_api.ts";
import { noteMarker, writeNote } from "../../note/merge_request_note.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { cleanResult } from "../../result/clean.ts";
import { renderMarkdown } from "../../report/markdown.ts";
import type { RunResult } from "../../result/run_result.ts";
import { wordSetting } from "../options/settings.ts";
import type { VerbContext } from "../verb.ts";

const DEFAULT_TOKEN_VARIABLE = "GITLAB_TOKEN";

// Source: GitLab, "Pipelines", names of jobs: 255 characters.
const MAX_JOB_NAME = 255;

/** What is to be done: nothing, telling why there is no note, or writing one. */
export type NotePlan =
  | { kind: "none" }
  | { kind: "tell"; message: string }
  | { kind: "write"; place: MergeRequest; token: string; tokenVariable: string };

/** Name of the variable that holds GitLab's token. @throws {UsageError} when it is no name. */
function noteTokenVariable(env: ReadEnv): string {
  const name = env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || DEFAULT_TOKEN_VARIABLE;
  return checkTokenVariable(name, "write a note", "MOGPLEX_NOTE_TOKEN_VARIABLE");
}

/** Values to be masked. */
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
    return { kind: "tell", message };
  }
  // A header can hold no other characters.
  if (/^[\x21-\x7e]+$/.test(token) && !token.startsWith("$")) return { kind: "write", place, token, tokenVariable };
  return { kind: "tell", message: `${cannot} what variable ${tokenVariable} holds cannot be a token` };
}

/**
 * What is to be done in this job.
 *
 * @throws {UsageError} when a flag or a variable of ours is not possible.
 */
export function planNote(context: VerbContext): NotePlan {
  const { env } = context.io;
  const wanted = wordSetting(context, "note", "MOGPLEX_NOTE", ["auto", "off"]) ?? "auto";
  if (wanted === "off" || detectPlatform(env).name !== "gitlab") return { kind: "none" };
  noteTokenVariable(env);
  try {
    const plan = planOf(env);
    // `redact` knows the token of Mogplex, which is nobody else's business.
    if (plan.kind !== "write" || context.writer.redact.token(plan.token) === plan.token) return plan;
    const message =
      `Cannot write a note on merge request !${plan.place.iid}: variable ${plan.tokenVariable} holds the token ` +
      "of Mogplex, which is not sent to GitLab";
    return { kind: "tell", message };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // GitLab's own variables are not the caller's fault.
    return { kind: "tell", message: error.message };
  }
}

/** Hosts on which a link to an issue or a merge request would leave a mark there. */
function ownHosts(env: ReadEnv, place: MergeRequest): string[] {
  return [place.api, env("CI_SERVER_URL") ?? ""].filter((url) => URL.canParse(url)).map((url) => new URL(url).hostname);
}

async function write(context: VerbContext, plan: NotePlan & { kind: "write" }, result: RunResult): Promise<void> {
  const { io: { env }, writer: { redact }, clock, fetch } = context;
  const { job, node } = detectPlatform(env).identity(env) ?? { job: null, node: "" };
  const hosts = ownHosts(env, plan.place);
  const summary = renderMarkdown(cleanResult(result, redact, redact.token), {
    mayLink: (url) => !hosts.includes(new URL(url).hostname),
  });
  const name = markdownCode(cutText(redact(plainText(job ?? "")), MAX_JOB_NAME));
  const text = redact.token(name === "" ? summary : `${summary}\nJob: ${name}\n`);
  const marker = await noteMarker(job ?? "", node);
  const { id, updated } = await writeNote(plan.place, marker, text, { ...plan, clock, fetch });
  context.writer.note(`summary ${updated ? "updated" : "written"} in note ${id} of merge request !${plan.place.iid}`);
}

/** Does what is planned; what goes wrong is told on stderr in one line. */
export async function writeJobNote(context: VerbContext, plan: NotePlan, result: RunResult): Promise<void> {
  // A job that only starts a run leaves the note to the one that follows it.
  if (plan.kind === "none" || result.outcome === "started") return;
  if (plan.kind === "tell") return context.writer.note(plan.message);
  try {
    await write(context, plan, result);
  } catch (error) {
    context.writer.note(error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`);
  }
}
