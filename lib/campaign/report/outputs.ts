/**
 * The outputs of a campaign for later steps and jobs: GitHub outputs, variables of other systems, GitLab's dotenv file.
 *
 * @module
 */
import { renderGithubOutputs } from "../../report/outputs.ts";
import { bareValue, renderDotenvFile } from "../../text/escape/dotenv.ts";
import { ITEM_VERDICTS } from "../verdicts.ts";
import type { CampaignView } from "../view.ts";
import { totalsOf } from "./words.ts";

const PREFIX = "MOGPLEX_";

/**
 * The outputs, by the name of their variable: `MOGPLEX_CAMPAIGN_STATE`, and so on. Public names: a change is a new major version. There are
 * 15, because a GitLab job may not have many more. An empty value means none or unknown.
 *
 * `ITEMS` counts all items, `OPEN` those that have not ended, the others the items with a verdict.
 */
export function campaignVariables(view: CampaignView): Record<string, string> {
  const { items, ended } = totalsOf(view);
  const values: [string, string][] = [
    ["STATE", view.state],
    ["NEXT_WAVE_AT", view.nextWaveAt ?? ""],
    ["ENDS_AT", view.endsAt ?? ""],
    ["ITEMS", String(items)],
    ["OPEN", String(items - ended)],
    ...ITEM_VERDICTS.map((verdict): [string, string] => [
      verdict.toUpperCase().replaceAll("-", "_"),
      String(view.counts[verdict]),
    ]),
  ];
  return Object.fromEntries(values.map(([name, value]) => [`${PREFIX}CAMPAIGN_${name}`, bareValue(value)]));
}

/** Renders `outputs.env`, one `NAME=value` a line. @param view View after `cleanCampaign`. */
export function renderCampaignDotenv(view: CampaignView): string {
  return renderDotenvFile(campaignVariables(view));
}

/** Renders records to append to `GITHUB_OUTPUT`: the same names in lower case, without `MOGPLEX_`. @param view View after `cleanCampaign`. */
export function renderCampaignGithubOutputs(view: CampaignView): string {
  const entries = Object.entries(campaignVariables(view));
  return renderGithubOutputs(
    Object.fromEntries(entries.map(([name, value]) => [name.slice(PREFIX.length).toLowerCase(), value])),
  );
}
