import * as z from "zod/mini";
import { BodyTooLargeError } from "../errors.ts";
import type { ForgeClient } from "./client.ts";

// Gitea leaves out the content of a large blob. Source: GitHub, "REST API endpoints for Git blobs"; GitLab, "Repositories API", "Get a blob from
// repository"; Gitea, API reference, `GitBlobResponse`.
const blobSchema = z.lazy(() => z.object({ content: z.nullish(z.string()), encoding: z.nullish(z.string()) }));

/**
 * @param defaultBranch Fails if the repository is not shown. Without this check, a hidden repository would look like a missing branch, because forges
 * return 404 for both.
 */
export async function readHead(
  branch: string | undefined,
  commitOf: (branch: string) => Promise<string | undefined>,
  defaultBranch: () => Promise<string | null | undefined>,
): Promise<string | null> {
  const commit = branch === undefined ? undefined : await commitOf(branch);
  if (commit !== undefined) return commit;
  const name = await defaultBranch();
  return branch === undefined && name ? await commitOf(name) ?? null : null;
}

export function contentOf({ content, encoding }: z.output<typeof blobSchema>): Uint8Array | null {
  const base64 = (content ?? "").replace(/\s/g, "");
  if (encoding !== "base64" || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return null;
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export async function readBlob(client: ForgeClient, path: string): Promise<Uint8Array | undefined> {
  try {
    return contentOf(await client.get("read a file", path, blobSchema)) ?? undefined;
  } catch (error) {
    if (error instanceof BodyTooLargeError) return undefined;
    throw error;
  }
}
