/**
 * The generated parts of the components' documents, from their templates, from the constants that the code uses, and from the examples.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { EXIT_TABLE } from "../../lib/exit_codes.ts";
import { OUTPUT_VARIABLES } from "../../lib/report/outputs.ts";
import { VERSION } from "../../lib/version.ts";
import { componentNames, defaultImage, withPieces } from "../build/templates.ts";
import { table } from "./markdown_table.ts";
import { root } from "../setup.mjs";

/** An input of a component, as its header has it. */
export interface Input {
  /** What it is for. */
  description: string;
  /** Its type. @default string */
  type?: string;
  /** Value when it is left out. */
  default: unknown;
  /** The values that it may have. */
  options?: readonly unknown[];
}

/** Inputs of a component, in the order of its header. */
function inputsOf(component: string): Record<string, Input> {
  const source = withPieces(readFileSync(join(root, `components/${component}/template.yml`), "utf8"));
  const header = parseAllDocuments(source.replaceAll("@@IMAGE@@", defaultImage()))[0]?.toJS() ?? {};
  return header.spec.inputs;
}

function shown(value: unknown): string {
  return value === "" ? "–" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function typeOf({ type = "string", options }: Input): string {
  return options?.filter((option) => option !== "").map(shown).join(", ") ?? type;
}

/** The table of the inputs of a component. */
export function inputsTable(component: string): string {
  const rows = Object.entries(inputsOf(component)).map(([name, input]) => [
    `\`${name}\``,
    typeOf(input),
    shown(input.default),
    input.description,
  ]);
  return table(["Input", "Type", "Default", "Meaning"], rows);
}

// By code, as in `EXIT_TABLE`.
const ADVICE: Readonly<Record<string, string>> = {
  "0": "Nothing.",
  "1": "Read the row `reason` in the log, or the tests tab. Retry the job for a new run.",
  "2": "Read the line `error:`. It says which input or variable to change. A retry alone changes nothing.",
  "3": "Somebody else cancelled the run, in the app or by its id. Retry the job for a new run.",
  "4": "Answer in the app, then retry the job: it attaches to the same run.",
  "64":
    "Set `MOGPLEX_API_KEY`. A protected variable is absent on unprotected branches and tags, and pipelines of forks get none.",
  "65": "Give a token with the scopes `read` and `write`, which may start runs.",
  "69":
    "GitLab has retried twice. Look at `MOGPLEX_URL`, proxies and the network of the runner; then retry: nothing is started twice.",
  "70": "Report it with the log. Or the image changed the program: the checksum did not fit.",
  "75":
    "GitLab has retried twice. Start fewer runs at a time, or raise `timeout-minutes` and `job-timeout`, then retry.",
  "124":
    "The run goes on, unless `on-timeout` is `cancel`. Retry the job: it attaches. Give more time with `timeout-minutes` and `job-timeout`.",
  "130/143": "The job was cancelled. The agent was stopped, unless `on-interrupt` says otherwise.",
};

/** The table of exit codes, and what to do. @throws when a code has no advice. */
export function troubleshootingTable(): string {
  const rows = EXIT_TABLE.map(({ code, name, toolkit }) => {
    const advice = ADVICE[code];
    if (advice === undefined) throw new Error(`Cannot write documents: exit code ${code} has no advice`);
    return [code, name, toolkit, advice];
  });
  return table(["Code", "Name", "When", "What to do"], rows);
}

const OUTPUTS: Readonly<Record<string, string>> = {
  MOGPLEX_RUN_ID: "Id of the run. Written as soon as it is known.",
  MOGPLEX_RUN_STATUS: "The server's word.",
  MOGPLEX_OUTCOME: "`success`, `failed`, `cancelled`, … as in `result.json`.",
  MOGPLEX_BRANCH: "The branch that was pushed. Empty: none, or unknown.",
  MOGPLEX_PULL_REQUEST_URL: "Address of the pull request. Empty: none, or unknown.",
  MOGPLEX_REPLAYED: "`true` when the job attached to a run that was there.",
};

/** The table of the variables that later jobs get. @throws when one has no meaning. */
export function outputsTable(): string {
  const rows = OUTPUT_VARIABLES.map((name) => {
    const meaning = OUTPUTS[name];
    if (meaning === undefined) throw new Error(`Cannot write documents: output ${name} has no meaning`);
    return [`\`${name}\``, meaning];
  });
  return table(["Variable", "Meaning"], rows);
}

/** Folder of the recipes, below the checkout. */
export const RECIPES = "examples/gitlab";

/** First sentence of the comment on top of a file. @throws when there is none. */
function firstSentence(file: string): string {
  const lines = readFileSync(join(root, RECIPES, file), "utf8").split("\n");
  const start = lines.findIndex((line) => /^# .*[a-z] /.test(line));
  const text = lines.slice(start, lines.findIndex((line, index) => index > start && !/^# ./.test(line)))
    .map((line) => line.slice(2)).join(" ");
  const sentence = /^(.*?[.:])(?= |$)/.exec(text)?.[1];
  if (sentence === undefined) throw new Error(`Cannot write documents: ${file} says nothing about itself`);
  return sentence.replace(/:$/, ".");
}

/** The table of the recipes, with links from components/README.md. */
export function recipesTable(): string {
  const files = readdirSync(join(root, RECIPES)).sort();
  return table(["File", "What"], files.map((file) => [`[${file}](../${RECIPES}/${file})`, firstSentence(file)]));
}

/** An example as a block of code, without the comment on top. */
export function exampleBlock(component: string): string {
  const text = readFileSync(join(root, `components/${component}/example.gitlab-ci.yml`), "utf8");
  return `\`\`\`yaml\n${text.replace(/^(#.*\n)+/, "").trimEnd()}\n\`\`\``;
}

/** Files that name a component with its version, below the checkout. */
export function stampedFiles(): string[] {
  const components = componentNames().flatMap((name) => [
    `components/${name}/README.md`,
    `components/${name}/example.gitlab-ci.yml`,
  ]);
  const recipes = readdirSync(join(root, RECIPES)).map((name) => `${RECIPES}/${name}`);
  return ["README.md", "components/README.md", ...components, ...recipes]
    .filter((path) => existsSync(join(root, path))).sort();
}

/** `text` with this version in the address of each component. */
export function withVersion(text: string): string {
  return text.replace(/(?<=<group>\/<project>\/[\w-]+@)\d+\.\d+\.\d+(?:[-+][\w.+-]*)?/g, VERSION);
}
