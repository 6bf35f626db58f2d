/**
 * `campaign.json`: the campaign for programs. Its schema is `schema/campaign-report.schema.json`.
 *
 * @module
 */
import { jsonText } from "../../text/escape/json.ts";
import type { CampaignView } from "../view.ts";

/** A field on lines of its own; a list has one line for each entry. */
function field([name, value]: [string, unknown]): string {
  const text = Array.isArray(value) && value.length > 0
    ? `[\n${value.map((entry) => `    ${jsonText(entry)}`).join(",\n")}\n  ]`
    : jsonText(value);
  return `  ${jsonText(name)}: ${text}`;
}

/**
 * Renders the view as it is, with one line for each item: a home in Git then shows what has changed.
 *
 * @param view View after `cleanCampaign`.
 */
export function renderCampaignJson(view: CampaignView): string {
  return `{\n${Object.entries(view).map(field).join(",\n")}\n}\n`;
}
