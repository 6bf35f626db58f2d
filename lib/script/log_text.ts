/**
 * Untrusted text on its way from a script to the log of a CI system.
 *
 * @module
 */
import { resolveToken } from "../api/connection/connection.ts";
import { cutText, plainLines } from "../text/plain_text.ts";
import { jsonLine } from "../text/escape/json.ts";
import { escapeLogLine } from "../text/escape/log_line.ts";
import type { ReadEnv } from "../platforms/platform.ts";
import { createRedactor, redactValue } from "../text/redact.ts";
import { environmentVariable } from "../runtime.ts";

/** Options of {@linkcode createLogText}. */
export interface LogTextOptions {
  /** Access token, to be masked. @default the one that a run would use */
  token?: string | undefined;
  /** Reads an environment variable; values of those that hold secrets are masked. @default the environment of the process */
  env?: ReadEnv | undefined;
  /** Further texts to be masked, of at least 8 characters. @default {[]} */
  secrets?: readonly string[] | undefined;
}

/** Makes untrusted text fit to be printed. */
export interface LogText {
  /**
   * A text as one line: nothing invisible, no secret, and nothing that the log of a CI system takes for a command. It may be
   * part of a longer line.
   *
   * @param text Anything.
   * @param maxLength Most UTF-16 units to keep, at least 0; a mark says how many were cut. @default {1_000}
   */
  line(text: string, maxLength?: number): string;
  /**
   * A value as one line of JSON in which every text is masked: as inert as {@linkcode LogText.line}, but for programs, which
   * read every text as it was.
   *
   * @param value What `JSON.stringify` takes.
   */
  json(value: unknown): string;
}

/** Most UTF-16 units of a line: a message can be a file, and the log of a job is limited. */
const MAX_LENGTH = 1_000;

function knownToken(env: ReadEnv): string | undefined {
  try {
    return resolveToken({ env });
  } catch {
    return undefined;
  }
}

/**
 * Makes what agents, repositories and the service wrote fit to be printed: messages of events, reasons, branches, and the
 * messages of errors, which quote the service.
 *
 * @param options See {@linkcode LogTextOptions}.
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
  const { env = environmentVariable, secrets } = options;
  const redact = createRedactor({ token: options.token ?? knownToken(env), env, secrets });
  return {
    line(text, maxLength = MAX_LENGTH) {
      // Redaction comes before lines are joined, as a secret can have several, and before cutting: half of one has no shape.
      const lines = redact(plainLines(text).join("\n")).split("\n");
      return escapeLogLine(cutText(lines.map((each) => each.trim()).join(" "), maxLength));
    },
    json: (value) => jsonLine(redactValue(value, redact)),
  };
}
