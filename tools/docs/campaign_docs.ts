/**
 * Renders the generated parts of the reference that are about campaigns, from the constants that the code uses.
 *
 * @module
 */
import { CAMPAIGN_FORMATS, campaignVariables } from "../../lib/campaign/report/write.ts";
import { ITEM_VERDICTS, type ItemState, OPEN_STATES } from "../../lib/campaign/view/verdicts.ts";
import type { CampaignView } from "../../lib/campaign/view/view.ts";
import { VERBS } from "../../lib/cli/verbs.ts";
import { EXIT } from "../../lib/exit_codes.ts";
import { table } from "./markdown_table.ts";

/** What each report is for. */
const REPORTS: Readonly<Record<keyof typeof CAMPAIGN_FORMATS, string>> = {
  json:
    "programs: [campaign-report.schema.json](../schema/campaign-report.schema.json), also printed by `status --json`",
  csv: "spreadsheets: a row for each item; no cell is a formula",
  markdown: "people; on GitHub also the step summary",
  html: "people, in a browser: what needs attention, the work over time, all items",
  junit: "test pages: a case for each item; red for each that did not succeed",
  openmetrics: "GitLab's metrics table, Prometheus",
  dotenv: "later jobs: the variables [below](#outputs-of-a-campaign)",
  annotations: "GitLab's job page: links to the pull requests",
};

/** The table of the reports of a campaign. */
export function campaignReportsTable(): string {
  const rows = Object.entries(CAMPAIGN_FORMATS).map(([name, { file }]) => [
    `\`${file}\``,
    REPORTS[name as keyof typeof REPORTS],
  ]);
  return table(["File", "For"], rows);
}

const COUNT: Readonly<Record<string, string>> = {
  NEEDS_INPUT: "Items whose run waits for a person.",
  UNKNOWN: "Items whose success is not known.",
};

const OUTPUTS: Readonly<Record<string, string>> = {
  STATE: "`planned`, `running`, `waiting`, `gated`, `stopping`, `stopped` or `done`.",
  NEXT_WAVE_AT: "When the next wave is due, in ISO 8601. Empty if none is.",
  ENDS_AT: "Earliest end, in ISO 8601. Empty if none is known.",
  ITEMS: "All items.",
  OPEN: "Items that have not ended.",
  ...COUNT,
};

/** The table of the outputs of a campaign. */
export function campaignOutputsTable(): string {
  const counts = Object.fromEntries([...ITEM_VERDICTS, ...OPEN_STATES].map((name) => [name, 0])) as Record<
    ItemState,
    number
  >;
  const none = { state: "planned", nextWaveAt: null, endsAt: null, counts } as unknown as CampaignView;
  const rows = Object.keys(campaignVariables(none)).map((variable) => {
    const name = variable.replace("MOGPLEX_CAMPAIGN_", "");
    return [
      `\`${variable}\``,
      OUTPUTS[name] ?? `Items that are \`${name.toLowerCase().replaceAll("_", "-")}\`.`,
    ];
  });
  return table(["Variable", "Meaning"], rows);
}

/** The table of the exit codes of the campaign verbs: verbs with the same codes share a row. */
export function campaignCodesTable(): string {
  const verbs = new Map<string, string[]>();
  for (const { name, codes = [] } of VERBS.filter((verb) => verb.name.startsWith("campaign "))) {
    const key = codes.flat().map((code) => EXIT[code]).join(", ");
    verbs.set(key, [...verbs.get(key) ?? [], `\`${name.replace("campaign ", "")}\``]);
  }
  return table(["Verb", "Codes"], [...verbs].map(([codes, names]) => [names.join(", "), codes]));
}
