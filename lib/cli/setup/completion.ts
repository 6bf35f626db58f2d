/**
 * `completion` prints the lines that let a shell complete verbs and flags. The shell requests the words from the program, so the words are always up
 * to date.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { type Context, flagsOf, TOPICS, type Verb } from "../verb.ts";

const SHELLS: ReadonlyMap<string, (program: string) => string> = new Map(Object.entries({
  bash: (program: string) =>
    `_mogplex_ci() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(${program} completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2> /dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _mogplex_ci ${program}`,
  zsh: (program: string) =>
    `#compdef ${program}
_mogplex_ci() {
  local -a found
  found=(\${(f)"$(${program} completion words -- "\${(@)words[2,CURRENT-1]}" 2> /dev/null)"})
  if ((\${#found})); then compadd -a found; else _files; fi
}
compdef _mogplex_ci ${program}`,
  fish: (program: string) =>
    `complete -c ${program} -a '(${program} completion words -- (commandline -opc)[2..] 2> /dev/null)'`,
}));

/** Empty if the next word is the value of a flag, which may be a file. */
function wordsAfter(typedWords: readonly string[], verbs: readonly Verb[]): string[] {
  const typed = typedWords.filter((word) => !word.startsWith("-"));
  if (typed[0] === "help" && typed.length === 1) return [...TOPICS];
  const names = verbs.map(({ name }) => name.replace(/ --.*$/, ""));
  const rows = verbs.filter((_, index) => {
    const words = names[index]?.split(" ") ?? [];
    return words.every((word, at) => typed[at] === word);
  });
  const last = typedWords.at(-1) ?? "";
  const flags = rows.flatMap(flagsOf);
  if (flags.some(({ name, value }) => value !== undefined && last === `--${name}`)) return [];
  const next = names.map((name) => name.split(" ")).filter((words) =>
    words.length > typed.length && typed.every((word, at) => words[at] === word)
  ).map((words) => words[typed.length] ?? "");
  const flagWords = rows.length === 0 ? [] : [...flags.map(({ name }) => `--${name}`), "--help"];
  return [...new Set([...next, ...flagWords, ...(typedWords.length === 0 ? ["help", "--help", "--version"] : [])])]
    .filter((word) => !word.startsWith("-") || !typedWords.includes(word));
}

// deno-lint-ignore require-await
export async function printCompletion({ flags, writer, verbs, vocabulary }: Context): Promise<number> {
  const [shell = "", ...typedWords] = flags.positionals;
  if (shell === "words") {
    writer.output(wordsAfter(typedWords, verbs).join("\n"));
    return EXIT.success;
  }
  const script = SHELLS.get(shell);
  const shells = [...SHELLS.keys()].join(", ");
  if (script === undefined) {
    const why = `the shell must be one of ${shells}`;
    throw new UsageError({ attempted: "print completions", why, value: JSON.stringify(shell) });
  }
  // A program that is called with several words cannot be completed.
  writer.output(script(/^[\w-]+$/.test(vocabulary.program) ? vocabulary.program : "mogplex-ci"));
  return EXIT.success;
}
