/**
 * Where the CI system shows the page of a run, once the job has handed in its files.
 *
 * @module
 */
import type { PlatformLinks } from "../ci/platform.ts";
import { webUrl } from "../text/escape.ts";

export interface ReportLinks extends PlatformLinks {
  /** The page of the run among the job's artifacts; absent where that is not known. */
  page?: string | undefined;
}

/**
 * The links of a job together with that to the page, where the page is inside of the project's directory and the system shows single files.
 * It is not known whether the job keeps the directory as artifacts: the components do.
 *
 * @param path Path of the page, without `./`; undefined when there is none.
 */
export function withPageLink(links: PlatformLinks, path: string | undefined): ReportLinks {
  const parts = path?.split("/") ?? [];
  if (links.file === undefined || path === undefined || path.startsWith("/") || parts.includes("..")) return links;
  return { ...links, page: webUrl(links.file + parts.map(encodeURIComponent).join("/")) };
}
