/**
 * Finds the verb that the arguments begin with.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { flagsOf, type Verb } from "./verb.ts";
import { VERBS } from "./verbs.ts";

/** A verb, and the arguments after its words. */
export interface FoundVerb {
  verb: Verb;
  args: readonly string[];
}

/** The words by which a verb is called: its name, without the flag that chooses its row. */
function wordsOf({ name }: Verb): string {
  return name.replace(/ --.*$/, "");
}

/** The arguments that can be flags: those before `--`. */
export function possibleFlags(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

/** Name of the flag that an argument is, without dashes and value. */
function flagName(arg: string): string | undefined {
  return /^--([^=]+)/.exec(arg)?.[1];
}

function isChosen({ chosenBy = [] }: Verb, args: readonly string[]): boolean {
  return possibleFlags(args).some((arg) => chosenBy.includes(flagName(arg) ?? ""));
}

function unknownGroupVerb(first: string, second: string, names: readonly string[]): UsageError {
  const advice = `give one of ${names.join(", ")}`;
  if (second === "" || second.startsWith("-")) {
    return new UsageError({ attempted: `run ${JSON.stringify(first)}`, why: "a verb is missing", advice });
  }
  const hint = nearest(second, names);
  return new UsageError({
    attempted: `run ${JSON.stringify(`${first} ${second}`)}`,
    why: "unknown verb",
    advice: hint === undefined ? advice : `did you mean ${JSON.stringify(`${first} ${hint}`)}?`,
  });
}

function unknownVerb(args: readonly string[]): UsageError {
  const [first = "", second = ""] = args;
  const advice = "see --help";
  const names = [...new Set(VERBS.map(wordsOf))];
  const ofGroup = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
  if (ofGroup.length > 0) return unknownGroupVerb(first, second, ofGroup);
  const hint = nearest(first, [...new Set(names.flatMap((name) => name.split(" ")[0] ?? [])), "--help", "--version"]);
  return new UsageError({
    attempted: `run ${JSON.stringify(first)}`,
    why: "unknown verb",
    advice: hint === undefined ? advice : `did you mean ${JSON.stringify(hint)}?`,
  });
}

/**
 * The rows of the verb that the arguments name: the one that a flag chooses, else all rows with these words, the plain one first.
 *
 * @throws {UsageError} when there is no such verb, naming the nearest one.
 */
export function findRows(args: readonly string[]): [FoundVerb, ...FoundVerb[]] {
  for (const count of [2, 1]) {
    const rest = args.slice(count);
    const rows = VERBS.filter((verb) => wordsOf(verb) === args.slice(0, count).join(" "));
    const chosen = rows.filter((verb) => isChosen(verb, rest));
    const plain = rows.filter(({ chosenBy }) => chosenBy === undefined);
    const plainFirst = [...plain, ...rows.filter((verb) => !plain.includes(verb))];
    const [first, ...others] = (chosen.length > 0 ? chosen : plainFirst).map((verb) => ({ verb, args: rest }));
    if (first !== undefined) return [first, ...others];
  }
  throw unknownVerb(args);
}

/**
 * The verb that the arguments call.
 *
 * @throws {UsageError} when there is no such verb.
 */
export function findVerb(args: readonly string[]): FoundVerb {
  return findRows(args)[0];
}

/**
 * Checks that no flag is given that belongs to another row of the same words.
 *
 * @throws {UsageError} naming the flags that choose the other row.
 */
export function checkRow({ verb, args }: FoundVerb): void {
  const own = flagsOf(verb).map(({ name }) => name);
  const others = VERBS.filter((each) => each !== verb && wordsOf(each) === wordsOf(verb));
  for (const arg of possibleFlags(args)) {
    const name = flagName(arg);
    if (name === undefined || own.includes(name)) continue;
    const other = others.find((each) => flagsOf(each).some((flag) => flag.name === name));
    if (other === undefined) {
      const hint = nearest(name, [...own, ...others.flatMap((each) => flagsOf(each).map((flag) => flag.name))]);
      // A flag of this row is named where the flags are parsed.
      if (hint === undefined || own.includes(hint)) continue;
      throw new UsageError({
        attempted: `parse arguments of ${wordsOf(verb)}`,
        why: `unknown flag "--${name}"`,
        advice: `did you mean "--${hint}"?`,
      });
    }
    const choice = (other.chosenBy ?? []).map((each) => `--${each}`).join(" or ");
    throw new UsageError({ attempted: wordsOf(verb), why: `--${name} works with ${choice} only` });
  }
}

/** Whether some verbs begin with this word and a second one. */
export function isGroup(word: string): boolean {
  return VERBS.some((verb) => wordsOf(verb).startsWith(`${word} `));
}
