import { EXIT_TABLE, type ExitName } from "../exit_codes.ts";
import { REPORT_FORMATS, TERMINAL_FORMATS } from "../report/write.ts";
import { VERSION } from "../version.ts";
import { ENVIRONMENT, type Variable } from "./environment.ts";
import { codesOf, flagsOf, type Heading, type Meanings, PROGRAM, TOPICS, type Verb, type VerbFlag } from "./verb.ts";
import { VERBS } from "./verbs.ts";

const FIRST = [
  ...["init", "doctor", "run --follow", "follow", "report", "cleanup", "runs recent"],
  ...["respond", "gate", "dashboard"],
];

const FIRST_GROUPS: readonly (readonly [group: string, summary: string])[] = [
  ["campaign", "One task in many repositories: see campaign --help"],
  ["automations", "List and trigger automations: see automations --help"],
];

export function programHelp(group?: string): string {
  const usage = `Usage: ${PROGRAM} ${group ?? "<command>"} ${group === undefined ? "" : "<command> "}[flags]\n`;
  if (group !== undefined) {
    const verbs = VERBS.filter((verb) => verb.name.startsWith(`${group} `));
    const rows = verbs.map((verb) => [callOf(verb), verb.summary]);
    const examples = `Examples:\n${commands(verbs.flatMap((verb) => verb.examples.slice(0, 1)))}`;
    return [usage, `Commands (each has --help):\n${columns(rows)}`, examples].join("\n");
  }
  const first = FIRST.flatMap((name) => VERBS.filter((verb) => verb.name === name));
  return [
    usage,
    `${PROGRAM} ${VERSION}: starts, follows and reports hosted Mogplex agent runs in CI\n`,
    `Commands (each has --help):\n${columns([...first.map(({ name, summary }) => [name, summary]), ...FIRST_GROUPS])}`,
    `${wrapped(`More: help ${TOPICS.join(", help ")}`)}\n`,
    `Examples:\n${
      commands(
        first.filter(({ name }) => ["run --follow", "doctor"].includes(name)).flatMap(({ examples }) =>
          examples.slice(0, 1)
        ),
      )
    }`,
  ].join("\n");
}

export function verbHelp(rows: readonly Verb[]): string {
  const [mainVerb, ...others] = VERBS.filter((verb) => rows.includes(verb))
    .toSorted((one, other) => flagsOf(other).length - flagsOf(one).length);
  if (mainVerb === undefined) return "";
  return [rowHelp(mainVerb), ...others.map((verb) => otherRowHelp(verb, mainVerb))].join("\n");
}

function rowHelp(verb: Verb): string {
  const { summary, remark, examples } = verb;
  return [
    `Usage: ${PROGRAM} ${callOf(verb)} [flags]\n`,
    `${wrapped(remark === undefined ? summary : `${summary}. ${remark}`)}\n`,
    ...flagParts(flagsOf(verb)),
    `Examples:\n${commands(examples)}`,
    environmentPart(verb),
    ...exitParts(verb),
  ].join("\n");
}

const HEADINGS: readonly Heading[] = ["Task", "Following", "Reports", "Asking", "Dry run", "Keys"];

const MIN_GROUPED = 10;

function flagParts(flags: readonly VerbFlag[]): string[] {
  const help = ["--help", "Print this text"];
  if (flags.length < MIN_GROUPED) return [`Flags:\n${columns([...flags.map(flagRow), help])}`];
  const under = (heading?: Heading) => flags.filter((flag) => flag.heading === heading).map(flagRow);
  const groups = [
    ...HEADINGS.map((heading) => ({ title: heading, rows: under(heading) })),
    { title: "Other", rows: [...under(), help] },
  ].filter(({ rows }) => rows.length > 0);
  const width = Math.max(...groups.flatMap(({ rows }) => rows.map(([usage = ""]) => usage.length)));
  return groups.map(({ title, rows }) =>
    `${title}:\n${columns(rows.map(([usage = "", meaning = ""]) => [usage.padEnd(width), meaning]))}`
  );
}

/** Leaves out the variable, because most rows would otherwise need two lines. `help environment` shows the variables. */
function flagRow(flag: VerbFlag): string[] {
  const { help, fallback } = flag;
  return [usageOf(flag), meaningOf(help, fallback)];
}

function meaningOf(help: string, fallback: string | undefined): string {
  const meaning = plain(help).replace(/\.$/, "");
  return fallback === undefined ? meaning : `${meaning} [${plain(fallback)}]`;
}

function usageOf({ name, value }: VerbFlag): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function environmentPart(verb: Verb): string {
  const read = variablesOf(verb);
  const others = read.filter(({ option }) => option === undefined);
  const beside = others.length < read.length ? "for the variables of flags, see help environment" : "help environment";
  return `Environment (${beside}):\n${nameLines([...others.map(({ name }) => name), ...verb.otherVariables ?? []])}`;
}

function variablesOf(verb: Verb): Variable[] {
  if (verb.group === "drop-in") return ENVIRONMENT.filter(({ dropIn }) => dropIn);
  const flags = flagsOf(verb);
  return ENVIRONMENT.filter(({ name, option, readWith, service }) => {
    const row = option ?? readWith;
    return row !== undefined ? flags.includes(row) : service || verb.variables?.includes(name);
  });
}

function exitParts(verb: Verb): string[] {
  const { group, meanings, verdict } = verb;
  const column = group === "drop-in" ? "dropIn" : "toolkit";
  const codes = codesOf(verb);
  const rows = exitTable(column, codes);
  const line = `Exit codes (help exit-codes): ${rows.map(({ code }) => code).join(" ")}\n`;
  // If the exit codes of the verb are verdicts, the common table is enough, although its wording differs slightly.
  const exitCodes = meanings?.success === undefined ? "" : exitRows(
    column,
    (Object.keys(meanings) as ExitName[]).filter((name) => codes === undefined || codes.includes(name)),
    meanings,
  );
  return [
    line + exitCodes,
    ...verdict === undefined ? [] : [`With --${verdict.flag.name}, the exit codes are those of follow.\n`],
  ];
}

function callOf({ name, usage = "" }: Verb): string {
  return `${name} ${usage}`.trimEnd();
}

function exitTable(column: "toolkit" | "dropIn", codes?: readonly ExitName[]) {
  return EXIT_TABLE.filter((row) =>
    row[column] !== "–" && (codes === undefined || row.names.some((name) => codes.includes(name)))
  );
}

function exitRows(column: "toolkit" | "dropIn", codes?: readonly ExitName[], meanings: Meanings = {}): string {
  return columns(
    exitTable(column, codes).map((row) => {
      const meaningOfVerb = row.names.map((name) => meanings[name]).find((meaning) => meaning !== undefined);
      return [row.code, plain(meaningOfVerb ?? row[column])];
    }),
  );
}

function otherRowHelp(verb: Verb, mainVerb: Verb): string {
  const mainFlags = flagsOf(mainVerb).map(({ name }) => name);
  const extraFlags = flagsOf(verb).filter(({ name }) => !mainFlags.includes(name));
  const without = (mainVerb.chosenBy ?? []).map(({ name }) => `--${name}`).join(" and ");
  // A drop-in verb reads fewer variables than the other verbs, so its variables are listed.
  const read = verb.group === "drop-in" ? `. Reads ${variablesOf(verb).map(({ name }) => name).join(", ")}` : "";
  const remark = verb.remark === undefined ? "" : `. ${verb.remark}`;
  return [
    `Without ${without} (${callOf(verb)}):\n  ${
      wrapped(`${verb.summary}. Flags: ${flagsOf(verb).map(({ name }) => `--${name}`).join(", ")}${read}${remark}`, 2)
    }\n${extraFlags.length === 0 ? "" : columns(extraFlags.map(flagRow))}${commands(verb.examples)}`,
    ...exitParts(verb),
  ].join("\n");
}

export function topicHelp(topic: string): string | undefined {
  switch (topic) {
    case "commands":
      return allVerbs();
    case "environment":
      return `Environment (${DROP_IN} read those marked *):\n${variableRows()}\n${
        paragraphs(
          "The dashboard reads pull requests with GITHUB_TOKEN and GITLAB_TOKEN. In a CI job, GITHUB_SERVER_URL and CI_SERVER_URL " +
            "identify the server. Outside CI, set the variable yourself if the server is not github.com or gitlab.com.",
        )
      }`;
    case "exit-codes":
      return `Exit codes:\n${exitRows("toolkit")}\nExit codes of ${DROP_IN}:\n${exitRows("dropIn")}`;
    case "reports":
      return [
        paragraphs(
          "A job writes its reports into the --out directory: all formats in CI, the formats marked * on a terminal. Choose " +
            "others with --report or MOGPLEX_REPORT. FORMAT=PATH also sets the path of a report.",
        ),
        columns(
          Object.entries(REPORT_FORMATS).map(([name, { file, help }]) => [
            name + (TERMINAL_FORMATS.some((format) => format === name) ? " *" : ""),
            file,
            plain(help),
          ]),
        ),
      ].join("\n");
    case "keys":
      return paragraphs(
        "Every start has an idempotency key. The service starts one run per key: sending the key again finds that run.",
        "In CI, the key is derived from the job and its pipeline, so a retried job attaches to its run. --key-scope sets " +
          "when a new run starts: once per pipeline (the default in CI), job (each execution) or day, or every time (random, " +
          "the default elsewhere).",
        "--key-part distinguishes several runs of one job, and the nodes of a matrix where the CI system does not show them, as on GitHub. --idempotency-key sets the " +
          "key itself. --resume FILE takes the key from the state file of an earlier attempt.",
        "Outside CI, run --follow with the same request attaches to the earlier run in this folder if you stopped following " +
          "that run, and it is still running or succeeded within the last hour. --new starts another run. Each request keeps " +
          "its files in its own folder.",
      );
    case "security":
      return paragraphs(
        "The token comes from a variable or a file, never from a flag. It is sent only to the origin of MOGPLEX_URL, and " +
          "masked in everything that is printed or written.",
        "An agent's output is not trusted. Control characters, terminal sequences and CI commands are made harmless in logs " +
          "and reports, and known secrets are masked.",
        "No code from the checkout is executed. Reports are written below --out or to the paths that you give, never through " +
          "symbolic links in the checkout. The permissions command prints Deno flags that allow only what a run needs.",
        "On SIGHUP, SIGINT or SIGTERM a job ends at once and cancels the run that it started. On a terminal, the run " +
          "continues. --on-interrupt changes that. SIGQUIT and SIGKILL end the job and cancel nothing.",
      );
    default:
      return undefined;
  }
}

const DROP_IN = "run without --follow, runs, repos, sandboxes";

const CHAPTERS: readonly (readonly [title: string, begins: (verb: Verb) => boolean])[] = [
  ["Runs", ({ name, group }) => group === "toolkit" && /^(?:run |follow|report|respond|gate|cleanup|runs )/.test(name)],
  ["Setup", ({ name }) => /^(?:init|doctor|permissions|completion)/.test(name)],
  ["Overview", ({ name }) => name === "dashboard"],
  ["Automations", ({ name }) => name.startsWith("automations ")],
  ["Campaigns: one task in many repositories", ({ name }) => name.startsWith("campaign ")],
  ["Drop-in commands: same flags and exit codes as mogplex", ({ group }) => group === "drop-in"],
];

function allVerbs(): string {
  const width = Math.max(...VERBS.map(({ name }) => name.length));
  return CHAPTERS.map(([title, belongs]) =>
    `${title}:\n${columns(VERBS.filter(belongs).map(({ name, summary }) => [name.padEnd(width), summary]))}`
  ).join("\n");
}

function variableRows(): string {
  return columns(ENVIRONMENT.map(({ name, dropIn, option, help, fallback }) => [
    name + (dropIn ? " *" : ""),
    (option === undefined ? "" : `--${option.name}: `) + meaningOf(help, fallback),
  ]));
}

function plain(text: string): string {
  return text.replaceAll("`", "");
}

/** In characters. A narrow terminal would break longer lines inside words. */
const WIDTH = 80;

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

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => {
    const start = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `).join("");
    return `  ${start}${wrapped(row.at(-1) ?? "", start.length + 2)}\n`;
  }).join("");
}

/** Command lines are not broken, so that users can copy them. */
function commands(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join("");
}

function nameLines(names: readonly string[]): string {
  return `  ${wrapped(names.join(" "), 2)}\n`;
}

function paragraphs(...texts: readonly string[]): string {
  return texts.map((text) => `${wrapped(text)}\n`).join("\n");
}
