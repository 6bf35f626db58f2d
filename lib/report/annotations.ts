/**
 * `annotations.json`: links that GitLab shows on the page of the job.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { jsonText } from "../text/escape/json.ts";
import { webUrl } from "../text/escape/url.ts";
import type { AnyResult } from "../result/any_result.ts";
import { viewOf } from "../result/result_view.ts";

/** Heading under which GitLab lists the links. */
const LIST = "Mogplex";
const MAX_LABEL = 200;

function link(label: string, address: string | null): { external_link: { label: string; url: string } }[] {
  const url = webUrl(address ?? "");
  return url === undefined ? [] : [{ external_link: { label: cutText(label.replace(/\s+/g, " "), MAX_LABEL), url } }];
}

/**
 * Renders the links: the pull request, and the service with the run's id. The service documents no page of a run, so the link
 * leads to its front page.
 *
 * At most two links and a few kilobytes; GitLab accepts 20 links and 80 KB. Without any link the object is empty, which GitLab
 * accepts as well. Source: GitLab, "Artifacts reports types", annotations; parse_annotations_artifact_service.rb.
 *
 * @param result Result after `cleanResult`.
 */
export function renderAnnotations(result: AnyResult): string {
  const { git, runId, origin, kind: { noun } } = viewOf(result);
  const address = git?.pullRequest.url ?? null;
  const links = [
    ...link(`Pull request ${address}`, address),
    ...(runId ? link(`Mogplex (${noun} ${runId})`, origin) : []),
  ];
  return `${jsonText(links.length > 0 ? { [LIST]: links } : {}, 2)}\n`;
}
