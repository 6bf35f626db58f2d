/**
 * What a program decides about the note of a job before the job starts.
 *
 * @module
 */
import type { NotePlace } from "../../note/note_place.ts";
import type { MarkdownOptions } from "../../report/markdown.ts";

/** How the summary in a note is rendered: which addresses may be links, and how much there may be. */
export type NoteStyle = Pick<MarkdownOptions, "links" | "mayLink" | "maxText" | "maxRows">;

/** A note that is going to be written. */
export interface PlannedNote {
  /** Where. */
  place: NotePlace;
  /** Access token of the system. */
  token: string;
  /** Where the token was found, for messages: `variable GITLAB_TOKEN`. */
  tokenSource: string;
  /** Variable that holds the token; undefined if it is not in a variable of its own. */
  tokenVariable?: string | undefined;
  /** What distinguishes the notes of different jobs on one place: names of the job, and its node; see `noteMarker`. */
  job: readonly [job: string, node: string];
  /** The job as the note names it: untrusted text, which may be empty. */
  label: string;
  /** How it is rendered: the first one that fits into the note. */
  styles: readonly NoteStyle[];
}

/** What to do: nothing, print why there is no note, or write one. */
export type NotePlan =
  | { kind: "none" }
  | { kind: "print"; message: string }
  | ({ kind: "write" } & PlannedNote);
