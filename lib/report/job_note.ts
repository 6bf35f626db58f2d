import type { Platform, ReadEnv } from "../ci/platform.ts";
import type { Clock } from "../clock.ts";
import { cleanResult } from "../run/clean.ts";
import { NO_SANDBOX } from "../run/no_sandbox.ts";
import type { AnyResult } from "../run/result.ts";
import { isTerminal, isUuid } from "../service/contract.ts";
import { markdownCode } from "../text/escape.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import type { Redactor } from "../text/redact.ts";
import type { MarkdownOptions } from "./markdown.ts";
import { type NoteWords, resultNote } from "./note_text.ts";
import {
  changeNote,
  type CountEdit,
  LivingNote,
  noteMarker,
  type NotePlace,
  type NoteText,
  writeNote,
  type WrittenNote,
} from "../forge/note.ts";
import { withPageLink } from "./page_link.ts";
import { pagePath, type ReportTarget } from "./write.ts";

export interface PlannedNote
  extends Required<Pick<MarkdownOptions, "mayLink">>, Pick<MarkdownOptions, "links">, Omit<NoteWords, "steps"> {
  place: NotePlace;
  tokenVariable?: string | undefined;
  job: readonly [job: string, node: string];
  /** The job's name in the note; can be empty. Untrusted text. */
  label: string;
  /** The note, if the job has already started it. */
  note?: LivingNote<NoteContent> | undefined;
  steps?: ((result: AnyResult) => Promise<NonNullable<NoteWords["steps"]>>) | undefined;
  /**
   * Returns trusted Markdown: what is missing to merge the pull request of the note or of the run. `null` if nothing is missing.
   *
   * @param url Address of the run's pull request. Untrusted text.
   */
  needs?: ((url: string | null) => Promise<string | null>) | undefined;
  /** Whether the start is repeated later without an action by the reader. @default never */
  isPostponed?: ((end: NoteState) => boolean) | undefined;
  /** A trusted line above the text. The line can contain the run's id. */
  head?: ((end: NoteState) => string) | undefined;
  /** A trusted paragraph below the text. */
  foot?: ((end: NoteState) => string | undefined) | undefined;
}

export type RenderSummary = (mayLink: (url: string) => boolean, links: MarkdownOptions["links"]) => string;

export interface NoteContent {
  render: RenderSummary;
  state: NoteState;
  /** Trusted Markdown below the text. */
  needs?: string | null | undefined;
  /** Whether a note with this text stays unchanged. */
  keeps?: ((before: string) => boolean) | undefined;
  limitMs?: number | undefined;
}

export interface NoteState {
  runId: string | null;
  exitCode: number | null;
  hasEnded: boolean;
  lacksSandbox: boolean;
}

export interface NoteContext {
  readonly io: { readonly env: ReadEnv };
  readonly platform: Pick<Platform, "links">;
  readonly writer: { readonly redact: Redactor };
  readonly clock: Clock;
}

// Source: GitLab, "Pipelines", names of jobs: 255 characters.
const MAX_JOB_NAME = 255;

/** Time limit for the note after a signal, because runners kill a job soon after a signal. */
const INTERRUPTED_MS = 3_000;

export const NOTHING_YET: NoteState = { runId: null, exitCode: null, hasEnded: false, lacksSandbox: false };

// If each change starts a pipeline, the last line of a note counts the changes. A retried job continues the count.

const EDITS = /\n<!-- mogplex:edits (\d{1,6}) of ([0-9a-z-]{1,36}) -->\s*$/;

function editsIn(body: string): { run: string; edits: number } {
  const [, count, run = "none"] = EDITS.exec(body) ?? [];
  return { run, edits: Number(count ?? 0) };
}

function noteText(
  { writer: { redact } }: NoteContext,
  plan: PlannedNote,
  { render, state, needs, keeps }: NoteContent,
  count?: CountEdit,
): NoteText {
  const { place, head } = plan;
  const whole = render(plan.mayLink, plan.links);
  const shortened = place.shorten?.(whole) ?? whole;
  const below = [needs, plan.foot?.(state)].filter((each) => each).map((each) => `\n${each}\n`);
  const summary = shortened + below.join("");
  const name = markdownCode(cutText(redact(plainText(plan.label)), MAX_JOB_NAME));
  const text = redact.token(name === "" ? summary : `${summary}\nJob: ${name}\n`);
  const first = head === undefined ? "" : `${head(state)}\n\n`;
  // A note with a head belongs to one request. Any other note is reused by the next run of the same job.
  const { runId } = state;
  const about = head === undefined ? runId !== null && isUuid(runId) ? runId : undefined : "ask";
  return (before) => {
    const isKept = typeof before === "string" && keeps?.(before) === true;
    if (count === undefined || place.maxEdits === undefined) return isKept ? null : first + text;
    const earlier = editsIn(before ?? "");
    // A job without a run keeps the id of the earlier run, because a later job may follow that run again.
    const run = about ?? earlier.run;
    const edits = count(typeof before === "string" ? run === earlier.run ? earlier.edits : 0 : before, isKept);
    return edits === null ? null : `${first}${text}\n<!-- mogplex:edits ${edits} of ${run} -->\n`;
  };
}

/** @param id If `undefined`, searches for the note, and creates it if it does not exist. */
export async function writeContent(
  context: NoteContext,
  plan: PlannedNote,
  content: NoteContent,
  { id, count }: { id?: number | undefined; count?: CountEdit | undefined } = {},
): Promise<WrittenNote> {
  const { place, job } = plan;
  const isEnd = content.state.exitCode !== null;
  const options = { clock: context.clock, id, isEnd, limitMs: content.limitMs };
  return await writeNote(place, noteMarker(...job), noteText(context, plan, content, count), options);
}

/** Writes the result of a run into the note that another process of the job started. */
export async function endBegunNote(
  context: NoteContext,
  plan: PlannedNote,
  content: NoteContent,
): Promise<WrittenNote | undefined> {
  const { place, job } = plan;
  const text = noteText(context, plan, content, (before) => (before ?? 0) + 1);
  // Only a note whose edits are counted contains the id of its run.
  const isOurs = (before: string) => place.maxEdits === undefined || editsIn(before).run === content.state.runId;
  return await changeNote(place, noteMarker(...job), (before) => isOurs(before) ? text(before) : null, context);
}

/** Only a failure of the last update is reported. */
export function openNote(context: NoteContext, plan: PlannedNote): LivingNote<NoteContent> {
  let first: WrittenNote | undefined;
  return new LivingNote<NoteContent>(plan.place, context.clock, async (content, count) => {
    const written = await writeContent(context, plan, content, { id: first?.id, count });
    // The first note shows whether the note existed before the job. A new note can replace a deleted note.
    if (first?.id !== written.id) first = written;
    return first;
  });
}

export function resultContent(
  context: NoteContext,
  result: AnyResult,
  { steps, stop, pullName, task, isRepeated, isPostponed, targets = [], streak, stopped }: NoteWords & {
    isPostponed?: PlannedNote["isPostponed"];
    targets?: readonly ReportTarget[];
    streak?: number | undefined;
    stopped?: string | undefined;
  },
): NoteContent {
  const { io, platform, writer: { redact } } = context;
  const { page } = withPageLink(platform.links(io.env), pagePath(targets));
  const state: NoteState = {
    runId: result.kind === "run" ? result.runId : null,
    exitCode: result.exitCode,
    hasEnded: result.kind === "run" && result.status !== null && isTerminal(result.status),
    lacksSandbox: result.error?.code === NO_SANDBOX,
  };
  return {
    render: (mayLink, links) => {
      const clean = cleanResult(result, redact, redact.token);
      const words = { steps, stop, pullName, task, isRepeated, isPostponed: isPostponed?.(state) };
      return resultNote(clean, { mayLink, links: { ...links, page }, redact, streak, stopped, ...words });
    },
    state,
    limitMs: result.outcome === "interrupted" ? INTERRUPTED_MS : undefined,
  };
}
