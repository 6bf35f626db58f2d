import * as z from "zod/mini";
import { encodePath } from "../text/escape.ts";
import { contentOf } from "./blob.ts";
import type { ForgeClient } from "./client.ts";
import { orNull, type WorkflowSearch, type WorkflowWanted } from "./threads.ts";

// Without `ref`, both APIs use the default branch. Source: GitHub, "REST API endpoints for repository contents",
// https://docs.github.com/en/rest/repos/contents; Gitea, API reference, https://docs.gitea.com/api/1.24, `ContentsResponse`.
const folderSchema = z.lazy(() => z.array(z.object({ type: z.string(), name: z.string(), path: z.string() })));
const fileSchema = z.lazy(() => z.object({ content: z.nullish(z.string()), encoding: z.nullish(z.string()) }));

/** Maximum number of files that are read. Each file costs a request. */
const MAX_FILES = 20;

export async function findWorkflow(
  client: ForgeClient,
  repository: string,
  { folders, first, isIt }: WorkflowWanted,
): Promise<WorkflowSearch> {
  const what = "read the workflows of the default branch";
  for (const folder of folders) {
    const entries = await orNull(client.get(what, `${repository}/contents/${folder}`, folderSchema));
    if (entries === null) continue;
    const files = entries.filter(({ type, name }) => type !== "dir" && /\.ya?ml$/.test(name));
    files.sort((a, b) => Number(first.test(b.name)) - Number(first.test(a.name)));
    let read = 0;
    for (const { path } of files.slice(0, MAX_FILES)) {
      const address = encodePath(path);
      const file = await orNull(client.get(what, `${repository}/contents/${address}`, fileSchema));
      const content = file === null ? null : contentOf(file);
      const text = content === null || content.length === 0 ? null : new TextDecoder().decode(content);
      if (text !== null) read++;
      if (text !== null && isIt(text)) {
        return { found: { path, text }, files: files.length, unread: files.length - read };
      }
    }
    return { found: null, files: files.length, unread: files.length - read };
  }
  return { found: null, files: 0, unread: 0 };
}
