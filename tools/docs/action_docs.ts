/**
 * Renders the generated parts of the action's document: from the metadata that GitHub reads, and the constants that the code uses.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ACTION_INPUTS, type InputName } from "../../lib/cli/action/inputs.ts";
import { EXIT_TABLE, type ExitName } from "../../lib/exit_codes.ts";
import { INPUT_TEXTS, OUTPUT_TEXTS } from "../build/action_yaml.ts";
import { root } from "../setup.mjs";
import { table } from "./markdown_table.ts";

/** The document, below the checkout. */
export const ACTION_README = "action/README.md";

/** The recipe that the document shows, below the checkout. */
const EXAMPLE = "examples/github-actions/weekly-cleanup.action.yml";

/** What the expressions in defaults stand for. */
const BY_GITHUB: Readonly<Partial<Record<InputName, string>>> = {
  "pull-request": "that of the event",
  "github-token": "that of the job",
  "job-status": "by the runner",
  "matrix": "by the runner",
};

/** The table of the inputs. */
export function actionInputsTable(): string {
  const names = Object.keys(ACTION_INPUTS) as InputName[];
  const rows = names.map((name) => {
    const { description, default: value = "", options, empty } = INPUT_TEXTS[name];
    const known = value === "" ? empty : value;
    const word = known !== undefined && /^[\w-]+$/.test(known);
    const shown = word ? `\`${known}\`` : value.startsWith("${{") ? BY_GITHUB[name] ?? "" : known ?? "–";
    const type = options?.map((option) => `\`${option}\``).join(", ") ?? "text";
    return [`\`${name}\``, type, shown, description];
  });
  return table(["Input", "Value", "Default", "Meaning"], rows);
}

/** The table of the outputs. */
export function actionOutputsTable(): string {
  return table(["Output", "Meaning"], Object.entries(OUTPUT_TEXTS).map(([name, text]) => [`\`${name}\``, text]));
}

const INTERRUPTED = "The job was cancelled. The agent was stopped, unless `on-interrupt` is set otherwise.";

const ADVICE: Readonly<Record<ExitName, string>> = {
  success: "Nothing.",
  failed: "Read the summary of the job. Re-run the job for a new run.",
  usage: "Read the annotation. It says which input or variable to change. A re-run alone changes nothing.",
  cancelled: "The run was cancelled, in the app or by its id. Re-run the job for a new run.",
  awaitingInput: "Answer in the app, then re-run the job: it attaches to the same run.",
  unauthorized: "Set the input `token`. Pull requests of forks get no secrets, and Dependabot has its own.",
  forbidden: "Use a token with the scopes `read` and `write`: only such a token may start runs.",
  unavailable:
    "Check `MOGPLEX_URL`, proxies and the network of the runner. Then re-run the job: nothing is started twice.",
  internal: "Report it with the log.",
  rateLimited: "Start fewer runs at a time, or raise `timeout` and `timeout-minutes`, then re-run the job.",
  deadline: "The run goes on, unless `on-timeout` is `cancel`. Re-run the job: it attaches.",
  sigint: INTERRUPTED,
  sigterm: INTERRUPTED,
};

/** The table of exit codes, with what to do. */
export function actionCodesTable(): string {
  const rows = EXIT_TABLE.map(({ names, code, name, toolkit }) => {
    const advice = new Set(names.map((each) => ADVICE[each]));
    return [code, name, toolkit.replace("`--timeout`", "`timeout`"), [...advice].join(" ")];
  });
  return table(["Code", "Name", "When", "What to do"], rows);
}

/** The recipe as a block of code, without its comment. */
export function actionExample(): string {
  const text = readFileSync(join(root, EXAMPLE), "utf8");
  return `\`\`\`yaml\n${text.replace(/^(#.*\n)+/, "").trimEnd()}\n\`\`\``;
}
