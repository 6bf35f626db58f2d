/**
 * The help texts, made from the tables of verbs, flags, variables and exit codes.
 *
 * @module
 */
import { EXIT_TABLE } from "../exit_codes.ts";
import type { Flag } from "../flags.ts";
import { REPORT_FORMATS } from "../report/formats.ts";
import { type Variable, VARIABLES } from "../variables.ts";
import { VERSION } from "../version.ts";
import { PROGRAM, VERBS } from "./verbs.ts";
import type { Verb } from "./verb.ts";

/** Backticks are for the READMEs, which print the same tables. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()}\n`)
    .join("");
}

function flagRow(verb: Verb, flag: Flag): string[] {
  const left = flag.value === undefined ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
  const variable = VARIABLES.find((each) => each.flag === `\`--${flag.name}\``);
  // `run` without `--follow` reads no variable but the documented ones.
  if (variable === undefined || (verb.group === "drop-in" && verb.name !== "run")) return [left, flag.help];
  const fallback = variable.fallback === "–" ? "" : `, default ${plain(variable.fallback)}`;
  return [left, `${flag.help} [${variable.name}${fallback}]`];
}

function variableRows(variables: readonly Variable[]): string {
  return columns(variables.map(({ name, fallback, meaning }) => [
    name,
    plain(meaning) + (fallback === "–" ? "" : ` (default: ${plain(fallback)})`),
  ]));
}

/** Whether a variable means something to a verb: that of a flag it has, or of everything that speaks to the service. */
function isRelevant({ name, usage, flags }: Verb, variable: Variable): boolean {
  if (variable.flag.startsWith("`--")) return flags.some((flag) => variable.flag === `\`--${flag.name}\``);
  if (variable.name === "MOGPLEX_NOTE_TOKEN_VARIABLE") return flags.some((flag) => flag.name === "note");
  if (variable.name === "MOGPLEX_RUN_ID") return usage.includes("<run-id>");
  if (variable.name === "MOGPLEX_PROMPT") return name === "run";
  if (variable.name === "MOGPLEX_CI_JOB") return flags.some((flag) => flag.name === "key-scope");
  return variable.name !== "MOGPLEX_JOB_STATUS" || name === "cleanup";
}

function exitRows(column: "toolkit" | "dropIn", { codes, success }: Pick<Verb, "codes" | "success"> = {}): string {
  return columns(
    EXIT_TABLE.filter((row) => row[column] !== "–" && (codes?.includes(row.code) ?? true)).map((row) => {
      const text = row[column] === "same" ? row.toolkit : row[column];
      return [row.code, row.name === "success" && success !== undefined ? success : plain(text)];
    }),
  );
}

function formatRows(): string {
  return columns(Object.entries(REPORT_FORMATS).map(([name, { file, help }]) => [name, file, plain(help)]));
}

/** Help of one verb. */
export function verbHelp(verb: Verb): string {
  const dropIn = verb.group === "drop-in";
  const both = verb.name === "run";
  const parts = [
    `${verb.summary}\n`,
    `Usage: ${`${PROGRAM} ${verb.name} ${verb.usage}`.trimEnd()} [flags]\n`,
    `Flags:\n${columns([...verb.flags.map((flag) => flagRow(verb, flag)), ["--help", "Print this text"]])}`,
    `Examples:\n${verb.examples.map((example) => `  ${example}\n`).join("")}`,
  ];
  if (verb.flags.some((flag) => flag.name === "report")) parts.push(`Reports:\n${formatRows()}`);
  const variables = VARIABLES.filter((each) => dropIn ? each.dropIn : isRelevant(verb, each));
  parts.push(`Environment${both ? " (every variable with --follow, see " + PROGRAM + " --help)" : ""}:\n`);
  parts[parts.length - 1] += variableRows(variables);
  parts.push(`Exit codes:\n${exitRows(dropIn ? "dropIn" : "toolkit", verb)}`);
  const verdict = both ? "--follow" : verb.flags.find((flag) => flag.name === "exit-status") && "--exit-status";
  if (verdict) parts.push(`Exit codes with ${verdict}:\n${exitRows("toolkit")}`);
  return parts.join("\n");
}

/** Help of the program, or of a group of verbs such as `runs`. */
export function programHelp(group?: string): string {
  const verbs = group === undefined ? VERBS : VERBS.filter((verb) => verb.name.startsWith(`${group} `));
  const rows = verbs.map((verb) => [`${verb.name} ${verb.usage}`.trimEnd(), verb.summary]);
  const usage = `Usage: ${PROGRAM} ${group ?? "<verb>"} ${group === undefined ? "" : "<verb> "}[flags]\n`;
  const examples = `Examples:\n${columns(verbs.flatMap((verb) => verb.examples.slice(0, 1).map((each) => [each])))}`;
  if (group !== undefined) return [usage, `Verbs (each has --help):\n${columns(rows)}`, examples].join("\n");
  return [
    `${PROGRAM} ${VERSION}: runs, follows and reports hosted Mogplex agent runs from CI\n`,
    usage,
    `Verbs (each has --help):\n${columns(rows)}`,
    `Flags:\n${columns([["--help", "Print this text"], ["--version", "Print the version"]])}`,
    examples,
    `Environment (run without --follow, runs, repos and sandboxes read those marked *):\n${
      variableRows(VARIABLES.map((each) => ({ ...each, name: each.name + (each.dropIn ? " *" : "") })))
    }`,
    `Exit codes (toolkit verbs):\n${exitRows("toolkit")}`,
    `Exit codes (run without --follow, runs, repos, sandboxes):\n${exitRows("dropIn")}`,
  ].join("\n");
}
