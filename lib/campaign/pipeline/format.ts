/**
 * What a pipeline of a campaign is made of, what a CI system makes of it, and what all formats need: the texts of users in shells and in YAML.
 * A format is a pure function: the same input, the same bytes.
 *
 * @module
 */
import { type Document, isMap, isScalar, isSeq, type Node, visit } from "yaml";
import { UsageError } from "../../errors.ts";
import { shellWord as posixWord } from "../../text/escape.ts";

/** A file of the repository that the jobs of a pipeline work with. */
export interface CarriedFile {
  /** Path below the root of the repository: relative, without `..`, checked by `checkCarriedPath`. */
  readonly path: string;
  /** SHA-256 of its bytes, as 64 hex digits: jobs compare it before they use the file. */
  readonly sha256: string;
}

export type PipelineProgram =
  /** The file `mogplex.mjs`, which lies in the repository. */
  | ({ readonly kind: "file" } & CarriedFile)
  /** A command that the image has: letters, digits and `._/-`. */
  | { readonly kind: "command"; readonly name: string };

/** When the waves of a campaign are made, as its plan and the forecast have it. */
export interface WavePlan {
  /** Time between the wave before and each wave, in milliseconds; 0 for the first, which follows the plan at once. At least one. */
  readonly delaysMs: readonly number[];
  /** Index of the wave that a person has to release, since it opens a gate; null for none. */
  readonly gate: number | null;
}

/** What a user says about the jobs. Every text has passed the check of its flag: it holds nothing that YAML or a shell could read wrongly. */
export interface PipelineSettings {
  /** Container image; undefined for that of the format. */
  readonly image: string | undefined;
  /** Tags, labels or queues of the machine that does the work. */
  readonly tags: readonly string[];
  /** Shortest time between two waves, in milliseconds: the schedule of systems that have one. */
  readonly everyMs: number;
  /** For rehearsals: takes the place of every delay, in milliseconds; undefined for real delays. */
  readonly rehearsalMs: number | undefined;
  /** Whether jobs whose runner was stopped are tried again by a word that older servers do not know. */
  readonly retryInterrupted: boolean;
  /** The job of the CI system in which the pipeline is made and whose artifacts hold everything; undefined for a checkout. */
  readonly source: { readonly pipeline: string; readonly job: string } | undefined;
}

export interface PipelineInput {
  /** Name of the campaign: `[a-z0-9-]`. */
  readonly campaign: string;
  readonly file: CarriedFile;
  /** The files that it names, in the order in which they are read. */
  readonly includes: readonly CarriedFile[];
  readonly program: PipelineProgram;
  /** Where lock and journal are between two waves: `dir`, or `git:REMOTE#BRANCH`; undefined when the user did not say. */
  readonly home: string | undefined;
  /** Directory of the campaign where the pipeline was made; jobs may use another. */
  readonly directory: string;
  readonly waves: WavePlan;
  readonly settings: PipelineSettings;
  /** Directory that several files are written to, below the root of the repository; undefined when the user gave none. */
  readonly output: string | undefined;
}

export interface PipelineFile {
  /** Path below the directory of `--output`: letters, digits and `._/-`. */
  readonly path: string;
  readonly text: string;
}

/** All waves of a project are made one after the other, since they share the limits of one user: the name of that group. */
export const GROUP = "mogplex-default";

/** What a system cannot do. @param value The value at fault, as the message shows it. */
export function impossible(why: string, advice: string, value?: string): UsageError {
  return new UsageError({ attempted: "make a pipeline", why, value, advice });
}

/** A value that cannot be part of a pipeline. */
export function refused(what: string, why: string, value: string, advice: string): UsageError {
  return impossible(`${what} ${why}`, advice, JSON.stringify(value));
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
 * A word for a POSIX shell inside of a file that a CI system reads first. Its templates (`$[[ … ]]`, `${{ … }}`) are taken apart: the shell
 * puts them together again.
 */
export function shellWord(text: string): string {
  return posixWord(text).replace(/\$(?=[[{(])/g, "$$''");
}

/** A script as a value: its lines stand in the file as they are. */
export function script(...lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** The node at a path: an item of a list, or a key. */
function nodeAt(document: Document, path: readonly (string | number)[]): Node | undefined {
  const parent = document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isSeq<Node>(parent)) return parent.items[Number(last)];
  return isMap<Node>(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === last)?.key : undefined;
}

/** Puts a comment above an item of a list, or above a key. */
export function commentAbove(document: Document, path: readonly (string | number)[], text: string): void {
  const node = nodeAt(document, path);
  if (node === undefined) throw new Error(`Cannot comment on ${path.join(".")}: it is not there`);
  node.commentBefore = ` ${text}`;
}

/** Puts blank lines between the items of a list, or the keys of a map. */
export function spaceOut(document: Document, path: readonly (string | number)[]): void {
  const parent = document.getIn(path, true);
  const items = isSeq<Node>(parent) ? parent.items : isMap<Node>(parent) ? parent.items.map(({ key }) => key) : [];
  for (const item of items.slice(1)) item.spaceBefore = true;
}

/** Most characters of a list that stands on one line. */
const MAX_LIST = 100;

/** The text of a file. Scripts stand in it as they are, and short lists on one line. @param head Comments in front of everything. */
export function yamlText(document: Document, head: readonly string[]): string {
  document.commentBefore = head.map((line) => ` ${line}`).join("\n");
  visit(document, {
    Seq(_key, list) {
      const words = list.items.map((item) => isScalar(item) && item.comment == null ? String(item.value) : "\n");
      if (!words.some((word) => word.includes("\n")) && words.join(", ").length <= MAX_LIST) list.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, blockQuote: "literal", flowCollectionPadding: false });
}
