/**
 * Newest commits and contents of files, as the APIs of all forges send them.
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
 * @param commitOf Undefined if the branch does not exist.
 * @param defaultBranch Reads the repository, and fails if it is not shown: a branch that does not exist has the same answer, a 404.
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

/** @returns Undefined if it is too large for an answer. @throws what the client throws. */
export async function readBlob(client: ForgeClient, path: string): Promise<Uint8Array | undefined> {
  try {
    return contentOf(await client.get("read a file", path, blobSchema)) ?? undefined;
  } catch (error) {
    if (error instanceof BodyTooLargeError) return undefined;
    throw error;
  }
}
