/**
 * A file of events that grows while a run is followed, so that the events do not have to stay in memory until the end.
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { UsageError } from "../errors.ts";
import { type GrowingFile, type Io, processIo } from "../io.ts";
import type { RunEvent } from "../model.ts";
import { jsonText } from "../text/escape.ts";
import { createRedactor, joinRedactors } from "../text/redact.ts";
import { cleanEvent, type Redact } from "./clean.ts";
import type { AnyResult } from "./result.ts";
import { viewOf } from "./result_view.ts";
import type { Connected } from "./session.ts";

/** The event must have passed `cleanEvent`. */
function ndjsonLine(event: RunEvent): string {
  return `${jsonText(event)}\n`;
}

/**
 * Empty for an automation run, which has no events. A result keeps only some events, so the command writes the file with {@linkcode EventFile}
 * instead.
 */
export function renderNdjson(result: AnyResult): string {
  return viewOf(result).events.map(ndjsonLine).join("");
}

/** Receives the events of a run, oldest first, each once. Must not throw. */
export interface EventSink {
  add(event: RunEvent): void;
}

interface EventFileOptions {
  redact: Redact;
  /** Removes the toolkit's own token from ids and keys, and again from each finished line. */
  redactToken: Redact;
  onProblem?: ((error: unknown) => void) | undefined;
}

/**
 * `add` returns after the whole line is in the file, so the file of a killed process contains only whole lines. A write error must not end the job,
 * so `add` does not throw.
 */
export class EventFile implements EventSink {
  readonly path: string;
  readonly #io: Pick<Io, "growFile">;
  readonly #options: EventFileOptions;
  #file: GrowingFile | undefined;
  #begun = false;
  #problem: unknown;

  constructor(path: string, io: Pick<Io, "growFile">, options: EventFileOptions) {
    this.path = path;
    this.#io = io;
    this.#options = options;
  }

  get begun(): boolean {
    return this.#begun;
  }

  get problem(): unknown {
    return this.#problem;
  }

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

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

export function openEventsFile(path: string, session: Connected, token?: string): EventFile {
  const { notify } = session;
  const redact = joinRedactors(session.redactor(), createRedactor({ token }));
  const attempted = `write events to ${JSON.stringify(path)}`;
  const file = new EventFile(path, processIo(), {
    redact,
    redactToken: redact.token,
    onProblem: (error) => notify({ kind: "text", message: `Cannot ${attempted} anymore: ${messageOf(error)}` }),
  });
  try {
    file.open();
  } catch (cause) {
    throw new UsageError({ attempted, why: messageOf(cause) }, { cause });
  }
  return file;
}
