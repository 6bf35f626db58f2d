/**
 * Prints what went wrong, for every program that runs verbs.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Platform } from "../ci/platform.ts";
import { createRedactor } from "../text/redact.ts";
import type { VerbGroup, Vocabulary } from "./verb.ts";
import { Writer } from "./log/writer.ts";

/** A writer that masks the secrets that the environment is known to hold; the token is added once it is found. */
export function createWriter(io: Io, platform: Platform, group: VerbGroup | undefined): Writer {
  // Drop-in verbs read the documented variables only, as far as their work goes.
  const env = group === "toolkit" ? io.env : undefined;
  return new Writer(io, platform, createRedactor({ token: io.env("MOGPLEX_API_KEY"), env }));
}

/** Prints the lines of an error of ours, and the place in the code for an internal error. */
export function explain(error: unknown, writer: Writer, { words }: Pick<Vocabulary, "words">): void {
  if (error instanceof MogplexError) {
    for (const line of error.lines) writer.error(words(line));
    return;
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  writer.error(`Internal error, please report it: ${text}`);
  // Stack frames name our own code only: nothing of the environment is in them.
  const frames = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)) : [];
  for (const frame of frames.slice(0, 3)) writer.note(frame.trim());
}
