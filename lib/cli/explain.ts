/**
 * Telling the user what went wrong, for every program that runs verbs.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { Io } from "../io.ts";
import { detectPlatform } from "../platforms/detect.ts";
import { createRedactor } from "../text/redact.ts";
import type { VerbGroup } from "./verb.ts";
import { Writer } from "./log/writer.ts";

/** A writer that masks what the environment is known to hold; the verb adds its token once it has found it. */
export function createWriter(io: Io, group: VerbGroup | undefined): Writer {
  // Drop-in verbs read the documented variables only, as far as their work goes.
  const env = group === "toolkit" ? io.env : undefined;
  return new Writer(io, detectPlatform(io.env), createRedactor({ token: io.env("MOGPLEX_API_KEY"), env }));
}

/** One line for an error that we know, and where it happened for a bug of ours. */
export function explain(error: unknown, writer: Writer): void {
  if (error instanceof MogplexError) return writer.error(error.message);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  writer.error(`Internal error, please report it: ${text}`);
  // Where it happened, in our own code: nothing of the environment is in it.
  const frames = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)) : [];
  for (const frame of frames.slice(0, 3)) writer.note(frame.trim());
}
