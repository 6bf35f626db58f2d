/**
 * `createLogText()`: makes untrusted text safe to print from a script in a CI job.
 *
 * @module
 */
import { checkOptions } from "../api/option_check.ts";
import { cutText, plainLines } from "../text/plain_text.ts";
import { jsonLine } from "../text/escape/json.ts";
import { escapeLogLine } from "../text/escape/log_line.ts";
import { redactValue } from "../text/redact.ts";
import { type LogTextOptions, scriptRedactor } from "./masking.ts";

/** Makes untrusted text safe to print. */
export interface LogText {
  /**
   * A text as one line without invisible characters, without secrets, and without anything that a CI system would obey as a
   * command. You may print it as part of a longer line.
   *
   * @param text Anything.
   * @param maxLength Most UTF-16 units to keep, at least 0; a mark says how many were cut. @default {1_000}
   */
  line(text: string, maxLength?: number): string;
  /**
   * A value as one line of JSON with every text masked: as harmless as {@linkcode LogText.line}, but for programs. Parsing it gives
   * every text unchanged except for masked secrets.
   *
   * @param value Any value that `JSON.stringify` takes.
   */
  json(value: unknown): string;
}

/** Default length of a line, in UTF-16 units: a message can contain a whole file, and CI systems limit the size of logs. */
const DEFAULT_LINE_LENGTH = 1_000;

/**
 * Creates functions that make text from agents, repositories and the service safe to print: messages of events, reasons, names of
 * branches, and messages of errors, which quote the service.
 *
 * @example Print what an agent says
 * ```ts
 * import { createLogText } from "@mogplex/ci";
 *
 * const { line } = createLogText({ env: () => undefined });
 * if (line("fine\n::error::forged mog_abcdefgh1234") !== "fine ::error::forged [redacted]") throw new Error("changed");
 * if (line("\x1b[31m::error::forged") !== ": :error::forged") throw new Error("changed");
 * ```
 */
export function createLogText(options: LogTextOptions = {}): LogText {
  checkOptions("create log text", options, { token: "string", env: "function", secrets: "any" });
  const redact = scriptRedactor(options);
  return {
    line(text, maxLength = DEFAULT_LINE_LENGTH) {
      // Redact before joining lines, since a secret can have several, and before cutting: half a secret would not be recognised.
      const lines = redact(plainLines(text).join("\n")).split("\n");
      return escapeLogLine(cutText(lines.map((each) => each.trim()).join(" "), maxLength));
    },
    json: (value) => jsonLine(redactValue(value, redact)),
  };
}
