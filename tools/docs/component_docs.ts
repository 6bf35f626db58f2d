import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { OUTPUT_VARIABLES } from "../../lib/report/write.ts";
import { wrapCells } from "../../lib/text/cells.ts";
import { VERSION } from "../../lib/version.ts";
import { componentNames, defaultImage, withPieces } from "../build/templates.ts";
import { yamlPart } from "../publish/released.ts";
import { table } from "./markdown_table.ts";
import { root } from "../setup.mjs";

export interface Input {
  description: string;
  type?: string;
  default: unknown;
  options?: readonly unknown[];
}

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

const MAIN = "run";

/** For inputs that are the same as in `run`, the table has only the names. */
export function inputsTable(component: string): string {
  const inputs = Object.entries(inputsOf(component));
  const main = component === MAIN ? {} : inputsOf(MAIN);
  const isShared = ([name, input]: [string, Input]) => JSON.stringify(input) === JSON.stringify(main[name]);
  const rows = inputs.filter((each) => !isShared(each)).map(([name, input]) => [
    `\`${name}\``,
    typeOf(input),
    shown(input.default),
    input.description,
  ]);
  const shared = inputs.filter(isShared).map(([name]) => `\`${name}\``).join(", ");
  const sentence = `These inputs are the same as in [${MAIN}](../${MAIN}/README.md#inputs): ${shared}.`;
  return [
    table(["Input", "Type", "Default", "Meaning"], rows).trimEnd(),
    ...shared === "" ? [] : [wrapCells(sentence, 120, 120).join("\n")],
  ].join("\n\n");
}

const OUTPUTS: Readonly<Record<string, string>> = {
  MOGPLEX_RUN_ID: "Id of the run. Written as soon as it is known.",
  MOGPLEX_RUN_STATUS: "Status of the run, as the service reports it.",
  MOGPLEX_OUTCOME: "`success`, `failed`, `cancelled`, … as in `result.json`.",
  MOGPLEX_BRANCH: "Pushed branch. Empty if no branch was pushed, or if it is unknown.",
  MOGPLEX_PULL_REQUEST_URL: "Address of the pull request. Empty if no pull request was opened, or if it is unknown.",
  MOGPLEX_REPLAYED: "`true` if the job attached to an existing run.",
  MOGPLEX_RESULT_PATH:
    "Path of the checked value, for a job with a result. The scalars of its schema are variables, too: `MOGPLEX_RESULT_NAME`.",
};

export function outputsTable(): string {
  const rows = OUTPUT_VARIABLES.map((name) => {
    const meaning = OUTPUTS[name];
    if (meaning === undefined) throw new Error(`Cannot write documents: output ${name} has no meaning`);
    return [`\`${name}\``, meaning];
  });
  return table(["Variable", "Meaning"], rows);
}

export const RECIPES = "examples/gitlab";

function firstSentence(file: string): string {
  const lines = readFileSync(join(root, RECIPES, file), "utf8").split("\n");
  // The first line contains the name of the file, and whether the recipe needs the component.
  const start = lines.findIndex((line) => /^# (?!\.gitlab-ci\.yml).*[a-z] /.test(line));
  const text = lines.slice(start, lines.findIndex((line, index) => index > start && !/^# ./.test(line)))
    .map((line) => line.slice(2)).join(" ");
  const sentence = /^(.*?[.:])(?= |$)/.exec(text)?.[1];
  if (sentence === undefined) throw new Error(`Cannot write documents: ${file} has no comment at its top`);
  return sentence.replace(/:$/, ".");
}

export function recipesTable(): string {
  const files = readdirSync(join(root, RECIPES)).sort();
  return table(["File", "What"], files.map((file) => [`[${file}](../${RECIPES}/${file})`, firstSentence(file)]));
}

export function exampleBlock(component: string): string {
  const text = readFileSync(join(root, `components/${component}/example.gitlab-ci.yml`), "utf8");
  return yamlPart(text.replace(/^(#.*\n)+/, ""));
}

/** Paths of the files that contain an address of a component or of the action. Such an address ends with the version. */
export function stampedFiles(): string[] {
  const components = componentNames().flatMap((name) => [
    `components/${name}/README.md`,
    `components/${name}/example.gitlab-ci.yml`,
  ]);
  const recipes = readdirSync(join(root, RECIPES)).map((name) => `${RECIPES}/${name}`);
  return ["README.md", "action/README.md", "docs/gitlab.md", "components/README.md", ...components, ...recipes]
    .filter((path) => existsSync(join(root, path))).sort();
}

export function withVersion(text: string): string {
  return text.replace(
    new RegExp(`(?<=/(?:action|${componentNames().join("|")})@)\\d+\\.\\d+\\.\\d+(?:[-+][\\w.+-]*)?`, "g"),
    VERSION,
  );
}
