import * as z from "zod/mini";
import type { TreeReader } from "../../git/tree.ts";
import { readBlob, readHead } from "../blob.ts";
import type { ForgeClient } from "../client.ts";
import { readList, wholeList } from "../pages.ts";
import { orNull } from "../threads.ts";

// Source: GitLab, "Projects API", "Branches API", "Repositories API", https://docs.gitlab.com/api/repositories/
const projectSchema = z.lazy(() => z.object({ default_branch: z.nullish(z.string()) }));
const branchSchema = z.lazy(() => z.object({ name: z.string(), commit: z.nullish(z.object({ id: z.string() })) }));
const entrySchema = z.lazy(() => z.object({ id: z.string(), name: z.string(), mode: z.string() }));

export function gitlabFiles(client: ForgeClient, project: string): TreeReader {
  const path = `/projects/${encodeURIComponent(project)}`;

  async function commitOf(branch: string): Promise<string | undefined> {
    const name = encodeURIComponent(branch);
    const row = await orNull(client.get("read a branch", `${path}/repository/branches/${name}`, branchSchema));
    return row?.name === branch ? row.commit?.id : undefined;
  }

  async function defaultBranch(): Promise<string | null | undefined> {
    return (await client.get(`read project ${project}`, path, projectSchema)).default_branch;
  }

  return {
    head: (branch) => readHead(branch, commitOf, defaultBranch),
    async entry(commit, folder, name) {
      const what = "read a folder";
      const query = new URLSearchParams({ ref: commit, ...(folder.path !== "" && { path: folder.path }) });
      const isMatch = (each: { name: string }) => each.name === name;
      const pages = readList(
        client,
        what,
        `${path}/repository/tree?${query}`,
        entrySchema,
        (rows) => Promise.resolve(rows.some(isMatch)),
      );
      const { list } = await pages;
      const row = list.find(isMatch) ?? (await wholeList(what, pages)).find(isMatch);
      return row && { mode: row.mode, id: row.id };
    },
    blob: async (_commit, _folder, id) => await readBlob(client, `${path}/repository/blobs/${id}`),
  };
}
