/**
 * Where the CI system shows the page of a run, once the job has uploaded its files.
 * @module
 */
import type { PlatformLinks } from "../ci/platform.ts";
import { webUrl } from "../text/escape.ts";

export interface ReportLinks extends PlatformLinks {
  /** The page of the run among the job's artifacts; absent if unknown. */
  page?: string | undefined;
  /** The comment or label that asked for the run. @default none did */
  ask?: AskLink | undefined;
}

export interface AskLink {
  readonly words: "Comment" | "Label";
  readonly url: string;
  /** Name of the user: untrusted text; undefined if unknown. */
  readonly by: string | undefined;
}

/**
 * Adds the link to the page to a job's links, if the page is inside the project's directory and the system shows single files. It is unknown whether
 * the job keeps the directory as artifacts: the components do.
 * @param path Path of the page, without `./`; undefined without a page.
 */
export function withPageLink(links: PlatformLinks, path: string | undefined): ReportLinks {
  const parts = path?.split("/") ?? [];
  if (links.file === undefined || path === undefined || path.startsWith("/") || parts.includes("..")) return links;
  return { ...links, page: webUrl(links.file + parts.map(encodeURIComponent).join("/")) };
}
