import * as z from "zod/mini";
import type { ForgeClient } from "./client.ts";
import { orNull } from "./threads.ts";
import type { ForgeWrites } from "./writes.ts";

const branchSchema = z.lazy(() =>
  z.object({ protected: z.boolean(), default: z.nullish(z.boolean()), commit: z.object({ id: z.string() }) })
);

/** The APIs of GitLab and Gitea cannot check the commit of a deletion, so the branch is read right before the deletion. */
export async function deleteBranchAt(
  client: ForgeClient,
  { name, path, commit }: { name: string; path: string; commit: string },
): ReturnType<ForgeWrites["deleteBranch"]> {
  const branch = await orNull(client.get(`read ${name}`, path, branchSchema));
  if (branch === null) return "gone";
  if (branch.commit.id !== commit) return "moved";
  if (branch.protected) return { refused: "the branch is protected" };
  if (branch.default === true) return { refused: "it is the default branch" };
  return await client.call<"deleted" | "gone">({
    what: `delete ${name}`,
    path,
    method: "DELETE",
    write: "once",
    read: () => "deleted",
    refusal: (status) => status === 404 ? "gone" : undefined,
  });
}
