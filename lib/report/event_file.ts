/**
 * A file of events that grows while a run is followed, so that no event has to stay in memory until the end.
 *
 * @module
 */
import type { GrowingFile, Io } from "../io.ts";
import type { RunEvent } from "../model.ts";
import { cleanEvent, type Redact } from "../result/clean.ts";
import { ndjsonLine } from "./ndjson.ts";

/** Gets the events of a run, oldest first, each once. Must not throw. */
export interface EventSink {
  /** Takes the next event. */
  add(event: RunEvent): void;
}

/** Options of {@linkcode EventFile}. */
export interface EventFileOptions {
  /** Removes secrets from one text, before it is escaped. */
  redact: Redact;
  /** Removes our own token: from ids, from keys, and once more from each finished line. */
  redactToken: Redact;
  /** Called once, if the file cannot be written. Later events are dropped. @default {undefined} (nothing is called) */
  onProblem?: ((error: unknown) => void) | undefined;
}

/**
 * An NDJSON file. `add` returns after the whole line is in the file, so a process that is killed leaves only whole lines. A file that
 * cannot be written must not end the job, so `add` does not throw: see {@linkcode EventFile.problem}.
 */
export class EventFile implements EventSink {
  /** Path of the file. */
  readonly path: string;
  readonly #io: Pick<Io, "growFile">;
  readonly #options: EventFileOptions;
  #file: GrowingFile | undefined;
  #begun = false;
  #problem: unknown;

  /** @param path The first event replaces this file. */
  constructor(path: string, io: Pick<Io, "growFile">, options: EventFileOptions) {
    this.path = path;
    this.#io = io;
    this.#options = options;
  }

  /** Whether the file was opened, or opening it failed. */
  get begun(): boolean {
    return this.#begun;
  }

  /** The error that made the file incomplete; undefined if every event so far is in it. */
  get problem(): unknown {
    return this.#problem;
  }

  /** Creates the empty file now and replaces an old one. @throws when it cannot be written. */
  open(): void {
    this.#begun = true;
    this.#file ??= this.#io.growFile(this.path);
  }

  add(event: RunEvent): void {
    if (this.#problem !== undefined) return;
    const { redact, redactToken, onProblem } = this.#options;
    try {
      this.open();
      this.#file?.write(redactToken(ndjsonLine(cleanEvent(event, redact, redactToken))));
    } catch (error) {
      this.#problem = error ?? new Error("unknown error");
      onProblem?.(error);
    }
  }

  /** Closes the file. Nothing may be added afterwards. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}
