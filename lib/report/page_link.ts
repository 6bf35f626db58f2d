import type { PlatformLinks } from "../ci/platform.ts";
import { webUrl } from "../text/escape.ts";

export interface ReportLinks extends PlatformLinks {
  page?: string | undefined;
  ask?: AskLink | undefined;
}

export interface AskLink {
  readonly words: "Comment" | "Label";
  readonly url: string;
  /** Untrusted text. */
  readonly by: string | undefined;
}

/**
 * The link works only if the job uploads the page as an artifact, as the components do.
 *
 * @param path Path of the page, without `./`.
 */
export function withPageLink(links: PlatformLinks, path: string | undefined): ReportLinks {
  const parts = path?.split("/") ?? [];
  if (links.file === undefined || path === undefined || path.startsWith("/") || parts.includes("..")) return links;
  return { ...links, page: webUrl(links.file + parts.map(encodeURIComponent).join("/")) };
}
