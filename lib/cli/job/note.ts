/**
 * The note of a job on its merge request or pull request: decides once more about its token, and writes it. A failure never changes the
 * verdict of the job.
 *
 * @module
 */
import { isFileVariable, type ReadEnv } from "../../ci/platform.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { lookup } from "../../lookup.ts";
import { gitlabNotes, mergeRequestOf, TOKEN_NEEDS, tokenVariableOf } from "../../report/gitlab_note.ts";
import { jobLinks, type MarkdownOptions, renderMarkdown } from "../../report/markdown.ts";
import { type CountEdit, LivingNote, noteMarker, writeNote, type WrittenNote } from "../../report/note.ts";
import { withPageLink } from "../../report/page_link.ts";
import { pagePath, type ReportTarget } from "../../report/write.ts";
import { cleanResult } from "../../run/clean.ts";
import type { FollowItem } from "../../run/follow.ts";
import { type AnyResult, beginsPhase, utcText } from "../../run/result.ts";
import { isTerminal, isUuid } from "../../service/contract.ts";
import { checkTokenVariable } from "../../service/connection.ts";
import { markdownOf, type Words } from "../../text/document.ts";
import { markdownCode } from "../../text/escape.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { NOTE } from "../options.ts";
import type { Context, NoteContent, NotePlanner, NoteState, PlannedNote, RenderSummary } from "../verb.ts";

// Source: GitLab, "Pipelines", names of jobs: 255 characters.
const MAX_JOB_NAME = 255;
/** Most of a task that a note shows where it is not the whole prompt, in UTF-16 units. */
const MAX_TASK = 2_000;

/** Most time for the note after a signal, in milliseconds: runners kill their jobs soon. */
const INTERRUPTED_MS = 3_000;

const boundedTask = (task: string) => cutText(plainText(task), MAX_TASK);

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

// How often a note was changed stands in its last line, where each change starts a pipeline: a job that is retried goes on counting.

const EDITS = /\n<!-- mogplex:edits (\d{1,6}) of ([0-9a-z-]{1,36}) -->\s*$/;

/** The run that a note says it is about, and how often it says that it was changed about that. */
function editsIn(body: string): { run: string; edits: number } {
  const [, count, run = "none"] = EDITS.exec(body) ?? [];
  return { run, edits: Number(count ?? 0) };
}

/**
 * Makes the whole text of a note and writes it.
 *
 * @param id That of the note; undefined to look for it, and else make one.
 * @param count Counts the changes. @default they are not counted
 */
export async function writeContent(
  context: Context,
  plan: PlannedNote,
  { render, state, limitMs }: NoteContent,
  { id, count }: { id?: number | undefined; count?: CountEdit | undefined } = {},
): Promise<WrittenNote> {
  const { writer: { redact }, clock, fetch } = context;
  const { place, head } = plan;
  const whole = render(plan.mayLink, plan.links);
  const summary = place.shorten?.(whole) ?? whole;
  const name = markdownCode(cutText(redact(plainText(plan.label)), MAX_JOB_NAME));
  const text = redact.token(name === "" ? summary : `${summary}\nJob: ${name}\n`);
  const first = head === undefined ? "" : `${head(state)}\n\n`;
  // A note with a head is about one ask. Any other one is taken over by the next run of its job.
  const { runId } = state;
  const about = head === undefined ? runId !== null && isUuid(runId) ? runId : undefined : "ask";
  const counted = (before: string | null | undefined) => {
    if (count === undefined || place.maxEdits === undefined) return first + text;
    const known = editsIn(before ?? "");
    // A job that found no run may be between two that follow the run of before.
    const run = about ?? known.run;
    const edits = count(typeof before === "string" ? run === known.run ? known.edits : 0 : before);
    return edits === null ? null : `${first}${text}\n<!-- mogplex:edits ${edits} of ${run} -->\n`;
  };
  const isEnd = state.exitCode !== null;
  return await writeNote(place, noteMarker(...plan.job), counted, { ...plan, clock, fetch, id, isEnd, limitMs });
}

function tell({ writer }: Context, { place }: PlannedNote, { id, updated }: WrittenNote): void {
  writer.note(`summary ${updated ? "updated" : "written"} in ${place.noun} ${id} of ${place.where}`);
}

function tellProblem({ writer }: Context, error: unknown): void {
  writer.note(error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`);
}

/** What a note remembers before there is a run. */
export const NOTHING_YET: NoteState = { runId: null, exitCode: null, hasEnded: false };

/** Carries the plan out; a failure is one line on stderr. */
export async function writeTextNote(context: Context, plan: NotePlan, render: RenderSummary): Promise<void> {
  if (plan.kind === "none") return;
  if (plan.kind === "print") return context.writer.note(plan.message);
  try {
    tell(context, plan, await writeContent(context, plan, { render, state: NOTHING_YET }));
  } catch (error) {
    tellProblem(context, error);
  }
}

/** The note of a job, which is changed while that goes on. Only what cannot be written at the end is told. */
export function openNote(context: Context, plan: PlannedNote): LivingNote<NoteContent> {
  let first: WrittenNote | undefined;
  return new LivingNote<NoteContent>(plan.place, context.clock, async (content, count) => {
    const written = await writeContent(context, plan, content, { id: first?.id, count });
    // Whether it existed before the job; another one is in the place of a deleted one.
    if (first?.id !== written.id) first = written;
    return first;
  });
}

/** What a phase of a run is, for people; before there is a run it is `start`. */
const PHASES: Readonly<Record<string, string>> = {
  start: "is being started",
  queue: "waits for a sandbox",
  prepare: "prepares the sandbox",
  agent: "works",
  deliver: "delivers what it did",
};

/** The text of a note while the run goes on. */
export function progressText(
  { links, runId, phase, since, task, trouble }: {
    links: MarkdownOptions["links"];
    runId: string | null;
    /** `start`, or one of the phases of a run. */
    phase: string;
    /** When it began, in milliseconds since 1970. */
    since: number;
    /** Untrusted text; undefined when it is not to be shown. */
    task?: string | undefined;
    /** What keeps the run from being started. @default {undefined} (nothing is known) */
    trouble?: Words | undefined;
  },
): string {
  return `${
    markdownOf([
      { heading: `⏳ The agent ${lookup(PHASES, phase) ?? "is at work"}`, level: 2 },
      ...(trouble === undefined ? [] : [{ text: trouble }]),
      ...(task === undefined ? [] : [{ code: boundedTask(task) }]),
      {
        facts: [["Since", utcText(since)], ["Run", { name: runId }], ...jobLinks(links ?? {})],
      },
    ])
  }\n`;
}

/**
 * The summary of a result.
 *
 * @param task What was asked for, where the note is to show that in place of the whole prompt.
 * @param targets Reports of the job: the note links the page.
 */
export function resultContent(
  context: Context,
  result: AnyResult,
  { task, steps, targets = [], compared }: {
    task?: string | undefined;
    steps?: MarkdownOptions["steps"];
    targets?: readonly ReportTarget[];
    compared?: string | undefined;
  },
): NoteContent {
  const { io, platform, writer: { redact } } = context;
  const { page } = withPageLink(platform.links(io.env), pagePath(targets));
  return {
    render: (mayLink, links) => {
      const shown = task === undefined ? result : { ...result, task: boundedTask(task) };
      const clean = cleanResult(shown, redact, redact.token);
      return renderMarkdown(clean, { mayLink, links: { ...links, page }, redact, steps, compared });
    },
    state: {
      runId: result.kind === "run" ? result.runId : null,
      exitCode: result.exitCode,
      hasEnded: result.kind === "run" && result.status !== null && isTerminal(result.status),
    },
    limitMs: result.outcome === "interrupted" ? INTERRUPTED_MS : undefined,
  };
}

/** {@linkcode writeTextNote} for the result of a job. */
async function writeJobNote(
  context: Context,
  plan: NotePlan,
  result: AnyResult,
  targets: readonly ReportTarget[] = [],
  compared?: string,
): Promise<void> {
  // A job that only starts a run leaves the note to the one that follows it.
  if (result.outcome === "started") return;
  await writeTextNote(context, plan, resultContent(context, result, { targets, compared }).render);
}

/** The note of a job, from the start of its run to the end. */
export interface JobNote {
  /** Whether it is there, and says that the run is at work. */
  readonly isBegun: boolean;
  item(item: FollowItem): void;
  ended(result: AnyResult, compared?: string): Promise<void>;
}

/**
 * Decides on the note of a job before the job starts.
 *
 * @throws {UsageError} See {@linkcode planNote}.
 */
export function prepareNote(context: Context, targets: readonly ReportTarget[]): JobNote {
  const plan = planNote(context);
  if (plan.kind !== "write") {
    return {
      isBegun: false,
      item() {},
      ended: (result, compared) => writeJobNote(context, plan, result, targets, compared),
    };
  }
  const note = plan.note ?? openNote(context, plan);
  let runId: string | null = null;
  let phase = "queue";
  let since = context.clock.wallTime();
  let told: string | undefined;
  const content = (): NoteContent => ({
    render: (_mayLink, links) => progressText({ links, runId, phase, since, task: plan.task }),
    state: { runId, exitCode: null, hasEnded: false },
  });
  return {
    get isBegun() {
      return note.isBegun;
    },
    item(item) {
      if (item.type === "status") runId = item.run.runId;
      const begun = item.type === "event" && beginsPhase(item.event) || phase;
      if (begun !== phase) [phase, since] = [begun, context.clock.wallTime()];
      if (item.type === "end" || runId === null) return;
      const isNew = told === undefined;
      if (!isNew && told === phase) return;
      const isBegun = note.isBegun;
      if (!isBegun) note.begin(content()).catch(() => {});
      // A change that came too soon is tried again with the next item.
      if (!isBegun || note.change(content, isNew)) told = phase;
    },
    async ended(result, compared) {
      if (result.outcome === "started") return;
      try {
        const { task, steps } = plan;
        tell(context, plan, await note.end(resultContent(context, result, { task, steps, targets, compared })));
      } catch (error) {
        tellProblem(context, error);
      }
    },
  };
}

// The note on the merge request of a GitLab pipeline: decides whether there is one, and with which token.

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
