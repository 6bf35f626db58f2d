/**
 * Formats are deterministic: the same input gives the same bytes.
 *
 * @module
 */
import { type Document, isMap, isScalar, isSeq, type Node, visit } from "yaml";
import { UsageError } from "../../errors.ts";
import { shellWord as posixWord } from "../../text/escape.ts";

export interface CarriedFile {
  /** Relative to the root of the repository, without `..`; see `checkCarriedPath`. */
  readonly path: string;
  readonly sha256: string;
}

export type PipelineProgram =
  | ({ readonly kind: "file" } & CarriedFile)
  | { readonly kind: "command"; readonly name: string };

export interface WavePlan {
  readonly delaysMs: readonly number[];
  readonly gate: number | null;
}

/** Every value has passed the check of its flag, so it cannot break YAML or shell scripts. */
export interface PipelineSettings {
  readonly image: string | undefined;
  readonly tags: readonly string[];
  readonly everyMs: number;
  readonly rehearsalMs: number | undefined;
  /** Whether jobs are also retried after their runner was interrupted. Older servers reject the keyword for these retries. */
  readonly retryInterrupted: boolean;
  /** The CI job that creates the pipeline, and whose artifacts contain all files; `undefined` if jobs use the files of their checkout. */
  readonly source: { readonly pipeline: string; readonly job: string } | undefined;
}

export interface PipelineInput {
  readonly campaign: string;
  readonly file: CarriedFile;
  readonly includes: readonly CarriedFile[];
  readonly program: PipelineProgram;
  readonly home: string | undefined;
  readonly directory: string;
  readonly waves: WavePlan;
  readonly settings: PipelineSettings;
  readonly output: string | undefined;
}

export interface PipelineFile {
  readonly path: string;
  readonly text: string;
}

/** The GitLab resource group of all waves of a project. The waves run one after another, because they share the limits of one user. */
export const GROUP = "mogplex-default";

export function impossible(why: string, advice: string, value?: string): UsageError {
  return new UsageError({ attempted: "make a pipeline", why, value, advice });
}

export function refused(what: string, why: string, value: string, advice: string): UsageError {
  return impossible(`${what} ${why}`, advice, JSON.stringify(value));
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\ufffd]/u.test(text);
}

/** Rejects paths outside the working directory, and characters that `sha256sum` escapes or that jobs cannot use. */
export function checkCarriedPath(what: string, path: string): string {
  const short = path.replace(/^(?:\.\/+)+/, "");
  const advice = "run the command in the root of the repository, and give the path relative to it";
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
 * Quotes a word for a POSIX shell in a file that the CI system expands first. The CI system would replace `$[[ … ]]` and `${{ … }}`, so quotes split
 * their opening characters. The shell joins the parts again.
 */
export function shellWord(text: string): string {
  return posixWord(text).replace(/\$(?=[[{(])/g, "$$''");
}

export function script(...lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

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

export function spaceOut({ contents: parent }: Document): void {
  const items = isSeq<Node>(parent) ? parent.items : isMap<Node>(parent) ? parent.items.map(({ key }) => key) : [];
  for (const item of items.slice(1)) item.spaceBefore = true;
}

const MAX_LIST = 100;

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
