/**
 * The files that a campaign file names, and lists with one name a line.
 *
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { type Io, parentOf } from "../../io.ts";
import { isNotPermitted } from "../../runtime.ts";
import type { Place } from "./campaign_file.ts";
import { excerpt } from "./mistakes.ts";

/** What reading needs. */
export type FileIo = Pick<Io, "readFile" | "realPath" | "readStdin">;

/** Most bytes of the campaign file, and of the file with its task. */
export const MAX_FILE_BYTES = 1024 * 1024;
/** Most bytes of a list. */
export const MAX_LIST_BYTES = 16 * 1024 * 1024;

/** A file that was read, or why not. */
export type ReadResult = { ok: true; path: string; text: string } | { ok: false; path: string; problem: string };

/**
 * A text as every checkout of it has it: without a byte order mark, and with LF line ends. Keys of starts contain texts, so they must not
 * depend on a setting of Git.
 */
function normalised(text: string): string {
  return text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
}

const MISSING = "the file does not exist";

/**
 * Reads a file as a text.
 *
 * @param path Symbolic links are followed.
 */
export function readText(io: FileIo, path: string, maxBytes: number): ReadResult {
  try {
    const text = io.readFile(path, maxBytes, "follow");
    return text === undefined ? { ok: false, path, problem: MISSING } : { ok: true, path, text: normalised(text) };
  } catch (error) {
    const why = messageOf(error);
    const problem = isNotPermitted(error)
      ? "Deno may not read the file; start it with --allow-read for it"
      : `the file cannot be read: ${why}`;
    return { ok: false, path, problem };
  }
}

/** The files that a campaign file names, by path. */
export class Includes {
  readonly #io: FileIo;
  readonly #folder: string;
  readonly #allowOutside: boolean;
  readonly #texts = new Map<string, string>();

  /**
   * @param path The campaign file.
   * @param allowOutside Whether they may be outside of its folder.
   */
  constructor(path: string, io: FileIo, allowOutside: boolean) {
    this.#io = io;
    this.#folder = parentOf(path);
    this.#allowOutside = allowOutside;
  }

  /** What was read, in the order of the campaign file. */
  get texts(): ReadonlyMap<string, string> {
    return this.#texts;
  }

  /** The path of a file as it is opened. */
  pathOf(name: string): string {
    if (name.startsWith("/") || this.#folder === ".") return name.replace(/^(?:\.\/)+/, "");
    return `${this.#folder === "/" ? "" : this.#folder}/${name.replace(/^(?:\.\/)+/, "")}`;
  }

  /** Whether a file that exists is in the folder of the campaign file, links followed. @throws when that cannot be found out. */
  #isInside(path: string): boolean {
    const real = this.#io.realPath(path);
    if (real === undefined) return true;
    const folder = this.#io.realPath(this.#folder);
    return folder !== undefined && `${real}/`.startsWith(`${folder.replace(/\/+$/, "")}/`);
  }

  /** Reads one. */
  read(name: string, maxBytes: number): ReadResult {
    const path = this.pathOf(name);
    try {
      if (!this.#allowOutside && !this.#isInside(path)) {
        const problem = `${
          excerpt(path)
        } leads out of the folder of the campaign file; move it there, or permit it by --allow-outside`;
        return { ok: false, path, problem };
      }
    } catch (error) {
      const why = messageOf(error);
      return { ok: false, path, problem: `the file cannot be read: ${why}` };
    }
    const result = readText(this.#io, path, maxBytes);
    if (result.ok) this.#texts.set(path, result.text);
    else if (result.problem === MISSING) {
      return { ...result, problem: `${MISSING}; give its path as it is seen from the folder of the campaign file` };
    }
    return result;
  }
}

/** A line of a list. */
export interface ListLine {
  text: string;
  place: Place;
}

/** The lines of a list, without comments and blank ones. A comment begins with `#` at the beginning of a line or after a blank. */
export function* linesOf(file: string, text: string): Generator<ListLine> {
  let line = 0;
  for (const whole of text.split("\n")) {
    line++;
    const content = whole.replace(/(?:^|\s)#.*$/, "").trim();
    if (content === "") continue;
    yield { text: content, place: { file, line, column: whole.length - whole.trimStart().length + 1 } };
  }
}
