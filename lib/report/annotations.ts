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
import type { ReportLinks } from "./page_link.ts";

/** Heading under which GitLab lists the links. */
const LIST = "Mogplex";
const MAX_LABEL = 200;

/** Most links that GitLab accepts. */
const MAX_LINKS = 20;

/** A link, if its address may be one. */
export interface Annotation {
  /** What is shown. */
  label: string;
  /** Where it leads; a link whose address `webUrl` refuses is left out. */
  address: string | null;
}

/**
 * Renders the first 20 links, which are less than 80 KB. Without any link the object is empty, which GitLab accepts as well.
 *
 * Source: GitLab, "Artifacts reports types", annotations; parse_annotations_artifact_service.rb.
 */
export function renderLinks(links: readonly Annotation[]): string {
  const rows = links.flatMap(({ label, address }) => {
    const url = webUrl(address ?? "");
    return url === undefined ? [] : [{ external_link: { label: cutText(label.replace(/\s+/g, " "), MAX_LABEL), url } }];
  }).slice(0, MAX_LINKS);
  return `${jsonText(rows.length > 0 ? { [LIST]: rows } : {}, 2)}\n`;
}

/**
 * Renders the links: the pull request, and the service with the run's id. The service documents no page of a run, so the link
 * leads to its front page.
 *
 * @param result Result after `cleanResult`.
 * @param links With the page of the run, which comes first. @default {{}}
 */
export function renderAnnotations(result: AnyResult, { page }: ReportLinks = {}): string {
  const { git, runId, origin, kind: { noun } } = viewOf(result);
  const address = git?.pullRequest.url ?? null;
  return renderLinks([
    ...(page === undefined ? [] : [{ label: `Page of this ${noun}`, address: page }]),
    { label: `Pull request ${address}`, address },
    ...(runId ? [{ label: `Mogplex (${noun} ${runId})`, address: origin }] : []),
  ]);
}
