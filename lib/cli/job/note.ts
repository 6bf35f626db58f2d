/**
 * The note of a job on its merge request or pull request: checks its token once more, says what it says, and writes it. A failure never
 * changes the verdict of the job.
 *
 * @module
 */
import { MogplexError } from "../../errors.ts";
import { noteMarker, writeNote } from "../../note/job_note.ts";
import { renderMarkdown } from "../../report/markdown.ts";
import type { AnyResult } from "../../result/any_result.ts";
import { cleanResult } from "../../result/clean.ts";
import { markdownCode } from "../../text/escape/markdown.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import type { VerbContext } from "../verb.ts";
import type { NotePlan, NoteStyle, PlannedNote } from "./note_plan.ts";

// Source: GitLab, "Pipelines", names of jobs: 255 characters.
const MAX_LABEL = 255;

/** Renders a summary. */
export type RenderSummary = (style: NoteStyle) => string;

/** A plan without a token that must not be sent, or cannot be: a header can hold no other characters. */
export function checkPlan({ writer }: VerbContext, plan: NotePlan): NotePlan {
  if (plan.kind !== "write") return plan;
  const { place, token, tokenSource } = plan;
  const cannot = `Cannot write ${place.note}:`;
  // `redact` knows the token of Mogplex.
  if (writer.redact.token(token) !== token) {
    const message = `${cannot} ${tokenSource} holds the token of Mogplex, which is not sent to ${place.system}`;
    return { kind: "print", message };
  }
  if (/^[\x21-\x7e]+$/.test(token) && !token.startsWith("$")) return plan;
  return { kind: "print", message: `${cannot} the value of ${tokenSource} cannot be a token` };
}

/** The text of the note, without its marker: the fullest one that fits. */
function textOf({ writer: { redact } }: VerbContext, plan: PlannedNote, render: RenderSummary): string {
  const label = markdownCode(cutText(redact(plainText(plan.label)), MAX_LABEL));
  const texts = plan.styles.map((style) => {
    const summary = render(style);
    return redact.token(label === "" ? summary : `${summary}\nJob: ${label}\n`);
  });
  const limit = plan.place.maxCharacters - MAX_MARKER;
  return texts.find((text) => lengthOf(text) <= limit) ?? texts.at(-1) ?? "";
}

/** Characters of the marker and the empty line after it, and some more. */
const MAX_MARKER = 100;

/** Characters as the strictest system counts them: code points, and two for a line break. */
function lengthOf(text: string): number {
  return [...text].length + text.split("\n").length;
}

async function write(context: VerbContext, plan: PlannedNote, render: RenderSummary): Promise<void> {
  const { writer, clock, fetch } = context;
  const { place, token, tokenSource, job } = plan;
  const text = textOf(context, plan, render);
  const { id, updated } = await writeNote(place, await noteMarker(...job), text, { token, tokenSource, clock, fetch });
  const [noun] = place.note.replace(/^the /, "").split(" ");
  writer.note(`summary ${updated ? "updated" : "written"} in ${noun} ${id} of ${place.where}`);
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

/** {@linkcode writeTextNote} for the result of a job. */
export async function writeJobNote(context: VerbContext, plan: NotePlan, result: AnyResult): Promise<void> {
  // A job that only starts a run leaves the note to the one that follows it.
  if (result.outcome === "started") return;
  const { redact } = context.writer;
  await writeTextNote(context, plan, (style) => renderMarkdown(cleanResult(result, redact, redact.token), style));
}

/**
 * Decides on the note of a job before the job starts.
 *
 * @returns Writes the note on a result, when there is one to write.
 * @throws {UsageError} See `VerbContext.planNote`.
 */
export function prepareNote(context: VerbContext): (result: AnyResult) => Promise<void> {
  const plan = context.planNote();
  return (result) => writeJobNote(context, plan, result);
}
