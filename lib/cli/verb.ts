/**
 * What a verb of the command line is: a row of the table of verbs, and a function that gets the world as an argument.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Flag, ParsedFlags } from "../flags.ts";
import type { Fetch } from "../http/transport.ts";
import type { Io } from "../io.ts";
import type { Vocabulary } from "./vocabulary.ts";
import type { Writer } from "./log/writer.ts";

/** What tests put in the place of the machine. */
export interface MainOptions {
  /** Takes the place of the runtime's `fetch`. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Time. @default {systemClock} */
  clock?: Clock | undefined;
}

/** What a verb works with. */
export interface VerbContext {
  /** The world. */
  io: Io;
  /** What was given. */
  flags: ParsedFlags;
  /** Every line goes through it. */
  writer: Writer;
  /** Time. */
  clock: Clock;
  /** Takes the place of the runtime's `fetch`. */
  fetch: Fetch | undefined;
  /** What the program calls what it can be given. */
  words: Vocabulary;
}

/** The work of a verb; returns the exit code. What it throws is mapped to one in `main.ts`. */
export type VerbFunction = (context: VerbContext) => Promise<number>;

/** How a verb treats errors and the environment. */
export type VerbGroup = "drop-in" | "toolkit";

/** One verb. */
export interface Verb {
  /** One or two words. */
  name: string;
  /** Arguments, as the help shows them. */
  usage: string;
  /** Most arguments that are no flags. */
  maxPositionals: number;
  /** One line. */
  summary: string;
  /** Drop-in verbs take the documented flags, print the documented formats and end with the documented codes. */
  group: VerbGroup;
  /** Its flags. */
  flags: readonly Flag[];
  /** Exit codes that it can end with, when it is not all of its group. @default all */
  codes?: readonly string[];
  /** What its 0 means, where nothing was followed. @default what it means for its group */
  success?: string;
  /** Command lines that work. */
  examples: readonly string[];
  /** Does its work. */
  run: VerbFunction;
}
