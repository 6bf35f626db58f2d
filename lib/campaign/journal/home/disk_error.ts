/**
 * What an error of the disk means for a campaign: whether its directory is the wrong one, or out of reach for a while.
 *
 * @module
 */
import { messageOf } from "../../../error_sentence.ts";
import { MogplexError, UsageError } from "../../../errors.ts";
import { isNotPermitted } from "../../../runtime.ts";

/** Codes of errors that say that there is something else in its place. Source: POSIX, errno.h. */
const ELSEWHERE: readonly string[] = ["EEXIST", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "ENOENT", "EINVAL"];
const NO_DIRECTORY: readonly string[] = ["EEXIST", "ENOTDIR"];

/**
 * The error for something that could not be read or written in a directory.
 *
 * @param attempted What was attempted, after "Cannot".
 * @param cause What the disk said.
 * @param advice What to do when there is something else in its place.
 * @returns A {@linkcode UsageError} when the directory is the wrong one, or Deno may not use it; else one with exit code 69, since a disk that
 * is full, read-only or broken may be mended.
 */
export function diskError(
  attempted: string,
  cause: unknown,
  advice = "name another directory with --dir",
): MogplexError {
  const why = messageOf(cause);
  if (isNotPermitted(cause)) {
    const flags = "start it with --allow-read and --allow-write for the directory, " +
      "the verb permissions prints all flags (permissions --out DIR)";
    return new UsageError({ attempted, why: "Deno may not use it", advice: flags }, { cause });
  }
  const { code } = Object(cause) as { code?: unknown };
  if (typeof code === "string" && !ELSEWHERE.includes(code)) {
    const again = "when the disk can be used, start the same command again: nothing is lost";
    return new MogplexError({ attempted, why, advice: again }, "unavailable", { cause });
  }
  const isFile = typeof code === "string" && NO_DIRECTORY.includes(code);
  return new UsageError({ attempted, why: isFile ? "there is a file of this name" : why, advice }, { cause });
}
