/**
 * The parts of a campaign's pipeline, the interface of a format, and what all formats need: users' texts in shells and in YAML.
 * A format is a pure function: the same input, the same bytes.
 * @module
 */
import { type Document, isMap, isScalar, isSeq, type Node, visit } from "yaml";
import { UsageError } from "../../errors.ts";
import { shellWord as posixWord } from "../../text/escape.ts";

/** A file of the repository that the pipeline's jobs use. */
export interface CarriedFile {
  /** Relative to the root of the repository, without `..`, checked by `checkCarriedPath`. */
  readonly path: string;
  /** SHA-256 of its bytes, as 64 hex digits: jobs check it before they use the file. */
  readonly sha256: string;
}

export type PipelineProgram =
  /** The file `mogplex.mjs` in the repository. */
  | ({ readonly kind: "file" } & CarriedFile)
  /** A command in the image: letters, digits and `._/-`. */
  | { readonly kind: "command"; readonly name: string };

/** The times of a campaign's waves, from its plan and the forecast. */
export interface WavePlan {
  /** Time between the previous wave and each wave, in milliseconds; 0 for the first, which follows the plan at once. At least one. */
  readonly delaysMs: readonly number[];
  /** Index of the wave that opens a gate, so that a person must release it; null without one. */
  readonly gate: number | null;
}

/** The user's settings for the jobs. Every text has passed the check of its flag: YAML and shells cannot misread it. */
export interface PipelineSettings {
  /** Container image; undefined for the format's default. */
  readonly image: string | undefined;
  /** Tags, labels or queues of the runner. */
  readonly tags: readonly string[];
  /** Minimum time between two waves, in milliseconds: the schedule of systems that have one. */
  readonly everyMs: number;
  /** For rehearsals: replaces every delay, in milliseconds; undefined for real delays. */
  readonly rehearsalMs: number | undefined;
  /** Whether jobs with a stopped runner are retried by a word that older servers do not know. */
  readonly retryInterrupted: boolean;
  /** The CI job that creates the pipeline and whose artifacts contain everything; undefined for a checkout. */
  readonly source: { readonly pipeline: string; readonly job: string } | undefined;
}

export interface PipelineInput {
  /** `[a-z0-9-]`. */
  readonly campaign: string;
  readonly file: CarriedFile;
  /** The files that it names, in reading order. */
  readonly includes: readonly CarriedFile[];
  readonly program: PipelineProgram;
  /** Place of lock and journal between two waves: `dir`, or `git:REMOTE#BRANCH`; undefined by default. */
  readonly home: string | undefined;
  /** Directory of the campaign where the pipeline was created; jobs may use another. */
  readonly directory: string;
  readonly waves: WavePlan;
  readonly settings: PipelineSettings;
  /** Directory for several files, below the root of the repository; undefined by default. */
  readonly output: string | undefined;
}

export interface PipelineFile {
  /** Path below the directory of `--output`: letters, digits and `._/-`. */
  readonly path: string;
  readonly text: string;
}

/** All waves of a project run one after the other, because they share the limits of one user: the name of that group. */
export const GROUP = "mogplex-default";

/** The error for something that a system cannot do. @param value The value at fault, for the message. */
export function impossible(why: string, advice: string, value?: string): UsageError {
  return new UsageError({ attempted: "make a pipeline", why, value, advice });
}

/** The error for a value that cannot be part of a pipeline. */
export function refused(what: string, why: string, value: string, advice: string): UsageError {
  return impossible(`${what} ${why}`, advice, JSON.stringify(value));
}

/** Whether a text is one line that every editor shows as it is: no control characters, no line ends of Unicode, nothing invisible. */
function isPlain(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\ufffd]/u.test(text);
}

/**
 * @param what Which file it is, for the message.
 * @returns The path without a leading `./`.
 * @throws {UsageError} if it leads out of the working directory, or has a character that checksum tools write in another way.
 */
export function checkCarriedPath(what: string, path: string): string {
  const short = path.replace(/^(?:\.\/+)+/, "");
  const advice = "run the command at the root of the repository, and give the file's path from there";
  if (short.startsWith("/") || short.split("/").some((part) => part === ".." || part === "" || part === ".")) {
    throw refused(what, "is not below the working directory", path, advice);
  }
  if (!isPlain(short) || short.includes("\\") || /^[\s*-]|\s$/.test(short)) {
    throw refused(
      what,
      "has a name that jobs cannot use",
      path,
      "rename it without line breaks, backslashes or a dash at the beginning",
    );
  }
  return short;
}

/**
 * A word for a POSIX shell inside a file that a CI system reads first. Its templates (`$[[ … ]]`, `${{ … }}`) are split: the shell joins them again.
 */
export function shellWord(text: string): string {
  return posixWord(text).replace(/\$(?=[[{(])/g, "$$''");
}

/** A script as a value: its lines stay as they are in the file. */
export function script(...lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** The node at a path of list indexes and keys. */
function nodeAt(document: Document, path: readonly (string | number)[]): Node | undefined {
  const parent = document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isSeq<Node>(parent)) return parent.items[Number(last)];
  return isMap<Node>(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === last)?.key : undefined;
}

export function commentAbove(document: Document, path: readonly (string | number)[], text: string): void {
  const node = nodeAt(document, path);
  if (node === undefined) throw new Error(`Cannot comment on ${path.join(".")}: it is not there`);
  node.commentBefore = ` ${text}`;
}

/** Puts a blank line between the top entries. */
export function spaceOut({ contents: parent }: Document): void {
  const items = isSeq<Node>(parent) ? parent.items : isMap<Node>(parent) ? parent.items.map(({ key }) => key) : [];
  for (const item of items.slice(1)) item.spaceBefore = true;
}

const MAX_LIST = 100;

/** Scripts stay as they are, and short lists are on one line. @param head Comments at the top. */
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
