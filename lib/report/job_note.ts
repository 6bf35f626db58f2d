/**
 * The note of a job on its issue or pull request: what it says while the run works and at its end, and how it is written.
 *
 * @module
 */
import type { Platform, ReadEnv } from "../ci/platform.ts";
import type { Clock } from "../clock.ts";
import { lookup } from "../lookup.ts";
import { cleanResult } from "../run/clean.ts";
import { type AnyResult, utcText } from "../run/result.ts";
import { isTerminal, isUuid } from "../service/contract.ts";
import { markdownOf, type Words } from "../text/document.ts";
import { markdownCode } from "../text/escape.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import type { Redactor } from "../text/redact.ts";
import { jobLinks, type MarkdownOptions, renderMarkdown } from "./markdown.ts";
import { type CountEdit, LivingNote, noteMarker, type NotePlace, writeNote, type WrittenNote } from "../forge/note.ts";
import { withPageLink } from "./page_link.ts";
import { pagePath, type ReportTarget } from "./write.ts";

/** A note that is going to be written. `mayLink` and `links` are for its summary. */
export interface PlannedNote
  extends Required<Pick<MarkdownOptions, "mayLink">>, Pick<MarkdownOptions, "links" | "steps" | "host"> {
  place: NotePlace;
  /** Variable that holds the token; undefined if it is not in a variable of its own. */
  tokenVariable?: string | undefined;
  /** What distinguishes the notes of different jobs on one place: names of the job, and its node; see `noteMarker`. */
  job: readonly [job: string, node: string];
  /** The job as the note names it: untrusted text, which may be empty. */
  label: string;
  /** The note, where the job has begun it already. @default it begins with the run */
  note?: LivingNote<NoteContent> | undefined;
  /** The task, where the note is to show it from the beginning: untrusted text. @default it is not shown */
  task?: string | undefined;
  /** A line of our own above the text, which may say which run it is about. @default none */
  head?: ((end: NoteState) => string) | undefined;
}

/** Renders a summary; see the options of `renderMarkdown`. */
export type RenderSummary = (mayLink: (url: string) => boolean, links: MarkdownOptions["links"]) => string;

export interface NoteContent {
  render: RenderSummary;
  state: NoteState;
  /** Most time to write it, in milliseconds. @default that of every note */
  limitMs?: number | undefined;
}

/** What a note has to remember of its job. */
export interface NoteState {
  runId: string | null;
  /** Exit code; null while the job goes on. */
  exitCode: number | null;
  hasEnded: boolean;
}

/** What writing the note of a job needs of the program. */
export interface NoteContext {
  readonly io: { readonly env: ReadEnv };
  readonly platform: Pick<Platform, "links">;
  readonly writer: { readonly redact: Redactor };
  readonly clock: Clock;
}

// Source: GitLab, "Pipelines", names of jobs: 255 characters.
const MAX_JOB_NAME = 255;
/** Most of a task that a note shows where it is not the whole prompt, in UTF-16 units. */
const MAX_TASK = 2_000;

/** Most time for the note after a signal, in milliseconds: runners kill their jobs soon. */
const INTERRUPTED_MS = 3_000;

const boundedTask = (task: string) => cutText(plainText(task), MAX_TASK);

/** What a note remembers before there is a run. */
export const NOTHING_YET: NoteState = { runId: null, exitCode: null, hasEnded: false };

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
  context: NoteContext,
  plan: PlannedNote,
  { render, state, limitMs }: NoteContent,
  { id, count }: { id?: number | undefined; count?: CountEdit | undefined } = {},
): Promise<WrittenNote> {
  const { writer: { redact }, clock } = context;
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
  return await writeNote(place, noteMarker(...plan.job), counted, { clock, id, isEnd, limitMs });
}

/** The note of a job, which is changed while that goes on. Only what cannot be written at the end is told. */
export function openNote(context: NoteContext, plan: PlannedNote): LivingNote<NoteContent> {
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
    /** What keeps the run from being started. @default nothing is known */
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
  context: NoteContext,
  result: AnyResult,
  { task, steps, host, targets = [], compared }: {
    task?: string | undefined;
    steps?: MarkdownOptions["steps"];
    host?: string | undefined;
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
      return renderMarkdown(clean, { mayLink, links: { ...links, page }, redact, steps, host, compared });
    },
    state: {
      runId: result.kind === "run" ? result.runId : null,
      exitCode: result.exitCode,
      hasEnded: result.kind === "run" && result.status !== null && isTerminal(result.status),
    },
    limitMs: result.outcome === "interrupted" ? INTERRUPTED_MS : undefined,
  };
}
