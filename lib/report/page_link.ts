/**
 * Links to the page of a run on the CI system, which can show the page after the job has uploaded its files.
 * @module
 */
import type { PlatformLinks } from "../ci/platform.ts";
import { webUrl } from "../text/escape.ts";

export interface ReportLinks extends PlatformLinks {
  page?: string | undefined;
  ask?: AskLink | undefined;
}

export interface AskLink {
  readonly words: "Comment" | "Label";
  readonly url: string;
  /** Name of the user; `undefined` if unknown. Untrusted text. */
  readonly by: string | undefined;
}

/**
 * Adds a link to the page to a job's links, if the page is inside the project's directory and the CI system can show a single file of the artifacts.
 * The link works only if the job uploads the page as an artifact, as the components do.
 * @param path Path of the page, without `./`; `undefined` if there is no page.
 */
export function withPageLink(links: PlatformLinks, path: string | undefined): ReportLinks {
  const parts = path?.split("/") ?? [];
  if (links.file === undefined || path === undefined || path.startsWith("/") || parts.includes("..")) return links;
  return { ...links, page: webUrl(links.file + parts.map(encodeURIComponent).join("/")) };
}
