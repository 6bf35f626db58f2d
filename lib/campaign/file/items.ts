/**
 * The rules between the texts of a task and the entries that it is for: every variable has a value, every prompt is short enough, every
 * branch is one that Git takes, and no two items of a repository get the same.
 *
 * @module
 */
import { MAX_PROMPT_LENGTH } from "../../api/contract/rules.ts";
import { branchNameProblem } from "../../api/validate.ts";
import type { Place, RepositoryEntry } from "./campaign_file.ts";
import { placeText } from "./entries.ts";
import { excerpt, type MistakeList } from "./mistakes.ts";
import { BUILT_IN_VARIABLES, MAX_BRANCH, normalBranch } from "./rules.ts";
import { variablesOf } from "./task.ts";
import { parseTemplate, renderTemplate, type Template, templateProblems, variablesIn } from "./templates.ts";

/** Longest title with the values of its variables, in UTF-16 units. Source: the service cuts names of pull requests there. */
export const MAX_TITLE = 72;
/** Most variables without a value that are told. */
const MAX_MISSING = 100;
/** Stands for a value that only the service knows, in checks. */
const UNKNOWN = "x";

/** A text of the task with templates. */
export interface TaskText {
  /** Its key in the campaign file. */
  key: "title" | "prompt" | "branch" | "on-failed-checks.prompt";
  text: string;
  /** The place of the whole text. */
  place: Place;
  /** The place of a part of it. */
  placeOf(offset: number, length: number): Place;
}

/** What the checks are about. */
export interface CheckedTask {
  campaign: string;
  round: string;
  /** Variables of the file. */
  variables: Readonly<Record<string, string>>;
  texts: readonly TaskText[];
  entries: readonly RepositoryEntry[];
  /** Names of the variables of all entries, those with mistakes included. */
  entryVariables: readonly string[];
}

type Values = Readonly<Record<string, string>>;

/** The values for an entry, as far as they are known before the service is asked. */
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

/** Length of a template with its values, without building the text. */
function lengthOf({ parts }: Template, values: Values): number {
  return parts.reduce((sum, part) => sum + (typeof part === "string" ? part : values[part.name] ?? "").length, 0);
}

/** Whether a template with its values is blank. */
function isBlank({ parts }: Template, values: Values): boolean {
  return parts.every((part) => (typeof part === "string" ? part : values[part.name] ?? "").trim() === "");
}

/** Adds what is wrong with the templates themselves. @returns Whether every variable of every text has a value for every entry. */
function checkVariables(task: CheckedTask, mistakes: MistakeList): boolean {
  const { texts, entries, variables, entryVariables } = task;
  const ofFile = [...Object.keys(variables), ...BUILT_IN_VARIABLES];
  const known = [...new Set([...ofFile, ...entryVariables])];
  let complete = true;
  for (const { key, text, placeOf } of texts) {
    for (const { offset, length, message } of templateProblems(text, known)) {
      complete = false;
      mistakes.add(placeOf(offset, length), key, message);
    }
    const some = parseTemplate(text).parts.flatMap((part) => typeof part === "string" ? [] : [part])
      .filter(({ name }) => !ofFile.includes(name) && known.includes(name));
    for (const { name, offset, length } of some.slice(0, MAX_MISSING)) {
      const without = entries.filter((each) => each.kind !== "repository" || !Object.hasOwn(each.variables, name));
      const [first] = without;
      if (first === undefined) continue;
      complete = false;
      const which = `${without.length} of ${entries.length} entries, first in ${placeText(first.place)}`;
      const message =
        `the variable "${name}" has no value for ${which}; give it in variables of the file or of each entry`;
      mistakes.add(placeOf(offset, length), key, message);
    }
  }
  return complete;
}

/** Adds lengths that are too large, and texts that are empty. Each is told once, for the first entry. */
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
        `with its variables it has ${titleLength} characters${where}; at most ${MAX_TITLE} are allowed, as the service names pull requests by it`;
      mistakes.add(title.place, title.key, message);
    }
    if (prompt === undefined || promptParts === undefined) continue;
    const length = lengthOf(promptParts, values) + (titleLength > 0 ? titleLength + 2 : 0);
    if (length > MAX_PROMPT_LENGTH) {
      const message =
        `with title and variables it has ${length} characters${where}; at most ${MAX_PROMPT_LENGTH} are allowed`;
      mistakes.add(prompt.place, prompt.key, message);
    }
    if (isBlank(promptParts, values)) mistakes.add(prompt.place, prompt.key, `it is empty${where}; give a task`);
  }
}

/** What is wrong with a branch. */
function branchProblem(pattern: Template, values: Values, base?: string): string | undefined {
  const length = lengthOf(pattern, values);
  if (length > MAX_BRANCH) return `it has ${length} characters; at most ${MAX_BRANCH} are allowed`;
  const branch = renderTemplate(pattern, values);
  const problem = branchNameProblem(branch);
  if (problem !== undefined) {
    return `it becomes ${excerpt(branch)}: ${problem}; allowed are letters, digits, "_", ".", "/" and "-"`;
  }
  return base !== undefined && normalBranch(branch) === base
    ? `it becomes ${excerpt(branch)}, which is the base branch; choose another`
    : undefined;
}

/** The branches of one repository. */
class Branches {
  readonly #first = new Map<string, RepositoryEntry>();
  /** Every beginning of a branch that ends before a slash. */
  readonly #above = new Map<string, string>();

  /** What keeps a branch from standing beside those before it. */
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
      }, and Git cannot have both; ${advice}`;
    }
    this.#first.set(branch, entry);
    for (const parent of parents) this.#above.set(parent, branch);
    return undefined;
  }
}

/** Adds branches that are not possible, and those that two items of a repository would share. */
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
    // The root that the service knows may be any.
    if (entry.root === undefined && names.includes("root")) continue;
    const id = entry.repo.toLowerCase();
    const others = branches.get(id) ?? new Branches();
    branches.set(id, others);
    const advice = names.includes("root")
      ? "put a variable with another value for each entry into branch"
      : "put {{ root }} into branch, or a variable with another value for each entry";
    const clash = others.problem(normalBranch(renderTemplate(pattern, values)), entry, advice);
    if (clash !== undefined) mistakes.add(entry.place, "branch", clash);
  }
}

/** Adds the mistakes between task and entries. */
export function reportItems(task: CheckedTask, mistakes: MistakeList): void {
  if (!checkVariables(task, mistakes)) return;
  checkLengths(task, mistakes);
  const branch = task.texts.find(({ key }) => key === "branch");
  if (branch !== undefined) checkBranches(task, branch, mistakes);
}
