/**
 * What `respond` needs of the program that calls it: the forge of the job, and what runs a job.
 *
 * @module
 */
import type { ThreadPlace, Threads } from "../forge/threads.ts";
import type { NotePlace } from "../forge/note.ts";
import type { AskEvent } from "./event.ts";

/** The forge of a job. */
export interface OpenForge {
  readonly threads: Threads;
  readonly token: string;
  /** Where the token was found, for messages: `variable GITLAB_TOKEN`. */
  readonly tokenPlace: string;
  /** The number of the repository, which is asked for once. @throws what the forge throws. */
  repositoryId(): Promise<number>;
  /** What the job was started for. @throws what the forge throws. */
  event(): Promise<AskEvent>;
  notes(thread: ThreadPlace): NotePlace;
  /** Whether an address may be a link in a note: it would leave a mark at an issue or a pull request of the forge, no matter who wrote it. */
  mayLink(url: string): boolean;
}
