import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ACTION_INPUTS, type InputName } from "../../lib/cli/action/inputs.ts";
import { INPUT_TEXTS, OUTPUT_TEXTS } from "../build/action_yaml.ts";
import { root } from "../setup.mjs";
import { table } from "./markdown_table.ts";

export const ACTION_README = "action/README.md";

const EXAMPLE = "examples/github-actions/weekly-cleanup.action.yml";

const BY_GITHUB: Readonly<Partial<Record<InputName, string>>> = {
  "pull-request": "the pull request of the event",
  "github-token": "the token of the job",
  "job-status": "set by the runner",
  "matrix": "set by the runner",
};

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

export function actionOutputsTable(): string {
  return table(["Output", "Meaning"], Object.entries(OUTPUT_TEXTS).map(([name, text]) => [`\`${name}\``, text]));
}

export function actionExample(): string {
  const text = readFileSync(join(root, EXAMPLE), "utf8");
  return `\`\`\`yaml\n${text.replace(/^(#.*\n)+/, "").trimEnd()}\n\`\`\``;
}
