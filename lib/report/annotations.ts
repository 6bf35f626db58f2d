/**
 * `annotations.json`: links that GitLab shows on the page of the job.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { jsonText } from "../text/escape/json.ts";
import { webUrl } from "../text/escape/url.ts";
import type { RunResult } from "../result/run_result.ts";

/** Heading of the links. */
const LIST = "Mogplex";
const MAX_LABEL = 200;

function link(label: string, address: string | null): { external_link: { label: string; url: string } }[] {
  const url = webUrl(address ?? "");
  return url === undefined ? [] : [{ external_link: { label: cutText(label.replace(/\s+/g, " "), MAX_LABEL), url } }];
}

/**
 * Renders the links: the pull request, and the service with the run's id. The service documents no page of a run, so none is
 * made up.
 *
 * At most two links and a few kilobytes, where GitLab takes 20 and 80 KB. Without any link the object is empty, which GitLab
 * takes as well. Source: GitLab, "Artifacts reports types", annotations; parse_annotations_artifact_service.rb.
 *
 * @param result Result after `cleanResult`.
 */
export function renderAnnotations(result: RunResult): string {
  const { pullRequest, runId, origin } = result;
  const links = [
    ...link(`Pull request ${pullRequest.url}`, pullRequest.url),
    ...(runId ? link(`Mogplex (run ${runId})`, origin) : []),
  ];
  return `${jsonText(links.length > 0 ? { [LIST]: links } : {}, 2)}\n`;
}
