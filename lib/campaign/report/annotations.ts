/**
 * `annotations.json`: links that GitLab shows on the page of the job.
 *
 * @module
 */
import { renderLinks } from "../../report/annotations.ts";
import type { CampaignView, ItemView } from "../view.ts";
import { isTrouble } from "./causes.ts";
import { instantMs } from "../../result/times.ts";
import { itemNames } from "./words.ts";

/** Renders links to pull requests: those that a person has to look at first, then the newest. @param view View after `cleanCampaign`. */
export function renderCampaignAnnotations({ items }: CampaignView): string {
  const names = itemNames(items);
  const rank = ({ verdict }: ItemView) => isTrouble(verdict) ? 0 : 1;
  const ended = ({ endedAt }: ItemView) => instantMs(endedAt) ?? 0;
  const found = items.filter(({ pullRequest }) => pullRequest !== null)
    .sort((a, b) => rank(a) - rank(b) || ended(b) - ended(a));
  return renderLinks(
    found.map(({ id, verdict, pullRequest }) => ({
      label: `${names.get(id) ?? id} (${verdict}): ${pullRequest}`,
      address: pullRequest,
    })),
  );
}
