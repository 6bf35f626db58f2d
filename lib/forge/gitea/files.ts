import * as z from "zod/mini";
import type { TreeReader } from "../../git/tree.ts";
import { encodePath } from "../../text/escape.ts";
import { readBlob, readHead } from "../blob.ts";
import type { ForgeClient } from "../client.ts";
import { readPages, wholeList } from "../pages.ts";
import { orNull } from "../threads.ts";

// Source: Gitea, API reference, https://docs.gitea.com/api/1.24, `Repository`, `Branch` and `GitTreeResponse`.
const repositorySchema = z.lazy(() => z.object({ default_branch: z.string() }));
const branchSchema = z.lazy(() => z.object({ name: z.string(), commit: z.nullish(z.object({ id: z.string() })) }));
const treeSchema = z.lazy(() =>
  z.object({
    tree: z.nullish(
      z.array(z.object({ path: z.string(), mode: z.string(), sha: z.string(), size: z.nullish(z.int()) })),
    ),
    truncated: z.boolean(),
  })
);

export function giteaFiles(client: ForgeClient, repository: string): TreeReader {
  const path = `/repos/${repository}`;

  async function commitOf(branch: string): Promise<string | undefined> {
    const name = encodePath(branch);
    const row = await orNull(client.get("read a branch", `${path}/branches/${name}`, branchSchema));
    return row?.name === branch ? row.commit?.id : undefined;
  }

  async function defaultBranch(): Promise<string> {
    return (await client.get(`read repository ${repository}`, path, repositorySchema)).default_branch;
  }

  return {
    head: (branch) => readHead(branch, commitOf, defaultBranch),
    async entry(_commit, folder, name) {
      const what = "read a folder";
      const isMatch = (each: { path: string }) => each.path === name;
      const pages = readPages(async (page, size) => {
        const query = `?page=${page}&per_page=${size}`;
        const answer = await client.get(what, `${path}/git/trees/${folder.id}${query}`, treeSchema);
        return { rows: answer.tree ?? [], isLast: !answer.truncated };
      }, { isEnough: (rows) => Promise.resolve(rows.some(isMatch)) });
      const { list } = await pages;
      const row = list.find(isMatch) ?? (await wholeList(what, pages)).find(isMatch);
      return row && { mode: row.mode, id: row.sha, bytes: row.size ?? undefined };
    },
    blob: async (_commit, _folder, id) => await readBlob(client, `${path}/git/blobs/${id}`),
  };
}
