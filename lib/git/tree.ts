/**
 * Links are not followed, and nothing is checked out.
 * @module
 */

export interface TreeReader {
  /**
   * @param branch Default branch if `undefined`.
   * @returns The newest commit; `null` if the branch does not exist.
   */
  head(branch?: string): Promise<string | null>;
  entry(commit: string, folder: TreeFolder, name: string): Promise<TreeEntry | undefined>;
  blob(commit: string, folder: TreeFolder, id: string): Promise<Uint8Array | undefined>;
}

export interface TreeFolder {
  readonly path: string;
  readonly id: string;
}

export interface TreeEntry {
  readonly mode: string;
  readonly id: string;
  readonly bytes?: number | undefined;
}

export type RepositoryFile =
  | { readonly kind: "file"; readonly blob: string; readonly bytes: Uint8Array }
  | { readonly kind: "missing" }
  /** `path` is the refused entry, which can be a folder above the file. */
  | { readonly kind: "refused"; readonly why: FileRefusal; readonly path: string };

export type FileRefusal = "link" | "submodule" | "lfs" | "folder" | "mode" | "too large";

export const MAX_FILE_BYTES: number = 2 ** 20;

// Source: Git, "git-fast-import", "Mode".
const FOLDER = "040000";
const FILES: readonly string[] = ["100644", "100755"];
const REFUSED: ReadonlyMap<string, FileRefusal> = new Map([["120000", "link"], ["160000", "submodule"]]);

/** Source: Git LFS, "Specification", "The Pointer": the first line, and fewer than 1024 bytes. */
const POINTER = "version https://git-lfs.github.com/spec/";
const MAX_POINTER_BYTES = 1_024;

export async function readTreeFile(reader: TreeReader, commit: string, path: string): Promise<RepositoryFile> {
  const names = path.split("/");
  let folder: TreeFolder = { path: "", id: commit };
  for (const name of names.slice(0, -1)) {
    const entry = await reader.entry(commit, folder, name);
    if (entry === undefined) return { kind: "missing" };
    const at = folder.path === "" ? name : `${folder.path}/${name}`;
    const why = REFUSED.get(entry.mode);
    if (why !== undefined) return { kind: "refused", why, path: at };
    if (entry.mode !== FOLDER) return { kind: "missing" };
    folder = { path: at, id: entry.id };
  }
  const entry = await reader.entry(commit, folder, names.at(-1) ?? "");
  if (entry === undefined) return { kind: "missing" };
  const refused = (why: FileRefusal): RepositoryFile => ({ kind: "refused", why, path });
  if (entry.mode === FOLDER) return refused("folder");
  if (!FILES.includes(entry.mode)) return refused(REFUSED.get(entry.mode) ?? "mode");
  if ((entry.bytes ?? 0) > MAX_FILE_BYTES) return refused("too large");
  const bytes = await reader.blob(commit, folder, entry.id);
  if (bytes === undefined || bytes.length > MAX_FILE_BYTES) return refused("too large");
  return isPointer(bytes) ? refused("lfs") : { kind: "file", blob: entry.id, bytes };
}

function isPointer(bytes: Uint8Array): boolean {
  return bytes.length < MAX_POINTER_BYTES && new TextDecoder().decode(bytes.subarray(0, POINTER.length)) === POINTER;
}
