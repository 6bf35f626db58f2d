/**
 * The help texts, made from the tables of verbs, flags, variables and exit codes.
 *
 * @module
 */
import { EXIT_TABLE, type ExitName } from "../exit_codes.ts";
import { REPORT_FORMATS } from "../report/formats.ts";
import { type Variable, VARIABLES } from "../variables.ts";
import { VERSION } from "../version.ts";
import { columnWidths } from "./log/lists.ts";
import { codesOf, flagsOf, type Meanings, type Verb, type VerbFlag } from "./verb.ts";
import { PROGRAM } from "./vocabulary.ts";
import { VERBS } from "./verbs.ts";

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
  const widths = columnWidths(rows);
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

function flagRow({ name, value, help, variable }: VerbFlag, read: readonly Variable[]): string[] {
  const usage = value === undefined ? `--${name}` : `--${name} ${value}`;
  const meaning = plain(help).replace(/\.$/, "");
  if (variable === undefined || !read.includes(variable)) return [usage, meaning];
  const fallback = variable.fallback === "–" ? "" : `, default ${plain(variable.fallback)}`;
  return [usage, `${meaning} [${variable.name}${fallback}]`];
}

function variableRows(variables: readonly Variable[]): string {
  return columns(variables.map(({ name, fallback, meaning }) => [
    name,
    plain(meaning) + (fallback === "–" ? "" : ` (default: ${plain(fallback)})`),
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

function formatRows(): string {
  return columns(Object.entries(REPORT_FORMATS).map(([name, { file, help }]) => [name, file, plain(help)]));
}

function rowHelp(verb: Verb): string {
  const { name, usage, summary, examples, meanings, verdict } = verb;
  const codes = codesOf(verb);
  const flags = flagsOf(verb);
  const read = variablesOf(verb);
  const parts = [
    `${wrapped(summary)}\n`,
    `Usage: ${`${PROGRAM} ${name} ${usage}`.trimEnd()} [flags]\n`,
    `Flags:\n${columns([...flags.map((flag) => flagRow(flag, read)), ["--help", "Print this text"]])}`,
    `Examples:\n${commands(examples)}`,
  ];
  if (flags.some((flag) => flag.name === "report")) parts.push(`Reports:\n${formatRows()}`);
  const others = read.filter((variable) => !flags.some((flag) => flag.variable === variable));
  parts.push(
    `Environment${others.length < read.length ? " (beside the variables in brackets)" : ""}:\n${variableRows(others)}`,
  );
  parts.push(`Exit codes:\n${exitRows(verb.group === "drop-in" ? "dropIn" : "toolkit", codes, meanings)}`);
  if (verdict !== undefined) {
    parts.push(`Exit codes with --${verdict.flag}:\n${exitRows("toolkit", codes, verdict.meanings)}`);
  }
  return parts.join("\n");
}

/** Help of a verb: of each of its rows, clearly apart. */
export function verbHelp(rows: readonly Verb[]): string {
  return rows.map(rowHelp).join(`\n${"-".repeat(80)}\n\n`);
}

/** Help of the program, or of a group of verbs such as `runs`. */
export function programHelp(group?: string): string {
  const verbs = group === undefined ? VERBS : VERBS.filter((verb) => verb.name.startsWith(`${group} `));
  const rows = verbs.map((verb) => [`${verb.name} ${verb.usage}`.trimEnd(), verb.summary]);
  const usage = `Usage: ${PROGRAM} ${group ?? "<verb>"} ${group === undefined ? "" : "<verb> "}[flags]\n`;
  const examples = `Examples:\n${commands(verbs.flatMap((verb) => verb.examples.slice(0, 1)))}`;
  if (group !== undefined) return [usage, `Verbs (each has --help):\n${columns(rows)}`, examples].join("\n");
  return [
    `${PROGRAM} ${VERSION}: runs, follows and reports hosted Mogplex agent runs from CI\n`,
    usage,
    `Verbs (each has --help):\n${columns(rows)}`,
    `Flags:\n${columns([["--help", "Print this text"], ["--version", "Print the version"]])}`,
    examples,
    `Environment (run without --follow, runs, repos, sandboxes read those marked *):\n${
      variableRows(VARIABLES.map((each) => ({ ...each, name: each.name + (each.dropIn ? " *" : "") })))
    }`,
    `Exit codes (toolkit verbs):\n${exitRows("toolkit")}`,
    `Exit codes (run without --follow, runs, repos, sandboxes):\n${exitRows("dropIn")}`,
  ].join("\n");
}
