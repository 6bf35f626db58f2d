/**
 * The help texts, made from the tables of verbs, flags, variables and exit codes.
 *
 * @module
 */
import { EXIT_TABLE, type ExitName } from "../exit_codes.ts";
import { lookup } from "../lookup.ts";
import { REPORT_FORMATS } from "../report/write.ts";
import { type Variable, VARIABLES } from "../variables.ts";
import { VERSION } from "../version.ts";
import {
  codesOf,
  flagsOf,
  meaningOf,
  type Meanings,
  PROGRAM,
  TOPICS,
  VARIABLE_MEANINGS,
  type Verb,
  type VerbFlag,
} from "./verb.ts";
import { VERBS } from "./verbs.ts";

// How help texts are laid out: columns and paragraphs that fit the narrowest common terminal.

/** A text of the documents for a terminal: without backticks. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

/** Width of all help texts, in characters: that of the narrowest common terminal, which would break lines in the middle of words. */
const WIDTH = 80;

/** Breaks a text at its blanks. @param indent Blanks before each line but the first. */
function wrapped(text: string, indent = 0): string {
  const lines: string[] = [];
  let line = "";
  for (const part of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + part.length > WIDTH) {
      lines.push(line);
      line = part;
    } else line += line === "" ? part : ` ${part}`;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

/** One line for each row, or more if its last cell needs them. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => {
    const start = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `).join("");
    return `  ${start}${wrapped(row.at(-1) ?? "", start.length + 2)}\n`;
  }).join("");
}

/** Command lines as they are: a broken one could not be copied. */
function commands(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join("");
}

/** Variables that a verb reads. */
function variablesOf(verb: Verb): Variable[] {
  if (verb.group === "drop-in") return VARIABLES.filter(({ dropIn }) => dropIn);
  const flags = flagsOf(verb);
  return VARIABLES.filter(({ name, option, readWith, service }) => {
    if (option !== null) return flags.some((flag) => flag.name === option && flag.variable !== undefined);
    if (readWith !== null) return flags.some((flag) => flag.name === readWith);
    return service || verb.variables?.includes(name);
  });
}

function flagRow(flag: VerbFlag, read: readonly Variable[]): string[] {
  const { name, value, variable } = flag;
  const usage = value === undefined ? `--${name}` : `--${name} ${value}`;
  const meaning = plain(meaningOf(flag)).replace(/\.$/, "");
  if (variable === undefined || !read.includes(variable)) return [usage, meaning];
  const fallback = variable.fallback === "–" ? "" : `, default ${plain(variable.fallback)}`;
  return [usage, `${meaning} [${variable.name}${fallback}]`];
}

/** Groups of flags, the common ones first in each; a flag that is in none belongs to the verb itself. */
export const GROUPS: readonly (readonly [title: string, names: readonly string[]])[] = [
  ["Task", [
    "repo",
    "prompt-file",
    "branch",
    "create-branch",
    "no-create-branch",
    "base-branch",
    "root",
    "harness",
    "mode",
    "input",
    "input-file",
  ]],
  ["Following", ["follow", "detach", "timeout", "on-timeout", "on-interrupt", "new", "log", "token-share", "json"]],
  ["Reports", ["report", "note", "out", "state"]],
  ["Keys", ["key-scope", "key-part", "idempotency-key", "resume"]],
];
/** With fewer flags, groups would only scatter them. */
const MIN_GROUPED = 10;

/** The flags of a verb under their titles. */
function flagParts(flags: readonly VerbFlag[], read: readonly Variable[]): string[] {
  const help = ["--help", "Print this text"];
  const rows = (some: readonly VerbFlag[]) => some.map((flag) => flagRow(flag, read));
  if (flags.length < MIN_GROUPED) return [`Flags:\n${columns([...rows(flags), help])}`];
  const groups = GROUPS.map(([title, names]) => {
    const some = names.flatMap((name) => flags.filter((flag) => flag.name === name));
    return { title, rows: rows(some), some };
  });
  const others = rows(flags.filter((flag) => !groups.some(({ some }) => some.includes(flag))));
  const all = [...groups, { title: "Other", rows: [...others, help], some: [] }].filter((group) =>
    group.rows.length > 0
  );
  // One width for all groups: the eye runs down one column.
  const width = Math.max(...all.flatMap((group) => group.rows.map(([usage = ""]) => usage.length)));
  return all.map(({ title, rows: each }) =>
    `${title}:\n${columns(each.map(([usage = "", meaning = ""]) => [usage.padEnd(width), meaning]))}`
  );
}

function variableRows(variables: readonly Variable[], label = ({ name }: Variable) => name): string {
  return columns(variables.map((each) => [
    label(each),
    plain(lookup(VARIABLE_MEANINGS, each.name) ?? "") +
    (each.fallback === "–" ? "" : ` (default: ${plain(each.fallback)})`),
  ]));
}

function exitRows(column: "toolkit" | "dropIn", codes?: readonly ExitName[], meanings: Meanings = {}): string {
  const rows = EXIT_TABLE.filter((row) =>
    row[column] !== "–" && (codes === undefined || row.names.some((name) => codes.includes(name)))
  );
  return columns(rows.map((row) => {
    const own = row.names.map((name) => meanings[name]).find((meaning) => meaning !== undefined);
    return [row.code, plain(own ?? (row[column] === "same" ? row.toolkit : row[column]))];
  }));
}

/** Names in lines that fit. */
function nameLines(names: readonly string[]): string {
  return `  ${wrapped(names.join(" "), 2)}\n`;
}

function rowHelp(verb: Verb): string {
  const { name, usage, summary, examples, meanings, verdict } = verb;
  const codes = codesOf(verb);
  const flags = flagsOf(verb);
  const read = variablesOf(verb);
  const parts = [
    `Usage: ${`${PROGRAM} ${name} ${usage}`.trimEnd()} [flags]\n`,
    `${wrapped(summary)}\n`,
    ...flagParts(flags, read),
    `Examples:\n${commands(examples)}`,
  ];
  if (flags.some((flag) => flag.name === "report")) {
    parts.push(`Formats of reports (see help reports):\n${nameLines(Object.keys(REPORT_FORMATS))}`);
  }
  const others = read.filter((variable) => !flags.some((flag) => flag.variable === variable));
  const beside = others.length < read.length ? "beside the variables in brackets; " : "";
  parts.push(`Environment (${beside}see help environment):\n${nameLines(others.map((each) => each.name))}`);
  parts.push(`Exit codes:\n${exitRows(verb.group === "drop-in" ? "dropIn" : "toolkit", codes, meanings)}`);
  if (verdict !== undefined) {
    parts.push(`Exit codes with --${verdict.flag}:\n${exitRows("toolkit", codes, verdict.meanings)}`);
  }
  return parts.join("\n");
}

/** Help of a verb: of each of its rows, clearly apart, in the order of the list. */
export function verbHelp(rows: readonly Verb[]): string {
  return VERBS.filter((verb) => rows.includes(verb)).map(rowHelp).join(`\n${"-".repeat(WIDTH)}\n\n`);
}

/** Verbs of the program's help by what they are for, by the beginnings of their names. */
const CHAPTERS: readonly (readonly [title: string, begins: (verb: Verb) => boolean])[] = [
  ["Runs", ({ name, group }) => group === "toolkit" && /^(?:run |follow|report|cleanup|runs )/.test(name)],
  ["Setting up", ({ name }) => /^(?:init|doctor|permissions|completion)/.test(name)],
  ["Everything on one page", ({ name }) => name === "dashboard"],
  ["Automations and reviews", ({ name }) => /^(?:automations|pr-reviews) /.test(name)],
  ["Campaigns: one task, many repositories", ({ name }) => name.startsWith("campaign ")],
  ["As in the mogplex command, with its flags and codes", ({ group }) => group === "drop-in"],
];

/** Help of the program, or of a group of verbs such as `runs`. */
export function programHelp(group?: string): string {
  const verbs = group === undefined ? VERBS : VERBS.filter((verb) => verb.name.startsWith(`${group} `));
  const usage = `Usage: ${PROGRAM} ${group ?? "<verb>"} ${group === undefined ? "" : "<verb> "}[flags]\n`;
  if (group !== undefined) {
    const rows = verbs.map((verb) => [`${verb.name} ${verb.usage}`.trimEnd(), verb.summary]);
    const examples = `Examples:\n${commands(verbs.flatMap((verb) => verb.examples.slice(0, 1)))}`;
    return [usage, `Verbs (each has --help):\n${columns(rows)}`, examples].join("\n");
  }
  const width = Math.max(...verbs.map(({ name }) => name.length));
  const chapters = CHAPTERS.map(([title, belongs]) =>
    `${title}:\n${columns(verbs.filter(belongs).map(({ name, summary }) => [name.padEnd(width), summary]))}`
  );
  const first = verbs.filter(({ name }) => ["run --follow", "doctor"].includes(name));
  return [
    usage,
    `${PROGRAM} ${VERSION}: runs, follows and reports hosted Mogplex agent runs from CI\n`,
    ...chapters,
    `Flags:\n${columns([["--help", "Print this text, or that of a verb"], ["--version", "Print the version"]])}`,
    `More: help ${TOPICS.join(", help ")}\n`,
    `Examples:\n${commands(first.flatMap((verb) => verb.examples.slice(0, 1)))}`,
  ].join("\n");
}

const DROP_IN = "run without --follow, runs, repos, sandboxes";

/** Paragraphs of a topic. */
function paragraphs(...texts: readonly string[]): string {
  return texts.map((text) => `${wrapped(text)}\n`).join("\n");
}

/** Help of a topic; undefined when there is none of that name. */
export function topicHelp(topic: string): string | undefined {
  switch (topic) {
    case "environment":
      return `Environment (${DROP_IN} read those marked *):\n${
        variableRows(VARIABLES, ({ name, dropIn }) => name + (dropIn ? " *" : ""))
      }`;
    case "exit-codes":
      return `Exit codes:\n${exitRows("toolkit")}\nExit codes of ${DROP_IN}:\n${exitRows("dropIn")}`;
    case "reports":
      return [
        paragraphs(
          "A job writes reports into a directory (--out), all formats unless --report or MOGPLEX_REPORT names some. " +
            "FORMAT=PATH gives one another place.",
        ),
        columns(Object.entries(REPORT_FORMATS).map(([name, { file, help }]) => [name, file, plain(help)])),
      ].join("\n");
    case "keys":
      return paragraphs(
        "Every start has an idempotency key. The service starts one run for a key: whoever sends it again finds that run.",
        "In CI the key is made from the job and its pipeline, so that a job that is retried attaches to its run. " +
          "--key-scope says what makes a new run: pipeline (the default in CI), job (each execution), day, or random " +
          "(the default elsewhere).",
        "--key-part tells apart several runs of one job, and the nodes of a matrix on GitHub. --idempotency-key is " +
          "sent as it is. --resume FILE takes the key of an earlier attempt from its state file.",
        "Outside CI, run --follow attaches to the run that it left in the same folder if the request is the same and that " +
          "run goes on, or ended well within the last hour and nobody was told: its command was left or killed before. " +
          "--new starts another one. The files of another request go to a folder of their own.",
      );
    case "security":
      return paragraphs(
        "The token comes from a variable or a file, never from a flag, and is sent to the origin of MOGPLEX_URL alone. " +
          "It is masked in everything that is printed or written.",
        "What an agent says is not trusted: control characters, terminal sequences and commands of CI systems are made " +
          "harmless in logs and reports, and known secrets are masked.",
        "Nothing of the checkout is executed. Files are written below --out, never through symbolic links. " +
          "The verb permissions prints the flags with which Deno permits nothing else.",
        "At SIGINT or SIGTERM a job ends at once: it cancels the run that it started, unless a person watches at a " +
          "terminal; then the run goes on. --on-interrupt decides otherwise.",
      );
    default:
      return undefined;
  }
}
