import { MogplexError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Platform } from "../ci/platform.ts";
import { createRedactor } from "../text/redact.ts";
import type { VerbGroup, Vocabulary } from "./verb.ts";
import { Writer } from "./log/writer.ts";

/** Tokens from other places than MOGPLEX_API_KEY are masked later: see `openContext`. */
export function createWriter(io: Io, platform: Platform, group: VerbGroup | undefined): Writer {
  const env = group === "toolkit" ? io.env : undefined;
  return new Writer(io, platform, createRedactor({ token: io.env("MOGPLEX_API_KEY"), env }));
}

const explained = new WeakSet<MogplexError>();

export function markExplained(error: MogplexError): void {
  explained.add(error);
}

export function explain(error: unknown, writer: Writer, { words }: Pick<Vocabulary, "words">): void {
  if (error instanceof MogplexError) {
    if (explained.has(error)) return;
    for (const line of error.lines) writer.error(words(line));
    return;
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  writer.error(`Internal error, please report it: ${text}`);
  // Stack frames only name the program's own code, and contain no values from the environment.
  const frames = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)) : [];
  for (const frame of frames.slice(0, 3)) writer.note(frame.trim());
}
