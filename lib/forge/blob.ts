/**
 * Newest commits and contents of files, in the form that the APIs of all forges share.
 *
 * @module
 */
import * as z from "zod/mini";
import { BodyTooLargeError } from "../errors.ts";
import type { ForgeClient } from "./client.ts";

// Source: GitHub, "REST API endpoints for Git blobs"; GitLab, "Repositories API", "Get a blob from repository"; Gitea, API reference,
// `GitBlobResponse`. Gitea leaves out the content of a large blob.
const blobSchema = z.lazy(() => z.object({ content: z.nullish(z.string()), encoding: z.nullish(z.string()) }));

/**
 * The newest commit; null if the branch does not exist.
 * @param branch Undefined for the default branch.
 * @param commitOf Reads the newest commit of a branch; undefined if the branch does not exist.
 * @param defaultBranch Reads the name of the default branch, and fails if the repository is not shown. Without this, a hidden repository would look
 * like a missing branch, because the answer is 404 for both.
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

/** @returns Null if the answer has no content, as for a very large file. */
export function contentOf({ content, encoding }: z.output<typeof blobSchema>): Uint8Array | null {
  const base64 = (content ?? "").replace(/\s/g, "");
  if (encoding !== "base64" || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return null;
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** @returns Undefined if the file is too large for an answer. @throws the errors of the client. */
export async function readBlob(client: ForgeClient, path: string): Promise<Uint8Array | undefined> {
  try {
    return contentOf(await client.get("read a file", path, blobSchema)) ?? undefined;
  } catch (error) {
    if (error instanceof BodyTooLargeError) return undefined;
    throw error;
  }
}
