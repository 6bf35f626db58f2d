import { messageOf } from "../../error_sentence.ts";
import { UsageError } from "../../errors.ts";
import { type Io, parentOf } from "../../io.ts";
import { lookup } from "../../lookup.ts";
import { nearest } from "../../nearest.ts";
import { isNotPermitted } from "../../runtime.ts";
import { MAX_PROMPT_LENGTH, normalizeRoot } from "../../service/contract.ts";
import { branchNameProblem, normalBranch } from "../../service/validate.ts";
import { type CampaignFile, type FilePlace, type Place, placeText, type RepositoryEntry } from "./campaign_file.ts";
import type { CheckedTree } from "./issues.ts";
import { excerpt, type MistakeList } from "./mistakes.ts";
import { BUILT_IN_VARIABLES, MAX_BRANCH, nameGlob, partsOfAddress, repository, type Rule } from "./rules.ts";
import { MAX_ENTRIES } from "./schema.ts";
import { keyOf, type MapNode, nodeAt, type Path, textAt, type TreeNode } from "./syntax.ts";

export type FileIo = Pick<Io, "readFile" | "realPath" | "readStdin">;

export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_LIST_BYTES = 16 * 1024 * 1024;

type ReadResult =
  | { ok: true; path: string; text: string }
  | { ok: false; path: string; problem: string; why?: string };

/** Git's settings for line endings must not change this text, because idempotency keys are derived from it. */
function normalized(text: string): string {
  return text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
}

export const MISSING = "the file does not exist";

export function readText(io: FileIo, path: string, maxBytes: number): ReadResult {
  try {
    const text = io.readFile(path, maxBytes, "follow");
    return text === undefined ? { ok: false, path, problem: MISSING } : { ok: true, path, text: normalized(text) };
  } catch (error) {
    if (isNotPermitted(error)) {
      return { ok: false, path, problem: "Deno is not allowed to read the file; allow it with --allow-read" };
    }
    const why = messageOf(error);
    return { ok: false, path, problem: `the file cannot be read: ${why}`, why };
  }
}

export class Includes {
  readonly #io: FileIo;
  readonly #folder: string;
  readonly #words: { folder: string; permit: string };
  readonly #allowOutside: boolean;
  readonly #texts = new Map<string, string>();

  constructor(path: string | null, io: FileIo, allowOutside: boolean) {
    this.#io = io;
    this.#folder = path === null ? "." : parentOf(path);
    this.#words = path === null
      ? { folder: "the working directory", permit: "the option allowOutside" }
      : { folder: "the folder of the campaign file", permit: "--allow-outside" };
    this.#allowOutside = allowOutside;
  }

  get texts(): ReadonlyMap<string, string> {
    return this.#texts;
  }

  pathOf(name: string): string {
    if (name.startsWith("/") || this.#folder === ".") return name.replace(/^(?:\.\/)+/, "");
    return `${this.#folder === "/" ? "" : this.#folder}/${name.replace(/^(?:\.\/)+/, "")}`;
  }

  #isInside(path: string): boolean {
    const real = this.#io.realPath(path);
    if (real === undefined) return true;
    const folder = this.#io.realPath(this.#folder);
    return folder !== undefined && `${real}/`.startsWith(`${folder.replace(/\/+$/, "")}/`);
  }

  read(name: string, maxBytes: number): ReadResult {
    const path = this.pathOf(name);
    try {
      if (!this.#allowOutside && !this.#isInside(path)) {
        const { folder, permit } = this.#words;
        const problem = `${excerpt(path)} is outside ${folder}; move it there, or allow it with ${permit}`;
        return { ok: false, path, problem };
      }
    } catch (error) {
      const why = messageOf(error);
      return { ok: false, path, problem: `the file cannot be read: ${why}` };
    }
    const result = readText(this.#io, path, maxBytes);
    if (result.ok) this.#texts.set(path, result.text);
    else if (result.problem === MISSING) {
      return { ...result, problem: `${MISSING}; give its path relative to ${this.#words.folder}` };
    }
    return result;
  }
}

interface ListLine {
  text: string;
  place: FilePlace;
}

function* linesOf(file: string, text: string): Generator<ListLine> {
  let line = 0;
  for (const whole of text.split("\n")) {
    line++;
    const content = whole.replace(/(?:^|\s)#.*$/, "").trim();
    if (content === "") continue;
    yield { text: content, place: { file, line, column: whole.length - whole.trimStart().length + 1 } };
  }
}

export type StdinRule = "read" | "skip" | "refuse";

const STDIN = "<stdin>";

/** The schema reports values that are not text. */
export function textsOf(node: TreeNode | undefined): Readonly<Record<string, string>> {
  const entries = node?.kind === "map" ? [...node.entries.values()] : [];
  const texts = entries.map(({ key, value }) => {
    if (value.kind !== "scalar") return [key, ""];
    return [key, typeof value.value === "string" ? value.value : value.text];
  });
  return Object.assign(Object.create(null), Object.fromEntries(texts));
}

function globsOf(node: TreeNode | undefined): string[] {
  if (node?.kind !== "list") return [];
  return node.items.flatMap((item) => item.kind === "scalar" && typeof item.value === "string" ? [item.value] : []);
}

export class EntryReader {
  readonly #tree: CheckedTree;
  readonly #includes: Includes;
  readonly #mistakes: MistakeList;
  readonly #entries: RepositoryEntry[] = [];
  readonly #known = new Map<string, Place>();
  skippedStdin = false;

  constructor(tree: CheckedTree, includes: Includes, mistakes: MistakeList) {
    this.#tree = tree;
    this.#includes = includes;
    this.#mistakes = mistakes;
  }

  /** Includes the variables of entries with mistakes, so that their names are not reported as unknown. */
  get variableNames(): string[] {
    const list = nodeAt(this.#tree.root, ["repositories"]);
    if (list?.kind !== "list") return [];
    return [...new Set(list.items.flatMap((item) => Object.keys(textsOf(nodeAt(item, ["variables"])))))];
  }

  #isNew(identity: readonly unknown[], place: Place, key: string, what: string): boolean {
    const id = JSON.stringify(identity);
    const first = this.#known.get(id);
    if (first === undefined) {
      this.#known.set(id, place);
      return true;
    }
    this.#mistakes.add(place, key, `${what} appears twice, first in ${placeText(first)}; remove one of the two`);
    return false;
  }

  #addRepository(written: RepositoryEntry & { kind: "repository" }, key: string): void {
    const address = partsOfAddress(written.repo);
    const entry = address === undefined ? written : { ...written, repo: address.name, host: address.host };
    const { repo, baseBranch = null, root, place } = entry;
    const identity = ["repository", repo.toLowerCase(), baseBranch, root === undefined ? false : root];
    const where = [baseBranch, root].filter((each) => typeof each === "string").map((each) => ` ${excerpt(each)}`);
    if (this.#isNew(identity, place, key, `${excerpt(repo)}${where.join("")}`)) this.#entries.push(entry);
  }

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
      const normal = root === undefined ? undefined : normalizeRoot(root);
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

  *#goodLines(file: string, text: string, key: string, rule: Rule): Generator<ListLine> {
    let count = 0;
    for (const line of linesOf(file, text)) {
      if (this.#mistakes.full) return;
      if (++count > MAX_ENTRIES) {
        this.#mistakes.add(line.place, key, `a list can have at most ${MAX_ENTRIES} lines; split the campaign`);
        return;
      }
      const problem = rule(line.text);
      if (problem === undefined) yield line;
      else this.#mistakes.add(line.place, key, `it is ${excerpt(line.text)}; ${problem}; write one per line`);
    }
  }

  async #list(name: string, node: TreeNode, key: string, io: FileIo, stdin: StdinRule): Promise<void> {
    const place = this.#tree.source.placeAt(node.start);
    const path = name === "-" ? STDIN : this.#includes.pathOf(name);
    if (!this.#isNew(["file", path], place, key, `the list ${excerpt(name)}`)) return;
    let text: string;
    if (name === "-") {
      if (stdin === "refuse") {
        this.#mistakes.add(place, key, "only `campaign plan` reads standard input; write the list to a file");
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
      this.#mistakes.add({ file: path, line: 1, column: 1 }, key, "the list is empty; write one name or id per line");
    }
    for (const line of this.#goodLines(path, text, key, repository)) this.#addName(line.text, line.place, key);
  }

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
        `there are ${this.#entries.length} entries; at most ${MAX_ENTRIES} are allowed; split the campaign`;
      this.#mistakes.add(this.#tree.source.placeAt(list.start), "repositories", message);
    }
    return this.#entries;
  }

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

// In a template, `{{ name }}` is replaced by the value of a variable, `{{{{` becomes `{{`, and `${{ … }}` stays unchanged. Braces in a value have no
// special meaning.

type TemplatePart = string | { name: string; offset: number; length: number };

interface TemplateProblem {
  offset: number;
  length: number;
  message: string;
}

interface Template {
  parts: TemplatePart[];
  problems: TemplateProblem[];
}

const MAX_PROBLEMS = 100;
const MAX_NAME = 100;
/**
 * In UTF-16 code units: ten times the limit of the service. Without this limit, a few variables could produce gigabytes of text.
 */
const MAX_TEXT = 1_000_000;

// The pattern is sticky, and its repeated parts cannot match the next `{{`, so the time is linear in the length of the text.
const VARIABLE = /\{\{[ \t]*([A-Za-z][\w.-]*)[ \t]*\}\}/y;

export function parseTemplate(text: string): Template {
  const parts: TemplatePart[] = [];
  const problems: TemplateProblem[] = [];
  let from = 0;
  for (let at = text.indexOf("{{"); at >= 0; at = text.indexOf("{{", at)) {
    if (text.startsWith("{{{{", at)) {
      parts.push(text.slice(from, at + 2));
      at += 4;
      from = at;
      continue;
    }
    if (text[at - 1] === "$") {
      at += 2;
      continue;
    }
    VARIABLE.lastIndex = at;
    const [all, name] = VARIABLE.exec(text) ?? [];
    if (all === undefined || name === undefined) {
      const variableText = /^\{\{[^\n]{0,30}/.exec(text.slice(at, at + 32))?.[0] ?? "{{";
      const message = `${JSON.stringify(variableText)} is not a variable; write {{ name }}, or {{{{ for a literal {{`;
      if (problems.length < MAX_PROBLEMS) problems.push({ offset: at, length: 2, message });
      at += 2;
      continue;
    }
    parts.push(text.slice(from, at), { name, offset: at, length: all.length });
    at += all.length;
    from = at;
  }
  parts.push(text.slice(from));
  return { parts: parts.filter((part) => part !== ""), problems };
}

function variablesIn({ parts }: Template): string[] {
  return [...new Set(parts.flatMap((part) => typeof part === "string" ? [] : [part.name]))];
}

export function templateProblems(text: string, variableNames: readonly string[]): TemplateProblem[] {
  const { parts, problems } = parseTemplate(text);
  const names = new Set(variableNames);
  for (const part of parts) {
    if (typeof part === "string" || names.has(part.name)) continue;
    if (problems.length >= MAX_PROBLEMS) break;
    const near = part.name.length > MAX_NAME ? undefined : nearest(part.name, variableNames);
    const hint = near === undefined
      ? `valid names are ${variableNames.slice(0, 20).join(", ")}`
      : `did you mean "{{ ${near} }}"?`;
    const name = part.name.slice(0, MAX_NAME);
    const message = `there is no variable "${name}"; define it in variables, or write {{{{ for a literal {{; ${hint}`;
    problems.push({ offset: part.offset, length: part.length, message });
  }
  return problems.sort((a, b) => a.offset - b.offset);
}

export function renderTemplate(text: string | Template, values: Readonly<Record<string, string>>): string {
  const { parts } = typeof text === "string" ? parseTemplate(text) : text;
  const attempted = "fill in a template";
  let whole = "";
  for (const part of parts) {
    const value = typeof part === "string" ? part : lookup(values, part.name);
    if (value === undefined) {
      const name = typeof part === "string" ? part : part.name;
      const why = "a variable has no value";
      throw new UsageError({ attempted, why, value: JSON.stringify(name), advice: "set it in variables" });
    }
    if (whole.length + value.length > MAX_TEXT) {
      throw new UsageError({ attempted, why: `the text would have more than ${MAX_TEXT} characters` });
    }
    whole += value;
  }
  return whole;
}

type TaskTemplates = Pick<CampaignFile, "title" | "prompt" | "variables" | "branch">;

interface TaskItem {
  campaign: string;
  round: string;
  repository: string;
  root: string | null;
  variables: Readonly<Record<string, string>>;
}

interface Task {
  prompt: string;
  branch: string | null;
}

export function variablesOf(file: CampaignFile["variables"], item: TaskItem): Readonly<Record<string, string>> {
  const slash = item.repository.indexOf("/");
  const values: Record<string, string> = Object.create(null);
  return Object.assign(values, file, item.variables, {
    "campaign": item.campaign,
    "round": item.round,
    "repository.owner": item.repository.slice(0, Math.max(slash, 0)),
    "repository.name": item.repository.slice(slash + 1),
    "root": item.root ?? "",
  });
}

export function renderTask(templates: TaskTemplates, item: TaskItem): Task {
  const values = variablesOf(templates.variables, item);
  const title = templates.title === null ? "" : renderTemplate(templates.title, values).trim();
  const prompt = renderTemplate(templates.prompt, values).trim();
  return {
    prompt: title === "" ? prompt : `${title}\n\n${prompt}`,
    branch: templates.branch === null ? null : renderTemplate(templates.branch, values),
  };
}

/** Limit for a rendered title, in UTF-16 code units. Source: the service cuts the titles of pull requests at this length. */
export const MAX_TITLE = 72;
const MAX_MISSING = 100;
const UNKNOWN = "x";

export interface TaskText {
  key: "title" | "prompt" | "branch" | "on-failed-checks.prompt";
  text: string;
  place: Place;
  placeOf(offset: number, length: number): Place;
}

interface CheckedTask {
  campaign: string;
  round: string;
  variables: Readonly<Record<string, string>>;
  texts: readonly TaskText[];
  entries: readonly RepositoryEntry[];
  entryVariables: readonly string[];
}

type Values = Readonly<Record<string, string>>;

function valuesOf({ campaign, round, variables }: CheckedTask, entry?: RepositoryEntry): Values {
  const one = entry?.kind === "repository" ? entry : undefined;
  const isNamed = one?.repo.includes("/") === true;
  return variablesOf(variables, {
    campaign,
    round,
    repository: isNamed ? one.repo : `${UNKNOWN}/${UNKNOWN}`,
    root: one?.root === undefined ? UNKNOWN : one.root,
    variables: one?.variables ?? {},
  });
}

/** Computes the length without building the text, which could be very long. */
function lengthOf({ parts }: Template, values: Values): number {
  return parts.reduce(
    (sum, part) => sum + (typeof part === "string" ? part : lookup(values, part.name) ?? "").length,
    0,
  );
}

function isBlank({ parts }: Template, values: Values): boolean {
  return parts.every((part) => (typeof part === "string" ? part : lookup(values, part.name) ?? "").trim() === "");
}

function checkVariables(task: CheckedTask, mistakes: MistakeList): boolean {
  const { texts, entries, variables, entryVariables } = task;
  const ofFile = [...Object.keys(variables), ...BUILT_IN_VARIABLES];
  const knownVariables = [...new Set([...ofFile, ...entryVariables])];
  let complete = true;
  for (const { key, text, placeOf } of texts) {
    for (const { offset, length, message } of templateProblems(text, knownVariables)) {
      complete = false;
      mistakes.add(placeOf(offset, length), key, message);
    }
    const some = parseTemplate(text).parts.flatMap((part) => typeof part === "string" ? [] : [part])
      .filter(({ name }) => !ofFile.includes(name) && knownVariables.includes(name));
    for (const { name, offset, length } of some.slice(0, MAX_MISSING)) {
      const without = entries.filter((each) => each.kind !== "repository" || !Object.hasOwn(each.variables, name));
      const [first] = without;
      if (first === undefined) continue;
      complete = false;
      const which = `${without.length} of ${entries.length} entries, first in ${placeText(first.place)}`;
      const message =
        `the variable "${name}" has no value for ${which}; set it in variables of the file or of each entry`;
      mistakes.add(placeOf(offset, length), key, message);
    }
  }
  return complete;
}

function checkLengths(task: CheckedTask, mistakes: MistakeList): void {
  const { texts, entries } = task;
  const [title, prompt] = ["title", "prompt"].map((key) => texts.find((text) => text.key === key));
  const titleParts = title === undefined ? undefined : parseTemplate(title.text);
  const promptParts = prompt === undefined ? undefined : parseTemplate(prompt.text);
  for (const entry of entries.length === 0 ? [undefined] : entries) {
    const values = valuesOf(task, entry);
    const where = entry === undefined ? "" : ` for the entry in ${placeText(entry.place)}`;
    const titleLength = titleParts === undefined ? 0 : lengthOf(titleParts, values);
    if (title !== undefined && titleLength > MAX_TITLE) {
      const message =
        `with its variables it has ${titleLength} characters${where}; at most ${MAX_TITLE} are allowed in the title of a pull request`;
      mistakes.add(title.place, title.key, message);
    }
    if (prompt === undefined || promptParts === undefined) continue;
    const length = lengthOf(promptParts, values) + (titleLength > 0 ? titleLength + 2 : 0);
    if (length > MAX_PROMPT_LENGTH) {
      const message =
        `with title and variables it has ${length} characters${where}; at most ${MAX_PROMPT_LENGTH} are allowed`;
      mistakes.add(prompt.place, prompt.key, message);
    }
    if (isBlank(promptParts, values)) mistakes.add(prompt.place, prompt.key, `it is empty${where}; describe the task`);
  }
}

function branchProblem(pattern: Template, values: Values, base?: string): string | undefined {
  const length = lengthOf(pattern, values);
  if (length > MAX_BRANCH) return `it has ${length} characters; at most ${MAX_BRANCH} are allowed`;
  const branch = renderTemplate(pattern, values);
  const problem = branchNameProblem(branch);
  if (problem !== undefined) {
    return `it becomes ${excerpt(branch)}: ${problem}; use letters, digits, "_", ".", "/" and "-"`;
  }
  return base !== undefined && normalBranch(branch) === base
    ? `it becomes ${excerpt(branch)}, which is the base branch; choose another`
    : undefined;
}

class Branches {
  readonly #first = new Map<string, RepositoryEntry>();
  readonly #above = new Map<string, string>();

  problem(branch: string, entry: RepositoryEntry & { kind: "repository" }, advice: string): string | undefined {
    const same = this.#first.get(branch);
    if (same !== undefined) {
      return `${excerpt(entry.repo)} gets the branch ${excerpt(branch)} twice, first in ${
        placeText(same.place)
      }; ${advice}`;
    }
    const parts = branch.split("/");
    const parents = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
    const other = this.#above.get(branch) ?? parents.find((parent) => this.#first.has(parent));
    if (other !== undefined) {
      return `${excerpt(entry.repo)} gets the branches ${excerpt(branch)} and ${
        excerpt(other)
      }, and Git cannot store both; ${advice}`;
    }
    this.#first.set(branch, entry);
    for (const parent of parents) this.#above.set(parent, branch);
    return undefined;
  }
}

function checkBranches(task: CheckedTask, { text, place }: TaskText, mistakes: MistakeList): void {
  const pattern = parseTemplate(text);
  const names = variablesIn(pattern);
  const general = names.every((name) => valuesOf(task)[name] !== undefined)
    ? branchProblem(pattern, valuesOf(task))
    : undefined;
  if (general !== undefined) return mistakes.add(place, "branch", general);
  const branches = new Map<string, Branches>();
  for (const entry of task.entries) {
    if (entry.kind !== "repository") continue;
    const values = valuesOf(task, entry);
    const problem = branchProblem(pattern, values, entry.baseBranch);
    if (problem !== undefined) {
      mistakes.add(entry.place, "branch", problem);
      continue;
    }
    // The root directory may be set in the service, so the branch is not known yet.
    if (entry.root === undefined && names.includes("root")) continue;
    const id = entry.repo.toLowerCase();
    const others = branches.get(id) ?? new Branches();
    branches.set(id, others);
    const advice = names.includes("root")
      ? "put a variable with a different value for each entry into branch"
      : "put {{ root }} into branch, or a variable with a different value for each entry";
    const clash = others.problem(normalBranch(renderTemplate(pattern, values)), entry, advice);
    if (clash !== undefined) mistakes.add(entry.place, "branch", clash);
  }
}

export function reportItems(task: CheckedTask, mistakes: MistakeList): void {
  if (!checkVariables(task, mistakes)) return;
  checkLengths(task, mistakes);
  const branch = task.texts.find(({ key }) => key === "branch");
  if (branch !== undefined) checkBranches(task, branch, mistakes);
}
