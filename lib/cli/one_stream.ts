/**
 * One stream in place of two, for programs whose output only people read.
 *
 * @module
 */
import type { Io, Stream } from "../io.ts";

/**
 * The process with stdout and stderr as one stream. A runner reads two pipes and joins them as they come, so that an error would stand
 * before or after the verdict by chance.
 */
export function inOneStream(process: Io): Io {
  const closed = (_stream: Stream) => process.closed("stdout");
  return { ...process, closed, write: (_stream, text) => process.write("stdout", text) };
}
