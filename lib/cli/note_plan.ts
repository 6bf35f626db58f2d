/**
 * What a program decides about the note of a job before the job starts.
 *
 * @module
 */
import type { NotePlace } from "../note/note_place.ts";
import type { MarkdownOptions } from "../report/markdown.ts";

/** A note that is going to be written. `mayLink` and `links` are for its summary. */
export interface PlannedNote extends Required<Pick<MarkdownOptions, "mayLink">>, Pick<MarkdownOptions, "links"> {
  /** Where. */
  place: NotePlace;
  /** Access token of the system. */
  token: string;
  /** Where the token was found, for messages: `variable GITLAB_TOKEN`. */
  tokenPlace: string;
  /** Variable that holds the token; undefined if it is not in a variable of its own. */
  tokenVariable?: string | undefined;
  /** What distinguishes the notes of different jobs on one place: names of the job, and its node; see `noteMarker`. */
  job: readonly [job: string, node: string];
  /** The job as the note names it: untrusted text, which may be empty. */
  label: string;
}
