/**
 * Files are read through trees and blobs, because GitHub's contents routes follow links.
 *
 * @module
 */
import * as z from "zod/mini";
import { ApiError, MogplexError } from "../../errors.ts";
import type { TreeFolder, TreeReader } from "../../git/tree.ts";
import { encodePath } from "../../text/escape.ts";
import { readBlob, readHead } from "../blob.ts";
import type { ForgeClient } from "../client.ts";
import { restOf } from "./address.ts";

// Source: GitHub, REST reference, "Git references", "Git trees" and "Repositories", https://docs.github.com/en/rest/git
const repositorySchema = z.lazy(() => z.object({ default_branch: z.string() }));
const referenceSchema = z.lazy(() => z.object({ ref: z.string(), object: z.object({ sha: z.string() }) }));
const treeSchema = z.lazy(() =>
  z.object({
    tree: z.array(z.object({ path: z.string(), mode: z.string(), sha: z.string(), size: z.nullish(z.int()) })),
    truncated: z.boolean(),
  })
);

/** For a repository without commits, GitHub returns 409. */
const isNoBranch = (error: unknown) => error instanceof ApiError && [404, 409].includes(error.status);

export function githubFiles(client: ForgeClient, repository: string): TreeReader {
  const path = `${restOf(client.api)}/repos/${repository}`;

  async function defaultBranch(): Promise<string> {
    return (await client.get(`read repository ${repository}`, path, repositorySchema)).default_branch;
  }

  async function commitOf(branch: string): Promise<string | undefined> {
    const name = encodePath(branch);
    try {
      const { ref, object } = await client.get("read a branch", `${path}/git/ref/heads/${name}`, referenceSchema);
      return ref === `refs/heads/${branch}` ? object.sha : undefined;
    } catch (error) {
      if (isNoBranch(error)) return undefined;
      throw error;
    }
  }

  return {
    head: (branch) => readHead(branch, commitOf, defaultBranch),
    async entry(_commit, folder: TreeFolder, name) {
      const what = "read a folder";
      const { tree, truncated } = await client.get(what, `${path}/git/trees/${folder.id}`, treeSchema);
      const row = tree.find((each) => each.path === name);
      if (row !== undefined) return { mode: row.mode, id: row.sha, bytes: row.size ?? undefined };
      if (!truncated) return undefined;
      const why = "GitHub does not list all entries of the folder";
      throw new MogplexError({ attempted: what, why, value: JSON.stringify(folder.path) }, "unavailable");
    },
    blob: async (_commit, _folder, id) => await readBlob(client, `${path}/git/blobs/${id}`),
  };
}
