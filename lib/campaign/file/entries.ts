/**
 * The entries of `repositories`, lists included, and globs of `exclude`. Mistakes are those of single entries and of duplicates.
 *
 * @module
 */
import { normaliseRoot } from "../../api/contract/rules.ts";
import type { Place, RepositoryEntry } from "./campaign_file.ts";
import { type FileIo, type Includes, linesOf, type ListLine, MAX_LIST_BYTES } from "./includes.ts";
import type { CheckedTree } from "./issues.ts";
import { excerpt, type MistakeList } from "./mistakes.ts";
import { nameGlob, normalBranch, repository, type Rule } from "./rules.ts";
import { MAX_ENTRIES } from "./schema.ts";
import { keyOf, type MapNode, nodeAt, type Path, textAt, type TreeNode } from "./syntax/tree.ts";

/** What becomes of the list `-`. `read`: standard input is read. `skip`: it is not, and has no entries. `refuse`: it is a mistake. */
export type StdinRule = "read" | "skip" | "refuse";

/** A place for messages. */
export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** Name of the list that comes from standard input, in places. */
const STDIN = "<stdin>";

/** Texts of a map, by key. A value that is no text, which is a mistake of its own, stands as it is written. */
export function textsOf(node: TreeNode | undefined): Readonly<Record<string, string>> {
  const entries = node?.kind === "map" ? [...node.entries.values()] : [];
  const texts = entries.map(({ key, value }) => {
    if (value.kind !== "scalar") return [key, ""];
    return [key, typeof value.value === "string" ? value.value : value.text];
  });
  return Object.assign(Object.create(null), Object.fromEntries(texts));
}

/** The globs of a list in the tree. */
function globsOf(node: TreeNode | undefined): string[] {
  if (node?.kind !== "list") return [];
  return node.items.flatMap((item) => item.kind === "scalar" && typeof item.value === "string" ? [item.value] : []);
}

/** Collects entries, and refuses what is there twice. */
export class EntryReader {
  readonly #tree: CheckedTree;
  readonly #includes: Includes;
  readonly #mistakes: MistakeList;
  readonly #entries: RepositoryEntry[] = [];
  /** Places of what is known, by its identity. */
  readonly #known = new Map<string, Place>();
  /** Whether a list of standard input was left out. */
  skippedStdin = false;

  constructor(tree: CheckedTree, includes: Includes, mistakes: MistakeList) {
    this.#tree = tree;
    this.#includes = includes;
    this.#mistakes = mistakes;
  }

  /** Names of the variables of all entries, those with mistakes included. */
  get variableNames(): string[] {
    const list = nodeAt(this.#tree.root, ["repositories"]);
    if (list?.kind !== "list") return [];
    return [...new Set(list.items.flatMap((item) => Object.keys(textsOf(nodeAt(item, ["variables"])))))];
  }

  /** Remembers what an identity stands for. @returns Whether it is new; it is a mistake if not. */
  #isNew(identity: readonly unknown[], place: Place, key: string, what: string): boolean {
    const id = JSON.stringify(identity);
    const first = this.#known.get(id);
    if (first === undefined) {
      this.#known.set(id, place);
      return true;
    }
    this.#mistakes.add(place, key, `${what} is there twice, first in ${placeText(first)}; remove one of the two`);
    return false;
  }

  #addRepository(entry: RepositoryEntry & { kind: "repository" }, key: string): void {
    const { repo, baseBranch = null, root, place } = entry;
    const identity = ["repository", repo.toLowerCase(), baseBranch, root === undefined ? false : root];
    const where = [baseBranch, root].filter((each) => typeof each === "string").map((each) => ` ${excerpt(each)}`);
    if (this.#isNew(identity, place, key, `${excerpt(repo)}${where.join("")}`)) this.#entries.push(entry);
  }

  /** Adds a repository of which only name or id is given. */
  #addName(repo: string, place: Place, key: string): void {
    const variables = Object.create(null);
    this.#addRepository({ kind: "repository", repo, baseBranch: undefined, root: undefined, variables, place }, key);
  }

  #map(node: MapNode, path: Path): void {
    const place = this.#tree.source.placeAt(node.start);
    const repo = textAt(node, ["repo"]);
    const query = textAt(node, ["query"]);
    if (repo !== undefined) {
      const root = textAt(node, ["root"]);
      const baseBranch = textAt(node, ["base-branch"]);
      const normal = root === undefined ? undefined : normaliseRoot(root);
      this.#addRepository({
        kind: "repository",
        repo,
        baseBranch: baseBranch === undefined ? undefined : normalBranch(baseBranch),
        root: normal?.ok ? normal.root : undefined,
        variables: textsOf(nodeAt(node, ["variables"])),
        place,
      }, keyOf(path));
    } else if (query !== undefined) {
      const isNew = this.#isNew(["query", query.toLowerCase()], place, keyOf(path), `the query ${excerpt(query)}`);
      if (isNew) this.#entries.push({ kind: "query", query, exclude: globsOf(nodeAt(node, ["exclude"])), place });
    }
  }

  /** The lines of a list that obey a rule. */
  *#goodLines(file: string, text: string, key: string, rule: Rule): Generator<ListLine> {
    let count = 0;
    for (const line of linesOf(file, text)) {
      if (this.#mistakes.full) return;
      if (++count > MAX_ENTRIES) {
        this.#mistakes.add(line.place, key, `a list has at most ${MAX_ENTRIES} lines; divide the campaign`);
        return;
      }
      const problem = rule(line.text);
      if (problem === undefined) yield line;
      else this.#mistakes.add(line.place, key, `it is ${excerpt(line.text)}; ${problem}; one a line`);
    }
  }

  async #list(name: string, node: TreeNode, key: string, io: FileIo, stdin: StdinRule): Promise<void> {
    const place = this.#tree.source.placeAt(node.start);
    const path = name === "-" ? STDIN : this.#includes.pathOf(name);
    if (!this.#isNew(["file", path], place, key, `the list ${excerpt(name)}`)) return;
    let text: string;
    if (name === "-") {
      if (stdin === "refuse") {
        this.#mistakes.add(place, key, "only plan reads standard input; write the list into a file");
      }
      this.skippedStdin = stdin === "skip";
      if (stdin !== "read") return;
      text = (await io.readStdin()).replaceAll("\r\n", "\n");
    } else {
      const result = this.#includes.read(name, MAX_LIST_BYTES);
      if (!result.ok) return this.#mistakes.add(place, key, result.problem);
      text = result.text;
    }
    if (linesOf(path, text).next().done) {
      this.#mistakes.add({ file: path, line: 1, column: 1 }, key, "the list is empty; write one name or id a line");
    }
    for (const line of this.#goodLines(path, text, key, repository)) this.#addName(line.text, line.place, key);
  }

  /**
   * The entries of `repositories` that have no mistake of their own, in the order of the file.
   *
   * @param wrong Indexes of entries in which the schema found a mistake.
   */
  async repositories(wrong: ReadonlySet<unknown>, io: FileIo, stdin: StdinRule): Promise<readonly RepositoryEntry[]> {
    const list = nodeAt(this.#tree.root, ["repositories"]);
    const items = list?.kind === "list" ? list.items.slice(0, MAX_ENTRIES) : [];
    for (const [index, node] of items.entries()) {
      const path = ["repositories", index];
      if (wrong.has(index) || this.#mistakes.full) continue;
      if (node.kind === "scalar" && typeof node.value === "string") {
        this.#addName(node.value, this.#tree.source.placeAt(node.start), keyOf(path));
      } else if (node.kind === "map") {
        const file = nodeAt(node, ["file"]);
        if (file?.kind === "scalar" && typeof file.value === "string") {
          await this.#list(file.value, file, keyOf([...path, "file"]), io, stdin);
        } else this.#map(node, path);
      }
    }
    if (this.#entries.length > MAX_ENTRIES && list !== undefined) {
      const message =
        `there are ${this.#entries.length} entries; at most ${MAX_ENTRIES} are allowed; divide the campaign`;
      this.#mistakes.add(this.#tree.source.placeAt(list.start), "repositories", message);
    }
    return this.#entries;
  }

  /** The globs of `exclude` and `exclude-file`. */
  exclude(): string[] {
    const globs = globsOf(nodeAt(this.#tree.root, ["exclude"]));
    const node = nodeAt(this.#tree.root, ["exclude-file"]);
    if (node?.kind !== "scalar" || typeof node.value !== "string") return globs;
    const result = this.#includes.read(node.value, MAX_LIST_BYTES);
    if (!result.ok) {
      this.#mistakes.add(this.#tree.source.placeAt(node.start), "exclude-file", result.problem);
      return globs;
    }
    const lines = this.#goodLines(result.path, result.text, "exclude-file", nameGlob);
    return [...globs, ...[...lines].map(({ text }) => text)];
  }
}
