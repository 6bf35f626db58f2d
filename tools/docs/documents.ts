import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../../lib/cli/environment.ts";
import { EXIT_TABLE } from "../../lib/exit_codes.ts";
import { ALL_FORGES } from "../../lib/forge/all.ts";
import { componentNames } from "../build/templates.ts";
import { root } from "../setup.mjs";
import { ACTION_README, actionExample, actionInputsTable, actionOutputsTable } from "./action_docs.ts";
import {
  campaignCodesTable,
  campaignOutputsTable,
  campaignReportsTable,
  campaignVerdictsTable,
} from "./campaign_docs.ts";
import { campaignKeysTable, campaignLimitsTable } from "./campaign_schema.ts";
import { exampleBlock, inputsTable, outputsTable, recipesTable, stampedFiles, withVersion } from "./component_docs.ts";
import { exportList, libraryReference } from "./library_reference.ts";
import { layersPicture, layoutPicture } from "./layout.ts";
import { table } from "./markdown_table.ts";
import { pageAssets } from "./page_assets.ts";
import { schemaFiles } from "./schema_files.ts";
import { validatorSource } from "./validator_source.ts";

export type Parts = Readonly<Record<string, () => string>>;

export const DOCUMENTS: Readonly<Record<string, Parts>> = {
  "docs/exit-codes.md": {
    "exit-codes": () =>
      table(
        ["Code", "Name", "Toolkit commands", "Drop-in commands"],
        EXIT_TABLE.map(({ code, name, toolkit, dropIn }) => [code, name, toolkit, dropIn]),
      ),
  },
  "docs/reference.md": {
    "environment": () =>
      table(
        ["Variable", "Flag", "Default", "Meaning"],
        ENVIRONMENT.map(({ name, option, argument, fallback = "–", dropIn, help }) => [
          `\`${name}\`${dropIn ? " *" : ""}`,
          option !== undefined ? `\`--${option.name}\`` : argument ? "argument" : "–",
          fallback,
          help,
        ]),
      ),
    "outputs": outputsTable,
    "campaign-codes": campaignCodesTable,
    "campaign-reports": campaignReportsTable,
    "campaign-outputs": campaignOutputsTable,
  },
  "docs/gate.md": {
    rights: () =>
      table(
        ["Forge", "Variable", "`gate`", "`gate --status`"],
        ALL_FORGES.flatMap(({ system, relatives = [], variable, job }) =>
          job === undefined
            ? []
            : [[[system, ...relatives].join(", "), `\`${variable}\``, job.needs.gate, job.needs.status]]
        ),
      ),
  },
  "docs/campaigns.md": { outcomes: campaignVerdictsTable },
  "docs/campaign-file.md": { keys: campaignKeysTable, limits: campaignLimitsTable },
  "CONTRIBUTING.md": { layers: layersPicture, layout: layoutPicture },
  "components/README.md": { recipes: recipesTable },
  [ACTION_README]: {
    "example": actionExample,
    "inputs": actionInputsTable,
    "outputs": actionOutputsTable,
  },
  ...Object.fromEntries(
    componentNames().map((name) => [`components/${name}/README.md`, {
      example: () => exampleBlock(name),
      inputs: () => inputsTable(name),
    }]),
  ),
};

const GENERATED: Parts = {
  "docs/reference/library.md": libraryReference,
  "lib/report/assets.ts": pageAssets,
  "lib/result/validator_source.ts": validatorSource,
  "tests/unit/architecture/exports.txt": exportList,
  ...schemaFiles(),
};

function textOf(path: string): string {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
}

/** Renders each part between `<!-- NAME -->` and `<!-- /NAME -->`. @throws if a marker is missing. */
export function withParts(text: string, parts: Parts): string {
  return Object.entries(parts).reduce((all, [name, render]) => {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [all.indexOf(open), all.indexOf(close)];
    if (from < 0 || to < from) throw new Error(`Cannot write documents: there is no part "${open} … ${close}"`);
    return `${all.slice(0, from + open.length)}\n\n${render()}\n\n${all.slice(to)}`;
  }, text);
}

export function stale(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of new Set([...stampedFiles(), ...Object.keys(DOCUMENTS)])) {
    const before = readFileSync(join(root, path), "utf8");
    const after = withVersion(withParts(before, DOCUMENTS[path] ?? {}));
    if (after !== before) found[path] = after;
  }
  for (const [path, render] of Object.entries(GENERATED)) if (textOf(path) !== render()) found[path] = render();
  return found;
}
