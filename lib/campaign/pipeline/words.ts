/**
 * Texts of users in pipelines: what they may contain, and how YAML and shells get them.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { shellWord as posixWord } from "../report/commands.ts";

/** What a system cannot do. @param value The value at fault, as the message shows it. */
export function impossible(why: string, advice: string, value?: string): UsageError {
  return new UsageError({ attempted: "make a pipeline", why, value, advice });
}

/** A value that cannot be part of a pipeline. */
export function refused(what: string, why: string, value: string, advice: string): UsageError {
  return impossible(`${what} ${why}`, advice, JSON.stringify(value));
}

/** Bytes of a text. */
export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Whether a text is one line that every editor shows as it is: no control characters, no line ends of Unicode, nothing invisible. */
function isPlain(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\ufffd]/u.test(text);
}

/**
 * Checks the path of a file that jobs work with.
 *
 * @param what Which file it is, for the message.
 * @returns The path without `./` in front.
 * @throws {UsageError} when it leads out of the working directory, or has a character that tools for checksums write in another way.
 */
export function checkCarriedPath(what: string, path: string): string {
  const short = path.replace(/^(?:\.\/+)+/, "");
  const advice = "run the command at the root of the repository, and name the file as it is seen from there";
  if (short.startsWith("/") || short.split("/").some((part) => part === ".." || part === "" || part === ".")) {
    throw refused(what, "is not below the working directory", path, advice);
  }
  if (!isPlain(short) || short.includes("\\") || /^[\s*-]|\s$/.test(short)) {
    throw refused(
      what,
      "has a name that jobs cannot use",
      path,
      "rename it: no line breaks, no backslash, no dash in front",
    );
  }
  return short;
}

/**
 * A text for YAML: always in double quotes, in ASCII. A character beyond the first 65 536 is one escape: the parsers of Go and Ruby refuse
 * the two halves that JSON would write.
 */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u{10ffff}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

/** A list of texts for YAML, on one line. */
export function quotedList(texts: readonly string[]): string {
  return `[${texts.map(quoted).join(", ")}]`;
}

/** A text of several lines for YAML: as a value, or as the item of a list. It is not escaped. @param indent Blanks before each line. */
export function block(indent: string, text: string): string {
  return ["|", ...text.split("\n").map((line) => line === "" ? "" : indent + line)].join("\n");
}

/**
 * A word for a POSIX shell inside of a file that a CI system reads first. Its templates (`$[[ … ]]`, `${{ … }}`) are taken apart: the shell
 * puts them together again.
 */
export function shellWord(text: string): string {
  return posixWord(text).replace(/\$(?=[[{(])/g, "$$''");
}
